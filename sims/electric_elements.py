"""The elements of an electric grid as mosaik sees them: entity names, relations, extra information and attributes.

Names and attributes are those of mosaik-pandapower-2, so that scenarios written for it find what they expect;
transformers are an addition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from mosaik_api_v3.types import CreateResult, ModelDescription
from pandapower import pandapowerNet

BUS_INPUTS = ("P_gen[MW]", "P_load[MW]", "Q_gen[MVar]", "Q_load[MVar]")


@dataclass(frozen=True)
class ElementKind:
    """A kind of element: its table in pandapower, where it is connected, and what it shows."""

    table: str
    outputs: Mapping[str, str]
    """Attribute to column of the result table."""
    buses: tuple[str, ...] = ()
    """Columns that name the buses at its ends."""
    extra: Callable[[pd.Series, pandapowerNet], dict[str, Any]] = field(default=lambda _row, _net: {})
    can_switch_off: bool = False


def _bus_extra(row: pd.Series, _: pandapowerNet) -> dict[str, Any]:
    return {"nominal voltage [kV]": float(row["vn_kv"])}


def _unit_extra(row: pd.Series, _: pandapowerNet) -> dict[str, Any]:
    profile = {"profile": row["profile"]} if "profile" in row.index else {}
    return {"bus": int(row["bus"]), **profile}


_POWER = {"P[MW]": "p_mw", "Q[MVar]": "q_mvar"}
_VOLTAGE = {"Vm[pu]": "vm_pu", "Va[deg]": "va_degree"}
_UNIT: dict[str, Any] = {"buses": ("bus",), "extra": _unit_extra, "can_switch_off": True}

KINDS: dict[str, ElementKind] = {
    "Bus": ElementKind("bus", _POWER | _VOLTAGE, extra=_bus_extra),
    "Load": ElementKind("load", _POWER, **_UNIT),
    "StaticGen": ElementKind("sgen", _POWER, **_UNIT),
    "Gen": ElementKind("gen", _POWER | _VOLTAGE, **_UNIT),
    "ExternalGrid": ElementKind("ext_grid", _POWER, buses=("bus",)),
    "Line": ElementKind("line", {"I[kA]": "i_ka", "loading[%]": "loading_percent"}, buses=("from_bus", "to_bus")),
    "Transformer": ElementKind("trafo", {"loading[%]": "loading_percent"}, buses=("hv_bus", "lv_bus")),
}
CONTROLLED_GEN = "ControlledGen"


def models() -> dict[str, ModelDescription]:
    """Descriptions of all elements; only a bus and a controlled generator take inputs."""
    inputs = {"Bus": list(BUS_INPUTS)}
    described = {kind: _described(list(spec.outputs), inputs.get(kind, [])) for kind, spec in KINDS.items()}
    return described | {CONTROLLED_GEN: _described([], ["P[MW]"], public=True, params=["bus"])}


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


def split(eid: str) -> tuple[str, int]:
    """Kind and index of an element."""
    kind, index = eid.rsplit("-", 1)
    return kind, int(index)
