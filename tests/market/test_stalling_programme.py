"""A programme whose equations become nearly singular before its residuals are small.

With little regularisation PIQP 0.6 has no solution after 100 iterations, at any tolerance from 1e-9 to 1e-7.
"""

import json
from pathlib import Path

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram
from mosaik_p2p.units import FloatArray

STORED = json.loads((Path(__file__).parent / "stalling_programme.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-9


def part(name: str) -> FloatArray:
    return np.array([np.inf if value is None else value for value in STORED[name]])


def matrix() -> sp.csc_array:
    shape = (len(STORED["rhs"]), len(STORED["linear"]))
    return sp.csc_array((part("entries"), (STORED["rows"], STORED["columns"])), shape=shape)


def programme() -> DiagonalProgram:
    vectors = {name: part(name) for name in ("quadratic", "linear", "rhs", "lower", "upper")}
    return DiagonalProgram(matrix=matrix(), tolerance=TOLERANCE, **vectors)


def value(x: FloatArray) -> float:
    return float((0.5 * part("quadratic") * x + part("linear")) @ x)


def test_it_is_solved_with_more_regularisation() -> None:
    found = programme().solve()
    assert np.abs(matrix() @ found.x - part("rhs")).max() < 10.0 * TOLERANCE
    assert (found.x >= part("lower") - 1e-7).all()
    assert (found.x <= part("upper") + 1e-7).all()
    assert value(found.x) == pytest.approx(by_clarabel(), rel=1e-6)


def by_clarabel() -> float:
    upper, count = part("upper"), len(STORED["linear"])
    bounded = np.isfinite(upper)
    eye: sp.csr_array = sp.csr_array(sp.eye_array(count))
    rows = sp.csc_matrix(sp.vstack([matrix(), eye[bounded], -eye]))
    right = np.concatenate([part("rhs"), upper[bounded], -part("lower")])
    cones = [clarabel.ZeroConeT(len(STORED["rhs"])), clarabel.NonnegativeConeT(int(bounded.sum()) + count)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    hessian = sp.csc_matrix(sp.diags_array(part("quadratic")))
    found = clarabel.DefaultSolver(hessian, part("linear"), rows, right, cones, settings).solve()
    assert str(found.status) == "Solved"
    return value(np.array(found.x))
