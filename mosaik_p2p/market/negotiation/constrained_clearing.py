"""One clearing that keeps the networks' rows in its first interval, as a value like any other clearing."""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.cleared import Clearing, Found, Progress, cause_of, clearing_of, told
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.iteration.driver import Outcome, Start
from mosaik_p2p.market.negotiation.operator_step import ConstrainedFleet, Limits, OperatorForm, without_contracts
from mosaik_p2p.market.network_step.agreed_trades import MIN_TRADE, devices_kw, with_contracts
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Alone, Fleet
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.units import FloatArray

TIGHTER = 0.5
"""Part of the wanted gap at which the iteration stops: agreeing on exact trades costs a little, and the cost of keeping
a limit is a small difference between large costs."""
LONGER = "raise market.max_iterations or market.relative_gap"
"""The remedy where the bound does not close: nothing else clears under rows."""


@dataclass(frozen=True)
class ConstrainedClearing:
    """A clearing under rows, what keeping them is worth, and what they could not be kept by."""

    clearing: Clearing
    """Prices are what a kWh injected is worth to each prosumer, surcharge deducted."""
    surcharge_per_kwh: FloatArray
    """(C, N): what everyone pays for each kWh injected in the first interval."""
    multiplier: FloatArray
    """(R,) money per unit of each row and hour."""
    slack: FloatArray
    """(R,) by how much each row is violated, in its unit: more than all prosumers together can mend."""
    injection_kw: FloatArray
    """(C, N) cleared injections of the first interval."""
    end: Start
    """Where the iteration stopped; starts the next clearing under rows of the same interval."""


def connected(problem: MarketProblem) -> PreparedProblem:
    """The market with imbalances priced; who has nobody to trade a carrier with stays connected to its network."""
    ready = with_imbalance_priced(problem)
    models = tuple(replace(model, member=raw.member) for model, raw in zip(ready.models, problem.models, strict=True))
    return replace(ready, models=models)


def injections(problem: PreparedProblem, dispatch: tuple[Completion, ...]) -> FloatArray:
    """(C, N) what everyone's devices put on the networks in the first interval, kW; zero where not connected."""
    now = [devices_kw(model, done.x, 0) for model, done in zip(problem.models, dispatch, strict=True)]
    return np.where(problem.member, np.stack(now, axis=-1), 0.0)


def imbalances(problem: PreparedProblem, dispatch: tuple[Completion, ...]) -> FloatArray:
    """(2, C, N) what everyone lacks, and has too much, in the first interval, kW; zero where not connected."""
    now = [_with_the_market_kw(model, done.x) for model, done in zip(problem.models, dispatch, strict=True)]
    surplus = np.where(problem.member, np.stack(now, axis=-1), 0.0)
    result: FloatArray = np.maximum(np.stack([-surplus, surplus]), 0.0)
    return result


def _with_the_market_kw(model: ProsumerModel, x: FloatArray) -> FloatArray:
    rows = [k for k, v in enumerate(model.variables) if v.type == IMBALANCE and not v.is_behind_meter]
    result: FloatArray = -model.balance[:, rows, 0] @ x[rows, 0]
    return result


def least_exchange(problem: PreparedProblem) -> FloatArray:
    """(C, N) what has to enter the networks if everyone exchanges as little as it can: what devices cannot balance."""
    return injections(problem, tuple(Fleet(without_contracts(problem)).dispatch_for_sales(np.zeros(problem.shape))))


def start_from(problem: PreparedProblem, clearing: Clearing, weight: FloatArray) -> Start:
    """A start for the first clearing under rows out of the one without."""
    z = clearing.sale_kw.copy()
    z[:, 0] = injections(problem, clearing.dispatch)
    return Start(z, clearing.price_per_kwh, weight)


def clear_constrained(
    problem: PreparedProblem,
    limits: Limits,
    settings: Settings,
    *,
    alone: Alone,
    start: Start | None = None,
    on_check: Progress | None = None,
) -> ConstrainedClearing:
    """Clear `problem` (see `connected`) within `limits`.

    Rows that cannot be kept get slack, at a price above all others. Raises NotSolved where a programme has no numerical
    solution.
    """
    form = OperatorForm(problem, limits)
    fleet = ConstrainedFleet(problem, form, alone=alone)
    tighter = replace(settings, relative_gap=TIGHTER * settings.relative_gap)
    outcome = cleared_by(fleet, form, start, tighter, told(on_check))
    return _settled(problem, fleet, form, outcome, settings, limits)


def _settled(
    problem: PreparedProblem,
    fleet: ConstrainedFleet,
    form: OperatorForm,
    outcome: Outcome[Certificate],
    settings: Settings,
    limits: Limits,
) -> ConstrainedClearing:
    end = outcome.end
    node_price, surcharge, multiplier = _prices(form, end, limits)
    done, repaired = fleet.one_way_dispatch(end.z)
    injection = injections(problem, tuple(done))
    prices = end.price_per_kwh.copy()
    prices[:, 0] = node_price
    trades = tuple(form.trades(injection[:, None], prices, min_trade_kw=MIN_TRADE * float(fleet.power_kw.mean())))
    sale = _sales(end.z, trades)
    parts = zip(problem.models, done, sale[:, 0].T, strict=True)
    dispatch = tuple(with_contracts(model, part, own_sale, 0) for model, part, own_sale in parts)
    slack = np.array([max(float(row.slope @ injection[row.carrier]) - row.bound, 0.0) for row in limits.rows])
    cost = sum(part.cost for part in dispatch) + _charges(problem, trades) + form.charge_later(end.z)
    penalty = form.penalty(injection)
    # The bound is one on both together; of dispatches with no more slack than this one, the rest bounds the cost.
    certificate = replace(outcome.certificate, cost=cost, lower_bound=outcome.certificate.lower_bound - penalty)
    prices[:, 0] = node_price - surcharge
    own = np.where(problem.member[:, None, :], prices, np.stack([part.price_per_kwh for part in dispatch], axis=-1))
    status = _status(outcome, certificate, settings, repaired=repaired)
    cause = None if status is Status.OK else _cause(problem, outcome, certificate, settings)
    found = Found((trades,), sale, own, dispatch, repaired)
    clearing = clearing_of(problem, form.name, outcome, certificate, found, status, cause)
    return ConstrainedClearing(clearing, surcharge, multiplier, slack, injection, end)


def _status(outcome: Outcome[Certificate], final: Certificate, settings: Settings, *, repaired: bool) -> Status:
    """`gap_open` where the market had converged, and only holding stores to one direction cost more than asked."""
    if not final.is_sound:
        return Status.NOT_CONVERGED
    if max(outcome.residuals.worst, final.relative_gap) <= settings.relative_gap:
        return Status.OK
    return Status.GAP_OPEN if repaired and outcome.converged else Status.NOT_CONVERGED


def _sales(z: FloatArray, trades: tuple[Trades, ...]) -> FloatArray:
    """(C, T, N) net sales: of the trades in the first interval, of z later."""
    sale = z.copy()
    for c, carrier_trades in enumerate(trades):
        sale[c, 0] = carrier_trades.net_sale(sale.shape[2])
    return sale


def _cause(problem: PreparedProblem, outcome: Outcome[Certificate], final: Certificate, settings: Settings) -> str:
    return f"under the networks' limits, {cause_of(problem, outcome, final, settings, LONGER)}"


def _prices(form: OperatorForm, end: Start, limits: Limits) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Node prices (C, N), surcharges (C, N) and the rows' multipliers (R,) behind the end of an iteration."""
    answers = form.answers(form.start(end.z, end.price_per_kwh, end.weight), end.weight)
    carriers, _, count = form.shape
    node_price, surcharge = np.zeros((carriers, count)), np.zeros((carriers, count))
    multiplier = np.zeros(len(limits.rows))
    of_carrier = np.array([row.carrier for row in limits.rows], dtype=int)
    for c, answer in enumerate(answers):
        if answer is not None:
            who = form.members(c)
            node_price[c, who], surcharge[c, who] = answer.node_price_per_kwh, answer.surcharge_per_kwh
            multiplier[of_carrier == c] = answer.multiplier
    return node_price, surcharge, multiplier


def _charges(problem: PreparedProblem, trades: tuple[Trades, ...]) -> float:
    """Money that both ends of the trades pay in the first interval."""
    return problem.dt_h * sum(
        charges.at(0).cost_per_hour(t.seller, t.buyer, t.power_kw)
        for t, charges in zip(trades, problem.charges, strict=True)
    )
