"""Consensus ADMM, the same iteration for every form and market.

With w = z + u (Douglas-Rachford's variable; Boyd et al. 2011, section 3; Eckstein and Bertsekas 1992):

    z = agree(w)                      the network's (the pairs') step
    s = respond(2 z - w)              every prosumer's step
    w <- w + relaxation (s - z)

accelerated by Anderson's method on sqrt(rho) w. Every fifth step (of large markets every fourth) is a plain one: there
the residuals are measured, and the penalty of each carrier is balanced.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mosaik_p2p.market.iteration.anderson import Anderson
from mosaik_p2p.market.iteration.driver import Algorithm, Residuals, Sides, Start, State, norms, primal_residual
from mosaik_p2p.market.iteration.scales import MANY
from mosaik_p2p.units import FloatArray

BALANCE_UNTIL = 200
BALANCE_BAND = 1.3


@dataclass(frozen=True)
class Pace:
    """How far one step goes: the relaxation, and the most that a penalty is changed by at once; and how many there are
    from one measured step to the next."""

    relaxation: float
    balance_cap: float
    check_every: int


CHECK_EVERY = 5
OF_FEW, OF_MANY = Pace(1.2, 3.0, CHECK_EVERY), Pace(1.6, 30.0, 4)
"""The penalties of a large market over many intervals begin by a factor of some thirty too low and are found at once;
few prosumers, whose residuals jump, would be thrown back and forth."""


@dataclass(frozen=True)
class AdmmState(State):
    """A point of ADMM: w beside z and prices, z of the step before, and what Anderson's method remembers.

    The memory is one object for all points of an iteration: it would be copied for nothing.
    """

    w: FloatArray
    before: FloatArray
    memory: Anderson


class Admm(Algorithm[AdmmState]):
    """Alternating direction method of multipliers, accelerated, its penalty balanced (Boyd et al. 2011)."""

    check_every: ClassVar[int] = CHECK_EVERY

    def is_measured(self, state: AdmmState, iteration: int) -> bool:
        """See Algorithm."""
        return iteration % _pace(state).check_every == 0

    def begin(self, sides: Sides[Any], start: Start) -> AdmmState:
        """See Algorithm."""
        w = sides.lay(start.z, start.price_per_kwh, start.weight)
        agreed = sides.agree(w, start.weight)
        return AdmmState(agreed.z, agreed.price_per_kwh, start.weight, agreed.z, w, agreed.z, Anderson())

    def step(self, sides: Sides[Any], state: AdmmState) -> AdmmState:
        """Relaxed and accelerated."""
        answer = sides.respond(2.0 * state.z - state.w, state.weight)
        # One array after the other: of many prosumers each takes as much room as their own problems' rows.
        image = answer - state.z
        image *= _pace(state).relaxation
        image += state.w
        scale = np.sqrt(sides.laid(state.weight))
        image *= scale
        w = state.memory.step((state.w * scale).ravel(), image.ravel()).reshape(image.shape) / scale
        return _agreed(sides, state, answer, w)

    def measured_step(self, sides: Sides[Any], state: AdmmState) -> AdmmState:
        """Neither."""
        answer = sides.respond(2.0 * state.z - state.w, state.weight)
        return _agreed(sides, state, answer, state.w + answer - state.z)

    def residuals(self, sides: Sides[Any], state: AdmmState) -> Residuals:
        """See Algorithm."""
        rho, (power, price) = sides.laid(state.weight), sides.floor
        moved, held = norms(rho * (state.z - state.before)), norms(rho * (state.w - state.z))
        return Residuals(primal_residual(state.answer, state.z, power), moved / np.maximum(held, max(price, 1e-300)))

    def tuned(self, state: AdmmState, residuals: Residuals, iteration: int) -> AdmmState:
        """The penalties balanced, so that both residuals fall together."""
        factor = _balance(residuals, _pace(state).balance_cap)
        if iteration > BALANCE_UNTIL or (factor == 1.0).all():
            return state
        state.memory.restart()
        w = state.z + (state.w - state.z) / factor[:, None, None]
        return replace(state, weight=state.weight * factor[:, None], w=w)


def _agreed(sides: Sides[Any], state: AdmmState, answer: FloatArray, w: FloatArray) -> AdmmState:
    agreed = sides.agree(w, state.weight)
    return AdmmState(agreed.z, agreed.price_per_kwh, state.weight, answer, w, state.z, state.memory)


def _pace(state: AdmmState) -> Pace:
    is_large = state.weight.shape[1] >= MANY and state.z.shape[1] > 1
    return OF_MANY if is_large else OF_FEW


def _balance(residuals: Residuals, cap: float) -> FloatArray:
    """Factor on each carrier's penalty that pulls primal and dual residual together."""
    # Where both vanish there is nothing to balance; one alone pulls as far as one step may go.
    small = 1e-12
    ratio = np.maximum(residuals.primal, small) / np.maximum(residuals.dual, small)
    factor = np.clip(np.sqrt(ratio), 1 / cap, cap)
    return np.where((ratio > BALANCE_BAND) | (ratio < 1 / BALANCE_BAND), factor, 1.0)
