"""What one interval's power flow came to, as tables in our units."""

from dataclasses import dataclass, field
from math import isfinite

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Status
from mosaik_p2p.units import KW_PER_MW, Table

_BUSES = {
    "vm_pu": ("vm_pu", 1.0),
    "va_degree": ("va_degree", 1.0),
    "p_injection_kw": ("p_mw", -KW_PER_MW),
    "q_injection_kvar": ("q_mvar", -KW_PER_MW),
}
_LINES = {
    "p_from_kw": ("p_from_mw", KW_PER_MW),
    "q_from_kvar": ("q_from_mvar", KW_PER_MW),
    "p_to_kw": ("p_to_mw", KW_PER_MW),
    "q_to_kvar": ("q_to_mvar", KW_PER_MW),
    "i_ka": ("i_ka", 1.0),
    "loading_percent": ("loading_percent", 1.0),
    "loss_kw": ("pl_mw", KW_PER_MW),
}
_TRANSFORMERS = {
    "p_hv_kw": ("p_hv_mw", KW_PER_MW),
    "q_hv_kvar": ("q_hv_mvar", KW_PER_MW),
    "p_lv_kw": ("p_lv_mw", KW_PER_MW),
    "q_lv_kvar": ("q_lv_mvar", KW_PER_MW),
    "i_ka": ("i_lv_ka", 1.0),
    "loading_percent": ("loading_percent", 1.0),
    "loss_kw": ("pl_mw", KW_PER_MW),
}
"""Column of ours to pandapower's and the factor between them. A bus draws in pandapower and injects here."""
TAP = "tap_pos"
LOSING = ("line", "trafo", "impedance")
"""Tables of the elements whose losses are told."""


@dataclass(frozen=True)
class PowerFlowResult:
    """One interval's power flow. Where there is no solution, the tables are empty and the figures None."""

    status: Status
    cause: str | None = None
    """Why there is no solution, see `no_power_flow`."""
    iterations: int | None = None
    slack_kw: float | None = None
    """What all slacks together feed into the network."""
    loss_kw: float | None = None
    """Of lines, transformers and impedances."""
    buses: Table = field(default_factory=lambda: _empty("bus", _BUSES))
    """bus, vm_pu, va_degree, p_injection_kw, q_injection_kvar: everything there, the slack's feed included."""
    lines: Table = field(default_factory=lambda: _empty("element", _LINES))
    """element, p_from_kw, q_from_kvar, p_to_kw, q_to_kvar (into the line), i_ka, loading_percent, loss_kw."""
    transformers: Table = field(default_factory=lambda: _empty("element", {**_TRANSFORMERS, TAP: (TAP, 1.0)}))
    """element, p_hv_kw, q_hv_kvar, p_lv_kw, q_lv_kvar, i_ka (low-voltage side), loading_percent, loss_kw, tap_pos
    (position of the tap changer, None without one)."""


def result_of(net: pandapowerNet, iterations: int) -> PowerFlowResult:
    """Of the solution that is in the net."""
    losses_mw = [_sum(net[f"res_{table}"]["pl_mw"]) for table in LOSING if f"res_{table}" in net]
    return PowerFlowResult(
        status=Status.OK,
        iterations=iterations,
        slack_kw=_sum(net.res_ext_grid["p_mw"]) * KW_PER_MW,
        loss_kw=sum(losses_mw) * KW_PER_MW,
        buses=_table("bus", net.bus, net.res_bus, _BUSES),
        lines=_table("element", net.line, net.res_line, _LINES),
        transformers={**_table("element", net.trafo, net.res_trafo, _TRANSFORMERS), TAP: taps(net)},
    )


def taps(net: pandapowerNet) -> list[float | None]:
    """Of the transformers in service."""
    inside = net.trafo["in_service"].to_numpy(dtype=bool)
    positions = net.trafo[TAP].to_numpy(dtype=float, na_value=np.nan)[inside]
    return [value if isfinite(value) else None for value in positions.tolist()]


def _sum(values: pd.Series) -> float:
    """Of those that are in service; what is not has no number."""
    return float(np.nansum(values.to_numpy(dtype=float)))


def _table(key: str, elements: pd.DataFrame, results: pd.DataFrame, columns: dict[str, tuple[str, float]]) -> Table:
    """What is in service, with its results in our units; None where pandapower has no number."""
    inside = elements["in_service"].to_numpy(dtype=bool)
    table: Table = {key: elements["name"].to_numpy()[inside].tolist()}
    # Adding zero turns -0.0 into 0.0.
    factors = np.array([factor for _, factor in columns.values()])
    # All columns at once, and those that are wanted by their places: pandas takes long to find single ones.
    place = {name: number for number, name in enumerate(results.columns)}
    wanted = [place[theirs] for theirs, _ in columns.values()]
    values = results.to_numpy(dtype=float)[inside][:, wanted] * factors + 0.0
    finite = np.isfinite(values).all()
    for column, numbers in zip(columns, values.T.tolist(), strict=True):
        table[column] = numbers if finite else [value if isfinite(value) else None for value in numbers]
    return table


def _empty(key: str, columns: dict[str, tuple[str, float]]) -> Table:
    return {name: [] for name in (key, *columns)}
