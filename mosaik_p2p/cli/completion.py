"""What a shell offers after TAB: scenarios, and the keys after `--set`.

Only files are looked at, the schema that ships among them: nobody waits for libraries at a prompt. What cannot be read
is not offered.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

SUFFIX = ".toml"
SCHEMA_FILE = "scenario.schema.json"
NAMED = ("profiles", "tariffs", "templates")
DEEPEST = 6
"""Tables within tables that are offered."""
Tree: TypeAlias = Mapping[str, Any]


def scenarios(incomplete: str) -> list[str]:
    """Scenarios that ship, and files and folders here, that begin with what is typed."""
    shipped = sorted(Path(str(file)).stem for file in _shipped().iterdir() if str(file).endswith(SUFFIX))
    return [name for name in (*shipped, *_beside(incomplete)) if name.startswith(incomplete)]


def settings(scenario: str | None, incomplete: str) -> list[str]:
    """Keys for `--set` that begin with what is typed; those of prosumers and devices as the scenario has them."""
    keys = dict.fromkeys([*_general(), *(() if scenario is None else _own(_tables(scenario)))])
    return [f"{key}=" for key in keys if key.startswith(incomplete)]


def _shipped() -> Path:
    return Path(str(files("mosaik_p2p.scenarios")))


def _beside(incomplete: str) -> Iterator[str]:
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    try:
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                yield f"{path}/"
            elif path.suffix == SUFFIX:
                yield str(path)
    except (OSError, ValueError):
        return


def _schema() -> Tree:
    schema: Tree = json.loads((_shipped() / SCHEMA_FILE).read_text(encoding="utf-8"))
    return schema


def _tables(scenario: str) -> Tree:
    path = Path(scenario) if Path(scenario).is_file() else _shipped() / f"{scenario}{SUFFIX}"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}


def _general() -> Iterator[str]:
    """The keys that every scenario may have."""
    schema = _schema()
    yield from _keys(schema, schema["$defs"], "", 0)


def _keys(tree: Tree, defs: Tree, at: str, depth: int) -> Iterator[str]:
    for key, entry in tree.get("properties", {}).items():
        inner = defs[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
        if inner.get("properties") and depth < DEEPEST:
            yield from _keys(inner, defs, f"{at}{key}.", depth + 1)
        elif inner.get("type") != "array" and not (at == "" and key in NAMED):
            yield f"{at}{key}"


def _own(tables: Tree) -> Iterator[str]:
    """The keys of what the scenario has by name."""
    devices = {
        kind["if"]["properties"]["type"]["const"]: kind["then"]["$ref"].rpartition("/")[2]
        for kind in _schema()["$defs"]["Device"]["allOf"]
    }
    defs = _schema()["$defs"]
    for table in NAMED:
        for name, entries in _of(tables, table).items():
            yield from (f"{table}.{name}.{key}" for key in (entries if isinstance(entries, dict) else ()))
    for prosumer in _listed(tables, "prosumers"):
        for key in defs["ProsumerSpec"]["properties"]:
            if key not in ("name", "devices", "template"):
                yield f"prosumers.{prosumer['name']}.{key}"
        for device in _listed(prosumer, "devices", by="type"):
            tree = defs.get(devices.get(str(device["type"]), ""), {})
            own = f"prosumers.{prosumer['name']}.{device.get('name', device['type'])}."
            yield from (key for key in _keys(tree, defs, own, 0) if not key.endswith((".type", ".name", ".template")))


def _of(tables: Tree, key: str) -> Tree:
    found = tables.get(key)
    return found if isinstance(found, dict) else {}


def _listed(tables: Tree, key: str, *, by: str = "name") -> Iterable[Tree]:
    found = tables.get(key)
    return [entry for entry in found if isinstance(entry, dict) and by in entry] if isinstance(found, list) else []
