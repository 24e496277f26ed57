"""How voltages, loadings and the slack's power answer to injections, around a solved power flow.

The equations of the power flow are linearised at the solution, all sources and all elements with one factorisation.
Of what pandapower keeps, the admittance matrices and the voltages are used; its Jacobian is not, since that one belongs
to the iterate before the last, and there is none at all when the last solution already fitted the new powers.

With S = diag(V) conj(Y V) and E = V/|V| the derivatives are dS/d|V| = diag(V) conj(Y diag(E)) + conj(diag(Y V)) diag(E)
and dS/dangle = j diag(V) conj(diag(Y V) - Y diag(V)); see Zimmerman, "AC Power Flows, Generalized OPF Costs and their
Derivatives using Complex Matrix Notation", MATPOWER Technical Note 2.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandapower import pandapowerNet
from pandapower.pypower.idx_bus import CID_P, CID_Q, CZD_P, CZD_Q, PD, QD
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.feasibility.rows import SLACK, Response
from mosaik_p2p.units import KW_PER_MW, FloatArray, IntArray

ComplexArray = npt.NDArray[np.complex128]
BoolArray = npt.NDArray[np.bool_]


def power_response(net: pandapowerNet, buses: Sequence[int]) -> dict[str, Response]:
    """By checked quantity, and for the slack: the change per kW and per kvar that is injected at each of `buses`.

    `net` holds a solution with the internal data of pandapower (`net._ppc`). The columns are `buses`, which may repeat;
    a bus out of service moves nothing. Voltages of slacks and generators are held.
    """
    internal = net._ppc["internal"]
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    at = _internal_buses(net, buses, len(voltage))
    change = _voltage_change(internal, voltage, at)
    inside = net.bus["in_service"].to_numpy(dtype=bool)
    rows = _internal_buses(net, net.bus.index[inside], len(voltage))
    magnitude = np.real(np.conj(voltage)[:, None] * change) / np.abs(voltage)[:, None]
    slack = _slack_change(internal, voltage, change, at) * internal["baseMVA"] * KW_PER_MW
    return {
        "voltage_pu": _response(net.bus["name"][inside], np.where(rows[:, None] >= 0, magnitude[rows], 0.0)),
        "line_loading_percent": _loading(net, "line", change),
        "transformer_loading_percent": _loading(net, "trafo", change),
        SLACK: _response([SLACK], slack[None, :]),
    }


def _response(elements: Sequence[str] | pd.Series, per_unit: FloatArray) -> Response:
    """`per_unit` (elements, 2 sources): first all kW, then all kvar."""
    per_kw, per_kvar = np.hsplit(per_unit, 2)
    return Response(elements=list(elements), per_kw=per_kw, per_kvar=per_kvar)


def _internal_buses(net: pandapowerNet, buses: Sequence[int] | pd.Index, count: int) -> IntArray:
    """Positions in pandapower's arrays; -1 for a bus that is not among those that were solved."""
    found = net._pd2ppc_lookups["bus"][np.asarray(buses, dtype=np.int64)]
    known = net.bus["in_service"].reindex(buses).to_numpy(dtype=bool)
    return np.where(known & (found >= 0) & (found < count), found, -1).astype(np.int64)


def _voltage_change(internal: dict[str, Any], voltage: ComplexArray, at: IntArray) -> ComplexArray:
    """(buses, 2 sources) change of the complex voltages in p.u. per kW, then per kvar."""
    pq = np.asarray(internal["pq"], dtype=np.int64)
    pvpq = np.r_[np.asarray(internal["pv"], dtype=np.int64), pq]
    # Positions of the equations and of their unknowns: active power and angle at pvpq, reactive and magnitude at pq.
    row_p = np.full(len(voltage), -1)
    row_q = np.full(len(voltage), -1)
    row_p[pvpq] = np.arange(len(pvpq))
    row_q[pq] = len(pvpq) + np.arange(len(pq))
    jacobian = _jacobian(internal, voltage, row_p, row_q)
    equations = np.where(np.r_[at, at] >= 0, np.r_[row_p[at], row_q[at]], -1)
    per_unit = 1.0 / (KW_PER_MW * float(internal["baseMVA"]))
    injected = np.zeros((len(pvpq) + len(pq), 2 * len(at)))
    columns = np.flatnonzero(equations >= 0)
    injected[equations[columns], columns] = per_unit * _share_that_enters(internal, np.abs(voltage), at)[columns]
    solved = splu(jacobian).solve(injected) if len(injected) else injected
    angle, magnitude = np.zeros((2, len(voltage), 2 * len(at)))
    angle[pvpq], magnitude[pq] = solved[: len(pvpq)], solved[len(pvpq) :]
    return np.asarray(voltage[:, None] * (magnitude / np.abs(voltage)[:, None] + 1j * angle), dtype=np.complex128)


def _jacobian(internal: dict[str, Any], voltage: ComplexArray, row_p: IntArray, row_q: IntArray) -> csc_matrix:
    """Entry by entry: S_ij = V_i conj(Y_ij V_j) off the diagonal, and what the current adds on it."""
    ybus = internal["Ybus"].tocoo()
    magnitude, nodes = np.abs(voltage), np.arange(len(voltage))
    power = voltage * np.conj(ybus @ voltage)
    entry = voltage[ybus.row] * np.conj(ybus.data * voltage[ybus.col])
    at, to = np.r_[ybus.row, nodes], np.r_[ybus.col, nodes]
    by_angle = np.r_[-1j * entry, 1j * power]
    by_magnitude = np.r_[entry / magnitude[ybus.col], power / magnitude + _load_slope(internal, magnitude)]
    rows = np.r_[row_p[at], row_p[at], row_q[at], row_q[at]]
    columns = np.r_[row_p[to], row_q[to], row_p[to], row_q[to]]
    values = np.r_[by_angle.real, by_magnitude.real, by_angle.imag, by_magnitude.imag]
    kept = (rows >= 0) & (columns >= 0)
    size = int(max(row_p.max(initial=-1), row_q.max(initial=-1))) + 1
    return csc_matrix((values[kept], (rows[kept], columns[kept])), shape=(size, size))


def _load_slope(internal: dict[str, Any], magnitude: FloatArray) -> ComplexArray:
    """(buses,) how much more the loads draw with the voltage, in p.u.: those of constant current and impedance."""
    bus = internal["bus"]
    active = bus[:, PD] * (bus[:, CID_P] + 2.0 * bus[:, CZD_P] * magnitude)
    reactive = bus[:, QD] * (bus[:, CID_Q] + 2.0 * bus[:, CZD_Q] * magnitude)
    return np.asarray((active + 1j * reactive) / internal["baseMVA"], dtype=np.complex128)


def _share_that_enters(internal: dict[str, Any], magnitude: FloatArray, at: IntArray) -> FloatArray:
    """(2 sources,) 1, unless the bus has loads that depend on its voltage: the library then lets all power at the bus
    depend on it, that of generators included."""
    bus = internal["bus"][at]
    v = magnitude[at]
    active = 1.0 + bus[:, CID_P] * (v - 1.0) + bus[:, CZD_P] * (v**2 - 1.0)
    reactive = 1.0 + bus[:, CID_Q] * (v - 1.0) + bus[:, CZD_Q] * (v**2 - 1.0)
    return np.asarray(np.r_[active, reactive], dtype=np.float64)


def _slack_change(internal: dict[str, Any], voltage: ComplexArray, change: ComplexArray, at: IntArray) -> FloatArray:
    """(2 sources,) change of the active power that all slacks feed in, in p.u.; minus all of what enters at a slack."""
    ref = np.asarray(internal["ref"], dtype=np.int64)
    fed = np.real(voltage[ref, None] * np.conj(csr_matrix(internal["Ybus"])[ref] @ change)).sum(axis=0)
    at_slack = np.isin(at, ref) / (KW_PER_MW * float(internal["baseMVA"]))
    return np.asarray(fed - np.r_[at_slack, np.zeros(len(at))], dtype=np.float64)


def _loading(net: pandapowerNet, table: str, change: ComplexArray) -> Response:
    """Of the lines or transformers in service: a loading is proportional to the current at its more loaded end."""
    inside = net[table]["in_service"].to_numpy(dtype=bool)
    names = net[table]["name"][inside]
    moved = np.zeros((len(net[table]), change.shape[1]))
    if len(moved):
        solved, branches = _internal_branches(net, table)
        at_start = _start_is_loaded_more(net, table)[solved]
        for end, chosen in (("Yf", at_start), ("Yt", ~at_start)):
            rows = np.flatnonzero(solved)[chosen]
            moved[rows] = _relative_current(net, end, branches[chosen], change)
        moved *= net[f"res_{table}"]["loading_percent"].to_numpy(dtype=np.float64)[:, None]
    return _response(names, np.nan_to_num(moved[inside]))


def _internal_branches(net: pandapowerNet, table: str) -> tuple[BoolArray, IntArray]:
    """Which elements of the table were solved, and where those stand in pandapower's arrays."""
    first, last = net._pd2ppc_lookups["branch"][table]
    kept = np.asarray(net._ppc["internal"]["branch_is"], dtype=bool)
    positions = np.cumsum(kept) - 1
    return kept[first:last], positions[first:last][kept[first:last]].astype(np.int64)


def _start_is_loaded_more(net: pandapowerNet, table: str) -> BoolArray:
    results = net[f"res_{table}"]
    if table == "line":
        start, end = results["i_from_ka"], results["i_to_ka"]
    else:
        start, end = results["i_hv_ka"] * net.trafo["vn_hv_kv"], results["i_lv_ka"] * net.trafo["vn_lv_kv"]
    return np.asarray(start.to_numpy(dtype=np.float64) >= end.to_numpy(dtype=np.float64), dtype=np.bool_)


def _relative_current(net: pandapowerNet, end: str, branches: IntArray, change: ComplexArray) -> FloatArray:
    """(branches, 2 sources) relative change of the current's magnitude; 0 where no current flows."""
    internal = net._ppc["internal"]
    admittance = csr_matrix(internal[end])[branches]
    current = admittance @ np.asarray(internal["V"], dtype=np.complex128)
    square = np.abs(current)[:, None] ** 2
    along = np.real(np.conj(current)[:, None] * (admittance @ change))
    relative: FloatArray = np.divide(along, square, out=np.zeros_like(along), where=square > 0.0)
    return relative
