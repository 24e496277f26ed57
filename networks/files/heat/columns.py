"""The tables and columns of a pandapipes net: kinds and references from the library's components, ranges from here."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from mosaik_p2p.networks.files.columns import Column, Kind, Range, Table
from mosaik_p2p.networks.files.heat.sense import TYPED
from mosaik_p2p.networks.files.heat.shapes import COMPONENTS

_BAR = Range(0.0, 200.0, "bar", above=True)
_WATER_K = Range(250.0, 500.0, "K")
_DIAMETER = Range(0.0, 5000.0, "mm", above=True)
_FLOW = Range(-1e5, 1e5, "kg/s")
_PUMPED = Range(0.0, 1e5, "kg/s")
_HEAT_W = Range(-1e9, 1e9, "W")
_LOSS = Range(0.0, 1e6, "")

RANGES: Mapping[str, Mapping[str, Range]] = {
    "junction": {"pn_bar": _BAR, "tfluid_k": _WATER_K, "height_m": Range(-500.0, 9000.0, "m")},
    "pipe": {
        "length_km": Range(0.0, 1000.0, "km", above=True),
        "inner_diameter_mm": _DIAMETER,
        "k_mm": Range(0.0, 100.0, "mm"),
        "loss_coefficient": _LOSS,
        "u_w_per_m2k": Range(0.0, 10_000.0, "W/(m2 K)"),
        "text_k": Range(200.0, 400.0, "K"),
        "sections": Range(1.0, 10_000.0, ""),
    },
    "valve": {"inner_diameter_mm": _DIAMETER, "loss_coefficient": _LOSS},
    "ext_grid": {"p_bar": _BAR, "t_k": _WATER_K},
    "circ_pump_pressure": {"p_flow_bar": _BAR, "plift_bar": _BAR, "t_flow_k": _WATER_K},
    "circ_pump_mass": {"p_flow_bar": _BAR, "mdot_flow_kg_per_s": _PUMPED, "t_flow_k": _WATER_K},
    "press_control": {"controlled_p_bar": _BAR, "loss_coefficient": _LOSS},
    "compressor": {"pressure_ratio": Range(0.0, 100.0, "", above=True)},
    "flow_control": {"controlled_mdot_kg_per_s": _FLOW},
    "heat_exchanger": {"inner_diameter_mm": _DIAMETER, "qext_w": _HEAT_W, "loss_coefficient": _LOSS},
    "heat_consumer": {
        "qext_w": _HEAT_W,
        "controlled_mdot_kg_per_s": _FLOW,
        "deltat_k": Range(0.0, 200.0, "K", above=True),
        "treturn_k": _WATER_K,
    },
    **{table: {"mdot_kg_per_s": _FLOW, "scaling": Range(-1000.0, 1000.0, "")} for table in ("sink", "source")},
}

_OPTIONAL = {
    "pipe": {"sections"},
    "valve": {"loss_coefficient"},
}
"""Columns that files of earlier versions lack, or that the program does without."""
_WITHOUT_VALUE = {
    "pipe": {"outer_diameter_mm", "text_k"},
    "circ_pump_mass": {"p_flow_bar"},
    "circ_pump_pressure": {"t_flow_k"},
    "ext_grid": {"t_k"},
    "heat_consumer": {"qext_w", "controlled_mdot_kg_per_s", "deltat_k", "treturn_k"},
    "mass_storage": {"min_m_stored_kg", "max_m_stored_kg", "init_m_stored_kg"},
}
"""Columns in which an element may have no number."""
_CHOICES = {("valve", "et"): frozenset({"ju", "pi"})}
_LOOSE = {"name", "std_type"}


@cache
def heat_tables() -> Mapping[str, Table]:
    """The rules of every column of the components' tables, by table and column."""
    return {component.table_name(): _table(component) for component in COMPONENTS.values()}


def _table(component: Any) -> Table:
    table = component.table_name()
    return {
        name: Column(
            kind=_kind(dtype),
            required=name not in _OPTIONAL.get(table, ()),
            nullable=name == "type" or name in _WITHOUT_VALUE.get(table, ()),
            refers_to="junction" if _is_junction(name) else None,
            range=RANGES.get(table, {}).get(name),
            choices=_CHOICES.get((table, name)),
        )
        for name, dtype in component.get_component_input()
        if name not in _LOOSE and (name != "type" or table in TYPED)
    }


def _is_junction(column: str) -> bool:
    return column == "junction" or column.endswith("_junction")


def _kind(dtype: Any) -> Kind:
    letter = np.dtype(dtype).kind
    return {"f": Kind.NUMBER, "b": Kind.FLAG, "O": Kind.TEXT}.get(letter, Kind.WHOLE)
