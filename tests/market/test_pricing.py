"""The step of the iterations in which a plan's own reactive power, and weighted surcharges, are found."""

import numpy as np
import pytest

from mosaik_p2p.market.negotiation.fixed_point import shortened


@pytest.mark.parametrize(("slope", "rate"), [(-1.5, 1e-9), (-0.5, 1e-9), (-6.0, 0.1)])
def test_a_line_is_solved_in_two_steps(slope: float, rate: float) -> None:
    """x asks for `slope * x` more; the answer is 0. Where no step is cut, the second one is there."""
    x = np.array([1.0])
    before = taken = slope * x
    x = x + taken
    for _ in range(8):
        change = slope * x
        taken, before = shortened(taken, before, change), change
        x = x + taken
    assert abs(float(x[0])) < rate


def test_its_length_is_that_of_irons_and_tuck() -> None:
    taken, before, change = np.array([7.5]), np.array([30.0]), np.array([-15.0])
    # -(7.5 * -45) / 45^2 = 1/6, and no step is shorter than a quarter of what is asked for.
    assert shortened(taken, before, change) == pytest.approx([0.25 * -15.0])
    assert shortened(np.array([-6.0]), np.array([-6.0]), np.array([6.0])) == pytest.approx([3.0])
