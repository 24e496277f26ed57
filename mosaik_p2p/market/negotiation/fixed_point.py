"""Steps of a fixed-point iteration: what is asked for is taken at a length that the last two answers tell."""

import numpy as np

from mosaik_p2p.units import FloatArray


def shortened(taken: FloatArray, before: FloatArray, change: FloatArray) -> FloatArray:
    """The next step of a fixed-point iteration that was asked for `before`, took `taken` of it, and is now asked for
    `change`, at Aitken's length (Irons, Tuck 1969): where it swings half-way, where it creeps farther."""
    turn = change - before
    square = float(turn @ turn)
    length = -float(taken @ turn) / square if square > 0.0 else 1.0
    result: FloatArray = np.clip(length, 0.25, 4.0) * change
    return result
