"""The rolling market: every interval a clearing over the look-ahead, of which only the first interval binds.

State (storage levels, energy still owed, the last clearing's end) is tentative until `commit`: a co-simulation may
ask for the same interval again. Beside the market every prosumer also lives a second life without peers, with storage
levels of its own; that is the counterfactual `alone` of the settlement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import NOT_REACHED, Status
from mosaik_p2p.market.clearing import Clearing, Progress, describe_failure, published, shifted
from mosaik_p2p.market.designs.asking import reports_ahead
from mosaik_p2p.market.designs.base import Cleared, Effort
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.memory import HeldAhead, resumed
from mosaik_p2p.market.negotiation.protocol import NegotiationState, NetworkReport, next_round
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.closing import closing_table
from mosaik_p2p.market.over_time.forecasts import Forecasts, with_forecasts
from mosaik_p2p.market.over_time.interval_problem import (
    cleared,
    first_reputation,
    next_reputation,
    next_states,
    refuse_wrong_interval,
    stated,
    without_peers,
)
from mosaik_p2p.market.over_time.realisation import Realised, realise
from mosaik_p2p.market.over_time.tables import (
    clearing_table,
    failed_table,
    inputs_table,
    interval_tables,
    negotiation_table,
)
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.reputation import Reputation
from mosaik_p2p.prosumers.prosumer import Prosumer, initial_state
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT, SETTLEMENT_CASES, FloatArray, Table


@dataclass(frozen=True)
class ProsumerDispatch:
    """What one prosumer puts on the networks: electric injection (+ feeds in) and heat (+ draws)."""

    prosumer: str
    injection_kw: float
    q_injection_kvar: float
    heat_draw_kw: float


@dataclass(frozen=True)
class IntervalOutcome:
    """A cleared interval. `tables` lack the columns that the co-simulation adds: time, round and binding."""

    status: Status
    dispatch: tuple[ProsumerDispatch, ...]
    tables: dict[str, Table]


@dataclass(frozen=True)
class _Open:
    """The interval that was cleared last, for the networks' answer to it."""

    window: Window
    prosumers: tuple[Prosumer, ...]
    alone: tuple[Realised, ...]
    cleared: Cleared
    negotiation: NegotiationState | None


@dataclass(frozen=True)
class _State:
    """Everything that one interval hands to the next."""

    interval: int
    market: tuple[ProsumerState, ...]
    alone: tuple[ProsumerState, ...]
    start: Start | None
    reputation: Reputation
    carried: object = None
    """What the design hands on to itself."""
    held: HeldAhead | None = None
    """What is known of limits in the look-ahead."""


class RollingMarket:
    """Clears interval after interval."""

    def __init__(self, case: MarketCase) -> None:
        self._case = case
        begin = tuple(initial_state(prosumer, day=int(case.day[0])) for prosumer in case.prosumers)
        self._committed = _State(0, begin, begin, None, first_reputation(case))
        self._pending: _State | None = None
        self._open: _Open | None = None
        self._halted: str | None = None

    @property
    def case(self) -> MarketCase:
        """What the market was built from."""
        return self._case

    def clear(self, k: int, forecasts: Forecasts | None = None, *, on_check: Progress | None = None) -> IntervalOutcome:
        """Clear interval `k` from the committed state; repeating the call starts from the same state.

        Where the clearing has not converged and the scenario's rule is to stop, the outcome has no dispatch, only the
        record of the failure, and asking for the next interval raises RunFailed. Raises ValueError where `k` is not
        the next interval.
        """
        state = self._committed
        refuse_wrong_interval(k, due=state.interval, halted=self._halted)
        prosumers = tuple(
            with_forecasts(prosumer, (forecasts or {}).get(prosumer.name, {}), begin=k)
            for prosumer in self._case.prosumers
        )
        window = self._case.window(k)
        raw = stated(self._case, prosumers, state.market, window, state.reputation)
        self._open = None
        try:
            found = cleared(
                self._case,
                prosumers,
                raw,
                self._case.settings,
                begin=k,
                start=state.start,
                carried=state.carried,
                held=state.held,
                on_check=on_check,
            )
            alone = self._alone(prosumers, state.alone, window)
        except NotSolved as error:
            record = failed_table(self._case.settings.form, describe_failure(error, raw))
            return self._halt(record, prosumers, window)
        if found.clearing.status in NOT_REACHED and self._case.on_not_converged == "stop":
            return self._halt(clearing_table(found.problem, found.clearing, found.effort), prosumers, window)
        self._open = _Open(window, prosumers, alone, found, None)
        surcharge = None if found.surcharge_per_kwh is None else found.surcharge_per_kwh[:, 0]
        outcome = self._outcome(
            self._open,
            found.problem,
            found.clearing,
            start=shifted(found.clearing.end if found.end is None else found.end),
            held=state.held if found.held is None else found.held,
            surcharge_per_kwh=surcharge,
            effort=found.effort,
        )
        return replace(outcome, tables={**outcome.tables, **found.tables_of(0)})

    def negotiate(
        self, reports: Mapping[str, NetworkReport], *, max_rounds: int, on_check: Progress | None = None
    ) -> IntervalOutcome | None:
        """Answer what the networks found, by carrier, in the dispatch of the last call: None accepts it.

        Starts from the committed state as `clear` does. Raises ValueError before anything was cleared.
        """
        if self._open is None:
            raise ValueError("there is no cleared interval to negotiate about")
        open_ = self._open
        begin, before = open_.window.begin, open_.negotiation or self._begun(open_)
        by_carrier = {CARRIERS.index(carrier): report for carrier, report in reports.items()}
        ahead = reports_ahead(self._case.operator_ahead, open_.prosumers, before, begin)
        negotiation, offer = next_round(
            before, by_carrier, self._case.settings, max_rounds=max_rounds, ahead=ahead, on_check=on_check
        )
        self._open = replace(open_, negotiation=negotiation)
        if self._pending is None:
            return None
        if self._case.operator_ahead is not None:
            self._pending = replace(self._pending, held=HeldAhead.of(negotiation, begin))
        if offer is None:
            return None
        outcome = self._outcome(
            self._open,
            # What forecasts miss goes to the contracts as they are, not as they were solved.
            connected(self._open.cleared.raw),
            published(offer.constrained.clearing, self._open.cleared.raw.place),
            start=self._pending.start,
            held=self._pending.held,
            surcharge_per_kwh=offer.constrained.surcharge_per_kwh[:, 0],
            # What is offered once more was cleared before.
            effort=Effort(exchanges=0 if negotiation.is_final else None),
        )
        return replace(outcome, tables={**outcome.tables, "negotiation": negotiation_table(offer.log)})

    def _begun(self, opened_interval: _Open) -> NegotiationState:
        """The negotiation before its first round; with what is known of limits in the look-ahead, if they are held."""
        window, found = opened_interval.window, opened_interval.cleared
        asked = (0,) if self._case.operator_ahead is None else range(window.horizon)
        state = NegotiationState.initial(opened_interval.prosumers, found.raw, found.clearing, asked=asked, binding=1)
        return resumed(state, self._committed.held, window.begin)

    def _outcome(
        self,
        opened_interval: _Open,
        problem: MarketProblem,
        clearing: Clearing,
        *,
        start: Start | None,
        held: HeldAhead | None,
        surcharge_per_kwh: FloatArray | None = None,
        effort: Effort,
    ) -> IntervalOutcome:
        """What a clearing makes happen; the state that follows waits for `commit`."""
        state, window, prosumers = self._committed, opened_interval.window, opened_interval.prosumers
        k = window.begin
        realised = tuple(
            realise(prosumer, model, done, clearing.sale_kw[:, 0, i], interval=k)
            for i, (prosumer, model, done) in enumerate(zip(prosumers, problem.models, clearing.dispatch, strict=True))
        )
        self._pending = _State(
            interval=k + 1,
            market=next_states(self._case, state.market, realised, k),
            alone=next_states(self._case, state.alone, opened_interval.alone, k),
            start=start,
            reputation=next_reputation(self._case, state.reputation, clearing.trades),
            carried=opened_interval.cleared.carried,
            held=held,
        )
        tables = interval_tables(
            prosumers,
            problem,
            clearing,
            realised,
            opened_interval.alone,
            window,
            steps=self._case.steps,
            charges_change=self._case.charges_change(k),
            surcharge_per_kwh=surcharge_per_kwh,
            effort=effort,
        )
        if k + 1 == self._case.steps:
            reached = dict(zip(SETTLEMENT_CASES, (self._pending.market, self._pending.alone), strict=True))
            tables["closing"] = closing_table(self._case, prosumers, reached)
        dispatch = tuple(dispatch_of(p, r) for p, r in zip(prosumers, realised, strict=True))
        return IntervalOutcome(clearing.status, dispatch, tables)

    def commit(self) -> None:
        """Make the last cleared interval the state from which the next one starts; without one, do nothing."""
        if self._pending is not None:
            self._committed, self._pending = self._pending, None

    @property
    def state(self) -> object:
        """All that the next interval starts from, as committed."""
        return self._committed

    def go_on_from(self, state: object) -> None:
        """Start the next interval from a state of a market of the same case. Raises ValueError for anything else."""
        if not isinstance(state, _State) or len(state.market) != len(self._case.prosumers):
            raise ValueError("the market cannot go on from a state that is not of its own kind and case")
        self._committed, self._pending = state, None

    def problem(self, k: int) -> MarketProblem:
        """The statement of interval `k` from the committed state (for references and tests)."""
        window = self._case.window(k)
        state = self._committed
        return stated(self._case, self._case.prosumers, state.market, window, state.reputation)

    def _halt(self, record: Table, prosumers: tuple[Prosumer, ...], window: Window) -> IntervalOutcome:
        self._halted = str(record["cause"][0])
        self._pending = None
        return IntervalOutcome(
            Status.NOT_CONVERGED, (), {"clearing": record, "inputs": inputs_table(prosumers, window, last=True)}
        )

    def _alone(
        self, prosumers: tuple[Prosumer, ...], states: tuple[ProsumerState, ...], window: Window
    ) -> tuple[Realised, ...]:
        known = self._committed.reputation
        problem, dispatch = without_peers(stated(self._case, prosumers, states, window, known))
        return tuple(
            realise(prosumer, model, done, np.zeros(len(CARRIERS)), interval=window.begin)
            for prosumer, model, done in zip(prosumers, problem.models, dispatch, strict=True)
        )


def dispatch_of(prosumer: Prosumer, realised: Realised) -> ProsumerDispatch:
    """What `realised` at `prosumer` puts on the networks."""
    electric, heat = realised.exchanges.get(ELECTRICITY), realised.exchanges.get(HEAT)
    injection = electric.injection_kw if electric is not None and prosumer.bus is not None else 0.0
    draw = -heat.injection_kw if heat is not None and prosumer.junctions is not None else 0.0
    return ProsumerDispatch(
        prosumer=prosumer.name,
        injection_kw=injection,
        q_injection_kvar=realised.reactive_kvar(prosumer) if prosumer.bus is not None else 0.0,
        heat_draw_kw=draw,
    )
