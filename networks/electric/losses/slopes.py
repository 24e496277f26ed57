"""How the losses of a solved network answer to injections, and how they follow from its currents.

With the Hermitian part H of what lines, transformers and impedances admit (the loss is `V* H V`) the loss moves with
the voltages by `2 Re(conj(H V) dV)`. The voltages move with the injections as the power flow's Jacobian J says, so that
one solution of `J' y = gradient` gives the slope at all buses at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pandapower import pandapowerNet
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.networks.electric.losses.allocation import LossSlope, NotSolved
from mosaik_p2p.networks.electric.power_flow_result import LOSING
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray, Unknowns, jacobian, unknowns
from mosaik_p2p.networks.electric.response.sensitivity import at_buses, internal_branches, internal_buses
from mosaik_p2p.units import FloatArray, IntArray


def loss_slope(
    net: pandapowerNet, buses: Sequence[int], load_slope: tuple[IntArray, ComplexArray], lossy: csr_matrix
) -> LossSlope:
    """Of the loss that `PowerFlowResult` tells, around the solution that `net` holds; as of `power_response`.

    `lossy`: of this net, see `lossy_part`.

    Nothing at slacks, where power comes and goes without a flow, and none of reactive power where a voltage is held.
    Raises NotSolved.
    """
    internal = net._ppc["internal"]
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    pv, pq = (np.asarray(internal[kind], dtype=np.int64) for kind in ("pv", "pq"))
    places = unknowns(pv, pq, len(voltage))
    matrix = jacobian(internal["Ybus"], voltage, places, load_slope=at_buses(net, load_slope, len(voltage)))
    gradient = _gradient(lossy, voltage, places)
    by_equation = _factorised(matrix.T).solve(gradient) if places.count else gradient
    at = internal_buses(net, buses, len(voltage))
    return LossSlope(
        per_kw=_at_equations(by_equation, places.active, at), per_kvar=_at_equations(by_equation, places.reactive, at)
    )


def z_bus_slope(net: pandapowerNet, buses: Sequence[int]) -> LossSlope:
    """What a kW and a kvar at each of `buses` lose by their part of the currents; see `allocation`.

    With conj(I_i) = S_i / V_i the rule's `Re(conj(I_i) e_i)`, e = R I, is linear in S_i. Raises NotSolved.
    """
    internal = net._ppc["internal"]
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    count = len(voltage)
    free = np.setdiff1d(np.arange(count), np.asarray(internal["ref"], dtype=np.int64))
    admittance = csr_matrix(internal["Ybus"])
    current = admittance @ voltage
    dropped = np.zeros(count, dtype=np.complex128)
    if len(free):
        inverse = _factorised(admittance[free][:, free])
        # R I with a real matrix R: what the real and the imaginary part of the currents drop is found apart.
        real, imaginary = (
            inverse.solve(part.astype(np.complex128)).real for part in (current[free].real, current[free].imag)
        )
        dropped[free] = real + 1j * imaginary
    per_power = dropped / voltage
    at = internal_buses(net, buses, count)
    found = np.where(at >= 0, per_power[at], 0.0)
    return LossSlope(per_kw=found.real.copy(), per_kvar=-found.imag)


def _factorised(matrix: csc_matrix | csr_matrix) -> Any:
    """Raises NotSolved where the matrix is singular: at the tip of the voltage curve, or without a slack."""
    try:
        return splu(csc_matrix(matrix))
    except RuntimeError as error:
        raise NotSolved(str(error)) from error


def lossy_part(net: pandapowerNet) -> csr_matrix:
    """The Hermitian part of the admittances of all branches whose losses are told, in p.u.; no power changes it."""
    internal: dict[str, Any] = net._ppc["internal"]
    count = len(internal["V"])
    told = [
        internal_branches(net, table)[1]
        for table in LOSING
        if table in net._pd2ppc_lookups["branch"] and len(net[table])
    ]
    branches = np.concatenate([*told, np.empty(0, dtype=np.int64)])
    ends = internal["branch"][branches, :2].real.astype(np.int64)
    rows, ones = np.arange(len(branches)), np.ones(len(branches))
    start, end = (
        csr_matrix((ones, (ends[:, side], rows)), shape=(count, len(branches))) @ csr_matrix(internal[name])[branches]
        for side, name in enumerate(("Yf", "Yt"))
    )
    total = start + end
    return csr_matrix((total + total.conj().T) / 2.0)


def _gradient(lossy: csr_matrix, voltage: ComplexArray, places: Unknowns) -> FloatArray:
    """(unknowns,) of the loss in p.u., by angle and by magnitude."""
    along = 2.0 * np.conj(lossy @ voltage) * voltage
    found = np.zeros(places.count)
    for equations, moved in ((places.active, (1j * along).real), (places.reactive, along.real / np.abs(voltage))):
        known = equations >= 0
        found[equations[known]] = moved[known]
    return found


def _at_equations(values: FloatArray, equations: IntArray, at: IntArray) -> FloatArray:
    """`values` at the equations of buses; 0 where a bus has none, or was not solved."""
    rows = np.where(at >= 0, equations[at], -1)
    return np.where(rows >= 0, values[rows] if len(values) else 0.0, 0.0)
