"""A district heating network as a mosaik simulator: hydraulics, temperatures and the check against limits.

The same shape as the electric grid: it answers every dispatch in the same instant, and an attribute is None where there
is no solution. `Q_heat[kW]` is what a consumer draws; a negative value feeds in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes
from mosaik_api_v3.types import CreateResult, InputData, Meta
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.limits.answer import Solution
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.rows import Movers
from mosaik_p2p.limits.stated import usual_limits
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.heat.choice import HeatNetwork, HeatSettings, heat_file
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.hydraulics.kept import Guard
from mosaik_p2p.networks.heat.side_by_side import SideBySide
from mosaik_p2p.networks.solutions import heat_solution
from mosaik_p2p.networks.trial import heat_trial
from mosaik_p2p.sims.grids.heat_elements import (
    CONSUMER_COLUMNS,
    JUNCTION_COLUMNS,
    PIPE_COLUMNS,
    PLANT_COLUMNS,
    TOTALS,
    children,
    shown_values,
)
from mosaik_p2p.sims.grids.rounds import GRID_EVENTS, GRID_ID, GridSimulator
from mosaik_p2p.sims.shared import API_VERSION, ScenarioSource, open_case, serve
from mosaik_p2p.units import HEAT

HEAT_INPUT = "Q_heat[kW]"
DEFAULT_LIMITS = usual_limits(limited_quantities(HEAT))
"""Those of a scenario that states none."""

META: Meta = {
    "api_version": API_VERSION,
    "type": "hybrid",
    "models": {
        "Grid": {
            "public": True,
            "params": ["scenario", "json", "settings", "limit_rows", "first_interval"],
            "attrs": ["round", *GRID_EVENTS, *TOTALS],
            "trigger": ["round"],
            "non-persistent": ["round", *GRID_EVENTS],
            "any_inputs": False,
        },
        "Consumer": {
            "public": True,
            "params": ["name", "supply", "return_"],
            "attrs": [HEAT_INPUT, *CONSUMER_COLUMNS],
            "trigger": [HEAT_INPUT],
            "non-persistent": [HEAT_INPUT],
            "any_inputs": False,
        },
        "Junction": {"public": False, "params": [], "attrs": [*JUNCTION_COLUMNS], "any_inputs": False},
        "Pipe": {"public": False, "params": [], "attrs": [*PIPE_COLUMNS], "any_inputs": False},
        "Plant": {"public": False, "params": [], "attrs": [*PLANT_COLUMNS], "any_inputs": False},
    },
    "extra_methods": ["get_extra_info", "get_net", "get_net_json"],
}


class Simulator(GridSimulator):
    """One district heating network."""

    network = HEAT

    def __init__(self) -> None:
        super().__init__(META)
        self._heat: HeatNetwork | None = None
        self._limits = DEFAULT_LIMITS
        self._connections: dict[str, HeatConnection] = {}
        """By the name of the prosumer or consumer."""
        self._draw_kw: dict[str, float] = {}
        self._flow: HeatFlow | None = None
        self._guard = Guard()
        self._side_by_side: SideBySide | None = None
        self._ahead: dict[tuple[float, ...], HeatFlowResult] = {}
        """By what everyone draws: flows that were solved before they were asked for."""
        self._result: HeatFlowResult | None = None
        self._values: dict[str, dict[str, Any]] | None = None
        """By entity id: the attributes of the last solution, once somebody has asked for one."""
        self._extra_info: dict[str, Any] = {}

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one grid with its elements as children, or further consumers between two junctions."""
        if model == "Grid" and num == 1 and self._heat is None:
            return [self._create_grid(**model_params)]
        if model == "Consumer" and num == 1 and self._heat is not None:
            return [self._create_consumer(**model_params)]
        raise ValueError(f"{num} {model}: there is exactly one Grid, and after it one Consumer at a time")

    def _create_grid(
        self,
        scenario: ScenarioSource | None = None,
        json: str | None = None,
        settings: Mapping[str, Any] | None = None,
        limit_rows: bool | None = None,
        first_interval: int = 0,
    ) -> CreateResult:
        if (scenario is None) == (json is None):
            remedy = "Give `scenario`, or `json` with `settings`"
            raise BadInput([Fault("Grid", f"scenario = {scenario}, json = {json}", "needs exactly one source", remedy)])
        case = None if scenario is None else open_case(scenario)
        self._use_limit_rows(limit_rows, case)
        if case is not None:
            self._open(case, first_interval)
        else:
            self._heat = _tried(heat_file(Path(str(json)), _settings(settings or {})))
        elements = [*children(self._opened), *(self._consumer(name) for name in self._connections)]
        self._extra_info |= {element["eid"]: element.get("extra_info") for element in elements}
        return {"eid": GRID_ID, "type": "Grid", "rel": [], "children": elements}

    def _open(self, case: Case, first_interval: int) -> None:
        if case.heat is None or case.heat_limits is None:
            problem = "the scenario has no heat network"
            raise BadInput([Fault("Grid", case.scenario.name, problem, "Leave the grid out")])
        self._heat, self._limits = case.heat, case.heat_limits
        self._use_time(case, first_interval)
        for prosumer in case.prosumers:
            if prosumer.junctions is not None:
                self._connect(prosumer.name, *prosumer.junctions)

    def _create_consumer(self, name: str, supply: int, return_: int) -> CreateResult:
        if name in self._connections or "." in name:
            raise ValueError(f"consumer {name!r}: the name is taken, or has a dot")
        self._connect(name, supply, return_)
        entity = self._consumer(name)
        self._extra_info[entity["eid"]] = entity["extra_info"]
        return entity

    def _connect(self, name: str, supply: int, return_: int) -> None:
        self._connections[name] = HeatConnection(prosumer=name, supply=supply, return_=return_)

    def _consumer(self, name: str) -> CreateResult:
        at = self._connections[name]
        return {
            "eid": f"Consumer-{name}",
            "type": "Consumer",
            "rel": [f"Junction-{at.supply}", f"Junction-{at.return_}"],
            "extra_info": {"name": name, "supply": int(at.supply), "return": int(at.return_)},
        }

    @property
    def _opened(self) -> HeatNetwork:
        if self._heat is None:
            raise ValueError("the Grid has to be created first")
        return self._heat

    def setup_done(self) -> None:
        """From here on the consumers are fixed."""
        self._flow = HeatFlow(self._opened, list(self._connections.values()), self._guard)

    def get_extra_info(self) -> dict[str, Any]:
        """Extra information of every element, by entity id."""
        return self._extra_info

    def get_net(self) -> pandapipesNet:
        """A copy of the net of the last step, with plant and prosumers (only for a simulator in this process)."""
        return self._opened.net if self._flow is None else self._flow.net_as_solved()

    def get_net_json(self) -> str:
        """The net of the last step as pandapipes writes it."""
        return str(pandapipes.to_json(self.get_net(), indent=None))

    def _read(self, time: int, inputs: InputData) -> bool:  # noqa: ARG002 (time matters to other grids)
        for eid in sorted(inputs):
            if eid != GRID_ID and HEAT_INPUT in inputs[eid]:
                self._inputs.take(eid, HEAT_INPUT, inputs[eid][HEAT_INPUT])
                self._draw_kw[eid.removeprefix("Consumer-")] = self._inputs.total(eid, HEAT_INPUT)
        return any(inputs.values())

    def solve_ahead(self, steps: Sequence[InputData]) -> None:
        """Solve what the steps will bring side by side, as far as that can be done."""
        draws_kw = []
        for inputs in steps:
            self._read(0, inputs)
            draws_kw.append(self._solver_inputs())
        if self._side_by_side is None:
            self._side_by_side = SideBySide(self._opened, list(self._connections.values()))
        self._ahead = self._side_by_side.solved(draws_kw)

    def _solver_inputs(self) -> tuple[float, ...]:
        return tuple(self._draw_kw.get(name, 0.0) for name in self._connections)

    def _heat_flow(self) -> HeatFlow:
        if self._flow is None:
            raise ValueError("the heat grid is solved before its set-up is done")
        return self._flow

    def _solve(self, time: int) -> Solution:  # noqa: ARG002
        draw_kw = self._solver_inputs()
        result = self._ahead.get(draw_kw) or self._heat_flow().solve(np.array(draw_kw, dtype=np.float64))
        self._result, self._values = result, None
        return heat_solution(result, self._limits)

    def _forget(self) -> None:
        self._heat_flow().forget()

    def _movers(self) -> Movers:
        places = {
            name: (eid.removeprefix("Consumer-"), -sent[HEAT_INPUT])
            for name, (eid, sent) in self._places_of_sources().items()
        }
        return Movers(
            sources=list(places),
            injection_kw={name: injected_kw for name, (_, injected_kw) in places.items()},
            responses=self._heat_flow().response([prosumer for prosumer, _ in places.values()]),
        )

    def _grid_events(self, attributes: Sequence[str]) -> dict[str, Any]:
        totals = self._shown().get(GRID_ID, {}) if any(name in TOTALS for name in attributes) else {}
        return {**super()._grid_events(attributes), **{name: totals.get(name) for name in attributes if name in TOTALS}}

    def _shown(self) -> dict[str, dict[str, Any]]:
        if self._values is None:
            self._values = {} if self._result is None else shown_values(self._opened, self._result)
        return self._values

    def _element_values(self, eid: str, attributes: Sequence[str]) -> dict[str, Any]:
        values = self._shown().get(eid, {})
        return {attribute: values.get(attribute) for attribute in attributes if attribute != HEAT_INPUT}


def _tried(network: HeatNetwork) -> HeatNetwork:
    faults = heat_trial(network, place="Grid.json")
    if faults:
        raise BadInput(faults)
    return network


def _settings(settings: Mapping[str, Any]) -> HeatSettings:
    try:
        return HeatSettings(**settings)
    except TypeError as error:
        remedy = "Give the temperatures t_supply_c, t_return_c, t_feed_c and t_ground_c"
        raise BadInput([Fault("Grid.settings", str(dict(settings)), str(error), remedy)]) from error


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.heat_grid HOST:PORT`."""
    return serve(Simulator(), "District heating network")


if __name__ == "__main__":
    raise SystemExit(main())
