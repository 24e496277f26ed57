"""Tap changers of transformers as they are meant.

pandapower 3 passes over the position of a tap changer whose type is not named, or that lacks a side, a step or a
neutral position, and computes at the neutral one. Here a changer without a type is of type Ratio (Ideal where it only
turns the phase), as earlier versions of the library took it; whatever else would have no effect is a fault.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.files.numbers import any_fault, in_service, numbers
from mosaik_p2p.units import BoolArray, FloatArray

CHANGERS = ("tap", "tap2")
"""What the columns of a transformer's first and second tap changer begin with."""
STEPPED = ("Ratio", "Symmetrical", "Ideal")
"""Types that compute with a step."""
TYPES = (*STEPPED, "Tabular")
SIDES = ("hv", "lv")
OF_A_CHANGER = ("side", "neutral", "step_percent", "step_degree", "pos")
"""Columns that pandapower reads of every tap changer as soon as one of its columns is there."""


def with_types_of_taps(net: pandapowerNet) -> pandapowerNet:
    """The net itself, with a type for every tap changer that has a step and none, and all columns of a tap changer."""
    for tap in CHANGERS:
        if any(f"{tap}_{column}" in net.trafo for column in ("pos", "changer_type")):
            _complete(net.trafo, tap)
            net.trafo[f"{tap}_changer_type"] = _types(net.trafo, tap)
    return net


def _complete(trafos: pd.DataFrame, tap: str) -> None:
    """A column that is not there says as much as one without values."""
    for column in OF_A_CHANGER:
        if f"{tap}_{column}" not in trafos:
            trafos[f"{tap}_{column}"] = pd.Series(None, index=trafos.index, dtype=object if column == "side" else float)


def tap_faults(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    """Transformers in service with a position off neutral that would have no effect."""
    for tap in CHANGERS:
        if f"{tap}_pos" in net.trafo:
            yield from _faults(path, net, tap)


def _faults(path: Path, net: pandapowerNet, tap: str) -> Iterator[Fault]:
    trafos = net.trafo
    types = _types(trafos, tap)
    unknown = types.notna() & ~types.isin(TYPES)
    remedy = f"Name one of {', '.join(TYPES)}"
    yield from any_fault(
        path, "trafo", trafos[unknown.to_numpy()], f"{tap}_changer_type is none that pandapower knows", remedy
    )
    moved = in_service(trafos) & _moved(trafos, tap) & ~unknown.to_numpy()
    by_table = _of_table(trafos, tap)
    lacking = {
        f"{tap}_side is none of {', '.join(SIDES)}": ~_column(trafos, f"{tap}_side").isin(SIDES).to_numpy(),
        f"{tap}_neutral has no value": np.isnan(_numbers(trafos, f"{tap}_neutral")),
        f"{tap}_step_percent and {tap}_step_degree have no value": ~by_table & ~_has_step(trafos, tap),
        f"{tap}_changer_type is Tabular without a table": ~by_table & (types == "Tabular").to_numpy(),
    }
    for what, wrong in lacking.items():
        problem = f"{tap}_pos is not at its neutral position, and {what}: it would have no effect"
        yield from any_fault(
            path, "trafo", trafos[moved & wrong], problem, f"Complete the tap changer, or set {tap}_pos to neutral"
        )


def _types(trafos: pd.DataFrame, tap: str) -> "pd.Series[Any]":
    """The type of each tap changer, None where it has none and no step."""
    stated = _column(trafos, f"{tap}_changer_type")
    free = stated.isna() | (stated == "")
    turns_only = _usable(trafos, f"{tap}_step_degree") & ~_usable(trafos, f"{tap}_step_percent")
    steps = zip(turns_only, _has_step(trafos, tap), strict=True)
    meant = ["Ideal" if turns else "Ratio" if has_step else None for turns, has_step in steps]
    return stated.astype(object).where(~free, pd.Series(meant, index=trafos.index, dtype=object))


def _moved(trafos: pd.DataFrame, tap: str) -> BoolArray:
    position, neutral = _numbers(trafos, f"{tap}_pos"), np.nan_to_num(_numbers(trafos, f"{tap}_neutral"))
    return np.asarray(np.isfinite(position) & (position != neutral), dtype=np.bool_)


def _has_step(trafos: pd.DataFrame, tap: str) -> BoolArray:
    return _usable(trafos, f"{tap}_step_percent") | _usable(trafos, f"{tap}_step_degree")


def _of_table(trafos: pd.DataFrame, tap: str) -> BoolArray:
    """Whether a table gives ratio and angle by the position; only the first tap changer has one."""
    if tap != CHANGERS[0] or "tap_dependency_table" not in trafos:
        return np.zeros(len(trafos), dtype=np.bool_)
    return np.array([value == 1 for value in trafos["tap_dependency_table"]], dtype=np.bool_)


def _usable(trafos: pd.DataFrame, column: str) -> BoolArray:
    values = _numbers(trafos, column)
    return np.asarray(np.isfinite(values) & (values != 0.0), dtype=np.bool_)


def _numbers(trafos: pd.DataFrame, column: str) -> FloatArray:
    return numbers(_column(trafos, column))


def _column(trafos: pd.DataFrame, column: str) -> "pd.Series[Any]":
    return trafos[column] if column in trafos else pd.Series(None, index=trafos.index, dtype=object)
