"""Voltages of many intervals of one network at once, and how their losses answer, by one factorised Jacobian.

The intervals have their powers and voltages in the columns of matrices, so that an iteration is one product and two
triangular solves for all of them. The Jacobian is that of one state next to all (the chord method, see `start`). With
its transposed the slopes of losses are found by improving on them until they satisfy the transposed Jacobian of their
own interval, which need not be made: its product with a vector y = (y_P, y_Q) is, with w = y_P + j y_Q and currents
I = Y V,

    c = conj(w) conj(I) + Y' (w conj(V)),    by angle -Im(V c),    by magnitude Re(V c) / |V|
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.networks.electric.response.jacobian import ComplexArray, Unknowns, jacobian, unknowns
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

TOLERANCE_MVA = 1e-11
"""At which an interval is left: a thousandth of pandapower's own."""
MOST_ITERATIONS = 20
SLOPE_TOLERANCE = 1e-12
"""Relative to the largest entry of the gradient."""
MOST_IMPROVEMENTS = 40


@dataclass(frozen=True, kw_only=True)
class SharedEquations:
    """Of one network, in p.u.; all that does not change with the powers."""

    admittance: csr_matrix
    places: Unknowns
    pv: IntArray
    pq: IntArray
    base_mva: float
    start: ComplexArray
    """(buses,) voltages next to those of all intervals."""
    factors: Any
    """Of the Jacobian there."""


def shared_equations(internal: dict[str, Any]) -> SharedEquations | None:
    """Around the solution that pandapower holds; None where its Jacobian is singular, or nothing is to be solved."""
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    pv, pq = (np.asarray(internal[kind], dtype=np.int64) for kind in ("pv", "pq"))
    places, admittance = unknowns(pv, pq, len(voltage)), csr_matrix(internal["Ybus"])
    if not places.count:
        return None
    try:
        factors = splu(jacobian(admittance, voltage, places))
    except RuntimeError:
        return None
    return SharedEquations(
        admittance=admittance,
        places=places,
        pv=pv,
        pq=pq,
        base_mva=float(internal["baseMVA"]),
        start=voltage.copy(),
        factors=factors,
    )


# Where an interval has no solution its iteration runs away; it is not used.
@np.errstate(all="ignore")
def voltages(of: SharedEquations, powers: ComplexArray) -> tuple[ComplexArray, IntArray, BoolArray]:
    """(buses, intervals) voltages by which `powers` (buses, intervals) in p.u. are met; (intervals,) iterations that
    took, and where they are met."""
    voltage = np.repeat(of.start[:, None], powers.shape[1], axis=1)
    magnitude, angle = np.abs(voltage), np.angle(voltage)
    pvpq, active = np.r_[of.pv, of.pq], len(of.pv) + len(of.pq)
    iterations, is_met = np.zeros(powers.shape[1], dtype=np.int64), np.zeros(powers.shape[1], dtype=np.bool_)
    for _ in range(MOST_ITERATIONS):
        missing = voltage * np.conj(of.admittance @ voltage) - powers
        mismatch = np.concatenate([missing.real[pvpq], missing.imag[of.pq]])
        is_met = np.abs(mismatch).max(axis=0) < TOLERANCE_MVA / of.base_mva
        moving = np.flatnonzero(~is_met & np.isfinite(mismatch).all(axis=0))
        if not len(moving):
            break
        iterations[moving] += 1
        step = of.factors.solve(np.ascontiguousarray(mismatch[:, moving]))
        angle[np.ix_(pvpq, moving)] -= step[:active]
        magnitude[np.ix_(of.pq, moving)] -= step[active:]
        voltage[:, moving] = magnitude[:, moving] * np.exp(1j * angle[:, moving])
    # What has run away is no voltage to reckon with.
    voltage[:, ~is_met] = of.start[:, None]
    return voltage, iterations, is_met


@np.errstate(all="ignore")
def loss_slopes(of: SharedEquations, lossy: csr_matrix, voltage: ComplexArray) -> tuple[FloatArray, BoolArray]:
    """(unknowns, intervals) by how much the loss grows with what enters at each equation, around `voltage` (buses,
    intervals); (intervals,) where that was found. `lossy`: see `slopes.lossy_part`."""
    conjugate, current = np.conj(voltage), np.conj(of.admittance @ voltage)
    gradient = _by_unknown(of.places, 2.0 * np.conj(lossy @ voltage) * voltage, voltage)
    transposed = csr_matrix(of.admittance.T)

    def times_jacobian(found: FloatArray) -> FloatArray:
        weight = _by_bus(of.places, found)
        return _by_unknown(
            of.places, voltage * (np.conj(weight) * current + transposed @ (weight * conjugate)), voltage
        )

    size = np.abs(gradient).max(axis=0)
    found = of.factors.solve(gradient, trans="T")
    is_found = np.zeros(voltage.shape[1], dtype=np.bool_)
    for _ in range(MOST_IMPROVEMENTS):
        left = gradient - times_jacobian(found)
        is_found = np.abs(left).max(axis=0) <= SLOPE_TOLERANCE * size
        if is_found.all() or not np.isfinite(left[:, ~is_found]).any():
            break
        found = found + np.where(is_found, 0.0, of.factors.solve(left, trans="T"))
    return found, is_found


def _by_unknown(places: Unknowns, along: ComplexArray, voltage: ComplexArray) -> FloatArray:
    """(unknowns, intervals) of what changes by `along` (buses, intervals) times the relative change of a voltage."""
    found = np.empty((places.count, along.shape[1]))
    for equations, moved in ((places.active, (1j * along).real), (places.reactive, along.real / np.abs(voltage))):
        known = equations >= 0
        found[equations[known]] = moved[known]
    return found


def _by_bus(places: Unknowns, values: FloatArray) -> ComplexArray:
    """(buses, intervals) active part real, reactive part imaginary; 0 where a bus has no equation."""
    found = np.zeros((len(places.active), values.shape[1]), dtype=np.complex128)
    for equations, unit in ((places.active, 1.0), (places.reactive, 1j)):
        known = equations >= 0
        found[known] += unit * values[equations[known]]
    return found
