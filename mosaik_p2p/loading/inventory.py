"""What a scenario holds, and what of its network files is used, overridden or dropped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.devices.base import PV_KWP, STORAGE_KWH, STORAGES
from mosaik_p2p.loading.networks.grids import Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.networks.electric.controls import controls_told
from mosaik_p2p.networks.electric.counted import DRAWING, FEEDING, Element
from mosaik_p2p.networks.files.column_uses import TableUses, columns_by_use
from mosaik_p2p.networks.files.electric.control_objects import TABLE as CONTROLLERS
from mosaik_p2p.networks.files.electric.uses import ELECTRIC_USES, table_use
from mosaik_p2p.networks.files.heat.uses import HEAT_USES
from mosaik_p2p.prosumers.device import DEMAND
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.scenario.parts.grids import KEPT, ElectricitySpec, HeatSpec
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.units import CARRIERS

Inventory = dict[str, Any]
"""JSON types only."""

_BACKGROUND = "networks.electricity.background"
_GENERATION = "networks.electricity.generation"


def inventory_of(
    scenario: Scenario, prosumers: Sequence[Prosumer], grids: Grids, places: Sequence[Places]
) -> Inventory:
    """Counts and sizes, and of each network its places and tables. `scenario` as it was written, limits of files not
    worked in."""
    return {
        "prosumers": len(scenario.prosumers),
        **_sizes(scenario),
        "peak_load_kw": {carrier: _peak_kw(prosumers, carrier) for carrier in CARRIERS},
        "electricity": _electric(scenario, grids, places),
        "heat": _heat(scenario, grids, places),
    }


def _sizes(scenario: Scenario) -> dict[str, Any]:
    """Sums of what the devices say of their sizes; those that not every inventory tells under `sizes`."""
    sums: dict[str, float] = {PV_KWP: 0.0, STORAGES: 0, STORAGE_KWH: 0.0}
    for spec in scenario.prosumers:
        scale = scenario.scale.of(spec.name)
        for device in spec.devices:
            for name, size in device.sizes(scale).items():
                sums[name] = sums.get(name, 0) + size
    told = (PV_KWP, STORAGES, STORAGE_KWH)
    others = {name: size for name, size in sums.items() if name not in told}
    return {name: sums[name] for name in told} | ({"sizes": others} if others else {})


def _peak_kw(prosumers: Sequence[Prosumer], carrier: str) -> float:
    """The largest sum of what is expected of loads that have a profile."""
    loads = [
        profile.series.forecast
        for prosumer in prosumers
        for device in prosumer.devices
        for profile in device.profiles()
        if profile.quantity == DEMAND and device.own_carrier == carrier
    ]
    return float(np.sum(loads, axis=0).max()) if loads else 0.0


def _electric(scenario: Scenario, grids: Grids, places: Sequence[Places]) -> Inventory | None:
    spec = scenario.networks.electricity
    if grids.electric is None or spec is None:
        return None
    net = grids.electric.net
    replaced = [element for place in places for element in (place.load, place.generator) if element is not None]
    uses = columns_by_use(net, ELECTRIC_USES, _stated(scenario))
    return {
        "source": grids.electric.name,
        "buses": int(net.bus["in_service"].sum()),
        "slacks": int(net.ext_grid["in_service"].sum()),
        "places": len({place.bus for place in places if place.bus is not None}),
        "prosumers_at": {
            prosumer.name: str(net.bus["name"].at[place.bus])
            for prosumer, place in zip(scenario.prosumers, places, strict=True)
            if place.bus is not None
        },
        "tables": {
            table: {
                "elements": len(net[table]),
                "counts": _counts(table, spec, replaced),
                "columns": uses.get(table, {}),
                **({"controls": controls_told(net)} if table == CONTROLLERS else {}),
            }
            for table in ELECTRIC_USES
            if spec.file is not None and len(net[table])
        },
        "left_out": _left_out(net) if spec.file is not None else {},
    }


def _counts(table: str, spec: ElectricitySpec, replaced: Sequence[Element]) -> str:
    """What becomes of the elements of a table."""
    if table in DRAWING:
        said = (
            f"dropped (no {_BACKGROUND})" if spec.background is None else f"times {_BACKGROUND} = {spec.background!r}"
        )
    elif table in FEEDING:
        word = KEPT if spec.generation is None else spec.generation
        said = {KEPT: "used as they stand", "drop": f"dropped by {_GENERATION}"}.get(
            word, f"times {_GENERATION} = {word!r}"
        )
    else:
        return "used" if table != CONTROLLERS else "settle in the first round of every interval and hold through it"
    count = sum(of == table for of, _ in replaced)
    return f"{said}, {count} of them replaced by prosumers" if count else said


def _left_out(net: Mapping[str, Any]) -> dict[str, str]:
    """Tables with rows that change nothing, and why."""
    tables = {name: table for name, table in net.items() if isinstance(table, pd.DataFrame) and len(table)}
    found = {name: table_use(name) for name in tables if not name.startswith("_")}
    return {name: use or "no table of pandapower's" for name, use in found.items() if use != "used"}


def _heat(scenario: Scenario, grids: Grids, places: Sequence[Places]) -> Inventory | None:
    spec: HeatSpec | None = scenario.networks.heat
    if grids.heat is None or spec is None:
        return None
    net = grids.heat.net
    return {
        "source": grids.heat.name,
        "junctions": int(net.junction["in_service"].sum()),
        "plants": len(grids.heat.plants),
        "places": len({place.junctions for place in places if place.junctions is not None}),
        "tables": _heat_tables(net, _stated(scenario)) if spec.file is not None else {},
        "left_out": {},
    }


def _heat_tables(net: Mapping[str, Any], is_stated: Callable[[str], bool]) -> Inventory:
    uses: Mapping[str, TableUses] = HEAT_USES
    columns = columns_by_use(net, uses, is_stated)
    return {table: {"elements": len(net[table]), "counts": "used", "columns": columns[table]} for table in columns}


def _stated(scenario: Scenario) -> Callable[[str], bool]:
    """Whether the scenario says something under a key such as `networks.heat.friction`; under one such as
    `limits.element[line].max_kw` of one of the elements of that table."""

    def is_stated(key: str) -> bool:
        values: list[Any] = [scenario]
        for part in key.split("."):
            name, _, table = part.rstrip("]").partition("[")
            values = [value.get(name) if isinstance(value, Mapping) else getattr(value, name, None) for value in values]
            if table:
                values = [own for listed in values for own in listed or () if own.table == table]
        return any(value is not None and value != {} for value in values)

    return is_stated
