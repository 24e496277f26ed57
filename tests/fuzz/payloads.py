"""Network files that would run code if their reader let them: what is called, and where it is hidden.

Whatever is called creates the file `canary` or imports a module that no network needs; `watch.py` sees both.
"""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz.netfiles import NETWORK_TABLES, REPEATED, Net, put_table, table_of

MODULES = ("this", "turtledemo", "idlelib", "wsgiref.simple_server", "pydoc_data.topics")
"""Of the standard library; nothing of ours or of our libraries imports them."""


def payload(dice: Random, canary: str) -> dict[str, Any]:
    """An object that a reader of such files would call."""
    make = f"open({canary!r}, 'w').close()"
    called: list[tuple[str, str, Any]] = [
        ("builtins", "exec", make),
        ("builtins", "eval", make),
        ("builtins", "open", canary),
        ("builtins", "__import__", dice.choice(MODULES)),
        ("os", "system", f"touch {canary}"),
        ("os", "popen", f"touch {canary}"),
        ("os", "mkdir", canary),
        ("posix", "system", f"touch {canary}"),
        ("subprocess", "getoutput", f"touch {canary}"),
        ("subprocess", "call", ["touch", canary]),
        ("subprocess", "Popen", ["touch", canary]),
        ("timeit", "timeit", make),
        ("code", "interact", make),
        ("importlib", "import_module", dice.choice(MODULES)),
        ("pathlib", "Path", canary),
        ("shutil", "rmtree", canary),
        ("numpy", "savetxt", canary),
        ("numpy", "memmap", canary),
        ("pandas", "read_pickle", canary),
        ("pandas", "eval", f"@open({canary!r}, 'w')"),
        ("pandas.io.pickle", "read_pickle", canary),
        ("pandapower.io_utils", "from_json_string", json.dumps(_object("builtins", "exec", make))),
        ("pandapower.file_io", "from_pickle", canary),
        ("pandapower.control.controller.trafo_control", "TrafoController", make),
        (dice.choice(MODULES), "__doc__", ""),
        (dice.choice(MODULES), "function", ""),
        ("builtins.exec", "__call__", make),
        ("networkx", "read_gpickle", canary),
    ]
    return _object(*dice.choice(called))


def _object(module: str, name: str, content: Any) -> dict[str, Any]:
    return {"_module": module, "_class": name, "_object": content}


def hidden(dice: Random, text: str, kind: str, canary: str) -> str:
    """A sound file with a payload somewhere."""
    net = json.loads(text)
    hostile = payload(dice, canary)
    dice.choice(HIDINGS)(dice, net, hostile, kind)
    out = json.dumps(net).replace(json.dumps(REPEATED)[1:-1], "")
    if dice.random() < 0.2:
        out = out.replace('"_module": "', '"\\u005fmodule": "').replace('"_class": "', '"_cl\\u0061ss": "')
    return out


def _plain(_: Random, net: Net, hostile: Any, __: str) -> None:
    net["_object"]["note"] = hostile


def _before_its_twin(dice: Random, net: Net, hostile: Any, _: str) -> None:
    """Under a key that stands again after it with something harmless."""
    net["_object"]["note"] = hostile
    net["_object"][f"note{REPEATED}"] = dice.choice([0, None, "x", {}])


def _after_its_twin(_: Random, net: Net, hostile: Any, __: str) -> None:
    net["_object"][f"note{REPEATED}"] = 0
    net["_object"]["note"] = hostile


def _under_a_known_key(dice: Random, net: Net, hostile: Any, _: str) -> None:
    """The payload first, the sound value again after it."""
    key = dice.choice(list(net["_object"]))
    before = dict(net["_object"])
    net["_object"].clear()
    net["_object"][f"{key}{REPEATED}"] = hostile
    net["_object"] |= before


def _beside_the_net(dice: Random, net: Net, hostile: Any, _: str) -> None:
    before = dict(net)
    net.clear()
    net[f"{dice.choice(['_object', '_module', 'x'])}{REPEATED}"] = hostile
    net |= before


def _in_a_cell(dice: Random, net: Net, hostile: Any, kind: str) -> None:
    name = dice.choice(NETWORK_TABLES[kind])
    table = table_of(net, name)
    if table is None or not table["data"]:
        net["_object"]["note"] = hostile
        return
    row = dice.choice(table["data"])
    row[dice.randrange(len(row))] = hostile
    put_table(net, name, table)


def _in_a_cell_twice(dice: Random, net: Net, hostile: Any, kind: str) -> None:
    """In a cell, under a key that stands twice in it."""
    _in_a_cell(dice, net, {f"a{REPEATED}": hostile, "a": 0}, kind)
    _spell_twins(net)


def _in_a_table_twice(dice: Random, net: Net, hostile: Any, kind: str) -> None:
    """The whole table twice: hostile, then sound."""
    name = dice.choice(NETWORK_TABLES[kind])
    sound = net["_object"].pop(name, None)
    twin = copy.deepcopy(net)
    twin["_object"][name] = copy.deepcopy(sound)
    _in_a_cell(dice, twin, hostile, kind)
    net["_object"][f"{name}{REPEATED}"] = twin["_object"].get(name)
    net["_object"][name] = sound


def _data_twice(dice: Random, net: Net, hostile: Any, kind: str) -> None:
    """Inside the text of a table, `data` twice."""
    name = dice.choice(NETWORK_TABLES[kind])
    table = table_of(net, name)
    if table is None:
        net["_object"]["note"] = hostile
        return
    put_table(net, name, {f"data{REPEATED}": [[hostile]], **table})
    _spell_twins(net)


def _spell_twins(net: Net) -> None:
    """Inside texts that are JSON themselves, the mark of a repeated key is spelled by JSON once more."""
    for frame in net["_object"].values():
        if isinstance(frame, dict) and isinstance(frame.get("_object"), str):
            frame["_object"] = frame["_object"].replace(json.dumps(REPEATED)[1:-1], "")


def _in_a_text(dice: Random, net: Net, hostile: Any, _: str) -> None:
    """As JSON inside a text, with what a lenient reader skips."""
    text = dice.choice(["", " ", "\n", "\ufeff"]) + json.dumps(hostile)
    wrapper = dice.choice(
        [("pandapower.auxiliary", "pandapowerNet"), ("networkx", "MultiGraph"), ("builtins", "tuple")]
    )
    net["_object"]["note"] = dice.choice([text, _object(*wrapper, text), [text], {"deep": {"deeper": text}}])


def _in_a_frame(dice: Random, net: Net, hostile: Any, _: str) -> None:
    content = json.dumps({"columns": ["a"], "index": [0], "data": [[hostile]]})
    if dice.random() < 0.4:
        content = content.replace('"columns"', dice.choice(['"col\tumns"', "'columns'", '"columns" ']))
    frame = {**_object("pandas.core.frame", "DataFrame", content), "orient": dice.choice(["split", "columns", "table"])}
    net["_object"]["note"] = {**frame, "dtype": dice.choice([{"a": "object"}, hostile]), "is_multiindex": True}


def _in_an_attribute(dice: Random, net: Net, hostile: Any, _: str) -> None:
    key = dice.choice(["user_pf_options", "std_types", "name", "version", "converged", "fluid", "f_hz"])
    net["_object"][key] = dice.choice([hostile, {"x": hostile}, [hostile]])


def _class_twice(dice: Random, net: Net, hostile: Any, _: str) -> None:
    """The harmless class and the hostile one in one object."""
    module, name = dice.choice([("numpy", "float64"), ("builtins", "tuple"), ("pandas", "Index")])
    sound = {"_module": module, "_class": name, "_object": hostile["_object"]}
    first, last = (hostile, sound) if dice.random() < 0.5 else (sound, hostile)
    net["_object"]["note"] = {**{f"{key}{REPEATED}": value for key, value in first.items()}, **last}


def _at_the_top(_: Random, net: Net, hostile: Any, __: str) -> None:
    net.update(hostile)


Hiding = Callable[[Random, Net, Any, str], None]
HIDINGS: tuple[Hiding, ...] = (
    *(_plain, _before_its_twin, _after_its_twin, _under_a_known_key, _beside_the_net, _in_a_cell, _in_a_cell_twice),
    *(_in_a_table_twice, _data_twice, _in_a_text, _in_a_frame, _in_an_attribute, _class_twice, _at_the_top),
)
