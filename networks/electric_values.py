"""Numbers of users' electric networks that pandapower would take and then crash on, or compute nonsense from."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.names import NAMES_SHOWN

POSITIVE = {
    "bus": ("vn_kv",),
    "line": ("length_km",),
    "trafo": ("vn_hv_kv", "vn_lv_kv", "vk_percent"),
    "ext_grid": ("vm_pu",),
    "gen": ("vm_pu",),
}
"""Columns whose values have to be finite and greater than zero."""

FINITE = {
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("vkr_percent", "pfe_kw", "i0_percent"),
    "load": ("p_mw", "q_mvar", "scaling"),
    "sgen": ("p_mw", "q_mvar", "scaling"),
    "gen": ("p_mw", "scaling"),
    "storage": ("p_mw", "q_mvar", "scaling"),
    "shunt": ("p_mw", "q_mvar", "vn_kv"),
    "ext_grid": ("va_degree",),
}
"""Columns whose values have to be finite."""

GENERAL = ("f_hz", "sn_mva")
"""Numbers of the net as a whole: its frequency, and the power that per-unit values refer to."""


def value_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    """Faults of single values, of elements in service."""
    faults = [fault for key in GENERAL for fault in _general(path, net, key)]
    for table, columns in POSITIVE.items():
        for column in columns:
            faults += _column(path, net, table, column, positive=True)
    for table, columns in FINITE.items():
        for column in columns:
            faults += _column(path, net, table, column, positive=False)
    return faults + _without_impedance(path, net)


def _general(path: Path, net: pandapowerNet, key: str) -> list[Fault]:
    value = net.get(key)
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    if sound:
        return []
    return [Fault(f"{path}, {key}", repr(value), "is not a finite number greater than 0", f"Set {key} of the net")]


def _column(path: Path, net: pandapowerNet, table: str, column: str, *, positive: bool) -> list[Fault]:
    elements = net[table] if table in net else pd.DataFrame()
    if elements.empty or column not in elements:
        return []
    values = pd.to_numeric(elements[column], errors="coerce").to_numpy(dtype=float)
    sound = np.isfinite(values) & ((values > 0.0) | (not positive))
    wrong = elements[~sound & _in_service(elements)]
    if wrong.empty:
        return []
    wanted = "finite number greater than 0" if positive else "finite number"
    return [_fault(path, table, wrong, f"{column} is no {wanted}", f"Give each of them a {column} that is a {wanted}")]


def _without_impedance(path: Path, net: pandapowerNet) -> list[Fault]:
    lines = net.line
    if lines.empty:
        return []
    ohm = [pd.to_numeric(lines[column], errors="coerce") for column in ("r_ohm_per_km", "x_ohm_per_km")]
    wrong = lines[((ohm[0] == 0.0) & (ohm[1] == 0.0)).to_numpy() & _in_service(lines)]
    if wrong.empty:
        return []
    remedy = "Give it a resistance or reactance, or join the buses by a closed switch"
    return [_fault(path, "line", wrong, "r_ohm_per_km and x_ohm_per_km are both 0", remedy)]


def _in_service(elements: pd.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    if "in_service" not in elements:
        return np.ones(len(elements), dtype=bool)
    return elements["in_service"].to_numpy(dtype=bool)


def _fault(path: Path, table: str, wrong: pd.DataFrame, problem: str, remedy: str) -> Fault:
    return Fault(f"{path}, table {table}", some(named(wrong)), problem, remedy)


def named(elements: pd.DataFrame) -> list[str]:
    """Names and indices of elements, as messages give them."""
    names = elements["name"] if "name" in elements else [None] * len(elements)
    return [f"{name} (index {index})" for name, index in zip(names, elements.index, strict=True)]


def some(names: list[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
