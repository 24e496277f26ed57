"""One clearing: from where the iteration ended to trades and dispatches that fit each other, and how good they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.iteration.driver import OnCheck, Outcome, Start
from mosaik_p2p.market.iteration.scales import residual_limit
from mosaik_p2p.market.network_step.agreed_trades import Agreed, is_found_anew, with_least_trade
from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.problem import PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.completions import Completions
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.subproblem import NEGLIGIBLE, Completion
from mosaik_p2p.market.regrets import Regrets, regrets_at
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.market.suspects import out_of_proportion
from mosaik_p2p.market.trades import Trades, no_trades, trimmed
from mosaik_p2p.units import FloatArray

TRIMMING_ROUNDS = 4
"""A partner that gives way with one trade may have to with the next; what then is left over is reported."""
TIGHTER = (0.3, 0.1)
"""Parts of the wanted gap at which the iteration goes on where exact trades came out dearer than its own."""
MIN_TRADE = 1e-5
"""Trades below this part of a prosumer's mean size are rounding, not trade."""
CENTRALLY = "raise market.relative_gap, or use market.on_not_converged = central"
Progress = Callable[[int, float], None]
"""Told the iterations and the worst residual after each measured step."""


@dataclass(frozen=True)
class Clearing:
    """The outcome of one clearing over its look-ahead; only the intervals that bind have trades.

    Never says `ok` unless the certified gap is within the tolerance, and the residuals within what belongs to it (see
    `scales.residual_limit`); otherwise `cause` says why.
    """

    status: Status
    cause: str | None
    form: str
    iterations: int
    primal_residual: float
    dual_residual: float
    cost: float
    """Money over the look-ahead: every prosumer's own cost, imbalances at the scarcity price, and what both ends of all
    trades, and all places, pay in charges."""
    lower_bound: float
    relative_gap: float
    gap_of_gain: float | None
    trades: tuple[Trades, ...]
    """Of the first interval, one per carrier."""
    sale_kw: FloatArray
    """(C, T, N) net sales."""
    price_per_kwh: FloatArray
    """(C, T, N): what one kWh more is worth to each prosumer; with charges of places, that much less than the market's
    price at its place."""
    dispatch: Sequence[Completion]
    """One per prosumer."""
    repaired: bool
    """Whether a storage would have charged and discharged at once."""
    scarcity_price_per_kwh: float
    """What imbalances are priced at."""
    end: Start
    """Where the iteration stopped; starts the next clearing."""
    later_trades: tuple[tuple[Trades, ...], ...] = ()
    """The same of the other intervals that bind, in their order."""
    regrets: Regrets | None = None
    """How far it is from an equilibrium at its prices; None where that was not measured."""


Binding = tuple[tuple[Trades, ...], ...]
"""Trades by interval that binds and carrier."""


@dataclass(frozen=True)
class Found:
    """Trades and dispatches that fit each other; see `Clearing` for shapes and units."""

    binding: Binding
    sale_kw: FloatArray
    price_per_kwh: FloatArray
    dispatch: Sequence[Completion]
    repaired: bool
    regrets: Regrets | None = None


def told(progress: Progress | None) -> OnCheck[Certificate] | None:
    """What the driver tells, for whom the worst residual is enough."""
    return None if progress is None else lambda iteration, residuals, _: progress(iteration, residuals.worst)


def clear_once(fleet: Fleet, settings: Settings, start: Start | None, on_check: Progress | None) -> Clearing:
    """Clear the fleet's market as it is, stores left to go both ways where that pays, and repair what does."""
    problem = fleet.problem
    form = choose_form(problem, settings.form)
    outcome = cleared_by(fleet, form, start, settings, told(on_check))
    best, spent = settled(fleet, form, outcome, settings), outcome.iterations
    for part in TIGHTER:
        left = settings.max_iterations - spent
        if best.status is Status.OK or best.repaired or not outcome.converged or left <= 0:
            break
        # What agreeing on exact trades costs shows only now; with better prices it costs less.
        closer = replace(settings, relative_gap=part * settings.relative_gap, max_iterations=left)
        outcome = cleared_by(fleet, form, outcome.end, closer, told(on_check))
        outcome = replace(outcome, converged=outcome.within(settings.relative_gap))
        spent += outcome.iterations
        closer_one = settled(fleet, form, outcome, settings)
        best = min(best, closer_one, key=lambda one: (one.status is not Status.OK, abs(one.relative_gap)))
    return replace(best, iterations=spent)


def settled(fleet: Fleet, form: Form, outcome: Outcome[Certificate], settings: Settings) -> Clearing:
    """Agree on exactly reciprocal trades, let everyone complete its dispatch, and judge what came out."""
    end, certificate = outcome.end, outcome.certificate
    # Those that prove the bound are nearer to the optimum than where the iteration stopped.
    proven = end.price_per_kwh if certificate.price_per_kwh is None else certificate.price_per_kwh
    kept, repaired = _agreed(fleet, form, end, settings.binding)
    agreed = with_least_trade(fleet, kept, proven)
    dispatch = agreed.dispatch
    cost = float(dispatch.cost.sum()) + _charges(fleet.problem, form, end.z, agreed.binding)
    cost += _unkept(fleet.problem, dispatch)
    final = replace(certificate, cost=cost)
    converged = outcome.converged and final.is_sound and final.relative_gap <= settings.relative_gap
    # Stores that were held to one direction are what may cost more than an iteration that had converged.
    held = outcome.converged and final.is_sound and repaired
    status = Status.OK if converged else Status.GAP_OPEN if held else Status.NOT_CONVERGED
    cause = None if converged else cause_of(fleet.problem, outcome, final, settings, CENTRALLY)
    # Who does not trade a carrier has a price of its own for it.
    prices = np.where(fleet.problem.member[:, None, :], proven, dispatch.price_per_kwh)
    regrets = regrets_at(fleet, form, prices, agreed.sale_kw, own_cost=dispatch.cost, cost=cost)
    found = Found(agreed.binding, agreed.sale_kw, prices, dispatch, repaired, regrets)
    return clearing_of(fleet.problem, form.name, outcome, final, found, status, cause)


def clearing_of(
    problem: PreparedProblem,
    form: str,
    outcome: Outcome[Certificate],
    final: Certificate,
    found: Found,
    status: Status,
    cause: str | None,
) -> Clearing:
    """What was found, with the figures of its iteration and of its certificate, `final`."""
    return Clearing(
        status=status,
        cause=cause,
        form=form,
        iterations=outcome.iterations,
        primal_residual=float(outcome.residuals.primal.max()),
        dual_residual=float(outcome.residuals.dual.max()),
        cost=final.cost,
        lower_bound=final.lower_bound,
        relative_gap=final.relative_gap,
        gap_of_gain=final.gap_of_gain,
        trades=found.binding[0],
        sale_kw=found.sale_kw,
        price_per_kwh=found.price_per_kwh,
        dispatch=found.dispatch,
        repaired=found.repaired,
        scarcity_price_per_kwh=problem.scarcity_price_per_kwh,
        end=outcome.end,
        later_trades=found.binding[1:],
        regrets=found.regrets,
    )


def _charges(problem: PreparedProblem, form: Form, z: FloatArray, binding: Binding) -> float:
    """Money that both ends pay: for the agreed trades of the intervals that bind, and for z later."""
    later = z.copy()
    later[:, : len(binding)] = 0.0
    now = sum(
        charges.at(t).cost_per_hour(own.seller, own.buyer, own.power_kw)
        for t, trades in enumerate(binding)
        for own, charges in zip(trades, problem.charges, strict=True)
    )
    return now * problem.dt_h + form.charge(later)


def _unkept(problem: PreparedProblem, dispatch: Completions) -> float:
    """Money, at the scarcity price, for what stores and totals of a dispatch are missed by.

    That is a solver's tolerance and worth nothing, unless scarcity prices are in play, against which it would look like
    energy for nothing.
    """
    missed_kwh = dispatch.missed_kwh.copy()
    for i in np.flatnonzero((dispatch.penalty > 0.0) & np.isnan(missed_kwh)).tolist():
        missed_kwh[i] = problem.models[i].missed_by(dispatch.x[i])
    missed = float(missed_kwh[dispatch.penalty > 0.0].sum())
    return missed * problem.scarcity_price_per_kwh if missed else 0.0


def _agreed(fleet: Fleet, form: Form, end: Start, count: int) -> tuple[Agreed, bool]:
    """What fits each other in the first `count` intervals, and whether storages had to be repaired.

    Where all trades are found anew from what devices inject, the iteration's own sales serve, and there are none yet.
    """
    if all(is_found_anew(fleet.problem, c) for c, who in enumerate(fleet.problem.member) if who.any()):
        sale = form.sales(end.z)
        dispatch, repaired = fleet.one_way_dispatch(sale)
        if not _surplus_kw(fleet, dispatch, count).any():
            none = tuple(no_trades() for _ in fleet.problem.charges)
            return Agreed((none,) * count, sale, dispatch), repaired
    return _trimmed(fleet, form, end, count)


def _surplus_kw(fleet: Fleet, dispatch: Completions, count: int) -> FloatArray:
    """(C, count, N) what nobody can balance in the first intervals."""
    surplus: FloatArray = dispatch.imbalance_kw[:, :count].copy()
    surplus[np.abs(surplus) <= NEGLIGIBLE * fleet.power_kw] = 0.0
    return surplus


def _trimmed(fleet: Fleet, form: Form, end: Start, count: int) -> tuple[Agreed, bool]:
    """Trades as they were iterated; one that an end cannot keep is trimmed."""
    min_trade_kw = MIN_TRADE * float(fleet.power_kw.mean())
    price, sale = end.price_per_kwh, form.sales(end.z).copy()
    binding = tuple(tuple(form.trades(end.z, price, min_trade_kw=min_trade_kw, interval=t)) for t in range(count))
    for rounds_left in range(TRIMMING_ROUNDS - 1, -1, -1):
        for t, trades in enumerate(binding):
            for c, carrier_trades in enumerate(trades):
                sale[c, t] = carrier_trades.net_sale(sale.shape[2])
        dispatch, repaired = fleet.one_way_dispatch(sale)
        surplus = _surplus_kw(fleet, dispatch, count)
        if not surplus.any() or not rounds_left:
            break
        binding = tuple(
            tuple(trimmed(trade, s, min_trade_kw=min_trade_kw) for trade, s in zip(trades, surplus[:, t], strict=True))
            for t, trades in enumerate(binding)
        )
    return Agreed(binding, sale, dispatch), repaired


def cause_of(
    problem: PreparedProblem, outcome: Outcome[Certificate], final: Certificate, settings: Settings, remedy_of_gap: str
) -> str:
    """Why a clearing is not what was asked for; `remedy_of_gap` is for a sound bound that does not close."""
    found = f"relative gap {final.relative_gap:.2e}, worst residual {outcome.residuals.worst:.2e}"
    where = f"after {outcome.iterations} iterations: {found}"
    limit = residual_limit(settings.relative_gap, outcome.end.weight.shape[1])
    asked = f"both must be at most {limit:g}"
    if limit > settings.relative_gap:
        asked = f"they must be at most {settings.relative_gap:g} and {limit:g}"
    suspects = out_of_proportion(problem)
    if suspects is not None:
        return f"{where}, {asked}; out of all proportion: {suspects}; mend these"
    if not outcome.residuals_within(settings.relative_gap):
        remedy = "raise market.max_iterations or market.relative_gap"
    elif not final.is_sound:
        remedy = "the cost lies below its bound: prices and limits are too far apart in size"
    else:
        remedy = f"the bound does not close: {remedy_of_gap}"
    return f"{where}, {asked}; {remedy}"
