"""What the networks say of a plan, interval by interval, before anything of it is dispatched."""

from collections.abc import Mapping, Sequence

import numpy as np

from mosaik_p2p.market.certificate import offers
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.constrained_clearing import injections
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, planned_kvar
from mosaik_p2p.market.negotiation.state import NegotiationState, Reports
from mosaik_p2p.market.problem import PreparedProblem
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray


def planned_exchanges(prosumers: Sequence[Prosumer], state: NegotiationState) -> tuple[Exchange, ...]:
    """By interval what the last dispatch puts on the networks."""
    return exchanges_of(prosumers, state.problem, state.last.constrained.clearing.dispatch)


def exchanges_of(
    prosumers: Sequence[Prosumer], problem: PreparedProblem, dispatch: Sequence[Completion]
) -> tuple[Exchange, ...]:
    """By interval what a dispatch puts on the networks; loads that cannot be moved at their owner's power factor."""
    injection_kw, kvar = injections(problem, dispatch), planned_kvar(prosumers, problem.models, dispatch)
    return tuple(Exchange(injection_kw[:, t], kvar[t]) for t in range(problem.shape[1]))


def reported(operator: Operator, exchanges: Sequence[Exchange], begin: int, state: NegotiationState) -> Reports:
    """What the networks say of each interval, with rows for the limits that are held there already."""
    reports = {}
    for t, exchange in enumerate(exchanges):
        kept = frozenset(key.limit for key in state.rows if key.interval == t)
        for carrier, report in operator.reports(exchange, begin + t, kept=kept).items():
            reports[carrier, t] = report
    return reports


def loss_terms(
    operator: Operator, exchanges: Sequence[Exchange], begin: int, price_per_kwh: FloatArray
) -> Mapping[tuple[int, int], LossTerms]:
    """The losses of the electric network around each exchange, at prices (T,); where it has no solution there are none.

    Losses of heat networks hardly depend on who injects, and their slopes jump where water turns round: they have no
    place in a price.
    """
    terms = {}
    for t, exchange in enumerate(exchanges):
        marginal = operator.marginal_loss(exchange, begin + t)[ELECTRIC]
        if np.isnan(marginal).any() or not marginal.any():
            continue
        branches = operator.branch_losses(exchange, begin + t)
        share, curve = (
            (np.zeros((0, len(marginal))), np.zeros(0))
            if branches is None
            else (
                branches.share,
                branches.kw_per_kw2,
            )
        )
        terms[ELECTRIC, t] = LossTerms.merged(
            float(price_per_kwh[t]),
            marginal=marginal,
            around_kw=exchange.injection_kw[ELECTRIC],
            share=share,
            kw_per_kw2=curve,
        )
    return terms


def mean_import_price(problem: PreparedProblem) -> FloatArray:
    """(T,) the mean over the members of what a kWh of electricity costs them by contract; zero where nobody has one."""
    lowest, _ = offers(problem)
    prices = lowest[ELECTRIC]
    known = np.isfinite(prices)
    count = known.sum(axis=1)
    total = np.where(known, prices, 0.0).sum(axis=1)
    result: FloatArray = np.divide(total, count, out=np.zeros(len(total)), where=count > 0)
    return result
