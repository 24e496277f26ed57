"""The check of a network that another simulator solves, as a mosaik simulator: values in, the market's answer out.

A grid adapter such as mosaik-pandapower-2 shows voltages and loadings but does not know what they may be. This stands
between it and the market, in their group: for every dispatch it compares the grid's values with the limits and answers
as a grid of this package does. The grid has to be event-based or hybrid, and whatever has a limit has to be connected.

    market ──> grid ──> limit check
       │ └── round ──────> │
       └<── violations (weak)
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.errors import BadInput, Fault, Status
from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.checking import checks, violations
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.sims.grids.electric_elements import KINDS, split
from mosaik_p2p.sims.grids.sources import DEFAULT_LIMITS
from mosaik_p2p.sims.shared import API_VERSION, ScenarioSimulator, ScenarioSource, Sources, in_order, open_case, serve
from mosaik_p2p.units import ELECTRICITY, Table

CHECK_ID = "LimitCheck"
VOLTAGE, LOADING = "Vm[pu]", "loading[%]"
SHOWN = {("buses", "vm_pu"), ("lines", "loading_percent"), ("transformers", "loading_percent")}
"""Tables and columns that a grid's values make."""
FORMER_KEYS = {"voltage_min_pu": "voltage_pu.min", "voltage_max_pu": "voltage_pu.max"}

META: Meta = {
    "api_version": API_VERSION,
    "type": "hybrid",
    "models": {
        "LimitCheck": {
            "public": True,
            "params": ["scenario", "limits"],
            "attrs": ["round", VOLTAGE, LOADING, "violations"],
            "trigger": ["round", VOLTAGE, LOADING],
            "non-persistent": ["violations"],
            "any_inputs": False,
        },
    },
}


class Simulator(ScenarioSimulator):
    """Judges one electric network."""

    def __init__(self) -> None:
        super().__init__(META)
        self._limits: NetworkLimits | None = None
        self._names: dict[str, str] = {}
        """By entity id, where the scenario knows the element's name."""
        self._answer: dict[str, Any] | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one check. `scenario` gives limits and the names of elements; `limits` are those of all elements
        by their keys in `[networks.electricity.limits]`, such as `voltage_pu.min`."""
        if model != "LimitCheck" or num != 1 or self._limits is not None:
            raise ValueError(f"there is exactly one LimitCheck in this simulator, asked for {num} {model}")
        self._limits = self._open(**model_params)
        return [{"eid": CHECK_ID, "type": "LimitCheck", "rel": []}]

    def _open(self, scenario: ScenarioSource | None = None, limits: Mapping[str, float] | None = None) -> NetworkLimits:
        if scenario is None:
            return DEFAULT_LIMITS if limits is None else _stated(limits)
        case = open_case(scenario)
        if case.electric is None or limits is not None:
            remedy = "Give a scenario with an electric network, or `limits`"
            raise BadInput([Fault("LimitCheck", case.scenario.name, "has no limits, or they are given twice", remedy)])
        _refuse_unseen(case.electric_limits or DEFAULT_LIMITS)
        net = case.electric.net
        self._names = {
            f"{kind}-{index}": name
            for kind in ("Bus", "Line", "Transformer")
            for index, name in net[KINDS[kind].table]["name"].items()
        }
        return case.electric_limits or DEFAULT_LIMITS

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Judge what the grid made of a dispatch; without a dispatch there is nobody to answer."""
        given = inputs.get(CHECK_ID, {})
        self._answer = self._judged(in_order(given["round"])[0], given) if "round" in given else None
        return None

    def _judged(self, round_number: int, given: Mapping[str, Sources]) -> dict[str, Any]:
        voltages, loadings = self._values(given.get(VOLTAGE, {})), self._values(given.get(LOADING, {}))
        lines = {eid: value for eid, value in loadings.items() if split(eid)[0] == "Line"}
        others = {eid: value for eid, value in loadings.items() if eid not in lines}
        tables = {
            "buses": self._table("bus", "vm_pu", voltages),
            "lines": self._table("element", "loading_percent", lines),
            "transformers": self._table("element", "loading_percent", others),
        }
        solved = bool(voltages or loadings) and None not in (*voltages.values(), *loadings.values())
        broken = violations(checks(_seen(), tables, self._limits or DEFAULT_LIMITS)) if solved else []
        status = Status.OK if solved else Status.NOT_CONVERGED
        return {"round": round_number, "status": str(status), "items": [asdict(found) for found in broken]}

    def _values(self, sources: Sources) -> dict[str, float | None]:
        """By entity id; None where the grid has no number."""
        return {source.partition(".")[2]: _number(sources[source]) for source in sorted(sources)}

    def _table(self, key: str, column: str, values: Mapping[str, float | None]) -> Table:
        return {key: [self._names.get(eid, eid) for eid in values], column: list(values.values())}

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """The answer, if there was a dispatch."""
        return {eid: {} if self._answer is None else {"violations": self._answer} for eid in outputs}


def _seen() -> list[LimitedQuantity]:
    """The limited quantities that grids show enough of."""
    return [
        of
        for of in limited_quantities(ELECTRICITY)
        if not of.beside and {(of.table, column) for column in of.columns} <= SHOWN
    ]


def _refuse_unseen(limits: NetworkLimits) -> None:
    """What nobody shows here must not seem to be kept."""
    unseen = {of.key: of for of in limited_quantities(ELECTRICITY) if of not in _seen() and limits.has(of)}
    named = [(f"{unseen[one.key].element} {one.name}", unseen[one.key]) for one in limits.elements if one.key in unseen]
    general = [(f"every {of.element}", of) for of in unseen.values() if limits.general(of) is not None]
    if named or general:
        problem = "has a limit in {}, and this check sees voltages and loadings only"
        remedy = "Use the electric grid of this package, or leave the limit out"
        raise BadInput(
            [Fault("LimitCheck", where, problem.format(of.unit), remedy) for where, of in (*named, *general)]
        )


def _stated(limits: Mapping[str, Any]) -> NetworkLimits:
    keys = {of.all_key: of.key for of in _seen()}
    now = {FORMER_KEYS.get(key, key): value for key, value in limits.items()}
    for key in limits.keys() & FORMER_KEYS.keys():
        warnings.warn(f"LimitCheck: {key} is called {FORMER_KEYS[key]} now", DeprecationWarning, stacklevel=2)
    unknown = sorted(now.keys() - keys.keys())
    if unknown:
        problem, remedy = f"there is no limit {', '.join(unknown)}", f"Give some of {', '.join(keys)}"
        raise BadInput([Fault("LimitCheck.limits", str(dict(limits)), problem, remedy)])
    return NetworkLimits({keys[key]: float(value) for key, value in now.items() if value is not None})


def _number(value: Any) -> float | None:
    """A built-in float: adapters hand over numbers of other libraries, among them NaN."""
    number = None if value is None else float(value)
    return number if number == number else None


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.limit_check HOST:PORT`."""
    return serve(Simulator(), "Check of a network's limits")


if __name__ == "__main__":
    raise SystemExit(main())
