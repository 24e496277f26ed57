"""What the networks say of a plan, interval by interval, before anything of it is dispatched."""

from collections.abc import Collection, Sequence

import numpy as np

from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.constrained_clearing import injections
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.negotiation.memory import changed_intervals
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, planned_kvar
from mosaik_p2p.market.negotiation.reported import breaks_ahead
from mosaik_p2p.market.negotiation.state import NegotiationState, NetworkReport, Reports
from mosaik_p2p.market.problem import PreparedProblem
from mosaik_p2p.market.prosumer_step.contracts import offers
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray

Losses = dict[tuple[int, int], LossTerms]
"""By carrier and interval."""


def planned_exchanges(prosumers: Sequence[Prosumer], state: NegotiationState) -> tuple[Exchange, ...]:
    """By interval what the last dispatch puts on the networks."""
    return exchanges_of(prosumers, state.problem, state.last.constrained.clearing.dispatch)


def exchanges_of(
    prosumers: Sequence[Prosumer], problem: PreparedProblem, dispatch: Sequence[Completion]
) -> tuple[Exchange, ...]:
    """By interval what a dispatch puts on the networks; loads that cannot be moved at their owner's power factor."""
    injection_kw, kvar = injections(problem, dispatch), planned_kvar(prosumers, problem.models, dispatch)
    return tuple(Exchange(injection_kw[:, t], kvar[t]) for t in range(problem.shape[1]))


def asked(
    operator: Operator,
    prosumers: Sequence[Prosumer],
    state: NegotiationState,
    begin: int,
    loss_price_per_kwh: FloatArray | None,
    intervals: Collection[int],
) -> tuple[Reports, Losses]:
    """What the networks say of some intervals of the last dispatch, with rows for the limits that are held there
    already, and its losses at prices (T,), or none.

    One interval after the other, since an operator may solve one exchange for all questions about it.
    """
    reports: dict[tuple[int, int], NetworkReport] = {}
    losses: Losses = {}
    for t, exchange in enumerate(planned_exchanges(prosumers, state)):
        if t not in intervals:
            continue
        kept = frozenset(key.limit for key in state.rows if key.interval == t)
        for carrier, report in operator.reports(exchange, begin + t, kept=kept).items():
            reports[carrier, t] = report
        if loss_price_per_kwh is not None:
            terms = _loss_terms(operator, exchange, begin + t, float(loss_price_per_kwh[t]))
            losses |= {} if terms is None else {(ELECTRIC, t): terms}
    return reports, losses


def reports_ahead(
    operator: Operator | None, prosumers: Sequence[Prosumer], state: NegotiationState, begin: int
) -> Reports:
    """What the networks say of the intervals behind those that bind, where the plan has changed there; nothing without
    an operator, or where it is known from before that the first plan will not do."""
    ahead = range(state.binding, state.problem.shape[1])
    if operator is None or (not state.checked and any(breaks_ahead(state, t) for t in ahead)):
        return {}
    reports, _ = asked(operator, prosumers, state, begin, None, changed_intervals(state))
    return reports


def _loss_terms(operator: Operator, exchange: Exchange, t: int, price_per_kwh: float) -> LossTerms | None:
    """The losses of the electric network around an exchange; None where it has no solution, or nobody moves them.

    Losses of heat networks hardly depend on who injects, and their slopes jump where water turns round: they have no
    place in a price.
    """
    marginal = operator.marginal_loss(exchange, t)[ELECTRIC]
    branches = operator.branch_losses(exchange, t)
    if branches is None or np.isnan(marginal).any() or not marginal.any():
        return None
    return LossTerms.merged(
        price_per_kwh,
        marginal=marginal,
        around_kw=exchange.injection_kw[ELECTRIC],
        share=branches.share,
        kw_per_kw2=branches.kw_per_kw2,
    )


def mean_import_price(problem: PreparedProblem) -> FloatArray:
    """(T,) the mean over the members of what a kWh of electricity costs them by contract; zero where nobody has one."""
    lowest, _ = offers(problem.table)
    prices = lowest[ELECTRIC]
    known = np.isfinite(prices)
    count = known.sum(axis=1)
    total = np.where(known, prices, 0.0).sum(axis=1)
    result: FloatArray = np.divide(total, count, out=np.zeros(len(total)), where=count > 0)
    return result


def loss_price(problem: PreparedProblem, per_kwh: float | None) -> FloatArray | None:
    """(T,) what a kWh of losses costs: as given, or the mean of the members' import prices; None where it is zero."""
    price = mean_import_price(problem) if per_kwh is None else np.full(problem.shape[1], per_kwh)
    return price if price.any() else None
