"""What a scenario held and what of its network files was used, as text, and as the result folder keeps it."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.results.store.folder import INVENTORY_FILE
from mosaik_p2p.units import ELECTRICITY, HEAT

WIDTH = 100
_NODES = {ELECTRICITY: ("buses", "slacks"), HEAT: ("junctions", "plants")}
_ONE = {"buses": "bus", "slacks": "slack", "junctions": "junction", "plants": "plant"}
_WORDS = {"irrelevant": "without effect", "unknown": "without effect, unknown to the library"}


def inventory_bytes(inventory: Mapping[str, Any], warnings: Sequence[InputWarning]) -> bytes:
    """Inventory and warnings of a scenario, for the result folder."""
    kept = [{key: text for key, text in asdict(warning).items() if key != "source"} for warning in warnings]
    told = {"inventory": inventory, "warnings": kept}
    return f"{json.dumps(told, allow_nan=False, indent=2, ensure_ascii=False)}\n".encode()


def read_inventory(folder: Path) -> dict[str, Any]:
    """What the folder keeps, `inventory` and `warnings`; empty in folders of earlier versions. ValueError where the
    file is none."""
    path = folder / INVENTORY_FILE
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def inventory_lines(inventory: Mapping[str, Any]) -> list[str]:
    """The inventory as text: counts and sizes, then each network with the tables of its file."""
    if not inventory:
        return []
    peaks = ", ".join(f"{kw:,.1f} kW of {carrier}" for carrier, kw in inventory["peak_load_kw"].items() if kw)
    lines = [
        f"Prosumers: {inventory['prosumers']}, PV {inventory['pv_kwp']:,.1f} kWp, storages {inventory['storages']} "
        f"({inventory['storage_kwh']:,.1f} kWh){_sizes(inventory)}, peak load {peaks or 'none'}"
    ]
    for network, words in _NODES.items():
        if inventory[network] is not None:
            lines += _network_lines(network, words, inventory[network])
    return lines


def _sizes(inventory: Mapping[str, Any]) -> str:
    """What kinds of devices say of their sizes beside plants of sun and storages."""
    return "".join(f", {name} {size:,.1f}" for name, size in inventory.get("sizes", {}).items())


def _network_lines(network: str, words: tuple[str, str], told: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{told[word]} {_ONE[word] if told[word] == 1 else word}" for word in words)
    places = f"{told['places']} place{'' if told['places'] == 1 else 's'}"
    lines = [f"Network of {network}: {told['source']}, {counts}, prosumers at {places}"]
    for table, rows in told["tables"].items():
        lines.append(f"  {table} ({rows['elements']}): {rows['counts']}")
        for use, columns in (rows["columns"] | rows.get("controls", {})).items():
            text = f"    {_WORDS.get(use, use)}: {', '.join(columns)}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="      ")
    return [*lines, *(f"  {table}: without effect, {why}" for table, why in told["left_out"].items())]
