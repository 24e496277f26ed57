"""The elements of an electric grid as mosaik sees them: entity names, relations, extra information and attributes.

Names and attributes are those of mosaik-pandapower-2, so that scenarios written for it find what they expect.
Additions: transformers and storages, and of lines and transformers the power at both ends and the loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd
from mosaik_api_v3.types import CreateResult, ModelDescription
from pandapower import pandapowerNet

BUS_INPUTS = ("P_gen[MW]", "P_load[MW]", "Q_gen[MVar]", "Q_load[MVar]")
SETTINGS = {
    "ControlledGen": {"P[MW]": "p_mw"},
    "Storage": {"P_set[MW]": "p_mw", "Q_set[MVar]": "q_mvar", "soc_set[%]": "soc_percent"},
    "Transformer": {"tap_set[1]": "tap_pos"},
}
"""Inputs of elements other than buses: attribute to the column of the element's table that it sets."""
POSITIONS = ("soc_set[%]", "tap_set[1]")
"""Inputs that are no powers: those of several sources are not added up."""


@dataclass(frozen=True)
class ElementKind:
    """A kind of element: its table in pandapower, where it is connected, and what it shows."""

    table: str
    outputs: Mapping[str, str]
    """Attribute to column of the result table."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Attribute to column of the element's own table: what is set, not what results."""
    buses: tuple[str, ...] = ()
    """Columns that name the buses at its ends."""
    extra: Callable[[pd.Series, pandapowerNet], dict[str, Any]] = field(default=lambda _row, _net: {})
    can_switch_off: bool = False


def _bus_extra(row: pd.Series, _: pandapowerNet) -> dict[str, Any]:
    return {"nominal voltage [kV]": float(row["vn_kv"])}


def _unit_extra(row: pd.Series, _: pandapowerNet) -> dict[str, Any]:
    profile = {"profile": row["profile"]} if "profile" in row.index else {}
    return {"bus": int(row["bus"]), **profile}


def _at_ends(*ends: str) -> dict[str, str]:
    """Power into the element at each of its ends."""
    return {
        attribute: column
        for end in ends
        for attribute, column in ((f"P_{end}[MW]", f"p_{end}_mw"), (f"Q_{end}[MVar]", f"q_{end}_mvar"))
    }


_POWER = {"P[MW]": "p_mw", "Q[MVar]": "q_mvar"}
_VOLTAGE = {"Vm[pu]": "vm_pu", "Va[deg]": "va_degree"}
_LOADING = {"loading[%]": "loading_percent", "loss[MW]": "pl_mw"}
_UNIT: dict[str, Any] = {"buses": ("bus",), "extra": _unit_extra, "can_switch_off": True}

KINDS: dict[str, ElementKind] = {
    "Bus": ElementKind("bus", _POWER | _VOLTAGE, extra=_bus_extra),
    "Load": ElementKind("load", _POWER, **_UNIT),
    "StaticGen": ElementKind("sgen", _POWER, **_UNIT),
    "Gen": ElementKind("gen", _POWER | _VOLTAGE, **_UNIT),
    "ExternalGrid": ElementKind("ext_grid", _POWER, buses=("bus",)),
    "Line": ElementKind("line", {"I[kA]": "i_ka"} | _at_ends("from", "to") | _LOADING, buses=("from_bus", "to_bus")),
    "Transformer": ElementKind(
        "trafo",
        {"I_hv[kA]": "i_hv_ka", "I_lv[kA]": "i_lv_ka"} | _at_ends("hv", "lv") | _LOADING,
        shown={"tap[1]": "tap_pos"},
        buses=("hv_bus", "lv_bus"),
    ),
    # Positive power charges, as in pandapower. The state of charge is somebody else's model and only passed on.
    "Storage": ElementKind("storage", _POWER, shown={"soc[%]": "soc_percent"}, **_UNIT),
}
CONTROLLED_GEN = "ControlledGen"


def models() -> dict[str, ModelDescription]:
    """Descriptions of all elements."""
    inputs = {"Bus": list(BUS_INPUTS)} | {kind: list(columns) for kind, columns in SETTINGS.items()}
    described = {kind: _described([*spec.outputs, *spec.shown], inputs.get(kind, [])) for kind, spec in KINDS.items()}
    return described | {CONTROLLED_GEN: _described([], inputs[CONTROLLED_GEN], public=True, params=["bus"])}


def _described(
    outputs: list[str], inputs: list[str], *, public: bool = False, params: list[str] | None = None
) -> ModelDescription:
    return {
        "public": public,
        "params": params or [],
        "attrs": [*inputs, *outputs],
        "trigger": inputs,
        "non-persistent": inputs,
        "any_inputs": False,
    }


def children(net: pandapowerNet) -> list[CreateResult]:
    """One entity per element, `Bus-3` for the bus of index 3."""
    return [
        _child(kind, spec, net[spec.table].loc[index], int(index), net)
        for kind, spec in KINDS.items()
        for index in net[spec.table].index
    ]


def _child(kind: str, spec: ElementKind, row: pd.Series, index: int, net: pandapowerNet) -> CreateResult:
    name = row["name"]
    return {
        "type": kind,
        "eid": f"{kind}-{index}",
        "rel": [f"Bus-{int(row[column])}" for column in spec.buses],
        "extra_info": {"name": name if isinstance(name, str) else None, "index": index, **spec.extra(row, net)},
    }


def set_value(net: pandapowerNet, eid: str, attribute: str, value: float) -> bool:
    """Set what an input of a storage, transformer or controlled generator sets; whether the power flow changes with it.

    ValueError for a tap that the transformer does not have.
    """
    kind, index = split(eid)
    table = net["gen" if kind == CONTROLLED_GEN else KINDS[kind].table]
    column = SETTINGS[kind][attribute]
    if column == "tap_pos":
        value = _tap(eid, table.loc[index], value)
    if table.at[index, column] == value:
        return False
    table.at[index, column] = value
    return column != "soc_percent"


def _tap(eid: str, transformer: pd.Series, value: float) -> int:
    lowest, highest = transformer["tap_min"], transformer["tap_max"]
    if not (value == round(value) and lowest <= value <= highest):
        raise ValueError(f"{eid}: tap {value} is none of its taps, whole numbers from {lowest} to {highest}")
    return round(value)


@lru_cache(maxsize=100_000)
def split(eid: str) -> tuple[str, int]:
    """Kind and index of an element."""
    kind, index = eid.rsplit("-", 1)
    return kind, int(index)
