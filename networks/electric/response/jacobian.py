"""The Jacobian of the power flow's equations, entry by entry.

With S = diag(V) conj(Y V) and E = V/|V| the derivatives are dS/d|V| = diag(V) conj(Y diag(E)) + conj(diag(Y V)) diag(E)
and dS/dangle = j diag(V) conj(diag(Y V) - Y diag(V)); see Zimmerman, "AC Power Flows, Generalized OPF Costs and their
Derivatives using Complex Matrix Notation", MATPOWER Technical Note 2.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix, csr_matrix

from mosaik_p2p.units import IntArray

ComplexArray: TypeAlias = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Unknowns:
    """Positions of the equations and of their unknowns, by bus; -1 where a bus has none."""

    active: IntArray
    """Active power, and angle: at all buses but slacks."""
    reactive: IntArray
    """Reactive power, and magnitude: where the voltage is not held."""
    count: int


def unknowns(pv: IntArray, pq: IntArray, buses: int) -> Unknowns:
    """Angles at `pv` and `pq` first, then magnitudes at `pq`, each in the order given."""
    active, reactive = np.full(buses, -1), np.full(buses, -1)
    active[np.r_[pv, pq]] = np.arange(len(pv) + len(pq))
    reactive[pq] = len(pv) + len(pq) + np.arange(len(pq))
    return Unknowns(active, reactive, len(pv) + 2 * len(pq))


def jacobian(
    admittance: csr_matrix, voltage: ComplexArray, at: Unknowns, *, load_slope: ComplexArray | float = 0.0
) -> csc_matrix:
    """(unknowns, unknowns) derivatives of what the network takes up, in p.u. per radian and p.u.

    S_ij = V_i conj(Y_ij V_j) off the diagonal, and what the current adds on it. `load_slope` (buses,) is by how much
    more the loads draw with the magnitude of their voltage.
    """
    entries = admittance.tocoo()
    magnitude, nodes = np.abs(voltage), np.arange(len(voltage))
    power = voltage * np.conj(admittance @ voltage)
    entry = voltage[entries.row] * np.conj(entries.data * voltage[entries.col])
    bus, other = np.r_[entries.row, nodes], np.r_[entries.col, nodes]
    by_angle = np.r_[-1j * entry, 1j * power]
    by_magnitude = np.r_[entry / magnitude[entries.col], power / magnitude + load_slope]
    rows = np.r_[at.active[bus], at.active[bus], at.reactive[bus], at.reactive[bus]]
    columns = np.r_[at.active[other], at.reactive[other], at.active[other], at.reactive[other]]
    values = np.r_[by_angle.real, by_magnitude.real, by_angle.imag, by_magnitude.imag]
    kept = (rows >= 0) & (columns >= 0)
    return csc_matrix((values[kept], (rows[kept], columns[kept])), shape=(at.count, at.count))
