"""How good a clearing is, judged without its algorithm: a feasible cost from above, weak duality from below."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.fleet import Fleet
from mosaik_p2p.market.form import Form
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.recourse import scarcity_price
from mosaik_p2p.units import CARRIERS, FloatArray

LEAST_TURNOVER = 1e-4
"""Of what prosumers of their sizes could turn over at the highest price, the least that a gap is related to: their
programmes' tolerance leaves a cost open by as much as 1e-7 of it, and where as good as nothing is paid (plants without
loads at night) a share of that would say nothing."""


@dataclass(frozen=True)
class Certificate:
    """Bounds on the optimal cost, money; `cost` is that of the trades at hand, completed by every prosumer."""

    cost: float
    lower_bound: float
    cost_alone: float
    scale: float
    """max(|cost|, sum of |cost alone|), and `LEAST_TURNOVER` at the least."""

    @property
    def relative_gap(self) -> float:
        """(cost - lower bound) / scale."""
        return (self.cost - self.lower_bound) / self.scale if self.scale > 0 else 0.0

    @property
    def gap_of_gain(self) -> float | None:
        """The same difference over the gain from trade; None where there is no gain."""
        gain = self.cost_alone - self.cost
        return (self.cost - self.lower_bound) / gain if gain > 1e-9 * self.scale else None


def certify(fleet: Fleet, form: Form, z: FloatArray, price_per_kwh: FloatArray, *, wanted: float) -> Certificate:
    """Bounds for trades z and prosumers' prices (C, T, N).

    The multipliers left by the last step usually reach the `wanted` relative gap; only where they do not, every
    prosumer is asked once more for the best ones.
    """
    cost = float(fleet.complete(form.sales(z)).cost.sum()) + form.charge(z)
    alone = fleet.alone.cost
    scale = scale_of(fleet, cost)
    limit = scarcity_price(fleet.problem)
    closed = [np.clip(prices, -limit, limit) for prices in form.closed(price_per_kwh)]
    candidates = [*(within_offers(fleet.problem, form, prices) for prices in closed), *closed]
    lower = max(fleet.bound(prices) - form.concession(prices) for prices in candidates)
    if cost - lower > wanted * scale:
        chosen = [candidates[n] for n in (0, len(closed))]
        lower = max(lower, *(fleet.bound(prices, tighten=True) - form.concession(prices) for prices in chosen))
    return Certificate(cost, lower, float(alone.sum()), scale)


def scale_of(fleet: Fleet, cost: float) -> float:
    """The money that a gap in `cost`, that of the whole look-ahead, is related to."""
    problem = fleet.problem
    turnover = fleet.price_scale * float(fleet.power_kw.sum()) * problem.shape[1] * problem.dt_h
    return max(abs(cost), float(np.abs(fleet.alone.cost).sum()), LEAST_TURNOVER * turnover)


def within_offers(problem: MarketProblem, form: Form, price_per_kwh: FloatArray) -> FloatArray:
    """Prices (C, T, N) clipped into what the contracts allow: nobody pays more than the nearest import plus the way.

    Import and export prices seen through the charges are closed themselves, so the clipped prices stay closed. While no
    contract is at its limit, a price beyond them only loosens the bound.
    """
    ceiling, floor = offers(problem)
    highest, lowest = form.nearest(ceiling), -form.nearest(-floor)
    result: FloatArray = np.minimum(np.maximum(price_per_kwh, lowest), highest)
    return result


def offers(problem: MarketProblem) -> tuple[FloatArray, FloatArray]:
    """Lowest import and highest export price of each prosumer, (C, T, N); infinite where there is none."""
    ceiling = np.full(problem.shape, np.inf)
    floor = np.full(problem.shape, -np.inf)
    for i, model in enumerate(problem.models):
        for k, variable in enumerate(model.variables):
            if variable.type != "contract":
                continue
            carrier = next(c for c in range(len(CARRIERS)) if model.balance[c, k].any())
            usable = (model.upper[k] > 0) & model.member[carrier]
            if variable.quantity == "import":
                ceiling[carrier, :, i] = np.minimum(ceiling[carrier, :, i], np.where(usable, model.linear[k], np.inf))
            else:
                floor[carrier, :, i] = np.maximum(floor[carrier, :, i], np.where(usable, -model.linear[k], -np.inf))
    return ceiling, floor
