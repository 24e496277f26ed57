"""The peer-to-peer market as a mosaik simulator.

At the begin of each interval the market clears and emits every prosumer's dispatch; the grids answer in the same
instant with what the dispatch violates. `Simulator.respond` decides what follows: no answer ends the loop, a new
outcome is emitted and checked again. With `negotiation.enabled` it negotiates; see `market.negotiation`. The state of
storages moves on only when time does: every round starts from the same state.

Forecasts come in as lists over the horizon, what turns out as one value.

Signs: `P_load`, `Q_load` and `Q_heat` draw from the networks, `P_gen` feeds in; `P_net` and `Q_heat_net` are positive
into the networks, as a sale is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.negotiation.protocol import NetworkReport
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.forecasts import forecast_attributes, realised_attributes
from mosaik_p2p.market.over_time.kept_state import NotKept, state_of, text_of
from mosaik_p2p.market.over_time.outcome import IntervalOutcome, ProsumerDispatch
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.resample import SECONDS_PER_MINUTE
from mosaik_p2p.sims.expected import Expected
from mosaik_p2p.sims.shared import (
    API_VERSION,
    ScenarioSimulator,
    ScenarioSource,
    begins_anew,
    in_order,
    interval_steps,
    open_case,
    record,
    serve,
)
from mosaik_p2p.units import CARRIERS, KW_PER_MW, mw

MARKET_ID = "Market"
DISPATCH = ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]", "Q_heat[kW]")
STATE = ("P_net[MW]", "Q_heat_net[kW]", "price_electricity[EUR/MWh]", "price_heat[EUR/MWh]")
ANSWERS = {f"violations_{carrier}": carrier for carrier in CARRIERS}


def meta() -> Meta:
    """What the simulator offers; its attributes are those of all kinds of devices."""
    return {
        "api_version": API_VERSION,
        "type": "hybrid",
        "models": {
            "Market": {
                "public": True,
                "params": ["scenario", "first_interval", "state"],
                "attrs": ["round", "tables", *ANSWERS],
                "trigger": [*ANSWERS],
                "non-persistent": ["round", "tables", *ANSWERS],
                "any_inputs": False,
            },
            "Prosumer": {
                "public": False,
                "params": [],
                "attrs": [*forecast_attributes(), *DISPATCH, *STATE],
                # What turns out while an interval runs has to be noticed.
                "trigger": [*realised_attributes()],
                "non-persistent": [*DISPATCH, *forecast_attributes()],
                "any_inputs": False,
            },
        },
    }


@dataclass(frozen=True)
class Violations:
    """A grid's answer to a dispatch: the solver's status and what the check found, one dictionary per violation.

    `rows`, where the grid gives them: limits that are violated or near, as `{element, quantity, unit, value, limit,
    upper, per_kw, per_kvar}`; the last two are the change of the value by 1 kW and 1 kvar that an entity injects more.
    """

    status: str
    items: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...] = ()


class Simulator(ScenarioSimulator):
    """Clears the scenario's market interval by interval."""

    def __init__(self) -> None:
        super().__init__(meta())
        self.outcome: IntervalOutcome | None = None
        """What stands for the open interval, by the last round."""
        self.round = 0
        self._prosumer_of: dict[str, str] = {}
        self._dispatch: dict[str, ProsumerDispatch] = {}
        self._prices: dict[tuple[str, str], float | None] = {}
        self._expected = Expected()
        self._interval = -1
        self._first = 0
        self._state_text: str | None = None
        """What the market started the open interval from, where it was made anew."""
        self._emits = False
        self._wall_s = 0.0

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one market with its prosumers as children."""
        if model != "Market" or num != 1 or self._prosumer_of:
            raise ValueError(f"there is exactly one Market in this simulator, asked for {num} {model}")
        self._open(**model_params)
        return [{"eid": MARKET_ID, "type": "Market", "rel": [], "children": [_child(p) for p in self.case.prosumers]}]

    def _open(self, scenario: ScenarioSource, first_interval: int = 0, state: str | None = None) -> None:
        """The world begins with `first_interval`, for which an earlier one has left the market's `state`."""
        self.case = open_case(scenario)
        self.market = make_market(market_case(self.case))
        self._first = first_interval
        if state is not None:
            self.market.go_on_from(self._state_of(state))
        self._steps_per_interval = interval_steps(self.case, self._time_resolution)
        self._prosumer_of = {f"Prosumer-{prosumer.name}": prosumer.name for prosumer in self.case.prosumers}
        self._named: dict[str, str | None] = {}

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Clear when an interval begins; otherwise consider the grids' answers to the last dispatch."""
        self._emits = False
        since, inside = divmod(time, self._steps_per_interval)
        interval = self._first + since
        if interval >= self.case.scenario.time.steps:
            return None
        if interval > self._interval and not inside:
            self._begin(interval, inputs)
        elif interval == self._interval:
            self._expected.take_late(_of_prosumers(inputs), interval=interval, when=self._lateness(inside))
            # What a network finds while the interval runs, on account of others, is not about the dispatch as cleared.
            self._consider({} if inside else inputs.get(MARKET_ID, {}))
        return (since + 1) * self._steps_per_interval

    def _lateness(self, inside: int) -> str:
        minutes = inside * self._time_resolution / SECONDS_PER_MINUTE
        return f"{minutes:g} min after the interval's begin" if inside else "after the clearing of the same instant"

    def _begin(self, interval: int, inputs: InputData) -> None:
        self._commit()
        started = perf_counter()
        self._state_text = self._made_anew() if begins_anew(self.case, interval) else None
        self._expected.take(_of_prosumers(inputs), interval=interval)
        outcome = self.market.clear(interval, self._expected.forecasts(interval, self._prosumer_of))
        self._interval, self.round = interval, 0
        self._publish(outcome, perf_counter() - started)

    def _made_anew(self) -> str | None:
        """Go on with a new market that knows what the last one handed on, and nothing else; that as text.

        None where a design carries what has no text: the market then stays, and nobody can go on from here.
        """
        try:
            text = text_of(self.market.state)
        except NotKept:
            return None
        case = self.market.case
        operator = None if case.operator is None else operator_of(self.case)
        self.market = make_market(replace(case, operator=operator))
        self.market.go_on_from(self._state_of(text))
        return text

    def _state_of(self, text: str) -> object:
        design = type(self.market.case.design).__module__.partition(".")[0]
        return state_of(text, packages=frozenset({"mosaik_p2p", design}))

    def _consider(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        violations = {
            carrier: Violations(answer["status"], tuple(answer["items"]), tuple(answer.get("rows") or ()))
            for attribute, carrier in ANSWERS.items()
            if attribute in answers
            for answer in in_order(answers[attribute])
            # An answer to an earlier dispatch says nothing about this one.
            if answer["round"] == self.round
        }
        if not violations:
            return
        started = perf_counter()
        outcome = self.respond(violations)
        if outcome is not None:
            self.round += 1
            self._publish(outcome, perf_counter() - started)

    def respond(self, violations: Mapping[str, Violations]) -> IntervalOutcome | None:
        """The market's answer to what the grids found, by carrier: None accepts the dispatch as it is.

        An outcome that is returned becomes the next round's dispatch and is checked by the grids in the same instant.
        """
        negotiation = self.case.scenario.negotiation
        if not negotiation.enabled or not isinstance(self.market, RollingMarket):
            return None
        reports = {carrier: self._report(answer) for carrier, answer in violations.items()}
        return self.market.negotiate(reports, max_rounds=negotiation.max_rounds)

    def _report(self, answer: Violations) -> NetworkReport:
        return NetworkReport(
            is_solved=answer.status != Status.NOT_CONVERGED.value,
            broken=frozenset((item["element"], item["quantity"]) for item in answer.items),
            rows=tuple(self._row(row) for row in answer.rows),
        )

    def _row(self, row: Mapping[str, Any]) -> LimitRow:
        """A grid's row by prosumer."""
        return LimitRow(
            element=row["element"],
            quantity=row["quantity"],
            unit=row["unit"],
            value=row["value"],
            limit=row["limit"],
            is_upper=row["upper"],
            per_kw=self._by_prosumer(row["per_kw"]),
            per_kvar=self._by_prosumer(row["per_kvar"]),
        )

    def _by_prosumer(self, changes: Mapping[str, float]) -> dict[str, float]:
        result: dict[str, float] = {}
        for entity, change in changes.items():
            name = self._named[entity] if entity in self._named else self._name_of(entity)
            if name is not None:
                result[name] = result.get(name, 0.0) + change
        return result

    def _name_of(self, entity: str) -> str | None:
        """A source's prosumer; every row of a large district names them all."""
        # It may stand with or without its simulator's name in front; entity ids have no dots.
        name = self._named[entity] = self._prosumer_of.get(entity.rpartition(".")[2])
        return name

    def _publish(self, outcome: IntervalOutcome, wall_s: float) -> None:
        self.outcome, self._wall_s, self._emits = outcome, wall_s, True
        self._dispatch = {dispatch.prosumer: dispatch for dispatch in outcome.dispatch}
        self._prices = _marginal_prices(outcome)

    def _commit(self) -> None:
        if self.outcome is not None:
            self.market.commit()
            self.outcome = None

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Events of this round, if there is one, and the state of the last dispatch."""
        data: OutputData = {}
        for eid, attributes in outputs.items():
            values = self._market_events() if eid == MARKET_ID else self._prosumer_values(self._prosumer_of[eid])
            data[eid] = {name: values[name] for name in attributes if name in values}
        return data

    def _market_events(self) -> dict[str, Any]:
        if not self._emits or self.outcome is None:
            return {}
        state = self._state_text if self.round == 0 else None
        tables = record(self.round, self.outcome.tables, wall_s=self._wall_s, state=state)
        # A clearing that failed leaves its record, but nothing that the grids could check.
        return {"tables": tables} | ({"round": self.round} if self.outcome.dispatch else {})

    def _prosumer_values(self, name: str) -> dict[str, Any]:
        dispatch = self._dispatch.get(name)
        state = _state(dispatch) | {
            f"price_{carrier}[EUR/MWh]": self._prices.get((name, carrier)) for carrier in CARRIERS
        }
        return state if dispatch is None or not self._emits else state | events_of(dispatch)

    def finalize(self) -> None:
        """Commit the last interval."""
        self._commit()


def _child(prosumer: Prosumer) -> CreateResult:
    return {
        "eid": f"Prosumer-{prosumer.name}",
        "type": "Prosumer",
        "rel": [],
        "extra_info": {
            "name": prosumer.name,
            "bus": None if prosumer.bus is None else int(prosumer.bus),
            "junction": None if prosumer.junctions is None else [int(index) for index in prosumer.junctions],
        },
    }


def _of_prosumers(inputs: InputData) -> InputData:
    return {eid: attributes for eid, attributes in inputs.items() if eid != MARKET_ID}


def events_of(dispatch: ProsumerDispatch) -> dict[str, float]:
    """What a dispatch sends to the networks, by attribute."""
    return {
        "P_load[MW]": mw(max(-dispatch.injection_kw, 0.0)),
        "P_gen[MW]": mw(max(dispatch.injection_kw, 0.0)),
        "Q_load[MVar]": mw(-dispatch.q_injection_kvar),
        "Q_heat[kW]": dispatch.heat_draw_kw,
    }


def _state(dispatch: ProsumerDispatch | None) -> dict[str, float | None]:
    if dispatch is None:
        return {"P_net[MW]": None, "Q_heat_net[kW]": None}
    return {"P_net[MW]": mw(dispatch.injection_kw), "Q_heat_net[kW]": -dispatch.heat_draw_kw}


def _marginal_prices(outcome: IntervalOutcome) -> dict[tuple[str, str], float | None]:
    """Price per MWh by prosumer and carrier."""
    table = outcome.tables.get("prosumers", {})
    columns = ("prosumer", "carrier", "marginal_price_per_kwh")
    rows = zip(*(table.get(column, []) for column in columns), strict=True)
    return {(name, carrier): None if price is None else KW_PER_MW * price for name, carrier, price in rows}


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.market HOST:PORT`."""
    return serve(Simulator(), "Peer-to-peer market of electricity and heat")


if __name__ == "__main__":
    raise SystemExit(main())
