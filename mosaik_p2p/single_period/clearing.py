"""Clear a plain market: the front door."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.market.algorithm_registry import ALGORITHMS
from mosaik_p2p.market.iteration.driver import Algorithm
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.sections.registry import KindRefused, KindUnknown
from mosaik_p2p.single_period.algorithm import Outcome
from mosaik_p2p.single_period.bounds import alone_costs
from mosaik_p2p.single_period.least import with_least_trade
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.single_period.one_sided import GROWTH, MOST_SHIFTS, sides_of
from mosaik_p2p.single_period.presolve import within_means
from mosaik_p2p.single_period.sides import iterate
from mosaik_p2p.single_period.tables import read_market
from mosaik_p2p.units import FloatArray, IntArray

CENTRAL = "central"
"""The method that is no algorithm of ours: HiGHS, through Pyomo."""
MIN_TRADE = 1e-12
"""Trades below this part of the largest one are rounding, not trade."""
BALANCED = 1e-9
"""Part of all limits by which a connected part's must overlap nothing to be called short; less is rounding."""
BELOW_ITS_BOUND = "the cost lies below its bound"
SHOWN = 10
"""Agents of a part that cannot be balanced that are named."""


Solve: TypeAlias = Callable[[PlainMarket], Outcome]


class PlainStatus(StrEnum):
    """What became of a plain market."""

    OK = "ok"
    NOT_CONVERGED = "not_converged"
    INFEASIBLE = "infeasible"
    """Some agents cannot be balanced, whatever the trades."""


@dataclass(frozen=True)
class PlainTrade:
    """Power in kW at a price per kWh: the seller keeps the price less its charge, the buyer pays its own on top."""

    seller: str
    buyer: str
    power_kw: float
    price: float


@dataclass(frozen=True)
class PlainAgent:
    """Net sale in kW, and the price per kWh at which an agent sells and buys on its own side of the charges."""

    name: str
    net_kw: float
    marginal_cost: float


@dataclass(frozen=True)
class PlainClearing:
    """The outcome for one hour. Never `ok` unless the certified gap is within what was asked for; `cause` says why."""

    status: PlainStatus
    cause: str | None
    method: str
    iterations: int | None
    """None where the solver does not tell."""
    cost: float | None
    """Of all agents, and of both ends' charges, per hour; None (as below) where there is no solution."""
    lower_bound: float | None
    cost_alone: float
    """Without trades: each agent at net zero, or as near to it as its limits allow."""
    charges: float | None
    relative_gap: float | None
    """(cost - lower bound) / max(|cost|, sum of |cost alone|)."""
    gap_of_gain: float | None
    """The same difference over the gain from trade; None where there is no gain."""
    primal_residual: float | None
    dual_residual: float | None
    agents: tuple[PlainAgent, ...]
    trades: tuple[PlainTrade, ...]
    """The largest first."""

    @property
    def welfare(self) -> float | None:
        """Minus the cost."""
        return None if self.cost is None else -self.cost


def clear_plain(
    agents: pd.DataFrame | str | Path,
    pairs: pd.DataFrame | str | Path,
    *,
    method: str = "admm",
    gap: float = 1e-4,
    max_iterations: int = 5000,
    on_check: Callable[[int, float], None] | None = None,
) -> PlainClearing:
    """Clear one hour of a plain market.

    `agents` has the columns name, p_min_kw, p_max_kw, a and b (cost a/2 p^2 + b p per hour, p > 0 produces; several
    rows of one name are assets of one agent), `pairs` the columns i, j, charge_i and charge_j (per kWh traded, each
    end's). Both may be CSV files. `method` is a clearing algorithm (also one of yours, as `package.module:name`) or
    `central`. `gap` is the relative gap of a solution. `on_check` is told iterations and gap.
    Raises BadInput with every fault of the tables.
    """
    algorithm, faults = _algorithm(method)
    faults += _gap_faults(gap)
    try:
        market = read_market(agents, pairs)
    except BadInput as bad:
        raise BadInput([*faults, *bad.faults]) from None
    if faults:
        raise BadInput(faults)
    cause = unbalanced(market)
    if cause is not None:
        return _without_solution(market, method, cause)
    try:
        stated, outcome = _solved(market, _solver(algorithm, gap, max_iterations, on_check))
    except NotSolved as error:
        return _without_solution(market, method, str(error), status=PlainStatus.NOT_CONVERGED)
    iterations = None if algorithm is None else outcome.iterations
    return solution(stated, outcome, method=method, iterations=iterations, gap=gap)


def _solver(
    algorithm: type[Algorithm[Any]] | None,
    gap: float,
    max_iterations: int,
    on_check: Callable[[int, float], None] | None,
) -> Solve:
    """What solves a market; the central model where there is no algorithm."""
    if algorithm is None:
        # Pyomo takes a second to import and is needed only here.
        from mosaik_p2p.single_period.central import solve_centrally

        return partial(solve_centrally, relative_gap=gap)
    return partial(iterate, algorithm=algorithm(), relative_gap=gap, max_iterations=max_iterations, on_check=on_check)


def _solved(market: PlainMarket, solve: Solve) -> tuple[PlainMarket, Outcome]:
    """The outcome, and the market as it was stated for it: shifted where pairs are paid for trading.

    Raises NotSolved where somebody passes power on who was to go one way, whatever the shift.
    """
    sides = sides_of(market)
    if sides is None:
        stated = within_means(market)
        return stated, solve(stated)
    for number in range(MOST_SHIFTS):
        stated = within_means(sides.shifted(market, GROWTH**number))
        outcome = solve(stated)
        if sides.are_kept(stated.pairs, outcome.upper.flow_kw):
            return stated, outcome
    raise NotSolved(
        "an agent that can only sell, or only buy, would pass power on over pairs that are paid for trading; raise "
        "max_iterations, or the negative charges towards 0"
    )


def _algorithm(method: str) -> tuple[type[Algorithm[Any]] | None, list[Fault]]:
    """The algorithm of this name; None for the central solution, and where there is none. Who names it here runs it."""
    if method == CENTRAL:
        return None, []
    try:
        return ALGORITHMS.find(str(method), allow_code=True), []
    except KindUnknown:
        known = ", ".join(f'"{name}"' for name in ALGORITHMS.names())
        return None, [Fault("method", repr(method), "is not known", f'Use {known} or "{CENTRAL}"')]
    except KindRefused as refused:
        return None, [Fault("method", repr(method), refused.problem, refused.remedy)]


def _gap_faults(gap: float) -> list[Fault]:
    if isinstance(gap, int | float) and 0.0 < gap < 1.0:
        return []
    return [Fault("gap", str(gap), "must lie between 0 and 1", "Use 1e-4")]


def unbalanced(market: PlainMarket) -> str | None:
    """Who cannot be balanced, and by how much; None where everyone can."""
    least = np.bincount(market.part, market.supply.least_kw)
    most = np.bincount(market.part, market.supply.most_kw)
    reach = np.bincount(market.part, np.abs(market.supply.least_kw) + np.abs(market.supply.most_kw))
    texts = []
    for part in np.flatnonzero((least > BALANCED * reach) | (most < -BALANCED * reach)):
        inside = [market.names[i] for i in np.flatnonzero(market.part == part)]
        named = ", ".join(inside[:SHOWN]) + (f" and {len(inside) - SHOWN} more" if len(inside) > SHOWN else "")
        whose = f"agent {named} alone" if len(inside) == 1 else f"agents {named} together"
        if least[part] > 0:
            texts.append(f"{whose} must sell at least {least[part]:g} kW, and nobody is left to buy it")
        else:
            texts.append(f"{whose} must buy at least {-most[part]:g} kW, and nobody is left to sell it")
    return "; ".join(texts) or None


def solution(
    market: PlainMarket, outcome: Outcome, *, method: str, iterations: int | None, gap: float
) -> PlainClearing:
    """The outcome by names, with the least trade behind it."""
    outcome = with_least_trade(market, outcome)
    upper, lower = outcome.upper, outcome.lower
    alone = float(alone_costs(market).sum())
    gain = alone - upper.cost
    is_sound = outcome.relative_gap >= 0.0
    cause, converged = None, outcome.converged and is_sound and outcome.relative_gap <= gap
    if not converged:
        how = f"after {iterations} iterations" if iterations is not None else "the central solution"
        remedy = "use a larger gap" if is_sound else f"{BELOW_ITS_BOUND}: use figures nearer to each other in size"
        cause = f"{how}: relative gap {outcome.relative_gap:.2e}, wanted {gap:g}; {remedy}"
    return PlainClearing(
        status=PlainStatus.OK if converged else PlainStatus.NOT_CONVERGED,
        cause=cause,
        method=method,
        iterations=iterations,
        cost=upper.cost,
        lower_bound=lower.bound,
        cost_alone=alone,
        charges=_charges(market, upper.flow_kw),
        relative_gap=outcome.relative_gap,
        gap_of_gain=(upper.cost - lower.bound) / gain if gain > 1e-9 * outcome.scale else None,
        primal_residual=_measured(outcome.primal_residual),
        dual_residual=_measured(outcome.dual_residual),
        agents=tuple(
            PlainAgent(name, float(sale), float(price))
            for name, sale, price in zip(market.names, upper.sale_kw, _own_price(market, lower.price), strict=True)
        ),
        trades=_trades(market, upper.flow_kw, lower.price),
    )


def _measured(residual: float) -> float | None:
    """None where no point of the iteration was measured."""
    return residual if np.isfinite(residual) else None


def _own_price(market: PlainMarket, price: FloatArray) -> FloatArray:
    return price if market.price_shift is None else price + market.price_shift


def _charges(market: PlainMarket, flow_kw: FloatArray) -> float:
    """What both ends pay per hour, as it was given and not as it was stated for the solver."""
    charge = market.pairs.charge
    if market.price_shift is not None:
        shift = np.abs(market.price_shift)
        charge = charge - shift[market.pairs.first] - shift[market.pairs.second]
    return float(np.sum(charge * np.abs(flow_kw)))


def _trades(market: PlainMarket, flow_kw: FloatArray, price: FloatArray) -> tuple[PlainTrade, ...]:
    """The price of a trade is the middle of what both ends compute from their own prices and charges."""
    pairs, power = market.pairs, np.abs(flow_kw)
    real = np.flatnonzero(power > MIN_TRADE * power.max(initial=0.0))
    at = real[np.argsort(-power[real], kind="stable")]
    sells = flow_kw[at] > 0
    seller: IntArray = np.where(sells, pairs.first[at], pairs.second[at])
    buyer: IntArray = np.where(sells, pairs.second[at], pairs.first[at])
    own_first, own_second = pairs.charge_first[at], pairs.charge_second[at]
    seller_charge, buyer_charge = np.where(sells, own_first, own_second), np.where(sells, own_second, own_first)
    agreed = (price[seller] + seller_charge + price[buyer] - buyer_charge) / 2
    return tuple(
        PlainTrade(market.names[i], market.names[j], float(kw), float(per_kwh))
        for i, j, kw, per_kwh in zip(seller, buyer, power[at], agreed, strict=True)
    )


def _without_solution(
    market: PlainMarket, method: str, cause: str, *, status: PlainStatus = PlainStatus.INFEASIBLE
) -> PlainClearing:
    return PlainClearing(
        status=status,
        cause=cause,
        method=method,
        iterations=0 if status is PlainStatus.INFEASIBLE else None,
        cost=None,
        lower_bound=None,
        cost_alone=float(alone_costs(market).sum()),
        charges=None,
        relative_gap=None,
        gap_of_gain=None,
        primal_residual=None,
        dual_residual=None,
        agents=(),
        trades=(),
    )
