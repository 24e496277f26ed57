"""Properties of the fluid, as pandapipes asks for them a hundred times in a pipe flow: mostly at the same temperatures.

The library interpolates in its tables by an object of scipy's that takes far longer to be called than to interpolate.
Here the same lines through the same points are taken, to the last digit, and what was found stays as long as the pipe
flow lasts. Properties of another kind are the library's own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from pandapipes.properties.fluids import Fluid, FluidPropertyInterExtra

from mosaik_p2p.units import FloatArray


class Lines:
    """A property between its points, and beyond them on the first and the last line."""

    def __init__(self, own: FluidPropertyInterExtra) -> None:
        self._own = own
        points = own.prop_getter
        self._x: FloatArray = np.asarray(points.x, dtype=np.float64)
        self._y: FloatArray = np.asarray(points.y, dtype=np.float64)
        self._slope = (self._y[1:] - self._y[:-1]) / (self._x[1:] - self._x[:-1])
        self._found: dict[bytes, FloatArray] = {}

    def at(self, where: FloatArray) -> FloatArray:
        """Values in the shape of the arguments."""
        # As scipy's `interp1d` finds them: a point belongs to the line that ends there.
        line = (self._x.searchsorted(where) - 1).clip(0, len(self._slope) - 1)
        return np.asarray(self._slope[line] * (where - self._x[line]) + self._y[line], dtype=np.float64)

    def get_at_value(self, where: Any) -> Any:
        """As the library calls it."""
        if not isinstance(where, np.ndarray) or where.dtype != np.float64:
            return self._own.get_at_value(where)
        key = where.tobytes()
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self.at(where)
        # Whoever asks may write to it.
        return found.reshape(where.shape).copy()

    def get_at_integral_value(self, upper: Any, lower: Any) -> Any:
        """As the library calls it, and does it."""
        return self._own.get_at_integral_value(upper, lower)


def is_on_lines(own: object) -> bool:
    """Whether a property is linear between points, in order, and goes on so beyond them."""
    points: Any = getattr(own, "prop_getter", None)
    if type(own) is not FluidPropertyInterExtra or getattr(points, "_kind", None) != "linear":
        return False
    return bool(getattr(points, "_extrapolate", False)) and bool((np.diff(points.x) > 0.0).all())


@contextmanager
def quick_properties(fluid: Fluid) -> Iterator[None]:
    """While it lasts, `fluid` finds its properties by `Lines`."""
    theirs: Mapping[str, Any] = fluid.all_properties
    fluid.all_properties = {name: Lines(own) if is_on_lines(own) else own for name, own in theirs.items()}
    try:
        yield
    finally:
        fluid.all_properties = theirs
