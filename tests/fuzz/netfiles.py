"""Mutations of network files as pandapower and pandapipes write them: tables of elements inside JSON inside JSON."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz.dice import hostile
from fuzz.texts import mangled
from fuzz.trees import mutated as tree_mutated

Net = dict[str, Any]
Table = dict[str, Any]
"""Columns, index and data, as in the files."""

REPEATED = "\ue000again"
"""In a key: that it is meant as the key without this, once more."""
NETWORK_TABLES = {
    "electric": ("bus", "line", "trafo", "load", "sgen", "ext_grid", "switch", "shunt"),
    "heat": ("junction", "pipe", "heat_consumer", "flow_control", "circ_pump_pressure"),
}


def mutated(dice: Random, text: str, kind: str) -> bytes:
    """The file after one or two changes of its tables, its tree or its bytes."""
    net = json.loads(text)
    for _ in range(dice.randint(1, 2)):
        if dice.random() < 0.8:
            _change_table(dice, net, dice.choice(NETWORK_TABLES[kind]))
        else:
            net["_object"] = tree_mutated(dice, net["_object"])
    if dice.random() < 0.08:
        repeat_key(dice, net["_object"])
    data = as_text(net).encode("utf-8", errors="replace")
    return mangled(dice, data) if dice.random() < 0.05 else data


def as_text(net: Net) -> str:
    """JSON, with the repeated keys that Python's dict cannot hold."""
    return json.dumps(net).replace(json.dumps(REPEATED)[1:-1], "")


def repeat_key(dice: Random, tree: dict[str, Any]) -> str:
    """A key of the tree once more, with another value."""
    key = dice.choice(list(tree))
    tree[f"{key}{REPEATED}"] = dice.choice([0, None, copy.deepcopy(dice.choice(list(tree.values())))])
    return key


def repeated_keys(text: str) -> list[str]:
    """Keys that stand twice in one table, at any depth, strings that are JSON themselves included."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        found.extend(sorted({name for name in names if names.count(name) > 1}))
        for _, value in pairs:
            if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
                _try(value, look)
        return dict(pairs)

    _try(text, look)
    return found


def _try(text: str, hook: Callable[[list[tuple[str, Any]]], Any]) -> None:
    try:
        json.loads(text, object_pairs_hook=hook)
    except (ValueError, RecursionError):
        return


def table_of(net: Net, name: str) -> Table | None:
    """The table of elements, parsed; None where a mutation has made something else of it."""
    frame = net["_object"].get(name) if isinstance(net.get("_object"), dict) else None
    if not isinstance(frame, dict) or not isinstance(frame.get("_object"), str):
        return None
    table = json.loads(frame["_object"])
    return table if isinstance(table, dict) and {"columns", "index", "data"} <= set(table) else None


def put_table(net: Net, name: str, table: Table) -> None:
    """Put the table back."""
    net["_object"][name]["_object"] = json.dumps(table)


def _change_table(dice: Random, net: Net, name: str) -> None:
    try:
        table = table_of(net, name)
    except ValueError:
        return
    if table is not None and table["data"] and table["columns"]:
        dice.choices(CHANGES, weights=WEIGHTS)[0](dice, table)
        put_table(net, name, table)


def _cell(dice: Random, table: Table) -> None:
    row = dice.choice(table["data"])
    row[dice.randrange(len(row))] = _plain(dice, hostile(dice))


def _scale(dice: Random, table: Table) -> None:
    """A number by a factor, whatever it is: an impedance may come out negative, a voltage of another level."""
    row = dice.choice(table["data"])
    numbers = [n for n, cell in enumerate(row) if isinstance(cell, int | float) and not isinstance(cell, bool)]
    if numbers:
        column = dice.choice(numbers)
        row[column] = row[column] * dice.choice((-1, 0, 1e-6, 1e-3, 50, 1e3, 1e6, 1e12))


def _null_column(dice: Random, table: Table) -> None:
    column, value = dice.randrange(len(table["columns"])), dice.choice([None, 0, "x"])
    for row in table["data"]:
        row[column] = value


def _drop_column(dice: Random, table: Table) -> None:
    column = dice.randrange(len(table["columns"]))
    for row in (table["columns"], *table["data"]):
        del row[column]


def _rename_column(dice: Random, table: Table) -> None:
    column = dice.randrange(len(table["columns"]))
    table["columns"][column] = dice.choice([f"{table['columns'][column]}_x", dice.choice(table["columns"]), 7, None])


def _index(dice: Random, table: Table) -> None:
    """An index twice, fractional, huge, negative or a text."""
    row = dice.randrange(len(table["index"]))
    table["index"][row] = dice.choice([dice.choice(table["index"]), 0.5, 2**63, -1, "1", "x", None, 1e300, 99])


def _repeat_row(dice: Random, table: Table) -> None:
    row = dice.randrange(len(table["index"]))
    table["data"].append(list(table["data"][row]))
    table["index"].append(dice.choice([table["index"][row], max(_whole(table["index"]), default=0) + 1]))


def _drop_row(dice: Random, table: Table) -> None:
    row = dice.randrange(len(table["index"]))
    del table["data"][row], table["index"][row]


def _elsewhere(dice: Random, table: Table) -> None:
    """An end at another place, or at none."""
    ends = [n for n, name in enumerate(table["columns"]) if isinstance(name, str) and _is_end(name)]
    if ends:
        dice.choice(table["data"])[dice.choice(ends)] = dice.choice([0, 1, 2, 99, -1, None, 0.5, float("inf"), "G3"])


def _ragged(dice: Random, table: Table) -> None:
    row = dice.choice(table["data"])
    if dice.random() < 0.5:
        row.append(0)
    elif row:
        row.pop()


def _is_end(name: str) -> bool:
    return name in ("bus", "element") or name.endswith(("_bus", "_junction")) or name == "junction"


def _whole(index: list[Any]) -> list[int]:
    return [value for value in index if isinstance(value, int)]


def _plain(dice: Random, value: Any) -> Any:
    """Long texts seldom: they make files, not faults."""
    return "x" if isinstance(value, str) and len(value) > 1000 and dice.random() < 0.8 else value


Change = Callable[[Random, Table], None]
CHANGES: tuple[Change, ...] = (
    *(_cell, _scale, _null_column, _drop_column, _rename_column, _index),
    *(_repeat_row, _drop_row, _elsewhere, _ragged),
)
WEIGHTS = (6, 4, 3, 4, 1, 3, 2, 2, 4, 1)
