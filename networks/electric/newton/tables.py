"""Result tables of many intervals of one network out of their voltages, as pandapower reckons its own.

Its functions fill the tables of one state and take their time over it; here the same formulas take the voltages of all
intervals at once. `many` sets both beside each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.pypower.idx_brch import F_BUS, T_BUS
from pandapower.pypower.idx_bus import BASE_KV
from scipy.sparse import csr_matrix

from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.power_flow_result import LOSING, TAP, PowerFlowResult, taps
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.networks.electric.response.sensitivity import internal_branches, internal_buses
from mosaik_p2p.units import KW_PER_MW, FloatArray, IntArray, Table


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Of one table of branches, those in service; arrays of shape (elements, intervals)."""

    start: ComplexArray
    """MVA that enters at the start."""
    end: ComplexArray
    start_ka: FloatArray
    end_ka: FloatArray

    @property
    def loss_mw(self) -> FloatArray:
        """What does not come out again."""
        return np.asarray(self.start.real + self.end.real, dtype=np.float64)


def is_plain(net: pandapowerNet) -> bool:
    """Whether every element in service of a solved net was solved, and slacks stand apart and alone hold voltages."""
    internal, count = net._ppc["internal"], len(net._ppc["internal"]["V"])
    inside = net.bus.index[net.bus["in_service"].to_numpy(dtype=bool)]
    slacks = internal_buses(net, net.ext_grid["bus"][net.ext_grid["in_service"].to_numpy(dtype=bool)], count)
    plain = (internal_buses(net, inside, count) >= 0).all() and not net.gen["in_service"].any()
    plain = plain and sorted(slacks.tolist()) == sorted(np.asarray(internal["ref"], dtype=np.int64).tolist())
    return bool(plain) and all(
        np.array_equal(internal_branches(net, table)[0], net[table]["in_service"].to_numpy(dtype=bool))
        for table in LOSING
        if table in net._pd2ppc_lookups["branch"] and len(net[table])
    )


def results(
    net: pandapowerNet, voltage: ComplexArray, elements_mva: ComplexArray, iterations: IntArray
) -> list[PowerFlowResult]:
    """One per interval. `voltage` (solved buses, intervals) in p.u.; `elements_mva` (buses of the net, intervals) what
    all elements but the slacks feed in at each."""
    flows = {table: _flows(net, table, voltage) for table in LOSING}
    losses_mw = sum(flow.loss_mw.sum(axis=0) for flow in flows.values())
    slack_mva, entering_mva = _with_slacks(net, voltage, elements_mva)
    tables = (
        _per_interval("bus", net.bus, _buses(net, voltage, entering_mva)),
        _per_interval("element", net.line, _lines(net.line, flows["line"])),
        _per_interval("element", net.trafo, _transformers(net.trafo, flows["trafo"])),
    )
    positions = taps(net)
    return [
        PowerFlowResult(
            status=Status.OK,
            iterations=int(iterations[k]),
            slack_kw=float(slack_mva.real[k]) * KW_PER_MW,
            loss_kw=float(losses_mw[k]) * KW_PER_MW,
            buses=tables[0][k],
            lines=tables[1][k],
            transformers={**tables[2][k], TAP: positions},
        )
        for k in range(voltage.shape[1])
    ]


def _flows(net: pandapowerNet, table: str, voltage: ComplexArray) -> Flows:
    if table not in net._pd2ppc_lookups["branch"] or not len(net[table]):
        nothing = np.zeros((0, voltage.shape[1]))
        power = nothing.astype(np.complex128)
        return Flows(start=power, end=power, start_ka=nothing, end_ka=nothing)
    internal, branches = net._ppc["internal"], internal_branches(net, table)[1]
    base_kv = internal["bus"][:, BASE_KV].real
    ends = []
    for matrix, column in (("Yf", F_BUS), ("Yt", T_BUS)):
        at = internal["branch"][branches, column].real.astype(np.int64)
        current = csr_matrix(internal[matrix])[branches] @ voltage
        power = voltage[at] * np.conj(current) * float(internal["baseMVA"])
        ends.append((power, np.abs(power) / (np.abs(voltage[at]) * base_kv[at, None] * np.sqrt(3.0))))
    (start, start_ka), (end, end_ka) = ends
    return Flows(start=start, end=end, start_ka=start_ka, end_ka=end_ka)


def _with_slacks(
    net: pandapowerNet, voltage: ComplexArray, elements_mva: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """(intervals,) what all slacks feed in, and (buses of the net, intervals) what enters at each bus, with it."""
    internal, count = net._ppc["internal"], len(voltage)
    buses = net.ext_grid["bus"][net.ext_grid["in_service"].to_numpy(dtype=bool)]
    at, row = internal_buses(net, buses, count), net.bus.index.get_indexer(buses)
    taken = voltage[at] * np.conj(csr_matrix(internal["Ybus"])[at] @ voltage) * float(internal["baseMVA"])
    # `kept.is_usable`: no switch joins buses, each is one of pandapower's own.
    fed = taken - elements_mva[row]
    entering = elements_mva.copy()
    entering[row] = taken
    return np.asarray(fed.sum(axis=0)), entering


def _buses(net: pandapowerNet, voltage: ComplexArray, entering_mva: ComplexArray) -> dict[str, FloatArray]:
    inside = net.bus["in_service"].to_numpy(dtype=bool)
    at = internal_buses(net, net.bus.index[inside], len(voltage))
    return {
        "vm_pu": np.abs(voltage[at]),
        "va_degree": np.angle(voltage[at], deg=True),
        "p_injection_kw": entering_mva.real[inside] * KW_PER_MW,
        "q_injection_kvar": entering_mva.imag[inside] * KW_PER_MW,
    }


def _lines(lines: pd.DataFrame, flow: Flows) -> dict[str, FloatArray]:
    inside = lines["in_service"].to_numpy(dtype=bool)
    rated_ka = np.prod([lines[name].to_numpy(dtype=float)[inside] for name in ("max_i_ka", "df", "parallel")], axis=0)
    current_ka = np.maximum(flow.start_ka, flow.end_ka)
    with np.errstate(divide="ignore", invalid="ignore"):
        loading = np.where(rated_ka[:, None] == 0.0, np.inf, current_ka / rated_ka[:, None]) * 100.0
    return {
        **_powers(flow, ("from", "to")),
        "i_ka": current_ka,
        "loading_percent": loading,
        "loss_kw": flow.loss_mw * KW_PER_MW,
    }


def _transformers(trafos: pd.DataFrame, flow: Flows) -> dict[str, FloatArray]:
    inside = trafos["in_service"].to_numpy(dtype=bool)
    rated = {name: trafos[name].to_numpy(dtype=float)[inside][:, None] for name in _RATED}
    sides = np.maximum(flow.start_ka * rated["vn_hv_kv"], flow.end_ka * rated["vn_lv_kv"])
    loading = sides * np.sqrt(3.0) / rated["sn_mva"] * 100.0 / rated["parallel"] / rated["df"]
    return {
        **_powers(flow, ("hv", "lv")),
        "i_ka": flow.end_ka,
        "loading_percent": loading,
        "loss_kw": flow.loss_mw * KW_PER_MW,
    }


_RATED = ("vn_hv_kv", "vn_lv_kv", "sn_mva", "parallel", "df")


def _powers(flow: Flows, ends: Sequence[str]) -> dict[str, FloatArray]:
    columns: dict[str, FloatArray] = {}
    for end, power in zip(ends, (flow.start, flow.end), strict=True):
        columns |= {f"p_{end}_kw": power.real * KW_PER_MW, f"q_{end}_kvar": power.imag * KW_PER_MW}
    return columns


def _per_interval(key: str, elements: pd.DataFrame, columns: dict[str, FloatArray]) -> list[Table]:
    """One table per interval; None where there is no number."""
    names = elements["name"].to_numpy()[elements["in_service"].to_numpy(dtype=bool)].tolist()
    # Adding zero turns -0.0 into 0.0.
    lists = {name: (values + 0.0).T.tolist() for name, values in columns.items()}
    finite = {name: bool(np.isfinite(values).all()) for name, values in columns.items()}
    count = next(iter(columns.values())).shape[1]
    return [
        {key: names}
        | {
            name: rows[k] if finite[name] else [value if isfinite(value) else None for value in rows[k]]
            for name, rows in lists.items()
        }
        for k in range(count)
    ]
