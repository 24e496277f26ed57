"""How good a clearing is, judged without its algorithm: a feasible cost from above, weak duality from below."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.iteration import scales
from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.problem import PreparedProblem, middle_offer
from mosaik_p2p.market.prosumer_step.direction_search import Memory
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.units import FloatArray

CROSSED = 1e-6
"""Of the gap's scale: by how much rounding may put a cost below its bound."""
NO_FLOW = 1e-6
"""Of that: less is a solver's rounding."""


@dataclass(frozen=True)
class Certificate:
    """Bounds on the optimal cost, money; `cost` is that of the trades at hand, completed by every prosumer."""

    cost: float
    lower_bound: float
    cost_alone: float
    least_scale: float
    """See `least_scale`."""
    price_per_kwh: FloatArray | None = None
    """(C, T, N) closed prices at which the bound was found; None where it is not one of prices alone."""

    @property
    def scale(self) -> float:
        """What the gap is relative to: max(|cost|, sum of |cost alone|), and never nothing."""
        return max(abs(self.cost), self.least_scale)

    @property
    def relative_gap(self) -> float:
        """(cost - lower bound) / scale."""
        return (self.cost - self.lower_bound) / self.scale

    @property
    def is_sound(self) -> bool:
        """Whether the cost is not below its bound, rounding aside: then one of them is no number to go by."""
        return self.relative_gap >= -CROSSED

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
    cost = float(fleet.cost_for_sales(form.sales(z)).sum()) + form.charge(z)
    judged = Certificate(cost, -np.inf, float(fleet.alone.cost.sum()), least_scale(fleet))
    # Beyond the price of an imbalance a bound would be minus infinity; it is one for all of a carrier and interval, so
    # that closed prices stay closed.
    limit = fleet.problem.imbalance_price_per_kwh
    closed = [np.clip(prices, -limit, limit) for prices in form.closed(price_per_kwh)]
    candidates = [*(within_offers(fleet, form, prices) for prices in closed), *closed]
    bounds = [fleet.bound(prices) - form.concession(prices) for prices in candidates]
    if cost - max(bounds) > wanted * judged.scale:
        for n in (0, len(closed)):
            tight = fleet.bound(candidates[n], improve=True) - form.concession(candidates[n])
            bounds[n] = max(bounds[n], tight)
    best = max(range(len(bounds)), key=bounds.__getitem__)
    return replace(judged, lower_bound=bounds[best], price_per_kwh=candidates[best])


def certify_one_way(
    fleet: Fleet, form: Form, price_per_kwh: FloatArray, memories: Sequence[Memory], *, within: float
) -> tuple[float, PreparedProblem]:
    """A lower bound from prices (C, T, N) for stores that go one way, and the market with the directions that prove it.

    At given prices everyone chooses for itself, and its directions can be searched to the end, to `within` money each.
    Unlike the relaxed market this prices in what going both ways would have earned (Lagrangian duality). `memories` are
    everyone's, of what was searched for in this clearing.
    """
    limit = fleet.problem.imbalance_price_per_kwh
    closed = np.clip(form.closed(price_per_kwh)[0], -limit, limit)
    best, directions = -np.inf, fleet.problem
    for prices in (within_offers(fleet, form, closed), closed):
        gain, narrowed = fleet.one_way_at(prices, memories, within=within)
        bound = fleet.bound(prices, improve=True) + gain - form.concession(prices)
        if bound > best:
            best, directions = bound, narrowed
    return best, directions


def least_scale(fleet: Fleet) -> float:
    """See `scales.least_scale`: what flows is what everyone alone draws, at the median of all offers.

    Where nothing flows at all, it is a tenth of the smallest prosumer's size for each of them. Limits, and what only
    few offer, do not enter.
    """
    _, horizon, _ = fleet.problem.shape
    size_kw = fleet.problem.table.size_kw
    flowing_kw, sized_kw = float(fleet.alone.load_kw.sum()), scales.least_flow_kw(size_kw) * horizon
    flowing_kw = flowing_kw if flowing_kw > NO_FLOW * sized_kw else sized_kw
    return scales.least_scale(fleet.alone.cost, middle_offer(fleet.problem), flowing_kw, fleet.problem.dt_h)


def within_offers(fleet: Fleet, form: Form, price_per_kwh: FloatArray) -> FloatArray:
    """Prices (C, T, N) clipped into what the contracts allow: nobody pays more than the nearest import plus the way.

    Import and export prices seen through the charges are closed themselves, so the clipped prices stay closed. While no
    contract is at its limit, a price beyond them only loosens the bound.
    """
    ceiling, floor = fleet.offers
    highest, lowest = form.nearest(ceiling), -form.nearest(-floor)
    result: FloatArray = np.minimum(np.maximum(price_per_kwh, lowest), highest)
    return result
