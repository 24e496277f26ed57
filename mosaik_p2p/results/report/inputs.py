"""What a run was given, as the resolved scenario in its folder says it: owners, tariffs, charges, limits, sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.results.labels.quantities import unit_of
from mosaik_p2p.results.store.facts import Facts, stored_scenario
from mosaik_p2p.units import CARRIERS

MOST_OWNERS = 200
SIZES = (
    "peak_kw",
    "power_kw",
    "power_max_kw",
    "heat_max_kw",
    "el_max_kw",
    "area_m2",
    "max_kw",
    "energy_kwh.max",
    "cop",
)
"""Keys of devices that say how large one is, as far as it has them."""
PLACES = ("bus", "junction")


@dataclass(frozen=True)
class Sheet:
    """A table of inputs: its title, the heads of its columns, and rows of texts."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


def input_sheets(folder: Path, facts: Facts) -> list[Sheet]:
    """The tables of the scenario's inputs that have rows; none where the folder has no scenario."""
    scenario = stored_scenario(folder)
    sheets = [
        _owners(scenario.get("prosumers", [])),
        _sheet(
            "Tariffs", ("tariff", "carrier", "import per kWh", "export per kWh", "at most (kW)"), _tariffs(scenario)
        ),
        _sheet("Network charges", ("carrier", "mechanism", "keys"), _charges(scenario)),
        _sheet("Limits", ("network", "quantity", "limit", "limits of their own"), _limits(facts)),
        _sheet("Drawn from the seed", ("what", "how"), _uncertain(scenario)),
        _sheet("Sources", ("what", "source", "series"), _sources(scenario)),
    ]
    return [sheet for sheet in sheets if sheet.rows]


def _sheet(title: str, heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Sheet:
    return Sheet(title, heads, tuple(rows))


def _owners(prosumers: Sequence[Mapping[str, Any]]) -> Sheet:
    rows = tuple(
        (
            str(one.get("name")),
            *(_place(one.get(key)) for key in PLACES),
            "; ".join(_device(device) for device in one.get("devices", [])) or "none",
            ", ".join(map(str, one.get("tariffs", []))),
        )
        for one in prosumers[:MOST_OWNERS]
    )
    heads = ("prosumer", "bus", "junction", "devices", "tariffs")
    return Sheet("Who owns what", heads, rows, max(0, len(prosumers) - MOST_OWNERS))


def _place(stated: object) -> str:
    if isinstance(stated, Mapping):
        return ", ".join(f"{key} {value}" for key, value in stated.items())
    return "" if stated is None else str(stated)


def _device(device: Mapping[str, Any]) -> str:
    """Its name, and the sizes that it states."""
    found = ((key, _under(device, key)) for key in SIZES)
    sizes = [f"{key.replace('.', ' ')} {_told(value)}" for key, value in found if value is not None]
    name, kind = str(device.get("name", "")), str(device.get("type", ""))
    title = kind.replace("_", " ") if name in ("", kind) else f"{name} ({kind.replace('_', ' ')})"
    return f"{title} {', '.join(sizes)}".strip()


def _under(table: Mapping[str, Any], key: str) -> object:
    found: Any = table
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _told(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _listed(value)
    return f"{value:g}"


def _listed(value: object) -> str:
    """A list of windows of a day, or another value, as one text."""
    if isinstance(value, list):
        return "; ".join(_listed(part) for part in value)
    if isinstance(value, Mapping):
        if {"from", "to", "price"} <= set(value):
            return f"{value['from']}-{value['to']} {value['price']:g}"
        return ", ".join(f"{key} {_told(part)}" for key, part in value.items())
    return str(value)


def _tariffs(scenario: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, tariff in scenario.get("tariffs", {}).items():
        keys = ("import_per_kwh", "export_per_kwh", "import_max_kw")
        yield name, str(tariff.get("carrier", "")), *(_told(tariff[key]) if key in tariff else "none" for key in keys)


def _charges(scenario: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for carrier in CARRIERS:
        stated = scenario.get("charges", {}).get(carrier) or {}
        # One charge, or a list of them.
        for charge in stated if isinstance(stated, list) else [stated]:
            if charge.get("mechanism"):
                keys = {
                    key: value for key, value in charge.items() if key != "mechanism" and value not in ([], {}, None)
                }
                told = ", ".join(f"{key} {_told(value)}" for key, value in keys.items())
                yield carrier, str(charge["mechanism"]), told


def _limits(facts: Facts) -> Iterator[tuple[str, ...]]:
    for of in limited_quantities():
        if of.network not in facts.networks:
            continue
        own = [
            f"{element.get('name')} {_told(_under(element, of.own_key))}"
            for element in facts.element_limits
            if of.own_key and element.get("table") == of.element and _under(element, of.own_key) is not None
        ]
        limit = facts.limits.get(of.key)
        if limit is not None or own:
            word = "at most" if of.is_upper else "at least"
            yield of.network, of.name, "" if limit is None else f"{word} {limit:g} {unit_of(of.unit)}", ", ".join(own)


def _uncertain(scenario: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What the seed decides; what came of it stands in the table `draws`."""
    for name, stated in scenario.get("uncertainty", {}).items():
        if isinstance(stated, list):
            yield from [(name, f"one of {len(stated)}")] if stated else []
            continue
        given = {key: value for key, value in stated.items() if value}
        if given and (name == "owners" or given.keys() - {"persistence"}):
            yield name.replace("_", " "), ", ".join(f"{key} {_told(value)}" for key, value in given.items())


def _sources(scenario: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Networks, then the profiles by where they come from, each with the names that have it."""
    for name, network in scenario.get("networks", {}).items():
        if network:
            yield f"{name} network", str(network.get("file") or network.get("case", "")), ""
    weather = scenario.get("weather", {})
    if weather.get("source"):
        yield "weather", ", ".join(_told(value) for value in weather.values()), ""
    by_source: dict[str, list[str]] = {}
    for name, profile in scenario.get("profiles", {}).items():
        source = str(profile.get("file") or profile.get("source", ""))
        by_source.setdefault(source, []).append(name)
    for source, names in by_source.items():
        yield "profiles", source, ", ".join(names)
