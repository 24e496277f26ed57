"""Consensus ADMM for a plain market, in its network form on the graph of partners; nothing to tune.

The iteration of `market.admm` for one interval: with w = z + u,

    z = agree(w)                      net sales of pair flows, by `market.partners`
    s = respond(2 z - w)              every agent's answer, by `supply`
    w <- w + relaxation (s - z)       accelerated by Anderson's method, plain every fifth time

All its scales come from the data: powers from the agents' limits, prices from their costs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.anderson import Anderson
from mosaik_p2p.market.certificate import CROSSED
from mosaik_p2p.market.partners import flow_tolerance, settle_flows
from mosaik_p2p.plain.bounds import (
    Lower,
    Upper,
    alone_costs,
    alone_sales,
    lower_bound,
    net,
    own_prices,
    untraded,
    upper_bound,
)
from mosaik_p2p.plain.model import PlainMarket
from mosaik_p2p.units import FloatArray

RELAXATION = 1.2
PLAIN_EVERY = 5
FIRST_PENALTY = 0.25
SIZE_EXPONENT = -0.5
LEAST_SPREAD = 0.05
SMALLEST = 1e-3
"""Least size of an agent, of the mean one's."""
RESIDUAL = 1e-3
"""Largest relative residual of a solution; the certificate says how good it is, this that it is where ADMM rests."""
WORTHLESS = 1e-6
"""Of what the middle agent's power costs at the middle price: a market is judged as if everyone paid this at least."""
ROUNDING = 1e-14
"""Of what the power that agents may sell or buy is worth at their prices: what a sum of such costs cannot tell."""
NOTICEABLE = 1e-2
"""Part of the sizes, and of the highest price."""
BALANCE_UNTIL, BALANCE_BAND, BALANCE_CAP = 200, 1.3, 3.0
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Outcome:
    """Where the iteration ended: its best trades and its best prices."""

    converged: bool
    iterations: int
    primal_residual: float
    dual_residual: float
    upper: Upper
    lower: Lower
    scale: float
    """What the gap is relative to: max(|cost|, `least_scale`)."""
    relative_gap: float
    """(cost - lower bound) / scale."""


def gap(market: PlainMarket, upper: Upper, lower: Lower, least: float) -> float:
    """(cost - lower bound) / max(|cost|, `least`), see `least_scale`; a difference that is rounding is none.

    A cost that lies below its bound by more (a negative gap) shows that one of them is no number to go by.
    """
    difference = upper.cost - lower.bound
    rounding = ROUNDING * float(np.sum(np.abs(lower.price) * agent_sizes(market)))
    reached = difference / max(abs(upper.cost), least)
    return 0.0 if abs(difference) <= rounding or -CROSSED <= reached <= 0.0 else reached


def least_scale(market: PlainMarket) -> float:
    """What a gap is relative to where the cost is less: the sum of |cost alone|, and never nothing.

    A market in which all costs nothing is measured by the median of what agents can sell or buy, at the median price.
    """
    alone = float(np.abs(alone_costs(market)).sum())
    worth = _middle(np.abs(own_prices(market))) * _middle(agent_sizes(market)) * len(market.names)
    return max(alone, WORTHLESS * worth)


def _middle(values: FloatArray) -> float:
    """The median of what is not zero; 1 where all is."""
    return float(np.median(values[values != 0.0])) if values.any() else 1.0


@dataclass(frozen=True)
class _Point:
    """One step's answers: net sales z (N,) of `flow_kw` (E,), prices (N,), and what ADMM carries on."""

    w: FloatArray
    z: FloatArray
    price: FloatArray
    flow_kw: FloatArray


def iterate(
    market: PlainMarket, *, relative_gap: float, max_iterations: int, on_check: Progress | None = None
) -> Outcome:
    """Iterate until the certified gap is within `relative_gap`, or `max_iterations` is reached.

    Every connected part must be able to balance itself.
    """
    supply, memory = market.supply, Anderson()
    size = agent_sizes(market)
    price, weight = _scales(market, size)
    least = least_scale(market)
    # Residuals are compared with these at the least: where prices are next to nothing, rounding is all that they have.
    floor = NOTICEABLE * norm(size), NOTICEABLE * highest_price(market) * float(np.sqrt(len(size)))
    at = _agree(market, -price / weight, weight, np.zeros(len(market.pairs.first)), np.nan, size)
    upper, lower, residuals, reached = untraded(market), Lower(at.price, -np.inf), (np.inf, np.inf), np.inf
    for iteration in range(1, max_iterations + 1):
        answer, own = supply.respond(2.0 * at.z - at.w, weight)
        plain = iteration % PLAIN_EVERY == 0 or iteration == max_iterations
        step = (1.0 if plain else RELAXATION) * (answer - at.z)
        w = at.w + step if plain else _accelerated(memory, weight, at.w, at.w + step)
        before, at = at, _agree(market, w, weight, at.flow_kw, float(np.abs(w - at.w).max()), size)
        if not plain:
            continue
        residuals = _residuals(weight, answer, before, at, floor)
        found = upper_bound(market, at.flow_kw, answer, own)
        upper = found if upper is None or found.cost < upper.cost else upper
        lower = max(lower, lower_bound(market, at.price), key=lambda candidate: candidate.bound)
        reached = gap(market, upper, lower, least)
        if on_check is not None:
            on_check(iteration, reached)
        if reached <= relative_gap and max(residuals) <= max(RESIDUAL, relative_gap):
            break
        factor = _balance(*residuals) if iteration <= BALANCE_UNTIL else 1.0
        if factor != 1.0:
            weight = weight * factor
            at = _Point(at.z + (at.w - at.z) / factor, at.z, at.price, at.flow_kw)
            memory.restart()
    assert upper is not None  # the last iteration is a plain one
    converged = reached <= relative_gap and max(residuals) <= max(RESIDUAL, relative_gap)
    return Outcome(converged, iteration, *residuals, upper, lower, max(abs(upper.cost), least), reached)


def highest_price(market: PlainMarket) -> float:
    """The largest marginal cost that anyone can have; 1 where nothing costs anything."""
    return float(np.abs(market.supply.price).max()) or 1.0


def agent_sizes(market: PlainMarket) -> FloatArray:
    """(N,): the most that each agent can buy or sell, kW; of who can do neither a part of the mean."""
    size = np.maximum(np.abs(market.supply.least_kw), np.abs(market.supply.most_kw))
    result: FloatArray = np.maximum(size, SMALLEST * (float(size.mean()) or 1.0))
    return result


def _scales(market: PlainMarket, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The first price of all agents, and the first penalties (N,), currency per kWh and kW."""
    supply = market.supply
    own = supply.marginal(alone_sales(market))
    middle = np.full_like(own, np.median(own))
    level = float(np.abs(own).mean()) or highest_price(market)
    spread = max(float(own.std()), LEAST_SPREAD * level)
    moved = float(np.sqrt(np.mean(supply.at_price(middle) ** 2))) or float(size.mean())
    relative = size / np.exp(np.mean(np.log(size)))
    return middle, FIRST_PENALTY * spread / moved * relative**SIZE_EXPONENT


def _agree(
    market: PlainMarket, w: FloatArray, weight: FloatArray, flow_kw: FloatArray, change_kw: float, size: FloatArray
) -> _Point:
    flow, pairs = flow_kw[None].copy(), market.pairs
    no_curvature = np.zeros_like(pairs.charge)
    tolerance_kw = flow_tolerance(change_kw, float(size.mean()))
    price = settle_flows(
        w[None], weight, market.begin, pairs.second, pairs.charge, no_curvature, flow, tolerance_kw=tolerance_kw
    )[0]
    return _Point(w, net(market, flow[0]), price, flow[0])


def _accelerated(memory: Anderson, weight: FloatArray, w: FloatArray, image: FloatArray) -> FloatArray:
    scale = np.sqrt(weight)
    result: FloatArray = memory.step(w * scale, image * scale) / scale
    return result


def _residuals(
    weight: FloatArray, answer: FloatArray, before: _Point, after: _Point, floor: tuple[float, float]
) -> tuple[float, float]:
    """Relative primal and dual residual (Boyd et al. 2011, section 3.3)."""
    size = max(norm(answer), norm(after.z), floor[0])
    return norm(answer - after.z) / size, norm(weight * (after.z - before.z)) / max(norm(after.price), floor[1])


def norm(values: FloatArray) -> float:
    """Euclidean."""
    return float(np.linalg.norm(values))


def _balance(primal: float, dual: float) -> float:
    """Factor on the penalty that pulls both residuals together."""
    small = 1e-12
    ratio = max(primal, small) / max(dual, small)
    if 1 / BALANCE_BAND <= ratio <= BALANCE_BAND:
        return 1.0
    return float(np.clip(np.sqrt(ratio), 1 / BALANCE_CAP, BALANCE_CAP))
