"""Normalised equilibria: prosumer i pays mu_c / r_i for what it adds to a limit c, one mu for all.

With all weights r = 1 that is the optimum under the rows (the variational equilibrium), which a clearing finds by
itself. Other weights make it a fixed point (Rosen 1965; Xia and others): the rows stay in the clearing, whose
multipliers are mu, and everyone pays `(1/r_i - 1) sum_c mu_c S_ci` of the clearing before on top, as a levy. So the
limits hold after every step. With weights far from each other no equilibrium may exist.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mosaik_p2p.market.cleared import Progress
from mosaik_p2p.market.negotiation.fixed_point import shortened
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.state import NegotiationState
from mosaik_p2p.market.problem import Settings, highest_price
from mosaik_p2p.units import FloatArray

STEPS = 30
"""Clearings after which there is no equilibrium to be found."""
RESTS = 10.0
"""In units of the gap that is asked for and of the highest offer: a levy that moves by less rests."""


def weights_of(names: tuple[str, ...], given: Mapping[str, float]) -> FloatArray | None:
    """(N,) in the order of the prosumers, 1 where none is given; None where all are 1."""
    weight = np.array([given.get(name, 1.0) for name in names])
    return None if (weight == 1.0).all() else weight


def cleared_at_weights(
    state: NegotiationState, settings: Settings, weight: FloatArray | None, on_check: Progress | None
) -> tuple[NegotiationState, bool, int]:
    """The state after clearing under its rows at weights (N,), or at equal ones where these have no equilibrium;
    whether they have one, and all iterations.

    Raises NotSolved where a programme has no numerical solution.
    """
    if weight is None:
        following, offer = priced(state, settings, on_check)
        return following, True, offer.constrained.clearing.iterations
    levy, iterations = state.besides.levy_per_kwh, 0
    levy = np.zeros(state.problem.shape) if levy is None else levy
    taken = before = levy
    for step in range(STEPS):
        state = replace(state, besides=replace(state.besides, levy_per_kwh=levy))
        state, offer = priced(state, settings, on_check)
        iterations += offer.constrained.clearing.iterations
        change = _levy_of(state, weight) - levy
        if np.abs(change).max() <= RESTS * settings.relative_gap * highest_price(state.problem):
            return state, True, iterations
        taken, before = change if step == 0 else _shortened_each(taken, before, change), change
        levy = levy + taken
    # Where there is none the prices are those of equal weights: of an equilibrium, though not the one asked for.
    following, offer = priced(replace(state, besides=replace(state.besides, levy_per_kwh=None)), settings, on_check)
    return following, False, iterations + offer.constrained.clearing.iterations


def _levy_of(state: NegotiationState, weight: FloatArray) -> FloatArray:
    """(C, T, N) what the multipliers of the last clearing ask for, beside what its rows charge already."""
    log = state.last.log
    levy = np.zeros(state.problem.shape)
    for row, multiplier in zip(log.rows, log.multiplier, strict=True):
        levy[row.carrier, row.interval] += (1.0 / weight - 1.0) * row.slope * float(multiplier)
    return np.where(state.problem.member[:, None, :], levy, 0.0)


def _shortened_each(taken: FloatArray, before: FloatArray, change: FloatArray) -> FloatArray:
    """The next step (C, T, N): what binds in one network and interval is a question of its own."""
    step = np.empty_like(change)
    for at in np.ndindex(change.shape[:2]):
        step[at] = shortened(taken[at], before[at], change[at])
    return step
