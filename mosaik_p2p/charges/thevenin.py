"""Thevenin distance: the impedance between two places when the rest of the network is there as well.

|Z_ii + Z_jj - Z_ij - Z_ji| with Z the inverse of the admittances of all branches in series. Shunts and tap changers are
left out: they would make it depend on what the distance between two places has nothing to do with. Baroche et al. 2019,
"Exogenous cost allocation in peer-to-peer electricity markets", IEEE Transactions on Power Systems 34(4), 2553-2564.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from mosaik_p2p.charges.graph import PathGraph, parts, reached_from
from mosaik_p2p.units import FloatArray, IntArray

ComplexArray: TypeAlias = npt.NDArray[np.complex128]


def thevenin_ohm(graph: PathGraph, nodes: IntArray) -> FloatArray:
    """(P, P) distances in ohm between the P given nodes of `graph`.

    Raises ValueError where the graph has no impedances, or no path leads from one of the nodes to another.
    """
    if graph.r_ohm is None or graph.x_ohm is None:
        raise ValueError("there are no impedances between the places of this network")
    if not len(nodes):
        return np.zeros((0, 0))
    z = graph.r_ohm + 1j * graph.x_ohm
    joined = parts(graph, z == 0.0)
    start, end, at = joined[graph.from_node], joined[graph.to_node], joined[nodes]
    inside = (start != end) & reached_from(graph, nodes)[graph.from_node]
    number = np.unique(np.r_[at, start[inside], end[inside]], return_inverse=True)[1]
    at, start, end = np.split(number, [len(at), len(at) + int(inside.sum())])
    impedance = _grounded(int(number.max()) + 1, start, end, z[inside], at)
    own = np.diag(impedance)
    distance: FloatArray = np.abs(own[:, None] + own[None, :] - impedance - impedance.T)
    # What rounding leaves of a difference is no distance.
    distance[at[:, None] == at[None, :]] = 0.0
    return (distance + distance.T) / 2.0


def _grounded(count: int, start: IntArray, end: IntArray, z: ComplexArray, at: IntArray) -> ComplexArray:
    """(P, P) of the inverse of the admittances, with node 0 grounded: distances do not depend on which one it is."""
    branch = np.arange(len(z))
    ends = (np.r_[start, end], np.r_[branch, branch])
    incidence = sp.csc_array((np.r_[np.ones(len(z)), -np.ones(len(z))], ends), shape=(count, len(z)))
    laplacian = (incidence @ sp.diags_array(1.0 / z) @ incidence.T).tocsc()
    unit = np.zeros((count, len(at)), dtype=np.complex128)
    unit[at, np.arange(len(at))] = 1.0
    voltage = np.zeros_like(unit)
    if count > 1:
        voltage[1:] = splu(laplacian[1:, 1:]).solve(unit[1:])
    return voltage[at]
