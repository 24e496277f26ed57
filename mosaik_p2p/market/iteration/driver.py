"""Finding the point of rest of a market by any algorithm: the market as an algorithm sees it, its steps, one driver.

An algorithm has two sides before it, the prosumers and the network, and asks each of them questions. What it does from
one point to the next is mathematics alone; how long it goes on, how good a point is, and who is told of it is the
driver's, the same for every market and algorithm.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from mosaik_p2p.market.iteration.scales import residual_limit
from mosaik_p2p.units import FloatArray

NOTICEABLE = 1e-2
"""Part of all loads, and of the largest offer, that residuals are compared with at the least."""


@dataclass(frozen=True)
class Start:
    """Where to begin, or where an iteration ended: trades z laid out as the market's form has them, prices (C, T, N),
    and the size of a step, `weight` (C, N) money per kW^2."""

    z: FloatArray
    price_per_kwh: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class Agreement:
    """What the network answers: `z` laid out like w, and each prosumer's price (C, T, N) per kWh."""

    z: FloatArray
    price_per_kwh: FloatArray


@dataclass(frozen=True)
class State(Start):
    """A point of an iteration; `answer` is what the prosumers said, laid out like z. Algorithms add what is theirs."""

    answer: FloatArray


@dataclass(frozen=True)
class Residuals:
    """Relative residuals per carrier, (C,) each (Boyd et al. 2011, section 3.3): how far prosumers and network are
    apart, and how far their prices still move."""

    primal: FloatArray
    dual: FloatArray

    @property
    def worst(self) -> float:
        """The largest of them."""
        return float(max(self.primal.max(), self.dual.max()))


UNKNOWN = Residuals(np.array([np.inf]), np.array([np.inf]))
"""Nothing has been measured."""


class Judged(Protocol):
    """How good a point is, judged without its algorithm."""

    @property
    def relative_gap(self) -> float:
        """(cost - lower bound) / scale, see `certificate.Certificate`."""


Judgement = TypeVar("Judgement", bound=Judged)
Judgement_co = TypeVar("Judgement_co", bound=Judged, covariant=True)


class Sides(Protocol[Judgement_co]):
    """The market as an algorithm sees it. Weights are (C, N), money per kW^2; w and v are laid out like z."""

    floor: tuple[FloatArray, float]
    """Norms that residuals are compared with at the least: (C,) of power, and of prices times hours."""

    def lay(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """w = z - price dt / weight."""

    def laid(self, weight: FloatArray) -> FloatArray:
        """The weight of each entry of w; its shape broadcasts to that of w."""

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """The network's step: z of least charges + weight/2 |z - w|^2, reciprocal, and its prices weight (z - w) / dt:
        those nearest to -weight w / dt at which no pair gains."""

    def respond(self, v: FloatArray, weight: FloatArray) -> FloatArray:
        """The prosumers' step: net sales s of least cost + weight/2 |s - v|^2."""

    def judged(self, state: State, *, wanted: float) -> Judgement_co:
        """How good the point is; no better than `wanted` need be shown."""

    def judged_below(self, relative_gap: float) -> float:
        """The residual from which on a point is judged at all."""

    def residual_limit(self, relative_gap: float) -> float:
        """The largest residual of a solution."""


AnyState = TypeVar("AnyState", bound=State)


class Algorithm(ABC, Generic[AnyState]):
    """A way to the market's point of rest. It knows no stopping rule."""

    check_every: ClassVar[int] = 1
    """Steps from one measured one to the next."""

    def is_measured(self, state: AnyState, iteration: int) -> bool:  # noqa: ARG002  (some go by the market's size)
        """Whether step `iteration`, from this point on, is a measured one."""
        return iteration % self.check_every == 0

    @abstractmethod
    def begin(self, sides: Sides[Any], start: Start) -> AnyState:
        """The first point."""

    @abstractmethod
    def step(self, sides: Sides[Any], state: AnyState) -> AnyState:
        """The next point."""

    def measured_step(self, sides: Sides[Any], state: AnyState) -> AnyState:
        """The next point, to be measured: an algorithm whose other steps take short cuts takes none here."""
        return self.step(sides, state)

    def residuals(self, sides: Sides[Any], state: AnyState) -> Residuals:
        """Of a measured step; by default what prosumers say and what the network agrees to, set against each other."""
        primal = primal_residual(state.answer, state.z, sides.floor[0])
        return Residuals(primal, np.zeros_like(primal))

    def tuned(self, state: AnyState, residuals: Residuals, iteration: int) -> AnyState:  # noqa: ARG002  (some tune)
        """The point with what belongs to the algorithm, and to no equation, adapted after a measured step."""
        return state


@dataclass(frozen=True)
class Outcome(Generic[Judgement]):
    """Where the iteration ended."""

    converged: bool
    iterations: int
    residuals: Residuals
    certificate: Judgement
    end: Start

    def within(self, relative_gap: float) -> bool:
        """Whether the gap is at most this, and the residuals are small enough for it."""
        return self.certificate.relative_gap <= relative_gap and self.residuals_within(relative_gap)

    def residuals_within(self, relative_gap: float) -> bool:
        """Whether the residuals are those of a solution with this gap."""
        return self.residuals.worst <= residual_limit(relative_gap, self.end.weight.shape[1])


OnCheck = Callable[[int, Residuals, Judgement | None], None]
"""Told after each measured step: iterations, residuals, and the last judgement if there is one."""


def iterate(
    sides: Sides[Judgement],
    algorithm: Algorithm[Any],
    start: Start,
    *,
    relative_gap: float,
    max_iterations: int,
    on_check: OnCheck[Judgement] | None = None,
) -> Outcome[Judgement]:
    """Iterate until residuals and judgement are good enough, or `max_iterations` is reached."""
    limit = sides.residual_limit(relative_gap)
    state, residuals, judged = algorithm.begin(sides, start), UNKNOWN, None
    converged, sound = False, state
    for iteration in range(1, max_iterations + 1):
        if iteration < max_iterations and not algorithm.is_measured(state, iteration):
            state = algorithm.step(sides, state)
            continue
        state = algorithm.measured_step(sides, state)
        residuals = algorithm.residuals(sides, state)
        if not np.isfinite(residuals.worst):
            # Nothing better follows from a point that is no number; the last one that was is what there is.
            state, residuals = sound, UNKNOWN
            break
        sound = state
        if residuals.worst <= sides.judged_below(relative_gap):
            judged = sides.judged(state, wanted=relative_gap)
        if on_check is not None:
            on_check(iteration, residuals, judged)
        converged = judged is not None and judged.relative_gap <= relative_gap and residuals.worst <= limit
        if converged:
            break
        state = algorithm.tuned(state, residuals, iteration)
    if judged is None:
        judged = sides.judged(state, wanted=relative_gap)
    end = Start(state.z, state.price_per_kwh, state.weight)
    return Outcome(converged, iteration, residuals, judged, end)


def primal_residual(answer: FloatArray, z: FloatArray, floor: FloatArray) -> FloatArray:
    """(C,): how far the prosumers' answer and the network's are apart, of the larger of both."""
    largest = np.maximum(norms(answer), norms(z))
    result: FloatArray = norms(answer - z) / np.maximum(largest, np.maximum(floor, 1e-300))
    return result


def norms(a: FloatArray) -> FloatArray:
    """(C,) Euclidean norm of each carrier's part."""
    result: FloatArray = np.sqrt(np.sum(a * a, axis=(1, 2)))
    return result
