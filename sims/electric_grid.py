"""An electric network as a mosaik simulator: AC power flow and the check against limits, for every dispatch.

It takes the parameters, entities, attributes and extra methods of mosaik-pandapower-2 and can replace it. It adds a
scenario as the source of network, limits and background load, the answer `violations` to a dispatch, the tables for
the recorder, and elements and attributes of which `electric_elements` tells. Differences: the simulator is hybrid, so
that a dispatch makes it step again in the same instant; an attribute is None where the power flow has no solution; and
of several sources of one input each keeps its last value, where the adapter forgets who is silent in a step.

Controllers of the net (pandapower's own) settle in every step but those of the later rounds of a market (`round` above
0): there they hold where they have settled in the same instant, so that a negotiation meets one network. Who sets the
tap of a controlled transformer says where its controller begins.
"""

import copy
import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandapower
from mosaik_api_v3.types import CreateResult, InputData, Meta
from pandapower import pandapowerNet

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.answer import Solution
from mosaik_p2p.limits.rows import Movers
from mosaik_p2p.networks.electric.counted import Asked, Element, Factors
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.networks.files.electric.control_objects import TABLE as CONTROLLERS
from mosaik_p2p.networks.solutions import electric_solution
from mosaik_p2p.sims.grids.electric_elements import CONTROLLED_GEN, KINDS, POSITIONS, children, models, set_value, split
from mosaik_p2p.sims.grids.rounds import GRID_EVENTS, GRID_ID, GridSimulator
from mosaik_p2p.sims.grids.sources import SIMBENCH_STEP_S, GridSource, grid_source
from mosaik_p2p.sims.shared import (
    API_VERSION,
    GENERATION_SCALING,
    LOAD_SCALING,
    ScenarioSource,
    Sources,
    in_order,
    only_value,
    open_case,
    serve,
)
from mosaik_p2p.sims.sources import position
from mosaik_p2p.units import ELECTRICITY, KW_PER_MW, mw

TOTALS = {"loss[MW]": "loss_kw", "P_slack[MW]": "slack_kw"}
"""Attributes of the whole grid, and the figures of a power flow that they show."""

META: Meta = {
    "api_version": API_VERSION,
    "type": "hybrid",
    "models": {
        "Grid": {
            "public": True,
            "params": [
                *("json", "xlsx", "net", "simbench", "network_function", "params", "scenario", "limit_rows"),
                "first_interval",
            ],
            "attrs": ["round", LOAD_SCALING, GENERATION_SCALING, *GRID_EVENTS, *TOTALS],
            "trigger": ["round"],
            "non-persistent": ["round", *GRID_EVENTS],
            "any_inputs": False,
        },
        **models(),
    },
    "extra_methods": ["get_extra_info", "get_net", "get_net_json", "disable_elements", "enable_elements"],
}


class Simulator(GridSimulator):
    """One electric network."""

    network = ELECTRICITY

    def __init__(self) -> None:
        super().__init__(META)
        self._source: GridSource | None = None
        self._flow: PowerFlow | None = None
        self._flow_buses: frozenset[int] = frozenset()
        self._flows_made = 0
        self._net_is_lent = False
        self._status: Status | None = None
        self._powers: dict[int, dict[str, float]] = {}
        """By bus index: each input, summed over what its sources said last."""
        self._scalings = {LOAD_SCALING: 1.0, GENERATION_SCALING: 1.0}
        self._instant: int | None = None
        """Of the last step, where the net has controllers."""
        self._is_later_round = False
        """Whether the last step was a round in which controllers are to hold."""
        self._settled_in: tuple[int | None, int] | None = None
        """Instant and power flow whose controllers have settled."""
        self._ahead: dict[Hashable, PowerFlowResult] = {}
        """By what is asked for: flows that were solved before they were asked for."""
        self._held: set[Element] = set()
        """Storages that somebody controls: what they were told counts, whatever the background."""
        self._totals: dict[str, float | None] = dict.fromkeys(TOTALS)
        self._columns: dict[tuple[str, str], dict[int, float | None]] = {}
        """By kind of element and column: results of the last solution that were asked for."""

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one grid with its elements as children, or generators that other simulators control."""
        if model == "Grid" and num == 1 and self._source is None:
            return [self._create_grid(model_params)]
        if model == CONTROLLED_GEN and self._source is not None:
            return [self._create_controlled_gen(**model_params) for _ in range(num)]
        raise ValueError(f"{num} {model}: there is exactly one Grid, and ControlledGen only after it")

    def _create_grid(self, params: Mapping[str, Any]) -> CreateResult:
        scenario: ScenarioSource | None = params.get("scenario")
        case = None if scenario is None else open_case(scenario)
        source = grid_source(case, params)
        self._use_limit_rows(params.get("limit_rows"), case)
        if case is not None:
            self._use_time(case, params.get("first_interval", 0))
            self._scalings = {LOAD_SCALING: 0.0, GENERATION_SCALING: float(case.generation[0])}
        # Switching elements and adding generators change the net: it has to be this simulator's own.
        self._source = dataclasses.replace(source, network=_own(source))
        elements = children(self._net)
        self._extra_info = {element["eid"]: element["extra_info"] for element in elements}
        return {"eid": GRID_ID, "type": "Grid", "rel": [], "children": elements}

    def _create_controlled_gen(self, bus: int) -> CreateResult:
        index = int(pandapower.create_gen(self._net, bus, p_mw=0.0))
        return {"eid": f"{CONTROLLED_GEN}-{index}", "type": CONTROLLED_GEN, "rel": [f"Bus-{bus}"], "children": []}

    @property
    def _net(self) -> pandapowerNet:
        return self._opened.network.net

    @property
    def _opened(self) -> GridSource:
        if self._source is None:
            raise ValueError("the Grid has to be created first")
        return self._source

    def get_extra_info(self) -> dict[str, Any]:
        """Extra information of every element, by entity id."""
        return self._extra_info

    def get_net(self) -> pandapowerNet:
        """The net with the results of the last step (only for a simulator in this process)."""
        self._net_is_lent = True
        return self._net if self._flow is None else self._flow.net

    def get_net_json(self) -> str:
        """The net of the last solution, in a form that pandapower alone can solve again."""
        return str(pandapower.to_json(self._power_flow().net_as_solved(), indent=None))

    def disable_elements(self, elements: list[str]) -> None:
        """Take loads, generators or storages out of service."""
        self._switch(elements, in_service=False)

    def enable_elements(self, elements: list[str]) -> None:
        """Put loads, generators or storages back into service."""
        self._switch(elements, in_service=True)

    def _switch(self, elements: Sequence[str], *, in_service: bool) -> None:
        for eid in elements:
            kind, index = split(eid)
            if kind not in KINDS or not KINDS[kind].can_switch_off:
                raise ValueError(f"{eid}: only loads, generators and storages can be switched")
            self._net[KINDS[kind].table].loc[index, "in_service"] = in_service
        self._flow = None

    def _read(self, time: int, inputs: InputData) -> bool:
        """Keep what arrived, and tell whether anything but the background did."""
        is_dispatch = False
        stated = inputs.get(GRID_ID, {}).get("round", {})
        self._instant = None if self._net[CONTROLLERS].empty else time
        self._is_later_round = self._instant is not None and bool(stated) and in_order(stated)[0] > 0
        for eid in sorted(inputs):
            for attribute, sources in inputs[eid].items():
                if attribute in self._scalings:
                    self._scalings[attribute] = float(only_value(sources))
                    continue
                is_dispatch = True
                if eid != GRID_ID:
                    self._take(eid, attribute, sources)
        self._apply_profiles(time)
        return is_dispatch

    def _take(self, eid: str, attribute: str, sources: Sources) -> None:
        if attribute in POSITIONS:
            value = position(f"{eid}.{attribute}", sources)
        else:
            self._inputs.take(eid, attribute, sources)
            value = self._inputs.total(eid, attribute)
        kind, index = split(eid)
        if kind == "Bus":
            self._powers.setdefault(index, {})[attribute] = value
            return
        is_new = kind == "Storage" and ("storage", index) not in self._held
        if is_new:
            self._held.add(("storage", index))
        if set_value(self._net, eid, attribute, value) or is_new:
            # The recycled power flow overlooks everything but powers, hence a new one.
            self._flow = None

    def _apply_profiles(self, time: int) -> None:
        step = int(time * self._time_resolution) // SIMBENCH_STEP_S
        for (table, column), frame in self._opened.profiles.items():
            self._net[table][column] = frame.loc[step].reindex(self._net[table].index)
            self._flow = None

    def _power_flow(self) -> PowerFlow:
        if self._flow is None or not self._powers.keys() <= self._flow_buses:
            self._flow_buses, self._flows_made = frozenset(self._powers), self._flows_made + 1
            self._flow = PowerFlow(
                self._opened.network,
                slack_voltage_pu=self._opened.slack_voltage_pu,
                prosumer_buses=self._flow_buses,
                held=self._held,
            )
        return self._flow

    def _controllers_hold(self) -> bool:
        return self._is_later_round and self._settled_in == (self._instant, self._flows_made)

    def _solver_inputs(self) -> Hashable:
        powers = tuple((bus, *_injection(powers)) for bus, powers in sorted(self._powers.items()))
        # A power flow is made anew for what has changed beside the powers.
        flow = self._power_flow()
        # Only who holds the net can switch anything without this simulator's knowledge.
        lent = (flow.switching(), flow.net.storage["p_mw"].to_numpy().tobytes()) if self._net_is_lent else None
        return powers, *self._scalings.values(), self._flows_made, lent, self._instant, self._controllers_hold()

    def solve_ahead(self, steps: Sequence[InputData]) -> None:
        """Solve what the steps will bring at once, as far as that can be done."""
        self._ahead = {}
        of_buses = all(eid == GRID_ID or eid.startswith("Bus-") for inputs in steps for eid in inputs)
        if self._opened.profiles or self._net_is_lent or not self._net[CONTROLLERS].empty or not of_buses:
            return
        wanted: dict[Hashable, Asked] = {}
        replaced = self._opened.replaced_loads
        for inputs in steps:
            self._read(0, inputs)
            factors = Factors(self._scalings[LOAD_SCALING], self._scalings[GENERATION_SCALING], replaced)
            wanted[self._asked_for()] = Asked(injections=self._injections(), factors=factors)
        self._ahead = self._power_flow().solve_many(wanted)

    def _injections(self) -> dict[int, tuple[float, float]]:
        return {bus: _injection(powers) for bus, powers in sorted(self._powers.items())}

    def _asked_for(self) -> Hashable:
        return tuple(self._injections().items()), *self._scalings.values()

    def _solve(self, time: int) -> Solution:  # noqa: ARG002 (time matters to other grids)
        result = self._ahead.get(self._asked_for()) or self._solved_now()
        if result.status is Status.OK:
            self._settled_in = (self._instant, self._flows_made)
        self._status, self._totals, self._columns = result.status, _totals(result), {}
        solution = electric_solution(result, self._opened.limits)
        return dataclasses.replace(solution, tables=solution.tables | {"background": self._background()})

    def _solved_now(self) -> PowerFlowResult:
        injections, flow = self._injections(), self._power_flow()
        solve = flow.solve_held if self._controllers_hold() else flow.solve
        return solve(
            injections,
            background_scaling=self._scalings[LOAD_SCALING],
            generation_scaling=self._scalings[GENERATION_SCALING],
            replaced_loads=self._opened.replaced_loads,
        )

    def _background(self) -> dict[str, Any]:
        """What the network's own elements were multiplied by: who recomputes the injections needs it."""
        quantities = [attribute.removesuffix("[1]") for attribute in self._scalings]
        return {"quantity": quantities, "factor": list(self._scalings.values())}

    def _forget(self) -> None:
        # Who holds the net may have changed it: it stays.
        if not self._net_is_lent:
            self._settled_in = None
            if self._flow is not None and not self._flow.forget():
                self._flow = None

    def _movers(self) -> Movers:
        places = {
            name: (int(eid.removeprefix("Bus-")), _injection(sent)[0])
            for name, (eid, sent) in self._places_of_sources().items()
            if eid.startswith("Bus-")
        }
        return Movers(
            sources=list(places),
            injection_kw={name: injected_kw for name, (_, injected_kw) in places.items()},
            responses=self._power_flow().response([bus for bus, _ in places.values()]),
        )

    def _grid_events(self, attributes: Sequence[str]) -> dict[str, Any]:
        totals = {name: self._totals[name] for name in attributes if name in TOTALS}
        return {**super()._grid_events(attributes), **totals}

    def _element_values(self, eid: str, attributes: Sequence[str]) -> dict[str, Any]:
        kind, index = split(eid)
        if kind not in KINDS:
            return {}
        spec = KINDS[kind]
        shown = {
            name: _number(self._net[spec.table].at[index, spec.shown[name]])
            for name in attributes
            if name in spec.shown
        }
        wanted = [attribute for attribute in attributes if attribute in spec.outputs]
        if self._status is not Status.OK or self._flow is None:
            return {**shown, **dict.fromkeys(wanted)}
        return {**shown, **{name: self._column(kind, spec.outputs[name])[index] for name in wanted}}

    def _column(self, kind: str, column: str) -> dict[int, float | None]:
        """A result of all elements of a kind, by index; pandas takes long to find single ones."""
        if (kind, column) not in self._columns and self._flow is not None:
            results = self._flow.net[f"res_{KINDS[kind].table}"]
            numbers = map(_number, results[column].tolist())
            self._columns[kind, column] = dict(zip(results.index.tolist(), numbers, strict=True))
        return self._columns[kind, column]


def _own(source: GridSource) -> Any:
    return dataclasses.replace(source.network, net=copy.deepcopy(source.network.net))


def _injection(powers: Mapping[str, float]) -> tuple[float, float]:
    """Active and reactive power into the network, in kW and kvar."""
    p_mw = powers.get("P_gen[MW]", 0.0) - powers.get("P_load[MW]", 0.0)
    q_mvar = powers.get("Q_gen[MVar]", 0.0) - powers.get("Q_load[MVar]", 0.0)
    return KW_PER_MW * p_mw, KW_PER_MW * q_mvar


def _totals(result: PowerFlowResult) -> dict[str, float | None]:
    figures_kw = {name: getattr(result, figure) for name, figure in TOTALS.items()}
    return {name: None if kw is None else mw(kw) for name, kw in figures_kw.items()}


def _number(value: Any) -> float | None:
    number = float(value)
    return number if number == number else None


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.electric_grid HOST:PORT`."""
    return serve(Simulator(), "Electric network")


if __name__ == "__main__":
    raise SystemExit(main())
