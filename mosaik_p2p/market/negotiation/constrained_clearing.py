"""One clearing that keeps the networks' rows, as a value like any other clearing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.cleared import Clearing, Found, Progress, cause_of, clearing_of, told
from mosaik_p2p.market.imbalance import with_imbalance_priced, without_lone_members
from mosaik_p2p.market.iteration.driver import OnCheck, Outcome, Start
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.operator_step import ConstrainedFleet, OperatorForm, without_contracts
from mosaik_p2p.market.network_step.agreed_trades import MIN_TRADE, planned_kw, with_contracts
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Alone, Fleet
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.market.regrets import regrets_at
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.units import BoolArray, FloatArray

TIGHTER = 0.5
"""Part of the wanted gap at which the iteration stops: agreeing on exact trades costs a little, and the cost of keeping
a limit is a small difference between large costs."""
LONGER = "raise market.max_iterations or market.relative_gap"
"""The remedy where the bound does not close: nothing else clears under rows."""


class Way(Protocol):
    """How the point of rest under rows is found: where it ended, and by which certificate."""

    def __call__(
        self,
        fleet: ConstrainedFleet,
        form: OperatorForm,
        start: Start | None,
        settings: Settings,
        on_check: OnCheck[Certificate] | None,
        /,
    ) -> Outcome[Certificate]:
        """From `start` if it fits, else from the data alone. Raises NotSolved."""


@dataclass(frozen=True)
class Ended:
    """Where a clearing under rows ended, for the next one, which may lift other intervals."""

    lifted: tuple[int, ...]
    end: Start
    injection_kw: FloatArray
    """(C, T, N)."""
    sale_kw: FloatArray
    """(C, T, N)."""


@dataclass(frozen=True)
class ConstrainedClearing:
    """A clearing under rows, what keeping them is worth, and what they could not be kept by.

    Arrays over intervals hold zeros where nothing is lifted (see `Limits.lifted`), injections aside.
    """

    clearing: Clearing
    """Prices are what a kWh injected is worth to each prosumer, surcharge deducted; its cost is the market's, without
    what the operator adds."""
    lifted: tuple[int, ...]
    surcharge_per_kwh: FloatArray
    """(C, T, N): what everyone pays for each kWh injected: rows, losses and levy together."""
    loss_per_kwh: FloatArray
    """(C, T, N): the part of it that losses cost."""
    multiplier: FloatArray
    """(R,) money per unit of each row and hour."""
    slack: FloatArray
    """(R,) by how much each row is violated, in its unit: more than all prosumers together can mend."""
    injection_kw: FloatArray
    """(C, T, N) cleared injections."""
    end: Start
    """Where the iteration stopped; starts the next clearing under rows of the same intervals."""

    @property
    def ended(self) -> Ended:
        """What the next clearing under rows starts from."""
        return Ended(self.lifted, self.end, self.injection_kw, self.clearing.sale_kw)


def connected(problem: MarketProblem) -> PreparedProblem:
    """The market with imbalances priced; who has nobody to trade a carrier with stays connected to its network."""
    ready = with_imbalance_priced(problem)
    models = tuple(replace(model, member=raw.member) for model, raw in zip(ready.models, problem.models, strict=True))
    return replace(ready, models=models)


def injections(problem: PreparedProblem, dispatch: Sequence[Completion]) -> FloatArray:
    """(C, T, N) what everyone's devices put on the networks, kW; zero where not connected."""
    kw = [planned_kw(model, done.x) for model, done in zip(problem.models, dispatch, strict=True)]
    return np.where(problem.member[:, None, :], np.stack(kw, axis=-1), 0.0)


def imbalances(problem: PreparedProblem, dispatch: Sequence[Completion]) -> FloatArray:
    """(2, C, T, N) what everyone lacks, and has too much, kW; zero where not connected."""
    kw = [_with_the_market_kw(model, done.x) for model, done in zip(problem.models, dispatch, strict=True)]
    surplus = np.where(problem.member[:, None, :], np.stack(kw, axis=-1), 0.0)
    result: FloatArray = np.maximum(np.stack([-surplus, surplus]), 0.0)
    return result


def _with_the_market_kw(model: ProsumerModel, x: FloatArray) -> FloatArray:
    rows = [k for k, v in enumerate(model.variables) if v.type == IMBALANCE and not v.is_behind_meter]
    result: FloatArray = -np.einsum("ckt,kt->ct", model.balance[:, rows], x[rows])
    return result


def least_exchange(problem: PreparedProblem, lifted: Sequence[int] = (0,)) -> FloatArray:
    """(C, T, N) what has to enter the networks if everyone exchanges as little as it can in the lifted intervals: what
    devices cannot balance."""
    alone = Fleet(without_contracts(problem, lifted))
    return injections(problem, tuple(alone.dispatch_for_sales(np.zeros(problem.shape))))


def start_from(problem: PreparedProblem, clearing: Clearing, weight: FloatArray, lifted: Sequence[int] = (0,)) -> Start:
    """A start for the first clearing under rows out of the one without."""
    z, at = clearing.sale_kw.copy(), list(lifted)
    z[:, at] = injections(problem, clearing.dispatch)[:, at]
    # The iteration goes on from its own prices, not from those published; who does not trade has one of its own.
    traded = without_lone_members(problem).member[:, None, :]
    return Start(z, np.where(traded, clearing.end.price_per_kwh, clearing.price_per_kwh), weight)


def start_again(before: Ended, lifted: Sequence[int]) -> Start:
    """A start for a clearing under rows out of one that may have lifted other intervals."""
    z = before.end.z.copy()
    for t in set(lifted) ^ set(before.lifted):
        z[:, t] = (before.injection_kw if t in lifted else before.sale_kw)[:, t]
    return replace(before.end, z=z)


def clear_constrained(
    problem: PreparedProblem,
    limits: Limits,
    settings: Settings,
    *,
    alone: Alone,
    start: Start | None = None,
    on_check: Progress | None = None,
    way: Way = cleared_by,
) -> ConstrainedClearing:
    """Clear `problem` (see `connected`) within `limits`, in whatever `way` its point of rest is found.

    Rows that cannot be kept get slack, at a price above all others. Raises NotSolved where a programme has no numerical
    solution.
    """
    form = OperatorForm(problem, limits, binding=settings.binding)
    fleet = ConstrainedFleet(problem, form, alone=alone)
    tighter = replace(settings, relative_gap=TIGHTER * settings.relative_gap)
    outcome = way(fleet, form, start, tighter, told(on_check))
    return _settled(problem, fleet, form, outcome, settings, limits)


def _settled(
    problem: PreparedProblem,
    fleet: ConstrainedFleet,
    form: OperatorForm,
    outcome: Outcome[Certificate],
    settings: Settings,
    limits: Limits,
) -> ConstrainedClearing:
    end, at = outcome.end, list(form.lifted)
    found_prices = _prices(form, end, limits)
    done, repaired = fleet.one_way_dispatch(end.z)
    injection = injections(problem, done)
    certified = outcome.certificate.price_per_kwh
    prices = (end.price_per_kwh if certified is None else certified).copy()
    prices[:, at] = found_prices.node_per_kwh[:, at]
    least_kw = MIN_TRADE * float(fleet.power_kw.mean())
    trades = {t: tuple(form.trades(injection, prices, min_trade_kw=least_kw, interval=t)) for t in form.lifted}
    sale = _sales(end.z, trades)
    dispatch = tuple(_with_all_contracts(problem.models[i], done[i], sale[:, :, i], at) for i in range(len(done)))
    slack = _slack(limits, injection)
    cost = sum(part.cost for part in dispatch) + _charges(problem, trades) + form.charge_elsewhere(end.z)
    # The bound is one on both together; of dispatches for which the operator adds no more, the rest bounds the cost.
    lower_bound = outcome.certificate.lower_bound - form.added(injection)
    certificate = replace(outcome.certificate, cost=cost, lower_bound=lower_bound)
    prices[:, at] -= found_prices.surcharge_per_kwh[:, at]
    own = np.where(problem.member[:, None, :], prices, np.stack([part.price_per_kwh for part in dispatch], axis=-1))
    regrets = regrets_at(
        fleet,
        form,
        own,
        np.where(_is_lifted(form)[:, None], injection, end.z),
        own_cost=_without_imbalances(fleet, done.x, at),
        cost=cost + form.added(injection),
    )
    status = _status(outcome, certificate, settings, repaired=repaired)
    cause = None if status is Status.OK else _cause(problem, outcome, certificate, settings)
    binding = tuple(trades[t] for t in range(settings.binding))
    found = Found(binding, sale, own, dispatch, repaired, regrets)
    clearing = clearing_of(problem, form.name, outcome, certificate, found, status, cause)
    return ConstrainedClearing(
        clearing=clearing,
        lifted=form.lifted,
        surcharge_per_kwh=found_prices.surcharge_per_kwh,
        loss_per_kwh=found_prices.loss_per_kwh,
        multiplier=found_prices.multiplier,
        slack=slack,
        injection_kw=injection,
        end=end,
    )


def _is_lifted(form: OperatorForm) -> BoolArray:
    """(T,)."""
    return np.isin(np.arange(form.shape[1]), form.lifted)


def _without_imbalances(fleet: ConstrainedFleet, x: Sequence[FloatArray], lifted: list[int]) -> FloatArray:
    """(N,) what dispatches (K, T) cost everyone, but for what devices do not follow in lifted intervals: contracts
    there make up for it, which are the network's."""
    costs = []
    for model, own in zip(fleet.problem.models, x, strict=True):
        outside = [k for k, v in enumerate(model.variables) if v.type == IMBALANCE and not v.is_behind_meter]
        rows = [k for k in outside if model.balance[np.flatnonzero(model.member), k].any()]
        followed = own.copy()
        followed[np.ix_(rows, lifted)] = 0.0
        costs.append(model.cost(followed))
    return np.array(costs)


def _with_all_contracts(model: ProsumerModel, done: Completion, sale_kw: FloatArray, lifted: list[int]) -> Completion:
    """The dispatch with what the contracts take or give in all lifted intervals, sales (C, T) as agreed."""
    for t in lifted:
        done = with_contracts(model, done, sale_kw[:, t], t)
    return done


def _slack(limits: Limits, injection_kw: FloatArray) -> FloatArray:
    """(R,) by how much injections (C, T, N) break the rows, in their unit."""
    values = [float(row.slope @ injection_kw[row.carrier, row.interval]) - row.bound for row in limits.rows]
    result: FloatArray = np.maximum(np.array(values, dtype=float), 0.0)
    return result


def _status(outcome: Outcome[Certificate], final: Certificate, settings: Settings, *, repaired: bool) -> Status:
    """`gap_open` where the market had converged, and only holding stores to one direction cost more than asked."""
    if not final.is_sound:
        return Status.NOT_CONVERGED
    if final.relative_gap <= settings.relative_gap and outcome.residuals_within(settings.relative_gap):
        return Status.OK
    return Status.GAP_OPEN if repaired and outcome.converged else Status.NOT_CONVERGED


def _sales(z: FloatArray, trades: Mapping[int, tuple[Trades, ...]]) -> FloatArray:
    """(C, T, N) net sales: of the trades in the lifted intervals, of z in all others."""
    sale = z.copy()
    for t, of_carriers in trades.items():
        for c, own in enumerate(of_carriers):
            sale[c, t] = own.net_sale(sale.shape[2])
    return sale


def _cause(problem: PreparedProblem, outcome: Outcome[Certificate], final: Certificate, settings: Settings) -> str:
    return f"under the networks' limits, {cause_of(problem, outcome, final, settings, LONGER)}"


@dataclass(frozen=True)
class _Prices:
    """Behind the end of an iteration: of nodes, surcharges and losses (C, T, N), and the rows' multipliers (R,)."""

    node_per_kwh: FloatArray
    surcharge_per_kwh: FloatArray
    loss_per_kwh: FloatArray
    multiplier: FloatArray


def _prices(form: OperatorForm, end: Start, limits: Limits) -> _Prices:
    node, surcharge, loss = (np.zeros(form.shape) for _ in range(3))
    multiplier = np.zeros(len(limits.rows))
    place = np.array([(row.carrier, row.interval) for row in limits.rows], dtype=int).reshape(-1, 2)
    for one, answer in form.answers(form.start(end.z, end.price_per_kwh, end.weight), end.weight):
        at = (one.c, one.t, one.who)
        node[at], loss[at] = answer.node_price_per_kwh, answer.loss_per_kwh
        surcharge[at] = answer.surcharge_per_kwh + answer.loss_per_kwh
        if limits.levy_per_kwh is not None:
            surcharge[at] += limits.levy_per_kwh[at]
        multiplier[(place == (one.c, one.t)).all(axis=1)] = answer.multiplier
    return _Prices(node, surcharge, loss, multiplier)


def _charges(problem: PreparedProblem, trades: Mapping[int, tuple[Trades, ...]]) -> float:
    """Money that both ends of the trades pay in the lifted intervals."""
    return problem.dt_h * sum(
        charges.at(t).cost_per_hour(own.seller, own.buyer, own.power_kw)
        for t, of_carriers in trades.items()
        for own, charges in zip(of_carriers, problem.charges, strict=True)
    )
