"""A pandapower net from JSON, without pandapower's reader."""

import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandapower import pandapowerNet
from pandapower.convert_format import convert_format
from pandapower.file_io import from_json_dict

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.empty_nets import empty_electric_net
from mosaik_p2p.networks.files.electric.control_objects import CONTROL_SHAPES, TABLE
from mosaik_p2p.networks.files.frames import TABLE_SHAPES
from mosaik_p2p.networks.files.nets import decoded, entries_of, loading, shape_faults
from mosaik_p2p.networks.files.shapes import Decoder
from mosaik_p2p.networks.files.strict import Unusable

NET_CLASS = ("pandapower.auxiliary", "pandapowerNet")
LIBRARY = "pandapower"


def electric_net(text: str, path: str) -> tuple[pandapowerNet | None, list[Fault]]:
    """The net in the present version's form, or the faults that keep it from being built. Raises Unusable."""
    entries = entries_of(text, NET_CLASS, LIBRARY)
    decoder = Decoder(path, {**TABLE_SHAPES, **CONTROL_SHAPES})
    values = decoded(decoder, entries, LIBRARY)
    with loading(LIBRARY):
        if _is_of_old(values):
            return _of_old(values), []
        net = empty_electric_net()
        faults = [*decoder.faults, *shape_faults(path, net, values)]
        if faults:
            return None, faults
        net.update(values)
        return converted(net), []


def converted(net: pandapowerNet) -> pandapowerNet:
    """The net in the form of the installed version; its controllers, which the library would take for objects of its
    own, stay as they are."""
    controllers = net.get(TABLE)
    are_there = isinstance(controllers, pd.DataFrame) and not controllers.empty
    if are_there or controllers is None:
        net[TABLE] = empty_electric_net()[TABLE]
    with warnings.catch_warnings():
        # Files of other versions make the library warn about conversions; whether the net is sound is checked after it.
        warnings.simplefilter("ignore")
        convert_format(net)
    if are_there:
        net[TABLE] = controllers
    return net


def _of_old(values: Mapping[str, Any]) -> pandapowerNet:
    if values.get(TABLE):
        raise Unusable("has controllers of an old version of the library", "Write the file with its present version")
    return converted(from_json_dict(dict(values)))


def _is_of_old(values: Mapping[str, Any]) -> bool:
    """Whether the tables are tables of columns, as versions before 2 wrote them."""
    return isinstance(values.get("bus"), dict)
