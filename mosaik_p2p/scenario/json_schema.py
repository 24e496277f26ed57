"""The JSON schema of a scenario file as it is written, for editors: `#:schema ./scenario.schema.json` in line 1.

It is what the sections say (pydantic), and what happens to a file before they see it: templates complete devices and
prosumers, the name may be that of the file. Kinds that other packages bring are let pass, whatever they hold; and the
checks across keys and tables stay with `mosaik-p2p check`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from mosaik_p2p.charges.registry import mechanisms_of
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.market.designs.registry import designs_with_keys
from mosaik_p2p.scenario.parts.charges import KIND, Charges
from mosaik_p2p.scenario.parts.grids import ElectricitySpec, HeatSpec
from mosaik_p2p.scenario.parts.limits import ElectricElementSpec, ElectricLimitsSpec, HeatElementSpec, HeatLimitsSpec
from mosaik_p2p.scenario.schema import Market, ProsumerSpec, Scenario, Template
from mosaik_p2p.scenario.templates import TEMPLATE
from mosaik_p2p.sections.base import Section
from mosaik_p2p.units import CARRIERS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Tree: TypeAlias = dict[str, Any]
TYPE = "type"
DEVICE = "Device"
ANYTHING: Tree = {"type": "object"}
OPEN = (ElectricLimitsSpec, HeatLimitsSpec, ElectricElementSpec, HeatElementSpec)
"""Sections to which packages add keys: those of limited quantities."""


def schema_text() -> str:
    """The schema as a file holds it."""
    return json.dumps(scenario_schema(), indent=1, ensure_ascii=False) + "\n"


def scenario_schema() -> Tree:
    """The schema, with the kinds that are installed. Raises BadInput where one of them cannot be used."""
    charges = {carrier: mechanisms_of(carrier) for carrier in CARRIERS}
    mechanisms = {name: kind for kinds in charges.values() for name, kind in kinds.items()}
    models: list[type[Section]] = [
        *(Scenario, ProsumerSpec, Template),
        *(*device_kinds().values(), *mechanisms.values(), *designs_with_keys().values()),
    ]
    refs, whole = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    defs: Tree = {name: _plain(tree) for name, tree in whole["$defs"].items()}
    names = {model: ref["$ref"].rpartition("/")[2] for (model, _), ref in refs.items()}
    _open_devices(defs, {kind: names[model] for kind, model in device_kinds().items()})
    for carrier, kinds in charges.items():
        defs[Charges.__name__]["properties"][carrier] = _charges(
            defs[Charges.__name__]["properties"][carrier], {name: names[kind] for name, kind in kinds.items()}
        )
    market = defs[Market.__name__]
    market["properties"] |= {name: _ref(names[kind]) for name, kind in designs_with_keys().items()}
    market["additionalProperties"] = ANYTHING
    for section in OPEN:
        defs[section.__name__]["additionalProperties"] = True
    for network in (ElectricitySpec, HeatSpec):
        defs[network.__name__]["oneOf"] = [{"required": ["case"]}, {"required": ["file"]}]
    scenario = defs.pop(Scenario.__name__)
    scenario["required"] = ["time"]
    return {"$schema": DRAFT, "title": "A scenario of mosaik_p2p", **scenario, "$defs": _used(scenario, defs)}


def fragment_schema() -> Tree:
    """The schema of a part of a scenario, such as documents show: nothing that the whole needs has to be there."""
    return {key: value for key, value in scenario_schema().items() if key != "required"}


def _ref(name: str) -> Tree:
    return {"$ref": f"#/$defs/{name}"}


def _plain(tree: Any) -> Any:
    """Without titles, which repeat the keys, and without nulls, which TOML does not have."""
    if isinstance(tree, list):
        return [_plain(entry) for entry in tree if entry != {"type": "null"}]
    if not isinstance(tree, dict):
        return tree
    kept = {
        key: {name: _plain(value) for name, value in entry.items()} if key == "properties" else _plain(entry)
        for key, entry in tree.items()
        if not (key == "title" and isinstance(entry, str)) and not (key == "default" and entry is None)
    }
    only = kept.get("anyOf")
    if isinstance(only, list) and len(only) == 1 and isinstance(only[0], dict):
        del kept["anyOf"]
        kept = {**only[0], **kept}
    return kept


def _open_devices(defs: Tree, kinds: Mapping[str, str]) -> None:
    """Devices by their type; what a template gives, a device need not say, and a template's tables are never whole."""
    parts: Tree = {}
    for kind, name in kinds.items():
        tree = defs[name]
        needed = [key for key in tree.pop("required", []) if key != TYPE]
        parts[kind] = f"{name}Part"
        defs[parts[kind]] = {**tree, "properties": {k: v for k, v in tree["properties"].items() if k != TYPE}}
        own = {**tree["properties"], TEMPLATE: _named("Template that completes it.")}
        defs[name] = {**tree, "properties": own, "required": [TYPE]}
        if needed:
            defs[name]["anyOf"] = [{"required": [TEMPLATE]}, {"required": needed}]
    defs[DEVICE] = {
        "type": "object",
        "required": [TYPE],
        "properties": {TYPE: _kind_names(kinds, "Type of device; `mosaik-p2p list` says what each is.")},
        "allOf": _by_kind(TYPE, kinds),
    }
    prosumer, template = defs[ProsumerSpec.__name__], defs[Template.__name__]
    prosumer["properties"][TEMPLATE] = _named("Template that completes it.")
    for owner in (prosumer, template):
        owner["properties"]["devices"] |= {"items": _ref(DEVICE)}
    template["properties"] |= {kind: _ref(part) for kind, part in parts.items()}
    template["additionalProperties"] = ANYTHING


def _charges(tree: Tree, kinds: Mapping[str, str]) -> Tree:
    """One table or several; without a mechanism a table is no charge."""
    names = _kind_names(kinds, "What is charged for; `mosaik-p2p list` says what each is.")
    one: Tree = {"type": "object", "properties": {KIND: names}, "allOf": _by_kind(KIND, kinds)}
    several = {"type": "array", "items": {**one, "required": [KIND]}}
    return {**{key: tree[key] for key in tree if key == "description"}, "anyOf": [one, several]}


def _by_kind(key: str, kinds: Mapping[str, str]) -> list[Tree]:
    """What a table of each known kind holds; a kind that nobody knows here may hold anything."""
    return [
        {"if": {"properties": {key: {"const": kind}}, "required": [key]}, "then": _ref(name)}
        for kind, name in kinds.items()
    ]


def _kind_names(kinds: Iterable[str], meaning: str) -> Tree:
    """A text, for which editors offer the known names."""
    return {"description": meaning, "anyOf": [{"enum": list(kinds)}, {"type": "string"}]}


def _named(meaning: str) -> Tree:
    return {"description": meaning, "type": "string", "minLength": 1}


def _used(tree: Tree, defs: Mapping[str, Tree]) -> Tree:
    """The definitions that the tree leads to."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        names = {ref.rpartition("/")[2] for ref in _refs(waiting.pop())} - found
        found |= names
        waiting += [defs[name] for name in names]
    return {name: defs[name] for name in sorted(found)}


def _refs(tree: Any) -> Iterable[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("$ref"), str):
            yield tree["$ref"]
        yield from (ref for value in tree.values() for ref in _refs(value))
    elif isinstance(tree, list):
        yield from (ref for value in tree for ref in _refs(value))
