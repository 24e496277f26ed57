"""A pandapipes net from JSON, without pandapipes' reader."""

import warnings
from collections.abc import Mapping
from typing import Any

import pandapipes
from pandapipes.io.convert_format import convert_format
from pandapipes.pandapipes_net import get_basic_net_entries, pandapipesNet

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.heat.shapes import COMPONENTS, HEAT_SHAPES
from mosaik_p2p.networks.files.nets import decoded, entries_of, loading, shape_faults
from mosaik_p2p.networks.files.shapes import Decoder
from mosaik_p2p.networks.files.strict import Unusable

NET_CLASS = ("pandapipes.pandapipes_net", "pandapipesNet")
LIBRARY = "pandapipes"


def heat_net(text: str, path: str) -> tuple[pandapipesNet | None, list[Fault]]:
    """The net in the present version's form, or the faults that keep it from being built. Raises Unusable."""
    entries = entries_of(text, NET_CLASS, LIBRARY)
    decoder = Decoder(path, HEAT_SHAPES)
    values = decoded(decoder, entries, LIBRARY)
    with loading(LIBRARY):
        faults = [*decoder.faults, *shape_faults(path, pandapipes.create_empty_network(), values)]
        faults += _list_faults(path, values)
        return (None, faults) if faults else (_assembled(values), [])


def _assembled(values: Mapping[str, Any]) -> pandapipesNet:
    if "fluid" not in values:
        raise Unusable("has no fluid", "Give it water: pandapipes.create_fluid_from_lib(net, 'water')")
    basic = get_basic_net_entries()
    net = pandapipesNet({key: basic[key] for key in basic if key in values})
    net.update(values)
    with warnings.catch_warnings():
        # Files of other versions make the library warn about conversions; whether the net is sound is checked after it.
        warnings.simplefilter("ignore")
        convert_format(net)
    # Where a table was missing the library lists its component once more, and then computes it twice.
    net["component_list"] = list(dict.fromkeys(net.component_list))
    return net


def _list_faults(path: str, values: Mapping[str, Any]) -> list[Fault]:
    """The library computes the components of this list, each once, and passes over all others."""
    listed = values.get("component_list")
    known = list(COMPONENTS.values())
    place, remedy = f"{path}, component_list", "Write the file with pandapipes.to_json"
    if listed is None:
        return []
    if not isinstance(listed, list) or any(component not in known for component in listed):
        return [Fault(place, shown(listed), "is no list of components", remedy)]
    double = {component.__name__ for component in listed if listed.count(component) > 1}
    faults = [Fault(place, name, "stands twice in the list", remedy) for name in sorted(double)]
    for component in known:
        table = component.table_name()
        if component not in listed and len(values.get(table, ())):
            problem = f"is not in the list, so that pandapipes would pass over the table {table}"
            faults.append(Fault(place, component.__name__, problem, remedy))
    return faults
