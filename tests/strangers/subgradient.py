"""The dual problem by projected subgradients, and means of what is sold (Nedic and Ozdaglar 2009).

Everyone answers the prices; prices move against what is too much, and back to where no pair gains. At steps of one
length the prices come near their best; the means of answers and trades come to fit each other.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mosaik_p2p.market.iteration.driver import Algorithm, Sides, Start, State
from mosaik_p2p.units import FloatArray

LENGTH = 0.3
"""Of a step, in the sizes that the market begins with; it also keeps answers to prices from jumping."""
RECENT = 2
"""Means count point n like n to this power: the first ones tell little."""


@dataclass(frozen=True)
class Mean(State):
    """Means of trades, prices and answers, and the prices of the last step, times hours and laid out like trades."""

    value: FloatArray
    steps: int = 0


class Subgradient(Algorithm[Mean]):
    """Projected subgradient of the dual problem with means of all points: slow, but a page of code."""

    check_every: ClassVar[int] = 20

    def begin(self, sides: Sides[Any], start: Start) -> Mean:
        """The first prices, with nothing that counts in the means."""
        weight = LENGTH * start.weight
        value = -sides.laid(weight) * sides.lay(np.zeros_like(start.z), start.price_per_kwh, weight)
        return Mean(start.z, start.price_per_kwh, weight, start.z, value)

    def step(self, sides: Sides[Any], state: Mean) -> Mean:
        """One step of the prices, and the means after it."""
        laid, share = sides.laid(state.weight), (RECENT + 1) / (state.steps + 1 + RECENT)
        answer = sides.respond(state.value / laid, state.weight)
        w = answer - state.value / laid
        agreed = sides.agree(w, state.weight)
        return replace(
            state,
            z=state.z + share * (agreed.z - state.z),
            price_per_kwh=state.price_per_kwh + share * (agreed.price_per_kwh - state.price_per_kwh),
            answer=state.answer + share * (answer - state.answer),
            value=laid * (agreed.z - w),
            steps=state.steps + 1,
        )
