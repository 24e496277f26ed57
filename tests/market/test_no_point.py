"""Whether a programme has no point, or only no solution that was found: a search may leave out the former only."""

import numpy as np
import pytest
import scipy.sparse as sp

from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram, NoPoint, NotSolved

QUADRATIC, LINEAR = 1.0, 0.0


def programme(curved: float, *, rhs: float, upper: float, cost: float) -> DiagonalProgram:
    """minimise cost (x + y) + curved/2 z^2  subject to  x - y + z = rhs, all of them from 0; z up to 1."""
    return DiagonalProgram(
        quadratic=np.array([0.0, 0.0, curved]),
        linear=np.array([cost, cost, 0.0]),
        matrix=sp.csr_array(np.array([[1.0, -1.0, 1.0]])),
        rhs=np.array([rhs]),
        lower=np.zeros(3),
        upper=np.array([upper, upper, 1.0]),
        tolerance=1e-8,
    )


@pytest.mark.parametrize("curved", [QUADRATIC, LINEAR])
def test_what_has_no_point_says_so(curved: float) -> None:
    with pytest.raises(NoPoint):
        programme(curved, rhs=-5.0, upper=1.0, cost=1.0).solve()


@pytest.mark.parametrize("curved", [QUADRATIC, LINEAR])
def test_what_has_no_least_cost_has_points_all_the_same(curved: float) -> None:
    """x and y grow together for ever; the solvers' words for that hold the word infeasible, too."""
    with pytest.raises(NotSolved) as raised:
        programme(curved, rhs=0.5, upper=np.inf, cost=-1.0).solve()
    assert not isinstance(raised.value, NoPoint)
