"""The market's own scales, where an iteration begins: nothing is to be tuned."""

import numpy as np

from mosaik_p2p.units import FloatArray

MANY = 1000
"""From so many prosumers on a market is a large one: fewer are cleared in no time."""
RESIDUAL_OF_MANY = 30.0
"""In units of the gap that is asked for: the largest residual of a large market's solution."""
FIRST_PENALTY = 0.25
"""Any factor from 0.1 to 4 serves; the balancing finds the rest."""
SIZE_EXPONENT = -0.5
LEAST_SPREAD = 0.05
"""Part of the mean price that the spread of prices is taken to be at the least."""
LEAST_FLOW = 0.1
"""Part of the smallest size that is taken to flow where nothing does."""
WORTHLESS = 1e-3
"""Part of what is offered below which prices, and the cost of a whole market, are as good as nothing: the spread of
prices is taken to be so much of the largest offer at the least, and a market is judged as if the energy that flows in
it cost so much of the middle offer at the least."""


def first_weight(
    own_price: FloatArray, sizes: FloatArray, *, largest_offer: float, load_kw: float, dt_h: float
) -> FloatArray:
    """(N,) penalties, money per kW^2, from own prices (T, N) per kWh, relative sizes (N,), and the power that moves."""
    spread = float(np.sqrt(np.mean((own_price - own_price.mean(axis=1, keepdims=True)) ** 2)))
    spread = max(spread, LEAST_SPREAD * float(np.abs(own_price).mean()), WORTHLESS * largest_offer)
    result: FloatArray = FIRST_PENALTY * spread * dt_h / load_kw * sizes**SIZE_EXPONENT
    return result


def relative_sizes(power_kw: FloatArray) -> FloatArray:
    """(N,): sizes of which the geometric mean is 1."""
    result: FloatArray = power_kw / np.exp(np.mean(np.log(power_kw)))
    return result


def residual_limit(relative_gap: float, prosumers: int) -> float:
    """The largest residual of a solution of so many prosumers.

    How good trades and prices are, the certificate says, whatever the residuals. Those of a large market are carried by
    the few for whom two courses are as good as the same, and fall to the gap only long after that has been proven.
    """
    return relative_gap * (RESIDUAL_OF_MANY if prosumers >= MANY else 1.0)


def least_flow_kw(size_kw: FloatArray) -> float:
    """What counts as flowing where nothing does: for each of the sizes (N,) a tenth of the smallest that is any."""
    some = size_kw[size_kw > 0.0]
    return LEAST_FLOW * (float(some.min()) if some.size else 1.0) * len(size_kw)


def least_scale(cost_alone: FloatArray, middle_offer: float, flowing_kw: float, dt_h: float) -> float:
    """What a gap is relative to where the cost is less: the sum of |cost alone|, and never nothing: rounding is no gap.

    A market in which all costs nothing is measured by the power that flows, summed over intervals and prosumers, at the
    middle offer.
    """
    return max(float(np.abs(cost_alone).sum()), WORTHLESS * middle_offer * flowing_kw * dt_h)
