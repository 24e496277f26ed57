"""A look into a network file before it is loaded.

The JSON of pandapower and pandapipes names the modules and classes that its reader imports and calls: such a file is
code. Only what the libraries themselves write for data is let through; everything else is named, and nothing is loaded.
"""

import json
from collections.abc import Iterator

Class = tuple[str, str]
"""Module and class."""

_NUMPY = (
    "array",
    "bool",
    "bool_",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
)
_SHAPELY = ("Point", "LineString", "Polygon")

_SCALAR_MODULES = ("numpy", "builtins")
"""Their content may be a string that is no JSON, such as "nan"; it is converted and nothing in it is read further."""

DATA_CLASSES: frozenset[Class] = frozenset(
    {
        ("pandas.core.frame", "DataFrame"),
        ("pandas.core.series", "Series"),
        ("pandas", "Index"),
        ("networkx", "MultiGraph"),
        ("geopandas.geodataframe", "GeoDataFrame"),
        *(("numpy", name) for name in _NUMPY),
        *(("builtins", name) for name in ("tuple", "set", "frozenset", "complex")),
        *(("shapely", name) for name in _SHAPELY),
    }
)


def foreign_classes(text: str, *, allowed: frozenset[Class]) -> list[str]:
    """What the JSON text would have its reader call beyond `allowed`, as sorted "module.class" names.

    JSON written inside strings (as tables are) is looked into as well. Raises ValueError where `text` is not JSON.
    """
    named = {pair for pair in _classes(json.loads(text)) if pair not in allowed}
    return sorted(".".join(pair) for pair in named)


def _classes(value: object) -> Iterator[Class]:
    if isinstance(value, dict):
        if "_module" in value or "_class" in value:
            module = str(value.get("_module", ""))
            yield module, str(value.get("_class", ""))
            if module not in _SCALAR_MODULES:
                yield from _serialised(value.get("_object"))
        for item in value.values():
            yield from _classes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _classes(item)
    elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        yield from _inside(value)


def _inside(text: str) -> Iterator[Class]:
    try:
        value = json.loads(text)
    except ValueError:
        return
    yield from _classes(value)


def _serialised(content: object) -> Iterator[Class]:
    """The readers of tables are more lenient than ours: what they would read and we cannot is refused."""
    if not isinstance(content, str):
        return
    try:
        json.loads(content)
    except ValueError:
        yield "unreadable content", repr(content[:40])
