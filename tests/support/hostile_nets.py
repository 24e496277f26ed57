"""Network files that would have their reader run code: what they would call, times where in the file they say so.

Whatever runs leaves a marker file.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandapipes as pp
import pandapower
from pandapipes.pandapipes_net import pandapipesNet
from pandapower import pandapowerNet

from mosaik_p2p.networks.empty_nets import empty_electric_net

Hostile = dict[str, Any]
Place = Callable[[dict[str, Any], Hostile], str]
"""Puts the object into the parsed file of a sound net, and gives the text of the file."""

FIRST, SECOND = "@first@", "@second@"
"""Stand for two equal keys, which no dict can hold."""


def electric_base() -> pandapowerNet:
    """Three buses in a row."""
    net = empty_electric_net()
    buses = [pandapower.create_bus(net, vn_kv=0.4, name=f"K{number}", geodata=(number, 0.0)) for number in range(3)]
    pandapower.create_ext_grid(net, buses[0])
    for start, end in ((0, 1), (1, 2)):
        pandapower.create_line(net, buses[start], buses[end], length_km=0.1, std_type="NAYY 4x50 SE")
    pandapower.create_load(net, buses[2], p_mw=0.01, q_mvar=0.001, name="house")
    return net


def heat_base() -> pandapipesNet:
    """A plant and one consumer."""
    net = pp.create_empty_network(fluid="water")
    hot = [pp.create_junction(net, 6.0, 350.0, name=f"hot {number}") for number in range(2)]
    cold = [pp.create_junction(net, 4.0, 320.0, name=f"cold {number}") for number in range(2)]
    for start, end in (hot, cold[::-1]):
        pp.create_pipe_from_parameters(net, start, end, 0.1, 50.0, k_mm=0.1, u_w_per_m2k=5.0, text_k=283.15)
    pp.create_heat_consumer(net, hot[1], cold[1], qext_w=20_000.0, controlled_mdot_kg_per_s=0.2)
    pp.create_circ_pump_const_pressure(net, cold[0], hot[0], 6.0, 2.0, 350.0, name="works")
    return net


def small_text(net: pandapowerNet | pandapipesNet) -> str:
    """The file of a sound net without its empty tables, so that hundreds of variants of it are read quickly."""
    library = pandapower if isinstance(net, pandapowerNet) else pp
    parsed = json.loads(library.to_json(net))
    tables = parsed["_object"]
    parsed["_object"] = {
        key: value
        for key, value in tables.items()
        if not (isinstance(value, dict) and '"data":[]' in str(value.get("_object"))) and key != "std_types"
    }
    return json.dumps(parsed)


def called(marker: Path) -> dict[str, Hostile]:
    """What a file may ask its reader to call, by name; each would write the marker, or hand out what could."""
    write = f"open({str(marker)!r}, 'w')"
    other = marker.with_name("other.json")
    other.write_text(json.dumps({"_module": "builtins", "_class": "exec", "_object": write}))
    return {
        "exec": {"_module": "builtins", "_class": "exec", "_object": write},
        "eval": {"_module": "builtins", "_class": "eval", "_object": write},
        "shell": {"_module": "os", "_class": "system", "_object": f"touch '{marker}'"},
        "process": {"_module": "subprocess", "_class": "check_call", "_object": ["touch", str(marker)]},
        "opened": {"_module": "io", "_class": "open", "_object": str(marker), "mode": "w"},
        "folder": {"_module": "os", "_class": "mkdir", "_object": str(marker)},
        "numpy": {"_module": "numpy", "_class": "savetxt", "_object": str(marker), "X": [1.0]},
        "reader": {"_module": "pandapower.file_io", "_class": "from_json", "_object": str(other)},
        "pickle": {"_module": "pandas", "_class": "read_pickle", "_object": str(other)},
        "function": {"_module": "os", "_class": "function", "_object": "system"},
        "method": {"_module": "os", "_class": "method", "_object": "system"},
        "state": {"_module": "builtins", "_class": "exec", "_state": {"_object": write}},
        "attribute": {"_module": "pandapower.control", "_class": "ConstControl", "_object": '{"time_step": 1}'},
    }


def _entry(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=hostile)


def _escaped(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=hostile).replace('"_module"', '"\\u005fmodule"').replace('"_class"', '"_cl\\u0061ss"')


def _first_of_two(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, **{FIRST: hostile, SECOND: 0}).replace(FIRST, "note").replace(SECOND, "note")


def _second_of_two(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, **{FIRST: 0, SECOND: hostile}).replace(FIRST, "note").replace(SECOND, "note")


def _two_nets(net: dict[str, Any], hostile: Hostile) -> str:
    doubled = {"_module": net["_module"], "_class": net["_class"], FIRST: {"x": hostile}, SECOND: net["_object"]}
    return json.dumps(doubled).replace(FIRST, "_object").replace(SECOND, "_object")


def _deep(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note={"a": [{"b": [[{"c": hostile}]]}]})


def _deep_of_two(net: dict[str, Any], hostile: Hostile) -> str:
    text = _with(net, note={"a": [{FIRST: hostile, SECOND: 1}]})
    return text.replace(FIRST, "b").replace(SECOND, "b")


def _text(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, name=json.dumps(hostile))


def _escaped_text(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, name=json.dumps(hostile).replace("_module", "\\u005fmodule"))


def _text_in_text(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=json.dumps([json.dumps(json.dumps({"x": hostile}))]))


def _net_in_text(net: dict[str, Any], hostile: Hostile) -> str:
    return json.dumps({**net, "_object": _with(net, note=hostile)})


def _net_in_net(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note={**net, "_object": json.dumps({**net, "_object": {"x": hostile}})})


def _types(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, std_types={"line": {"cable": {"r_ohm_per_km": hostile}}})


def _options(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, user_pf_options={"init": hostile})


def _in_tuple(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note={"_module": "builtins", "_class": "tuple", "_object": [1, hostile]})


def _in_array(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note={"_module": "numpy", "_class": "array", "_object": [hostile], "dtype": "object"})


def _as_dtype(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=_table(["a"], [[1]], dtype={"a": hostile}))


def _cell(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=_table(["a"], [[hostile]]))


def _deep_cell(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=_table(["a"], [[{"b": [hostile]}]]))


def _text_cell(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=_table(["a"], [[json.dumps(hostile)]]))


def _geo_cell(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, note=_table(["geo"], [[hostile]], dtype={"geo": "object"}))


def _cell_of_two(net: dict[str, Any], hostile: Hostile) -> str:
    table = _table(["a"], [[1]])
    data = json.dumps([[hostile]])
    table["_object"] = f'{{"columns": ["a"], "index": [0], "data": {data}, "data": [[1]]}}'
    return _with(net, note=table)


def _cell_by_columns(net: dict[str, Any], hostile: Hostile) -> str:
    content = json.dumps({"a": {"0": hostile}})
    return _with(net, note={**_table([], []), "_object": content, "orient": "columns"})


def _controller(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, controller=_table(["object", "in_service"], [[hostile, True]]))


def _control_state(net: dict[str, Any], hostile: Hostile) -> str:
    module = "pandapower.control.controller.trafo.DiscreteTapControl"
    held = json.dumps({"element_index": 0, "matching_params": hostile})
    control = {"_module": module, "_class": "DiscreteTapControl", "_object": held}
    return _with(net, controller=_table(["object", "in_service"], [[control, False]]))


def _series(net: dict[str, Any], hostile: Hostile) -> str:
    content = json.dumps({"name": None, "index": [0], "data": [hostile]})
    series = {"_module": "pandas.core.series", "_class": "Series", "_object": content, "orient": "split"}
    return _with(net, note={**series, "typ": "series", "dtype": "object"})


def _fluid(net: dict[str, Any], hostile: Hostile) -> str:
    content = {"name": "water", "fluid_type": "liquid", "is_gas": False, "all_properties": {"density": hostile}}
    fluid = {"_module": "pandapipes.properties.fluids", "_class": "Fluid", "_object": json.dumps(content)}
    return _with(net, fluid=fluid)


def _fluid_attribute(net: dict[str, Any], hostile: Hostile) -> str:
    content = json.dumps({"value": 1.0, "get_at_value": hostile})
    constant = {"_module": "pandapipes.properties.fluids", "_class": "FluidPropertyConstant", "_object": content}
    return _with(net, note=constant)


def _pump_type(net: dict[str, Any], hostile: Hostile) -> str:
    content = json.dumps({"name": "P1", "component": "pump", "reg_par": hostile})
    pump = {"_module": "pandapipes.std_types.std_type_class", "_class": "PumpStdType", "_object": content}
    return _with(net, std_types={"pump": {"P1": pump}})


def _component(net: dict[str, Any], hostile: Hostile) -> str:
    return _with(net, component_list=[hostile])


PLACES: Mapping[str, Place] = {
    place.__name__.lstrip("_"): place
    for place in (
        _entry,
        _escaped,
        _first_of_two,
        _second_of_two,
        _two_nets,
        _deep,
        _deep_of_two,
        _text,
        _escaped_text,
        _text_in_text,
        _net_in_text,
        _net_in_net,
        _types,
        _options,
        _in_tuple,
        _in_array,
        _as_dtype,
        _cell,
        _deep_cell,
        _text_cell,
        _geo_cell,
        _cell_of_two,
        _cell_by_columns,
        _controller,
        _control_state,
        _series,
        _fluid,
        _fluid_attribute,
        _pump_type,
        _component,
    )
}


def hostile_texts(sound: str, marker: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every hostile file made from the text of a sound net."""
    for name, hostile in called(marker).items():
        for place, put in PLACES.items():
            yield f"{name} in {place}", put(json.loads(sound), hostile)


def _with(net: dict[str, Any], **entries: Any) -> str:
    return json.dumps({**net, "_object": {**net["_object"], **entries}})


def _table(columns: list[str], rows: list[list[Any]], **keys: Any) -> dict[str, Any]:
    content = json.dumps({"columns": columns, "index": list(range(len(rows))), "data": rows})
    return {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": content, "orient": "split", **keys}
