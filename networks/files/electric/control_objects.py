"""Controllers of pandapower as plain values: of which class, and what it holds.

A file names the class of each controller, and a net that somebody built holds the objects themselves. Both become the
same here, by a list of what is known; nothing is imported, looked up or called by a name from a file. What they hold
is judged in `control_rules`; the library's objects are made anew in `control_build`.

pandapower's own writer leaves out what a reactive power is computed from: of a curve it writes the name only. Files
made by `text_with_models` have it.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandapower
import pandas as pd
from pandapower import pandapowerNet
from pandapower.control import ContinuousTapControl, DiscreteTapControl
from pandapower.control.controller.DERController import DERBasics, PQVAreas, QModels
from pandapower.control.controller.DERController.der_control import DERController

from mosaik_p2p.errors import shown
from mosaik_p2p.networks.files.shapes import At, Class, Decoder, Shape, Stored, own_keys
from mosaik_p2p.networks.files.strict import Unusable, parsed

TABLE = "controller"
"""The net's entry that holds them."""

CONTROLLERS: tuple[type, ...] = (DiscreteTapControl, ContinuousTapControl, DERController)
MODELS: tuple[type, ...] = (
    QModels.QModelConstQ,
    QModels.QModelCosphiP,
    QModels.QModelCosphiPQ,
    QModels.QModelCosphiSn,
    QModels.QModelCosphiPCurve,
    QModels.QModelCosphiVCurve,
    QModels.QModelQVCurve,
)
"""What a reactive power is computed from."""
CURVES: tuple[type, ...] = (DERBasics.QVCurve, DERBasics.CosphiVCurve, DERBasics.CosphiPCurve)
AREAS: tuple[type, ...] = (
    PQVAreas.PQAreaSTATCOM,
    PQVAreas.PQVArea4105,
    PQVAreas.PQVArea4110,
    PQVAreas.PQVArea4120V1,
    PQVAreas.PQVArea4120V2,
    PQVAreas.PQVArea4120V3,
    PQVAreas.PQVArea4130V1,
    PQVAreas.PQVArea4130V3,
)
"""Within which a reactive power has to stay. Not among them: polygons of a user's own, which the library does not
judge, and the second variant of 4130, which it cannot make."""
PARTS: tuple[type, ...] = (
    *(PQVAreas.PQArea4105, PQVAreas.QVArea4105, PQVAreas.PQArea4110, PQVAreas.QVArea4110),
    *(PQVAreas.PQArea4120, PQVAreas.QVArea4120, PQVAreas.PQArea4130, PQVAreas.QVArea4130),
)
"""What areas are put together from."""

CLASSES: Mapping[str, type] = {known.__name__: known for known in (*CONTROLLERS, *MODELS, *CURVES, *AREAS, *PARTS)}
"""By name, all of which there may be objects."""
_NAMES: Mapping[Class, str] = {(known.__module__, name): name for name, known in CLASSES.items()}


DRAWN = ("polygon",)
"""Attributes that are made of others, and no plain values."""


def stored_of(value: Any) -> Any:
    """Objects of the known classes as plain values, whatever else as it is. Raises Unusable for a controller of
    another class."""
    if type(value) in CLASSES.values():
        return Stored(type(value).__name__, {name: stored_of(held) for name, held in vars(value).items()})
    return value


def checked_object(value: Any, index: object) -> Stored:
    """The controller in a cell of the table; raises Unusable where it is none that is known here."""
    stored = stored_of(value)
    if not isinstance(stored, Stored) or CLASSES[stored.kind] not in CONTROLLERS:
        kind = stored.kind if isinstance(stored, Stored) else type(value).__name__
        raise Unusable(f"has the controller {shown(index)} of the class {kind}, which is not supported here", REMEDY)
    return stored


REMEDY = (
    f"Remove it: of controllers only {', '.join(known.__name__ for known in CONTROLLERS)} run here; set taps and powers"
    " of others to what they are to be"
)


def _object(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    """What an object holds; its text of JSON is read as strictly as the file."""
    own_keys(raw, at)
    kind = _NAMES[raw["_module"], raw["_class"]]
    if at.name != TABLE:
        raise Unusable(f"has a {kind} at {shown(at.name)}, where none belongs", "Remove it")
    content = raw["_object"]
    held = parsed(content) if isinstance(content, str) else content
    if not isinstance(held, dict):
        raise Unusable(f"has a {kind} at {shown(at.name)} that holds nothing by name", "Write it with to_json")
    return Stored(kind, {decoder.text(name, at): decoder.value(value, at.inner("")) for name, value in held.items()})


CONTROL_SHAPES: Mapping[Class, Shape] = dict.fromkeys(_NAMES, _object)


def text_with_models(net: pandapowerNet) -> str:
    """The net as `pandapower.to_json` writes it, with the curves and areas of its controllers, by which a file of it
    can be used here. pandapower itself reads no such file."""
    entries = json.loads(pandapower.to_json(net))
    if net.controller.empty:
        return json.dumps(entries)
    table = entries["_object"][TABLE]
    frame = json.loads(table["_object"])
    place = frame["columns"].index("object")
    for row, controller in zip(frame["data"], net.controller["object"], strict=True):
        held = json.loads(row[place]["_object"])
        held |= {name: _written(value) for name, value in vars(controller).items() if type(value) in CLASSES.values()}
        row[place]["_object"] = json.dumps(held)
    table["_object"] = json.dumps(frame)
    return json.dumps(entries)


def _written(value: Any) -> Any:
    if type(value) in CLASSES.values():
        held = {name: _written(inner) for name, inner in vars(value).items() if name not in DRAWN}
        return {"_module": type(value).__module__, "_class": type(value).__name__, "_object": held}
    if isinstance(value, np.ndarray | pd.Series | tuple | list):
        return [_written(item) for item in np.asarray(value).tolist()]
    return value.item() if isinstance(value, np.generic) else value
