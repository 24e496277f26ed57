"""A plain market as an algorithm sees it: one carrier, one interval, the network form on the graph of partners."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosaik_p2p.market.iteration.driver import NOTICEABLE, Agreement, Algorithm, Residuals, Start, State
from mosaik_p2p.market.iteration.driver import iterate as iterated
from mosaik_p2p.market.iteration.scales import first_weight, relative_sizes
from mosaik_p2p.market.network_step.coordinate_descent import flow_tolerance, settle_flows
from mosaik_p2p.single_period.algorithm import Outcome, agent_sizes, gap, gap_scale, highest_price, norm
from mosaik_p2p.single_period.bounds import Lower, Upper, alone_sales, lower_bound, net, untraded, upper_bound
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.units import FloatArray

RESIDUAL = 1e-3
"""Largest relative residual of a solution; the certificate says how good it is, this that it is at a point of rest."""
Progress = Callable[[int, float], None]
"""Told the iterations and the gap after each measured step."""


@dataclass(frozen=True)
class Bounds:
    """The best trades and the best prices of an iteration so far, and the gap between them."""

    upper: Upper
    lower: Lower
    scale: float
    relative_gap: float


class PlainSides:
    """See `iteration.Sides`; arrays have the shapes (1, 1, N), weights (1, N), an interval has one hour."""

    def __init__(self, market: PlainMarket) -> None:
        self._market, self._size = market, agent_sizes(market)
        # Residuals are compared with these at the least: where prices are next to nothing, rounding is all they have.
        offers = highest_price(market) * float(np.sqrt(len(self._size)))
        self.floor = (np.array([NOTICEABLE * norm(self._size)]), NOTICEABLE * offers)
        self._flow_kw, self._wish = np.zeros((1, len(market.pairs.first))), np.array(np.nan)
        self._answer, self._own_price = np.zeros(0), np.zeros(0)
        self._upper, self._lower = untraded(market), Lower(np.zeros(len(market.names)), -np.inf)

    def cold_start(self) -> Start:
        """No trade, the median of the prices that agents have alone, a penalty from the data's own scales."""
        market, size = self._market, self._size
        own = market.supply.marginal(alone_sales(market))
        middle = np.full_like(own, np.median(own))
        moved = float(np.sqrt(np.mean(market.supply.at_price(middle) ** 2))) or float(size.mean())
        weight = first_weight(
            own[None], relative_sizes(size), largest_offer=highest_price(market), load_kw=moved, dt_h=1.0
        )
        return Start(np.zeros((1, 1, len(size))), middle[None, None], weight[None])

    def lay(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Sides."""
        return z - price_per_kwh / weight[:, None, :]

    def laid(self, weight: FloatArray) -> FloatArray:
        """See Sides."""
        return weight[:, None, :]

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """Flows of the pairs, from those of the step before, and their net sales."""
        pairs = self._market.pairs
        tolerance_kw = flow_tolerance(float(np.abs(w - self._wish).max()), float(self._size.mean()))
        self._wish = w
        price = settle_flows(
            np.ascontiguousarray(w[0]),
            weight[0],
            self._market.begin,
            pairs.second,
            pairs.charge,
            np.zeros_like(pairs.charge),
            self._flow_kw,
            tolerance_kw=tolerance_kw,
        )
        return Agreement(net(self._market, self._flow_kw[0])[None, None], price[None])

    def respond(self, v: FloatArray, weight: FloatArray) -> FloatArray:
        """See Sides."""
        sale, self._own_price = self._market.supply.respond(np.ascontiguousarray(v[0, 0]), weight[0])
        self._answer = sale[None, None]
        return self._answer

    def judged(self, state: State, *, wanted: float) -> Bounds:  # noqa: ARG002  (bounds here are as good as they can be)
        """See Sides: the best of this point and of those before."""
        supply, sale = self._market.supply, state.answer[0, 0]
        is_last = state.answer is self._answer
        own = self._own_price if is_last else supply.marginal(np.clip(sale, supply.least_kw, supply.most_kw))
        upper = upper_bound(self._market, self._flow_kw[0], sale, own)
        upper = upper if self._upper is None or upper.cost < self._upper.cost else self._upper
        lower = lower_bound(self._market, state.price_per_kwh[0, 0])
        self._upper, self._lower = upper, max(self._lower, lower, key=lambda candidate: candidate.bound)
        scale = gap_scale(self._market, upper)
        return Bounds(upper, self._lower, scale, gap(self._market, upper, self._lower, scale))

    def judged_below(self, relative_gap: float) -> float:  # noqa: ARG002  (bounds take little time here)
        """Always: the best point need not be the last one."""
        return np.inf

    def residual_limit(self, relative_gap: float) -> float:
        """See Sides."""
        return max(RESIDUAL, relative_gap)


def iterate(
    market: PlainMarket,
    algorithm: Algorithm[Any],
    *,
    relative_gap: float,
    max_iterations: int,
    on_check: Progress | None = None,
) -> Outcome:
    """Iterate until the certified gap is within `relative_gap`, or `max_iterations` is reached.

    Every connected part must be able to balance itself.
    """

    def told(iteration: int, residuals: Residuals, bounds: Bounds | None) -> None:  # noqa: ARG001  (the driver tells all)
        if on_check is not None and bounds is not None:
            on_check(iteration, bounds.relative_gap)

    sides = PlainSides(market)
    ended = iterated(
        sides,
        algorithm,
        sides.cold_start(),
        relative_gap=relative_gap,
        max_iterations=max_iterations,
        on_check=told,
    )
    bounds, residuals = ended.certificate, ended.residuals
    return Outcome(
        converged=ended.converged,
        iterations=ended.iterations,
        primal_residual=float(residuals.primal.max()),
        dual_residual=float(residuals.dual.max()),
        upper=bounds.upper,
        lower=bounds.lower,
        scale=bounds.scale,
        relative_gap=bounds.relative_gap,
    )
