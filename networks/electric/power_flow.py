"""AC power flow of an electric network, interval after interval, with the work of the interval before kept.

pandapower can keep the admittance matrix and the last voltages (`recycle`), which is 5 to 10 times faster than a plain
run and gives the same answer. It then overlooks everything but changes of power, so that only powers are changed here:
the set of elements is fixed at construction and what is absent in an interval has zero power. Who changes the net
otherwise (its owner hands it out) is noticed, and the next run starts from nothing. After a divergence pandapower would
go on with what it kept; hence the run after one starts from nothing too.

Controllers of the net settle in every `solve`, each time from the network's own positions and powers; `solve_held` lets
them hold, which is how the rounds of one interval are solved. A tap that has moved is a net that was switched.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandapower
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.response import Response
from mosaik_p2p.networks.electric.controls import Controls
from mosaik_p2p.networks.electric.counted import Asked, AtBuses, CountedPowers, Element, Factors
from mosaik_p2p.networks.electric.export import net_as_solved
from mosaik_p2p.networks.electric.kept_code import keep_code
from mosaik_p2p.networks.electric.losses.allocation import LossSlope
from mosaik_p2p.networks.electric.losses.slopes import loss_slope, z_bus_slope
from mosaik_p2p.networks.electric.many import Together
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.newton.again import PowerFlows
from mosaik_p2p.networks.electric.options import SEEN_TO, run_options
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult, result_of
from mosaik_p2p.networks.electric.reactive_limits import ReactiveLimits
from mosaik_p2p.networks.electric.response.branch_losses import branch_losses
from mosaik_p2p.networks.electric.response.sensitivity import power_response, voltages_with
from mosaik_p2p.networks.electric.without_solution import cause_without_power_flow
from mosaik_p2p.units import KW_PER_MW, FloatArray

Key = TypeVar("Key")
SETTLED_MVA = 1e-9
"""Change of any power below which powers that follow the voltage belong to it; a tenth of pandapower's tolerance."""
MOST_ROUNDS = 30
LOW_STARTS_PU = (0.8, 0.6)
"""Voltages to begin with where powers at the usual one have no solution: what follows the voltage draws less."""

_OVERLOOKED = {
    "bus": ("in_service",),
    "line": ("in_service", "length_km", "parallel"),
    "trafo": ("in_service", "tap_pos", "parallel"),
    "trafo3w": ("in_service", "tap_pos"),
    "impedance": ("in_service",),
    "switch": ("closed",),
    "ext_grid": ("in_service", "vm_pu", "va_degree"),
    "gen": ("in_service", "p_mw", "vm_pu"),
    "load": ("in_service", "scaling"),
    "sgen": ("in_service", "scaling"),
    "storage": ("in_service",),
    "shunt": ("in_service", "step"),
    "ward": ("in_service",),
    "xward": ("in_service",),
}
"""Columns by which a net is switched, regulated or extended: a recycled run would not see that they have changed."""


class PowerFlow:
    """The power flow of one network with prosumers at the given buses. The network passed in is never changed."""

    def __init__(
        self,
        network: ElectricNetwork,
        *,
        slack_voltage_pu: float | None = None,
        prosumer_buses: Iterable[int] = (),
        held: Collection[Element] = (),
    ) -> None:
        """`slack_voltage_pu` replaces the voltage of every ext_grid; None keeps the network's own. Elements `held`
        count as they stand, whatever the background."""
        keep_code()
        self._net: pandapowerNet = deepcopy(network.net)
        if slack_voltage_pu is not None:
            self._net.ext_grid["vm_pu"] = slack_voltage_pu
        # A file may carry results of another state; its options for runpp are given to every run.
        pandapower.clear_result_tables(self._net)
        self._options = run_options(self._net)
        self._counted = CountedPowers(self._net, held)
        self._factors = Factors()
        self._prosumer: dict[int, int] = {}
        """By bus: position among the prosumers' static generators, which come after those of the network."""
        for bus in sorted(set(prosumer_buses)):
            self._prosumer[bus] = len(self._prosumer)
        if self._prosumer:
            names = [f"prosumers at bus {bus}" for bus in self._prosumer]
            pandapower.create_sgens(self._net, list(self._prosumer), p_mw=0.0, name=names)
        self._limits = ReactiveLimits(self._net)
        self._controls = Controls(self._net)
        self._settled_with: Factors | None = None
        """With what the network's own powers counted when controllers settled last."""
        self._net["user_pf_options"] = {}
        self._warm = False
        self._flows = PowerFlows(self._net, self._options)
        self._switching = self.switching()

    def solve(
        self,
        injections: Mapping[int, tuple[float, float]],
        *,
        background_scaling: float,
        generation_scaling: float = 1.0,
        replaced_loads: frozenset[Element] = frozenset(),
    ) -> PowerFlowResult:
        """The state of the network in one interval.

        `injections`: bus index to (p_kw, q_kvar) that prosumers there inject together; buses left out inject nothing.
        `background_scaling` multiplies all that the network's own elements draw (`counted.DRAWING`),
        `generation_scaling` what its static generators feed in; `replaced_loads` (of either kind) have no power.
        Controllers settle; where they do not, there is no solution. Raises KeyError for a bus that was not among
        `prosumer_buses`.
        """
        self._factors = Factors(background_scaling, generation_scaling, replaced_loads)
        powers = self._prosumers_mw(injections)
        iterations = self._controlled(powers)
        self._settled_with = None if iterations is None else self._factors
        return self._answer(iterations, powers)

    def solve_held(
        self,
        injections: Mapping[int, tuple[float, float]],
        *,
        background_scaling: float,
        generation_scaling: float = 1.0,
        replaced_loads: frozenset[Element] = frozenset(),
    ) -> PowerFlowResult:
        """As `solve`, with controllers where they have settled last: taps and powers of generators stay. They settle
        where they have not, or where the network's own powers count otherwise than then."""
        factors = Factors(background_scaling, generation_scaling, replaced_loads)
        if factors != self._settled_with:
            return self.solve(
                injections,
                background_scaling=background_scaling,
                generation_scaling=generation_scaling,
                replaced_loads=replaced_loads,
            )
        powers = self._prosumers_mw(injections)
        return self._answer(self._found(powers), powers)

    def failure(
        self,
        injections: Mapping[int, tuple[float, float]],
        *,
        background_scaling: float,
        generation_scaling: float = 1.0,
        replaced_loads: frozenset[Element] = frozenset(),
    ) -> str | None:
        """As `solve`, for who asks for slopes alone: why there is no solution, None where there is one. The result
        tables of the net may then be those of an earlier solution."""
        self._factors = Factors(background_scaling, generation_scaling, replaced_loads)
        moves = self._controls.are_there or self._limits.are_there or self._counted.follows_voltage
        if self._warm and not moves and self.switching() == self._switching:
            self._counted.write(self._factors, self._prosumers_mw(injections))
            if self._flows.voltages_from_last():
                return None
        result = self.solve(
            injections,
            background_scaling=background_scaling,
            generation_scaling=generation_scaling,
            replaced_loads=replaced_loads,
        )
        return None if result.status is Status.OK else result.cause or str(result.status)

    def solve_many(self, asked: Mapping[Key, Asked]) -> dict[Key, PowerFlowResult]:
        """As `solve`, of intervals in which the same loads are replaced, those of them that can be solved at once."""
        together = self._around(list(asked.values()))
        found = [] if together is None else together.results(list(asked.values()))
        return {key: result for key, result in zip(asked, found, strict=False) if result is not None}

    def loss_slopes(self, asked: Sequence[Asked], buses: Sequence[int]) -> list[LossSlope | None]:
        """As `loss_slope`, one per interval; None for those that cannot be found at once."""
        together = self._around(asked)
        return [None] * len(asked) if together is None else together.loss_slopes(asked, buses)

    def _around(self, asked: Sequence[Asked]) -> Together | None:
        """Around the solution of the first of several; None where it has none, or each is to be solved on its own."""
        if len(asked) > 1:
            self._factors = asked[0].factors
            iterations = self._controlled(self._prosumers_mw(asked[0].injections))
            self._settled_with = None if iterations is None else self._factors
        return self.together() if len(asked) > 1 else None

    def together(self) -> Together | None:
        """For many intervals at once, around the last solution; None where each has to be solved on its own."""
        moves = self._controls.are_there or self._limits.are_there or self._counted.follows_voltage
        if moves or not self._warm or self._flows.outside is None or self._flows.guard.off:
            return None
        return Together(self._net, self._flows, self._counted, list(self._prosumer))

    def forget(self) -> bool:
        """Solve next as if nothing had been solved before. False where that takes a power flow made anew: controllers
        and generators with limits begin where the network has them."""
        self._warm, self._settled_with = False, None
        return not (self._controls.are_there or self._limits.are_there)

    def response(self, buses: Sequence[int]) -> dict[str, Response]:
        """How the last solution answers to injections at `buses`; see `power_response`. Controllers hold, as in the
        rounds that use it: taps are part of the admittances, powers of generators are constant. ValueError without a
        solution, and where nothing but slacks was solved."""
        self._refuse_without_solution()
        return power_response(self._net, buses, self._load_slope())

    def loss_slope(self, buses: Sequence[int]) -> LossSlope:
        """By how much `loss_kw` of the last solution grows with injections at `buses`; as of `response`."""
        self._refuse_without_solution()
        return loss_slope(self._net, buses, self._load_slope(), self._flows.lossy)

    def z_bus_slope(self, buses: Sequence[int]) -> LossSlope:
        """What injections at `buses` lose in the last solution by their part of the currents; as of `response`."""
        self._refuse_without_solution()
        return z_bus_slope(self._net, buses)

    def branch_losses(self, buses: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """How the losses of branches in the last solution grow with the square of injections at `buses`; see
        `branch_losses`. ValueError as of `response`."""
        self._refuse_without_solution()
        return branch_losses(self._net, buses)

    @property
    def can_answer(self) -> bool:
        """Whether the last solution can be linearised: there is one, and not of slacks alone."""
        return self._warm

    def _refuse_without_solution(self) -> None:
        if not self._warm:
            raise ValueError("the last power flow has no solution to linearise")

    def _load_slope(self) -> AtBuses:
        return self._counted.slope(self._factors, self._net.res_bus["vm_pu"])

    def switching(self) -> tuple[bytes, ...]:
        """A fingerprint of all that decides on a solution beside the powers: switches, taps, set points, elements."""
        net = self._net
        return tuple(
            net[table][column].to_numpy().tobytes()
            for table, columns in _OVERLOOKED.items()
            if table in net and len(net[table])
            for column in columns
            if column in net[table]
        )

    @property
    def unrest(self) -> str | None:
        """Why controllers did not come to rest in the last `solve`; None where they did, or where a power flow had no
        solution."""
        return self._controls.unrest

    @property
    def net(self) -> pandapowerNet:
        """The net with the last solution. A change of it counts from the next `solve` on, but of what controllers move:
        that begins where the network has it."""
        return self._net

    def net_as_solved(self) -> pandapowerNet:
        """The net of the last solution in a form that others can repeat; see `solved_net`."""
        solved = net_as_solved(self._net)
        # Generators are loads there, and what followed the voltage is a number.
        solved["user_pf_options"] = {name: self._options[name] for name in self._options.keys() - SEEN_TO}
        return solved

    def _prosumers_mw(self, injections: Mapping[int, tuple[float, float]]) -> FloatArray:
        """(prosumers' buses, 2) active and reactive power."""
        powers = np.zeros((len(self._prosumer), 2))
        for bus, injected in injections.items():
            powers[self._prosumer[bus]] = injected
        return powers / KW_PER_MW

    def _voltages(self) -> "pd.Series[Any] | float":
        """By bus, of the last solution."""
        return self._net.res_bus["vm_pu"] if self._warm else 1.0

    def _found(self, powers: FloatArray) -> int | None:
        """Iterations after which a solution was found, from whichever start; None without one."""
        for voltage in (self._voltages(), *(LOW_STARTS_PU if self._counted.follows_voltage else ())):
            iterations = self._settled(powers, voltage)
            if iterations is not None:
                return iterations
        return None

    def _answer(self, iterations: int | None, powers: FloatArray) -> PowerFlowResult:
        if iterations is None:
            return PowerFlowResult(Status.NOT_CONVERGED, self.unrest or self._cause(powers))
        return result_of(self._net, iterations)

    def _controlled(self, powers: FloatArray) -> int | None:
        """Iterations of all runs after which controllers have settled; None where they have not."""
        if not self._controls.are_there:
            return self._found(powers)
        self._controls.begin()
        self._counted.release()
        self._counted.write(self._factors, powers, self._voltages())

        def solve() -> int | None:
            self._counted.keep(self._controls.generators)
            return self._found(powers)

        iterations = self._controls.settle(solve)
        if iterations is None:
            # Results between two moves are no solution.
            self._warm = False
            pandapower.clear_result_tables(self._net)
        return iterations

    def _cause(self, powers: FloatArray) -> str:
        """Why these powers have no solution; found with a copy, as tries leave traces in a net."""
        # What is factorised cannot be copied, and is of no use after a divergence.
        twin = deepcopy(self, {id(self._flows): self._flows})
        twin._warm, twin._flows = False, PowerFlows(twin._net, twin._options)
        asked = self._factors
        twin._counted.write(asked, powers)

        def solved_at(share: float) -> bool:
            twin._factors = replace(asked, background=share * asked.background, generation=share * asked.generation)
            return twin._found(share * powers) is not None

        return cause_without_power_flow(twin._net, solved_at)

    def _settled(self, powers: FloatArray, voltage: "pd.Series[Any] | float") -> int | None:
        """Iterations of the runs after which powers and voltages belong together; None without a solution."""
        self._counted.write(self._factors, powers, voltage)
        iterations = 0
        for _ in range(MOST_ROUNDS):
            if not self._run():
                return None
            iterations += self._flows.iterations
            if not self._counted.follows_voltage:
                return iterations
            if self._counted.write(self._factors, powers, self._expected()) < SETTLED_MVA:
                return iterations
        return None

    def _expected(self) -> "pd.Series[Any]":
        """Voltages by bus at which powers and voltages would belong together, were the network linear around the last
        solution."""
        found: pd.Series[Any] = self._net.res_bus["vm_pu"]
        if not self._warm:
            return found
        missing = self._counted.missing(self._factors, found)
        return voltages_with(self._net, missing, self._load_slope())

    def _run(self) -> bool:
        """Whether a solution was found in which generators keep to their limits."""
        self._limits.begin()
        try:
            while True:
                if not self._run_as_it_is():
                    if not self._limits.give_way():
                        return False
                elif self._limits.fit():
                    return True
        except LookupError:
            return False

    def _run_as_it_is(self) -> bool:
        """Whether a solution was found; from the last one if there is one, and if that fails from nothing."""
        switching = self.switching()
        if switching != self._switching:
            self._warm, self._switching = False, switching
            self._flows.switched()
        if self._warm and self._flows.from_last():
            return True
        # Generators with limits and controllers switch too often for a state at rest to be of use.
        from_rest = not (self._warm or self._limits.are_there or self._controls.are_there)
        found = self._flows.from_rest(self._counted.resting) if from_rest else self._flows.from_nothing()
        self._warm = found and self._flows.is_warm
        return found
