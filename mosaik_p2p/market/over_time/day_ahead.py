"""The day-ahead market: one clearing for all intervals of a block, each of which is then dispatched from it.

A block is `horizon_steps` intervals; interval k of the run is cleared in the block that begins at the largest multiple
of `horizon_steps` up to k, counted from the begin of the run (a block is a day where the run begins at midnight and the
look-ahead covers 24 h). Where `steps` is no multiple of it, the last clearing looks as far ahead as every other (or as
profiles go), and only its first intervals happen. All trades of a block stand as they were cleared; storage follows the
plan, and what forecasts missed goes to the contracts, interval by interval. The counterfactual `alone` is planned in
the same blocks, and reputation is constant within one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import NOT_REACHED
from mosaik_p2p.market.clearing import Clearing, Progress, describe_failure
from mosaik_p2p.market.designs.base import Cleared
from mosaik_p2p.market.over_time.case import MarketCase
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
from mosaik_p2p.market.over_time.realisation import Realised, realise
from mosaik_p2p.market.over_time.single_interval import clearing_at, completion_at, model_at, problem_at
from mosaik_p2p.market.over_time.tables import clearing_table, failed_table, interval_tables
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import SETTLEMENT_CASES, FloatArray


@dataclass(frozen=True)
class _Plan:
    """A cleared block: what it was planned from, and the dispatch with and without peers."""

    begin: int
    prosumers: tuple[Prosumer, ...]
    cleared: Cleared
    alone_problem: PreparedProblem
    alone: tuple[Completion, ...]


@dataclass(frozen=True)
class _State(MarketState):
    plan: _Plan | None = None
    """The block that is being dispatched."""


class DayAheadMarket(CommittedMarket[_State]):
    """Clears block after block, dispatches interval after interval."""

    def __init__(self, case: MarketCase) -> None:
        super().__init__(case, first_state(_State, case))

    def clear(self, k: int, forecasts: Forecasts | None = None, *, on_check: Progress | None = None) -> IntervalOutcome:
        """Dispatch interval `k`, and clear its block first where it begins one; from the committed state.

        Forecasts count where a block begins, realised values in every interval. Where the clearing has not converged
        and the scenario's rule is to stop, the outcome has no dispatch, only the record of the failure, and asking for
        the next interval raises RunFailed. Raises ValueError where `k` is not the next interval.
        """
        state = self._committed
        refuse_wrong_interval(k, due=state.interval, halted=self._halted)
        plan = self._plan(k, forecasts or {}, on_check) if state.plan is None else state.plan
        if isinstance(plan, IntervalOutcome):
            return plan
        prosumers = _turned_out(plan.prosumers, forecasts or {}, k)
        n, whole = k - plan.begin, plan.cleared.clearing
        part = clearing_at(whole, n)
        realised = _realised(prosumers, plan.cleared.problem, whole.dispatch, whole.sale_kw, n, k)
        nothing = np.zeros_like(whole.sale_kw)
        surcharge = plan.cleared.surcharge_per_kwh
        alone = _realised(prosumers, plan.alone_problem, plan.alone, nothing, n, k)
        self._pending = self._after(plan, k, part, realised, alone)
        tables = interval_tables(
            prosumers,
            problem_at(plan.cleared.problem, n),
            part,
            realised,
            alone,
            self.case.window(k),
            steps=self.case.steps,
            charges_change=self.case.charges_change(k),
            since_clearing=n,
            surcharge_per_kwh=None if surcharge is None else surcharge[:, n],
            effort=plan.cleared.effort,
        )
        tables |= plan.cleared.tables_of(n)
        if k + 1 == self.case.steps:
            reached = dict(zip(SETTLEMENT_CASES, (self._pending.market, self._pending.alone), strict=True))
            tables["closing"] = closing_table(self.case, prosumers, reached)
        dispatch = tuple(dispatch_of(p, r) for p, r in zip(prosumers, realised, strict=True))
        return IntervalOutcome(whole.status, dispatch, tables)

    def _plan(self, k: int, forecasts: Forecasts, on_check: Progress | None) -> _Plan | IntervalOutcome:
        """The cleared block that begins at `k`, or the record of why there is none."""
        state, case = self._committed, self.case
        window = case.window(k)
        settings = replace(case.settings, binding=window.horizon)
        prosumers = tuple(with_forecasts(p, forecasts.get(p.name, {}), begin=k) for p in case.prosumers)
        raw = stated(case, prosumers, state.market, window, state.reputation)
        try:
            found = cleared(
                case, prosumers, raw, settings, begin=k, start=state.start, carried=state.carried, on_check=on_check
            )
            alone_problem, alone = without_peers(stated(case, prosumers, state.alone, window, state.reputation))
        except NotSolved as error:
            return self._halt(failed_table(case.settings.form, describe_failure(error, raw)), prosumers, window)
        if found.clearing.status in NOT_REACHED and case.on_not_converged == "stop":
            return self._halt(clearing_table(found.problem, found.clearing, found.effort), prosumers, window)
        return _Plan(k, prosumers, found, alone_problem, tuple(alone))

    def _after(
        self, plan: _Plan, k: int, part: Clearing, realised: tuple[Realised, ...], alone: tuple[Realised, ...]
    ) -> _State:
        state, case = self._committed, self.case
        is_last = k + 1 == plan.begin + plan.cleared.problem.shape[1]
        return _State(
            interval=k + 1,
            market=next_states(case, state.market, realised, k),
            alone=next_states(case, state.alone, alone, k),
            # The same hours of the next block look much like those of this one.
            start=plan.cleared.clearing.end if plan.cleared.end is None else plan.cleared.end,
            reputation=next_reputation(case, state.reputation, part.trades),
            plan=None if is_last else plan,
            carried=plan.cleared.carried,
        )


def _turned_out(prosumers: tuple[Prosumer, ...], given: Forecasts, k: int) -> tuple[Prosumer, ...]:
    """The prosumers of the plan with what has become known since: realised values, and no newer forecasts."""
    return tuple(
        with_forecasts(
            prosumer,
            {name: values for name, values in given.get(prosumer.name, {}).items() if "_realised" in name},
            begin=k,
        )
        for prosumer in prosumers
    )


def _realised(
    prosumers: tuple[Prosumer, ...],
    problem: MarketProblem,
    dispatch: Sequence[Completion],
    sale_kw: FloatArray,
    n: int,
    k: int,
) -> tuple[Realised, ...]:
    """Interval `n` of a block, which is interval `k` of the span, as it turns out."""
    return tuple(
        realise(prosumer, model_at(model, n), completion_at(done, n), sale_kw[:, n, i], interval=k)
        for i, (prosumer, model, done) in enumerate(zip(prosumers, problem.models, dispatch, strict=True))
    )
