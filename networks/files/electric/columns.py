"""The tables and columns of a pandapower net: which are computed, which refused, and what a plausible value is.

Kinds, required columns and references come from pandapower's own schema; here stand the ranges and what differs.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

from mosaik_p2p.networks.files.columns import Column, Kind, Range, Table

COMPUTED = (
    "bus",
    "line",
    "trafo",
    "load",
    "sgen",
    "gen",
    "ext_grid",
    "storage",
    "shunt",
    "ward",
    "xward",
    "impedance",
    "switch",
    "motor",
    "asymmetric_load",
    "asymmetric_sgen",
)
"""Tables that enter the power flow."""

_DC = "Leave direct-current equipment out"
REFUSED = {
    "trafo3w": "Replace three-winding by two-winding transformers",
    "dcline": "Replace it by two static generators",
    "tcsc": "Leave it out",
    "vsc": "Leave it out",
    "ssc": "Leave it out",
    "svc": "Leave it out",
    "b2b_vsc": _DC,
    "bi_vsc": _DC,
    "bus_dc": _DC,
    "line_dc": _DC,
    "load_dc": _DC,
    "source_dc": _DC,
}
"""Elements whose results no table of ours carries."""

COSTS = ("poly_cost", "pwl_cost")
"""Irrelevant here, but references of theirs are checked: pandapower's own functions stumble over them."""

_KV = Range(0.0, 2000.0, "kV", above=True)
_MVA = Range(0.0, 100_000.0, "MVA", above=True)
_POWER = Range(-1e6, 1e6, "MW or Mvar")
_SCALING = Range(-1000.0, 1000.0, "")
_VOLTAGE = Range(0.5, 1.5, "p.u.", above=True)
_SHARE = Range(0.0, 100.0, "%")
_BAND = Range(0.0, 10.0, "p.u.")
_LOADING = Range(0.0, 1e6, "%")
"""Limits in a file, see `stored_limits`."""

_PHASES = {f"{power}_{phase}_{unit}": _POWER for power, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc"}

RANGES: Mapping[str, Mapping[str, Range]] = {
    "bus": {"vn_kv": _KV, "min_vm_pu": _BAND, "max_vm_pu": _BAND},
    "line": {
        "length_km": Range(0.0, 10_000.0, "km", above=True),
        "r_ohm_per_km": Range(0.0, 10_000.0, "ohm/km"),
        "x_ohm_per_km": Range(-10_000.0, 10_000.0, "ohm/km"),
        "c_nf_per_km": Range(-1e5, 1e6, "nF/km"),
        "g_us_per_km": Range(0.0, 1e6, "uS/km"),
        "parallel": Range(1.0, 1000.0, ""),
        "max_loading_percent": _LOADING,
    },
    "trafo": {
        "vn_hv_kv": _KV,
        "vn_lv_kv": _KV,
        "vk_percent": Range(0.0, 1e6, "%", above=True),
        "vkr_percent": Range(0.0, 1e5, "%"),
        "pfe_kw": Range(0.0, 1e5, "kW"),
        "i0_percent": Range(-100.0, 100.0, "%"),
        "shift_degree": Range(-360.0, 360.0, "degrees"),
        "parallel": Range(1.0, 1000.0, ""),
        "tap_step_percent": Range(-100.0, 100.0, "%"),
        "tap_step_degree": Range(-360.0, 360.0, "degrees"),
        "tap_pos": Range(-1000.0, 1000.0, "steps"),
        "tap_neutral": Range(-1000.0, 1000.0, "steps"),
        "max_loading_percent": _LOADING,
    },
    "load": {
        "p_mw": _POWER,
        "q_mvar": _POWER,
        "scaling": _SCALING,
        **dict.fromkeys((f"const_{kind}_{power}_percent" for kind in "zi" for power in "pq"), _SHARE),
    },
    "sgen": {"p_mw": _POWER, "q_mvar": _POWER, "scaling": _SCALING},
    "storage": {"p_mw": _POWER, "q_mvar": _POWER, "scaling": _SCALING},
    "gen": {
        "p_mw": _POWER,
        "scaling": _SCALING,
        "vm_pu": _VOLTAGE,
        "min_q_mvar": _POWER,
        "max_q_mvar": _POWER,
    },
    "ext_grid": {"vm_pu": _VOLTAGE, "va_degree": Range(-360.0, 360.0, "degrees")},
    "shunt": {"p_mw": _POWER, "q_mvar": _POWER, "vn_kv": _KV, "step": Range(0.0, 10_000.0, "")},
    "ward": dict.fromkeys(("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"), _POWER),
    "xward": {**dict.fromkeys(("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"), _POWER), "vm_pu": _VOLTAGE},
    "impedance": {"sn_mva": _MVA},
    "switch": {"z_ohm": Range(0.0, 1e6, "ohm")},
    "motor": {
        "pn_mech_mw": Range(0.0, 1e5, "MW"),
        "efficiency_percent": Range(0.0, 100.0, "%", above=True),
        "loading_percent": Range(0.0, 1000.0, "%"),
        "cos_phi": Range(0.0, 1.0, "", above=True),
        "scaling": _SCALING,
    },
    **{table: {**_PHASES, "scaling": _SCALING} for table in ("asymmetric_load", "asymmetric_sgen")},
}

_OPTIONAL = {
    "ext_grid": {"controllable"},
    "asymmetric_sgen": {"current_source"},
}
"""Columns that the schema asks for and older files lack; the power flow does without them."""
_WITHOUT_VALUE = {
    "line": {"max_i_ka", "df"},
    "trafo": {"sn_mva", "df", "tap_pos", "tap_neutral", "tap_step_percent", "tap_step_degree"},
    "motor": {"cos_phi_n", "efficiency_n_percent", "lrc_pu", "rx", "vn_kv"},
    "gen": {"slack_weight"},
    "ext_grid": {"slack_weight", "controllable"},
    "asymmetric_load": {"type"},
    "asymmetric_sgen": {"current_source"},
}
"""Columns whose values are judged elsewhere (ratings), or may be absent."""
_NEEDED = {"load": {f"const_{kind}_{power}_percent" for kind in "zi" for power in "pq"}}
"""Columns that the schema lets go without values and the power flow does not."""

_KINDS = {"float": Kind.NUMBER, "int": Kind.WHOLE, "Int": Kind.WHOLE, "bool": Kind.FLAG, "str": Kind.TEXT}
_LOOSE = {"name", "type", "zone", "geo", "std_type"}
"""Texts that nothing computes with: they may be anything."""


@cache
def electric_tables() -> Mapping[str, Table]:
    """The rules of every column of the tables that are computed, by table and column."""
    return {table: _table(table) for table in COMPUTED}


@cache
def electric_kinds() -> Mapping[str, Mapping[str, Kind]]:
    """The kind of every column that pandapower knows, those that are not judged as well."""
    return {
        table: {name: kind for name, column in _schema(table).items() if (kind := _kind(column)) is not None}
        for table in COMPUTED
    }


def _schema(table: str) -> Mapping[str, Any]:
    columns: Mapping[str, Any] = getattr(import_module(f"pandapower.network_schema.{table}"), f"{table}_schema").columns
    return columns


def _table(table: str) -> Table:
    needed = _NEEDED.get(table, set())
    rules = {
        name: _column(table, name, column)
        for name, column in _schema(table).items()
        if name not in _LOOSE and _kind(column) is not None and _matters(table, name, column)
    }
    return {name: replace(rule, nullable=rule.nullable and name not in needed) for name, rule in rules.items()}


def _matters(table: str, name: str, column: Any) -> bool:
    """Columns of short circuit, optimisation and the like may hold anything."""
    return bool(column.required) or name in RANGES.get(table, ()) or name in _NEEDED.get(table, ())


def _column(table: str, name: str, column: Any) -> Column:
    foreign_key = (column.metadata or {}).get("foreign_key")
    kind = _kind(column)
    assert kind is not None
    return Column(
        kind=kind,
        required=name in _NEEDED.get(table, ()) or (bool(column.required) and name not in _OPTIONAL.get(table, ())),
        nullable=bool(column.nullable) or name in _WITHOUT_VALUE.get(table, ()),
        refers_to=None if foreign_key is None else str(foreign_key).removesuffix(".index"),
        range=RANGES.get(table, {}).get(name),
        choices=frozenset({"b", "l", "t", "t3"}) if (table, name) == ("switch", "et") else None,
    )


def _kind(column: Any) -> Kind | None:
    dtype = str(column.dtype)
    return next((kind for start, kind in _KINDS.items() if dtype.startswith(start)), None)
