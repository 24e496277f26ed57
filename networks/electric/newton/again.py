"""Power flows of one net one after the other: a whole run from nothing first, then each from the solution before it."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower
from pandapower import LoadflowNotConverged, pandapowerNet
from scipy.sparse import csr_matrix

from mosaik_p2p.networks.electric.losses.slopes import lossy_part
from mosaik_p2p.networks.electric.newton.kept import (
    Guard,
    are_same,
    fits,
    is_usable,
    outside_mva,
    powers_now,
    results,
    solved_at,
)
from mosaik_p2p.networks.electric.newton.start import NearStart
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.units import FloatArray

RECYCLE = {"bus_pq": True, "trafo": False, "gen": False}
SOLVED = ("bus", "gen", "branch")
"""pandapower's arrays of what it has solved."""


@dataclass(frozen=True)
class AtRest:
    """The no-load solution, of a net whose elements have no power: the same, whichever interval is solved from here."""

    voltage: ComplexArray
    factors: Any
    """Of its Jacobian."""
    outside: ComplexArray
    arrays: Mapping[str, FloatArray]


class PowerFlows:
    """Of a net in which the powers of its elements change and nothing else; what else has changed takes `from_nothing`.

    The net has all its elements. Each method writes results into it.
    """

    def __init__(self, net: pandapowerNet, options: Mapping[str, Any]) -> None:
        self.guard = Guard()
        self.near = NearStart(net)
        self._net, self._options = net, options
        self.outside: ComplexArray | None = None
        """Of generators and slacks in the last whole run from nothing, where its work can be kept."""
        self._lossy: csr_matrix | None = None
        self._at_rest: AtRest | None = None
        self._is_found = False
        """Whether the last whole run from nothing had a solution."""

    @property
    def iterations(self) -> int:
        """Of the last solution, with those of its start."""
        return self.near.iterations + int(self._net._ppc["iterations"])

    @property
    def lossy(self) -> csr_matrix:
        """See `lossy_part`; found once after a run from nothing."""
        if self._lossy is None:
            self._lossy = lossy_part(self._net)
        return self._lossy

    def from_nothing(self) -> bool:
        """Whether a solution was found; then others can start from it, if `is_warm`."""
        self._net._ppc = self._lossy = self.outside = None
        self._is_found = found = converges(self._net, self._options)
        if found and self.is_warm:
            self.near.begin(self._net)
            self.outside = outside_mva(self._net) if is_usable(self._net) else None
        return found

    def switched(self) -> None:
        """Something else than powers has changed."""
        self.near, self._at_rest, self._is_found = NearStart(self._net), None, False

    def from_rest(self, resting: Callable[[], AbstractContextManager[None]]) -> bool:
        """Whether a solution was found, to the last digit whatever was solved before.

        Where the work of a run can be kept it starts from the net at rest, which is solved once, while `resting()`
        lasts; else it is a whole run from nothing.
        """
        is_new = not self._is_found
        if is_new and not self.from_nothing():
            return False
        if self._at_rest is None and self._can_be_kept:
            self._solve_at_rest(resting)
            is_new = False
        if self._at_rest is None or self.guard.off:
            return is_new or self.from_nothing()
        rest, internal = self._at_rest, self._net._ppc["internal"]
        internal.update({name: array.copy() for name, array in rest.arrays.items()})
        self.outside = rest.outside
        powers = powers_now(self._net, rest.outside)
        voltage = self.near.from_afar(rest.voltage, rest.factors, powers)
        return self._is_solved_at(voltage, powers) or self.from_nothing()

    def _solve_at_rest(self, resting: Callable[[], AbstractContextManager[None]]) -> None:
        with resting():
            found = self.from_nothing()
        if found and self.outside is not None and self.near.factors is not None:
            internal = self._net._ppc["internal"]
            arrays = {name: internal[name].copy() for name in SOLVED}
            self._at_rest = AtRest(internal["V"].copy(), self.near.factors, self.outside, arrays)

    @property
    def _can_be_kept(self) -> bool:
        return self.outside is not None and self.near.factors is not None and not self.guard.off

    @property
    def is_warm(self) -> bool:
        """Where all buses are slacks pandapower has nothing to solve, and keeps nothing."""
        return "V" in self._net._ppc["internal"]

    def from_last(self) -> bool:
        """Whether a solution was found from the last one."""
        if self.outside is None or self.guard.off:
            self.near.prepare(self._net)
            return converges(self._net, self._options)
        powers = powers_now(self._net, self.outside)
        return self._is_solved_at(self.near.towards(self._net, powers), powers)

    def _is_solved_at(self, voltage: ComplexArray | None, powers: ComplexArray) -> bool:
        if voltage is None or not solved_at(self._net, voltage, powers):
            return False
        return not self.guard.is_due() or self._is_whole_run(voltage, powers)

    def confirms(self, voltage: ComplexArray) -> bool:
        """Whether pandapower, asked now whatever is due, finds that the powers in the net belong to `voltage`; the net
        then holds that solution."""
        if self.outside is None or self.guard.off:
            return False
        powers = powers_now(self._net, self.outside)
        if solved_at(self._net, voltage, powers) and self._is_whole_run(voltage, powers):
            return True
        self.guard.turn_off("voltages of many at once did not fit")
        return False

    def _is_whole_run(self, voltage: ComplexArray, powers: ComplexArray) -> bool:
        """Whether a whole run leads to the results that the net holds; it holds them afterwards."""
        kept = results(self._net)
        if converges(self._net, self._options) and are_same(kept, results(self._net)):
            # Once more, so that no digit depends on when it was controlled.
            return solved_at(self._net, voltage, powers)
        self.guard.turn_off("one with kept work led elsewhere")
        return False

    def voltages_from_last(self) -> bool:
        """Whether voltages were found from the last ones; result tables are then those of an earlier solution."""
        if self.outside is None or self.guard.off:
            return False
        powers = powers_now(self._net, self.outside)
        voltage = self.near.towards(self._net, powers)
        return voltage is not None and fits(self._net, voltage, powers)


def converges(net: pandapowerNet, options: Mapping[str, Any]) -> bool:
    """Run pandapower. `net.converged` is of no use after a recycled run, and an isolated bus "converges" to NaN."""
    try:
        with _quiet():
            pandapower.runpp(net, recycle=RECYCLE, init="auto", **options)
    except LoadflowNotConverged:
        return False
    voltages = net.res_bus["vm_pu"].to_numpy(dtype=float)
    return bool(np.isfinite(voltages[net.bus["in_service"].to_numpy(dtype=bool)]).all())


@contextmanager
def _quiet() -> Iterator[None]:
    """A diverging run overflows on its way, and older files lack columns that concern tap changers: neither matters."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
