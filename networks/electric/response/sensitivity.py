"""How voltages, loadings and the slack's power answer to injections, around a solved power flow.

The equations of the power flow are linearised at the solution, all sources and all elements with one factorisation.
Of what pandapower keeps, the admittance matrices and the voltages are used; its Jacobian is not, since that one belongs
to the iterate before the last, and there is none at all when the last solution already fitted the new powers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.pypower.idx_brch import F_BUS, T_BUS
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.response import SLACK, Response
from mosaik_p2p.limits.rows import responses
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray, jacobian, unknowns
from mosaik_p2p.networks.electric.stored_limits import TABLES
from mosaik_p2p.units import ELECTRICITY, KW_PER_MW, BoolArray, FloatArray, IntArray


def power_response(
    net: pandapowerNet, buses: Sequence[int], load_slope: tuple[IntArray, ComplexArray]
) -> dict[str, Response]:
    """By limited quantity, and for the slack: the change per kW and per kvar that is injected at each of `buses`.

    `net` holds a solution with the internal data of pandapower (`net._ppc`). The columns are `buses`, which may repeat;
    a bus out of service moves nothing. Voltages of slacks and generators are held. `load_slope`: buses, and by how much
    more is drawn there with the magnitude of the voltage, in MVA per p.u.
    """
    flow = PowerSensitivities(net, buses, load_slope)
    return {**responses(limited_quantities(ELECTRICITY), flow), SLACK: flow.slack_kw()}


class PowerSensitivities:
    """See `ElectricSensitivities`; one factorisation for all of them."""

    def __init__(self, net: pandapowerNet, buses: Sequence[int], load_slope: tuple[IntArray, ComplexArray]) -> None:
        """As of `power_response`."""
        self._net, self._internal = net, net._ppc["internal"]
        self._voltage = np.asarray(self._internal["V"], dtype=np.complex128)
        self._at = internal_buses(net, buses, len(self._voltage))
        slope = at_buses(net, load_slope, len(self._voltage))
        self._change = _voltage_change(self._internal, self._voltage, self._at, slope)

    def values(self, element: str, column: str) -> FloatArray:
        """See ElectricSensitivities."""
        results = self._net[f"res_{TABLES[element]}"][column].to_numpy(dtype=np.float64)
        return np.asarray(results[self._inside(element)], dtype=np.float64)

    def voltage_pu(self) -> Response:
        """See ElectricSensitivities."""
        rows = internal_buses(self._net, self._net.bus.index[self._inside("bus")], len(self._voltage))
        magnitude = np.real(np.conj(self._voltage)[:, None] * self._change) / np.abs(self._voltage)[:, None]
        return self._response("bus", np.where(rows[:, None] >= 0, magnitude[rows], 0.0))

    def relative_current(self, element: str) -> Response:
        """See ElectricSensitivities."""
        table = TABLES[element]
        moved = np.zeros((len(self._net[table]), self._change.shape[1]))
        if len(moved):
            solved, branches = internal_branches(self._net, table)
            at_start = _start_is_loaded_more(self._net, table)[solved]
            for end, chosen in (("Yf", at_start), ("Yt", ~at_start)):
                rows = np.flatnonzero(solved)[chosen]
                moved[rows] = _relative_current(self._net, end, branches[chosen], self._change)
        return self._response(element, moved[self._inside(element)])

    def line_power_kw(self) -> Response:
        """See ElectricSensitivities."""
        return self._response("line", _line_power(self._net, self._change)[self._inside("line")])

    def slack_kw(self) -> Response:
        """Of what all slacks feed in."""
        fed = _slack_change(self._internal, self._voltage, self._change, self._at) * self._internal["baseMVA"]
        return _response([SLACK], fed[None, :] * KW_PER_MW)

    def _inside(self, element: str) -> BoolArray:
        return np.asarray(self._net[TABLES[element]]["in_service"], dtype=np.bool_)

    def _response(self, element: str, per_unit: FloatArray) -> Response:
        return _response(self._net[TABLES[element]]["name"][self._inside(element)], per_unit)


def voltages_with(
    net: pandapowerNet, more_drawn: tuple[IntArray, ComplexArray], load_slope: tuple[IntArray, ComplexArray]
) -> "pd.Series[float]":
    """By bus, the magnitudes in p.u. to be expected where so much more is drawn (buses, MVA) than in the solution that
    `net` holds, and what follows the voltage goes with it."""
    internal = net._ppc["internal"]
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    count = len(voltage)
    pv, pq = (np.asarray(internal[kind], dtype=np.int64) for kind in ("pv", "pq"))
    places = unknowns(pv, pq, count)
    drawn = at_buses(net, more_drawn, count)
    entering = np.zeros(places.count)
    for equations, part in ((places.active, drawn.real), (places.reactive, drawn.imag)):
        entering[equations[equations >= 0]] = -part[equations >= 0]
    matrix = jacobian(internal["Ybus"], voltage, places, load_slope=at_buses(net, load_slope, count))
    change = splu(matrix).solve(entering)
    magnitude = np.abs(voltage)
    held = places.reactive < 0
    magnitude = magnitude + np.where(held, 0.0, change[np.where(held, 0, places.reactive)])
    at = internal_buses(net, net.bus.index, count)
    return pd.Series(np.where(at >= 0, magnitude[at], np.nan), index=net.bus.index)


def _response(elements: Sequence[str] | pd.Series, per_unit: FloatArray) -> Response:
    """`per_unit` (elements, 2 sources): first all kW, then all kvar."""
    per_kw, per_kvar = np.hsplit(per_unit, 2)
    return Response(elements=list(elements), per_kw=per_kw, per_kvar=per_kvar)


def internal_buses(net: pandapowerNet, buses: Sequence[int] | pd.Index | IntArray, count: int) -> IntArray:
    """Positions in pandapower's arrays; -1 for a bus that is not among those that were solved."""
    found = net._pd2ppc_lookups["bus"][np.asarray(buses, dtype=np.int64)]
    # By rows: pandas takes long to make a column anew.
    known = net.bus["in_service"].to_numpy(dtype=bool)[net.bus.index.get_indexer(np.asarray(buses))]
    return np.where(known & (found >= 0) & (found < count), found, -1).astype(np.int64)


def at_buses(net: pandapowerNet, of_buses: tuple[IntArray, ComplexArray], count: int) -> ComplexArray:
    """(solved buses,) the sum at each of what is given by bus, MVA in p.u."""
    buses, given_mva = of_buses
    summed = np.zeros(count, dtype=np.complex128)
    if not len(buses):
        return summed
    at = internal_buses(net, buses, count)
    np.add.at(summed, at[at >= 0], given_mva[at >= 0] / float(net._ppc["internal"]["baseMVA"]))
    return summed


def _voltage_change(
    internal: dict[str, Any], voltage: ComplexArray, at: IntArray, load_slope: ComplexArray
) -> ComplexArray:
    """(buses, 2 sources) change of the complex voltages in p.u. per kW, then per kvar."""
    pv, pq = (np.asarray(internal[kind], dtype=np.int64) for kind in ("pv", "pq"))
    places = unknowns(pv, pq, len(voltage))
    equations = np.where(np.r_[at, at] >= 0, np.r_[places.active[at], places.reactive[at]], -1)
    per_unit = 1.0 / (KW_PER_MW * float(internal["baseMVA"]))
    injected = np.zeros((places.count, 2 * len(at)))
    columns = np.flatnonzero(equations >= 0)
    injected[equations[columns], columns] = per_unit
    matrix = jacobian(internal["Ybus"], voltage, places, load_slope=load_slope)
    solved = splu(matrix).solve(injected) if places.count else injected
    angle, magnitude = np.zeros((2, len(voltage), 2 * len(at)))
    angle[np.r_[pv, pq]], magnitude[pq] = np.split(solved, [len(pv) + len(pq)])
    return np.asarray(voltage[:, None] * (magnitude / np.abs(voltage)[:, None] + 1j * angle), dtype=np.complex128)


def _slack_change(internal: dict[str, Any], voltage: ComplexArray, change: ComplexArray, at: IntArray) -> FloatArray:
    """(2 sources,) change of the active power that all slacks feed in, in p.u.; minus all of what enters at a slack."""
    ref = np.asarray(internal["ref"], dtype=np.int64)
    fed = np.real(voltage[ref, None] * np.conj(csr_matrix(internal["Ybus"])[ref] @ change)).sum(axis=0)
    at_slack = np.isin(at, ref) / (KW_PER_MW * float(internal["baseMVA"]))
    return np.asarray(fed - np.r_[at_slack, np.zeros(len(at))], dtype=np.float64)


def _line_power(net: pandapowerNet, change: ComplexArray) -> FloatArray:
    """(lines, 2 sources) change of the size of the active power at the end where it is larger, in kW."""
    moved = np.zeros((len(net.line), change.shape[1]))
    if len(moved):
        solved, branches = internal_branches(net, "line")
        start, end = (np.nan_to_num(net.res_line[column].to_numpy(dtype=float)) for column in ("p_from_mw", "p_to_mw"))
        at_start = np.abs(start) >= np.abs(end)
        direction = np.sign(np.where(at_start, start, end))
        for matrix, bus, chosen in (("Yf", F_BUS, at_start[solved]), ("Yt", T_BUS, ~at_start[solved])):
            rows = np.flatnonzero(solved)[chosen]
            moved[rows] = direction[rows, None] * _power_change(net, (matrix, bus), branches[chosen], change)
    return moved


def _power_change(net: pandapowerNet, end: tuple[str, int], branches: IntArray, change: ComplexArray) -> FloatArray:
    """(branches, 2 sources) change of the active power that enters branches at one end, in kW."""
    internal, (matrix, bus) = net._ppc["internal"], end
    voltage = np.asarray(internal["V"], dtype=np.complex128)
    at = internal["branch"][branches, bus].real.astype(np.int64)
    admittance = csr_matrix(internal[matrix])[branches]
    current = admittance @ voltage
    power = change[at] * np.conj(current)[:, None] + voltage[at][:, None] * np.conj(admittance @ change)
    return np.asarray(power.real * float(internal["baseMVA"]) * KW_PER_MW, dtype=np.float64)


def internal_branches(net: pandapowerNet, table: str) -> tuple[BoolArray, IntArray]:
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
