"""The rolling market: every interval a clearing over the look-ahead, of which only the first interval binds.

State (storage levels, energy still owed, the last clearing's end) is tentative until `commit`: a co-simulation may
ask for the same interval again. Beside the market every prosumer also lives a second life without peers, with storage
levels of its own; that is the counterfactual `alone` of the settlement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import NOT_REACHED
from mosaik_p2p.market.clearing import Clearing, Progress, describe_failure, published, shifted
from mosaik_p2p.market.designs.asking import reports_ahead
from mosaik_p2p.market.designs.base import Cleared, Effort
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.memory import HeldAhead, resumed
from mosaik_p2p.market.negotiation.protocol import NegotiationState, NetworkReport, next_round
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.charges_table import ToldCharges
from mosaik_p2p.market.over_time.closing import closing_table
from mosaik_p2p.market.over_time.committed import CommittedMarket, MarketState, first_state
from mosaik_p2p.market.over_time.forecasts import Forecasts, with_forecasts
from mosaik_p2p.market.over_time.interval_problem import (
    cleared,
    next_reputation,
    next_states,
    refuse_wrong_interval,
    stated,
    without_peers,
)
from mosaik_p2p.market.over_time.outcome import IntervalOutcome, dispatch_of
from mosaik_p2p.market.over_time.realisation import Realised, realise_all
from mosaik_p2p.market.over_time.tables import (
    clearing_table,
    failed_table,
    interval_tables,
    negotiation_table,
)
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import CARRIERS, SETTLEMENT_CASES, FloatArray


@dataclass(frozen=True)
class _Open:
    """The interval that was cleared last, for the networks' answer to it."""

    window: Window
    prosumers: tuple[Prosumer, ...]
    alone: tuple[Realised, ...]
    cleared: Cleared
    negotiation: NegotiationState | None


@dataclass(frozen=True)
class _State(MarketState):
    held: HeldAhead | None = None
    """What is known of limits in the look-ahead."""


class RollingMarket(CommittedMarket[_State]):
    """Clears interval after interval."""

    def __init__(self, case: MarketCase) -> None:
        super().__init__(case, first_state(_State, case))
        self._open: _Open | None = None
        self._told = ToldCharges()

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
            for prosumer in self.case.prosumers
        )
        window = self.case.window(k)
        raw = stated(self.case, prosumers, state.market, window, state.reputation)
        # Of a large district they take more room than all else.
        self._open, self._told = None, ToldCharges()
        try:
            found = cleared(
                self.case,
                prosumers,
                raw,
                self.case.settings,
                begin=k,
                start=state.start,
                carried=state.carried,
                held=state.held,
                on_check=on_check,
            )
            alone = self._alone(prosumers, state.alone, window)
        except NotSolved as error:
            record = failed_table(self.case.settings.form, describe_failure(error, raw))
            return self._halt(record, prosumers, window)
        if found.clearing.status in NOT_REACHED and self.case.on_not_converged == "stop":
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
        ahead = reports_ahead(self.case.operator_ahead, open_.prosumers, before, begin)
        negotiation, offer = next_round(
            before, by_carrier, self.case.settings, max_rounds=max_rounds, ahead=ahead, on_check=on_check
        )
        self._open = replace(open_, negotiation=negotiation)
        if self._pending is None:
            return None
        if self.case.operator_ahead is not None:
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
        asked = (0,) if self.case.operator_ahead is None else range(window.horizon)
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
        realised = realise_all(prosumers, problem, clearing.dispatch, clearing.sale_kw[:, 0], interval=k)
        self._pending = _State(
            interval=k + 1,
            market=next_states(self.case, state.market, realised, k),
            alone=next_states(self.case, state.alone, opened_interval.alone, k),
            start=start,
            reputation=next_reputation(self.case, state.reputation, clearing.trades),
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
            steps=self.case.steps,
            charges_change=self.case.charges_change(k),
            surcharge_per_kwh=surcharge_per_kwh,
            effort=effort,
            told=self._told,
        )
        if k + 1 == self.case.steps:
            reached = dict(zip(SETTLEMENT_CASES, (self._pending.market, self._pending.alone), strict=True))
            tables["closing"] = closing_table(self.case, prosumers, reached)
        dispatch = tuple(dispatch_of(p, r) for p, r in zip(prosumers, realised, strict=True))
        return IntervalOutcome(clearing.status, dispatch, tables)

    def _alone(
        self, prosumers: tuple[Prosumer, ...], states: tuple[ProsumerState, ...], window: Window
    ) -> tuple[Realised, ...]:
        known = self._committed.reputation
        problem, dispatch = without_peers(stated(self.case, prosumers, states, window, known))
        nothing = np.zeros((len(CARRIERS), len(prosumers)))
        return realise_all(prosumers, problem, dispatch, nothing, interval=window.begin)
