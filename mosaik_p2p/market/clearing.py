"""Clear a market: the front door of the market core."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market import admm
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.fleet import Fleet
from mosaik_p2p.market.forms import Form, choose_form
from mosaik_p2p.market.problem import MarketProblem, Settings, without_lone_members
from mosaik_p2p.market.quadratic import NotSolved
from mosaik_p2p.market.subproblem import NEGLIGIBLE, Completion
from mosaik_p2p.market.trades import Trades, trimmed
from mosaik_p2p.units import FloatArray

TRIMMING_ROUNDS = 4
"""A partner that gives way with one trade may have to with the next; what then is left over is reported."""
DUST = 1e-5
"""Trades below this part of a prosumer's mean size are rounding, not trade."""
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Clearing:
    """The outcome of one clearing over its look-ahead; only the first interval has trades, since only it binds.

    Never says `ok` unless residuals and the certified gap are within the tolerance; otherwise `cause` says why.
    """

    status: Status
    cause: str | None
    form: str
    iterations: int
    primal_residual: float
    dual_residual: float
    cost: float
    """Money over the look-ahead: every prosumer's own cost plus what both ends of all trades pay in charges."""
    lower_bound: float
    relative_gap: float
    gap_of_gain: float | None
    trades: tuple[Trades, ...]
    """One per carrier."""
    sale_kw: FloatArray
    """(C, T, N) net sales."""
    price_per_kwh: FloatArray
    """(C, T, N): each prosumer's own price."""
    dispatch: tuple[Completion, ...]
    """One per prosumer."""
    alone_cost: FloatArray
    """(N,): what each prosumer's look-ahead costs without peers."""
    end: admm.Start
    """Where the iteration stopped; starts the next clearing."""


def clear(
    problem: MarketProblem,
    settings: Settings,
    *,
    start: admm.Start | None = None,
    on_check: Progress | None = None,
) -> Clearing:
    """Clear `problem` with ADMM, from `start` (an earlier clearing's `end`, see `shifted`) or from the data alone.

    Raises ValueError where the form asked for cannot state the problem, and NotSolved where a prosumer's own
    problem has no numerical solution.
    """
    problem = without_lone_members(problem)
    fleet = Fleet(problem)
    form = choose_form(problem, settings.form)
    begin = start if start is not None and start.z.shape == form.shape else admm.cold_start(fleet, form)
    outcome = admm.run(fleet, form, begin, settings, on_check=on_check)
    return _settled(fleet, form, outcome, settings)


def shifted(start: admm.Start) -> admm.Start:
    """The start one interval later; the new last interval begins like the old first one, a look-ahead earlier."""
    return admm.Start(np.roll(start.z, -1, axis=1), np.roll(start.price_per_kwh, -1, axis=1), start.weight)


def _settled(fleet: Fleet, form: Form, outcome: admm.Outcome, settings: Settings) -> Clearing:
    """Agree on exactly reciprocal trades, let everyone complete its dispatch, and take stock."""
    end, certificate = outcome.end, outcome.certificate
    trades, sale, dispatch = _agreed(fleet, form, end)
    cost = sum(done.cost + done.penalty for done in dispatch) + form.charge(end.z)
    final = Certificate(cost, certificate.lower_bound, certificate.cost_alone, certificate.scale)
    cause = None if outcome.converged else _cause(outcome, settings)
    return Clearing(
        status=Status.OK if outcome.converged else Status.NOT_CONVERGED,
        cause=cause,
        form=form.name,
        iterations=outcome.iterations,
        primal_residual=float(outcome.residuals.primal.max()),
        dual_residual=float(outcome.residuals.dual.max()),
        cost=cost,
        lower_bound=final.lower_bound,
        relative_gap=final.relative_gap,
        gap_of_gain=final.gap_of_gain,
        trades=trades,
        sale_kw=sale,
        price_per_kwh=end.price_per_kwh,
        dispatch=dispatch,
        alone_cost=fleet.alone.cost,
        end=end,
    )


def dust_kw(power_kw: FloatArray) -> float:
    """The power below which a trade is rounding, for prosumers of sizes `power_kw`."""
    return DUST * float(power_kw.mean())


def _agreed(fleet: Fleet, form: Form, end: admm.Start) -> tuple[tuple[Trades, ...], FloatArray, tuple[Completion, ...]]:
    """Trades, net sales and dispatches that fit each other; a trade that an end cannot keep is trimmed."""
    trades = tuple(form.trades(end.z, end.price_per_kwh, dust_kw=dust_kw(fleet.power_kw)))
    sale = form.sales(end.z).copy()
    count = sale.shape[2]
    for _ in range(TRIMMING_ROUNDS):
        for c, carrier_trades in enumerate(trades):
            sale[c, 0] = carrier_trades.net_sale(count)
        dispatch = tuple(fleet.complete(sale))
        surplus = np.stack([done.imbalance_kw[:, 0] for done in dispatch], axis=-1)
        surplus[np.abs(surplus) <= NEGLIGIBLE * fleet.power_kw] = 0.0
        if not surplus.any():
            break
        trades = tuple(trimmed(t, s) for t, s in zip(trades, surplus, strict=True))
    return trades, sale, dispatch


def _cause(outcome: admm.Outcome, settings: Settings) -> str:
    return (
        f"after {outcome.iterations} iterations the relative gap is {outcome.certificate.relative_gap:.2e} and the "
        f"worst residual {outcome.residuals.worst:.2e}, both must be at most {settings.relative_gap:g}; "
        "raise market.max_iterations or market.relative_gap"
    )


def describe_failure(error: NotSolved) -> str:
    """Cause and remedy of a numerical failure, for a record."""
    return f"a prosumer's problem was not solved ({error}); look for limits or prices of very different size"
