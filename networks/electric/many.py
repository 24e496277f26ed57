"""Many intervals of one electric network, each on its own, solved at once: around a solution that a power flow has.

For who asks after the run, when all intervals are known. What a whole run of pandapower has to say is asked of the
first interval, of every `CONFIRMED_EVERY`-th, and of the last one: pandapower's own powers by bus, its mismatch at the
voltages found here, a whole run from there, and its result tables beside those made here. Where they differ nothing is
solved at once from then on.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.counted import Asked, CountedPowers, Factors, entering_mva
from mosaik_p2p.networks.electric.losses.allocation import LossSlope
from mosaik_p2p.networks.electric.newton.again import PowerFlows
from mosaik_p2p.networks.electric.newton.kept import SAME, powers_now
from mosaik_p2p.networks.electric.newton.tables import is_plain, results
from mosaik_p2p.networks.electric.newton.together import (
    SharedEquations,
    loss_slopes,
    shared_equations,
    voltages,
)
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult, result_of
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.networks.electric.response.sensitivity import internal_buses
from mosaik_p2p.units import KW_PER_MW, BoolArray, IntArray

CONFIRMED_EVERY = 24
"""Once in a day of hours; those between go through the same lines at once."""
MOST_VALUES = 100_000
"""Voltages at once: so many that a network's size shows and not the calls, and few enough for any memory."""


class Together:
    """Intervals in which the same loads are replaced; `net` holds a solution in which they are, too."""

    def __init__(
        self, net: pandapowerNet, flows: PowerFlows, counted: CountedPowers, prosumer_buses: Sequence[int]
    ) -> None:
        """`prosumer_buses`: of the last static generators of the net, in their order."""
        self._net, self._flows, self._counted = net, flows, counted
        self._buses = {bus: row for row, bus in enumerate(prosumer_buses)}
        self._size = max(1, MOST_VALUES // len(net._ppc["internal"]["V"]))
        self._shared: SharedEquations | None = shared_equations(net._ppc["internal"]) if is_plain(net) else None

    def results(self, asked: Sequence[Asked]) -> list[PowerFlowResult | None]:
        """One per interval; None where it is to be solved on its own."""
        found: list[PowerFlowResult | None] = []
        for some, voltage, iterations, is_met in self._solved(asked):
            elements_mva = self._elements_mva(some)
            solved = results(self._net, voltage, elements_mva, iterations)
            if not self._is_confirmed(some, voltage, is_met, solved):
                break
            found += [result if met else None for result, met in zip(solved, is_met, strict=True)]
        return found + [None] * (len(asked) - len(found))

    def loss_slopes(self, asked: Sequence[Asked], buses: Sequence[int]) -> list[LossSlope | None]:
        """As of `PowerFlow.loss_slope`, one per interval; None where it is to be found on its own."""
        found: list[LossSlope | None] = []
        for some, voltage, _, is_met in self._solved(asked):
            if self._shared is None or not self._is_confirmed(some, voltage, is_met):
                break
            slopes, is_found = loss_slopes(self._shared, self._flows.lossy, voltage)
            at = internal_buses(self._net, buses, len(voltage))
            places = self._shared.places
            per_kw, per_kvar = (
                np.where(rows[:, None] >= 0, slopes[rows], 0.0)
                for rows in (np.where(at >= 0, equations[at], -1) for equations in (places.active, places.reactive))
            )
            found += [
                LossSlope(per_kw=per_kw[:, k].copy(), per_kvar=per_kvar[:, k].copy()) if good else None
                for k, good in enumerate(is_met & is_found)
            ]
        return found + [None] * (len(asked) - len(found))

    def _solved(self, asked: Sequence[Asked]) -> Iterator[tuple[Sequence[Asked], ComplexArray, IntArray, BoolArray]]:
        """Some intervals after the other, as long as the work of power flows is kept."""
        for begin in range(0, len(asked), self._size):
            if self._shared is None or self._flows.guard.off:
                return
            some = asked[begin : begin + self._size]
            yield some, *voltages(self._shared, self._powers(some))

    def _powers(self, asked: Sequence[Asked]) -> ComplexArray:
        """(solved buses, intervals) in p.u.: pandapower's of the net's own elements at rest and at each factor, and
        the prosumers'."""
        no_outside = np.zeros(len(self._net._ppc["internal"]["V"]), dtype=np.complex128)
        own = self._by_factor(asked, lambda: powers_now(self._net, no_outside))
        base_mva = float(self._net._ppc["internal"]["baseMVA"])
        at = internal_buses(self._net, list(self._buses), len(own))
        np.add.at(own, at[at >= 0], self._injected_mva(asked)[at >= 0] / base_mva)
        outside = self._flows.outside
        return own if outside is None else own + outside[:, None] / base_mva

    def _elements_mva(self, asked: Sequence[Asked]) -> ComplexArray:
        """(buses of the net, intervals) what all elements but the slacks feed in at each."""
        net = self._net
        tables = [table for table in self._counted.names if len(net[table])]
        rows = [net.bus.index.get_indexer(net[table]["bus"]) for table in tables]

        def by_bus() -> ComplexArray:
            summed = np.zeros(len(net.bus), dtype=np.complex128)
            for table, row in zip(tables, rows, strict=True):
                np.add.at(summed, row, entering_mva(net, table))
            return summed

        own = self._by_factor(asked, by_bus)
        np.add.at(own, net.bus.index.get_indexer(list(self._buses)), self._injected_mva(asked))
        return own

    def _by_factor(self, asked: Sequence[Asked], measured: Callable[[], ComplexArray]) -> ComplexArray:
        """(values, intervals) of something that grows in proportion with what the net's own elements count."""
        nobody, replaced = np.zeros((len(self._buses), 2)), asked[0].factors.replaced
        found = []
        for background, generation in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
            self._counted.write(Factors(background, generation, replaced), nobody)
            found.append(measured())
        held, drawing, feeding = found
        factors = np.array([(each.factors.background, each.factors.generation) for each in asked])
        return np.asarray(
            held[:, None] + np.outer(drawing - held, factors[:, 0]) + np.outer(feeding - held, factors[:, 1]),
            dtype=np.complex128,
        )

    def _injected_mva(self, asked: Sequence[Asked]) -> ComplexArray:
        """(prosumers' buses, intervals)"""
        found = np.zeros((len(self._buses), len(asked)), dtype=np.complex128)
        for k, each in enumerate(asked):
            for bus, (p_kw, q_kvar) in each.injections.items():
                found[self._buses[bus], k] = complex(p_kw, q_kvar) / KW_PER_MW
        return found

    def _is_confirmed(
        self,
        asked: Sequence[Asked],
        voltage: ComplexArray,
        is_met: BoolArray,
        solved: Sequence[PowerFlowResult] | None = None,
    ) -> bool:
        """Whether pandapower finds the same in some of the intervals, and the same tables if there are any."""
        met = np.flatnonzero(is_met)
        injected = self._injected_mva(asked)
        for k in dict.fromkeys([*met[::CONFIRMED_EVERY].tolist(), *met[-1:].tolist()]):
            self._counted.write(asked[k].factors, np.column_stack([injected[:, k].real, injected[:, k].imag]))
            if not self._flows.confirms(voltage[:, k].copy()):
                return False
            if solved is not None and not _are_same(solved[k], result_of(self._net, 0)):
                self._flows.guard.turn_off("the tables of many at once were others")
                return False
        return True


def _are_same(ours: PowerFlowResult, theirs: PowerFlowResult) -> bool:
    """But for the iterations, within `SAME` in pandapower's units."""
    pairs = [("slack_kw", [ours.slack_kw], [theirs.slack_kw]), ("loss_kw", [ours.loss_kw], [theirs.loss_kw])]
    for table in ("buses", "lines", "transformers"):
        mine, other = getattr(ours, table), getattr(theirs, table)
        if mine.keys() != other.keys():
            return False
        pairs += [(name, mine[name], other[name]) for name in mine]
    return all(_is_same_column(*pair) for pair in pairs)


def _is_same_column(name: str, ours: Sequence[object], theirs: Sequence[object]) -> bool:
    if len(ours) != len(theirs):
        return False
    if name in ("bus", "element"):
        return list(ours) == list(theirs)
    least = SAME * (KW_PER_MW if name.endswith(("_kw", "_kvar")) else 1.0)
    first, second = (np.array(values, dtype=np.float64) for values in (ours, theirs))
    return np.allclose(first, second, rtol=SAME, atol=least, equal_nan=True)
