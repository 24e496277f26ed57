"""The controllers of a net, made anew from judged plain values by the library's own classes."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.networks.empty_nets import empty_electric_net
from mosaik_p2p.networks.files.electric.control_objects import AREAS, CLASSES, DRAWN, TABLE, checked_object, stored_of
from mosaik_p2p.networks.files.shapes import Stored

PER_ELEMENT = ("vm_lower_pu", "vm_upper_pu", "vm_set_pu", "saturate_sn_mva", "q_pu")
"""Parameters that may be lists, a value for each element."""

_OBJECTS = ("q_model", "pqv_area")
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "DiscreteTapControl": ("side", "element", "tol", "vm_lower_pu", "vm_upper_pu", "hunting_limit"),
    "ContinuousTapControl": ("side", "element", "tol", "vm_set_pu", "check_tap_bounds"),
    "DERController": (
        *("element", "saturate_sn_mva", "q_prio", "damping_coef", "max_p_error", "max_q_error"),
        *_OBJECTS,
    ),
}
"""What a controller is made with, beside its elements."""
_VARIANTS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "PQVArea4105": {"variant": (1, 2)},
    "PQVArea4110": {},
    **{f"PQVArea4120V{number}": {"version": (2018, 2015)} for number in (1, 2, 3)},
    **{f"PQVArea4130V{number}": {"vn_kv": (380, 220)} for number in (1, 3)},
}
"""By class of an area: what it may be made with; an area holds what was computed from it."""


@dataclass(frozen=True, eq=False)
class Control:
    """A row of the table of controllers."""

    label: str
    """Class, name and index, for messages."""
    index: int
    name: str | None
    stored: Stored
    in_service: Any
    order: Any
    level: Any

    @property
    def elements(self) -> tuple[int, ...]:
        """Indices of what it controls, in the table of their kind."""
        return tuple(int(index) for index in np.atleast_1d(np.asarray(self.stored.state["element_index"])))

    @property
    def table(self) -> str:
        """The table of what it controls."""
        return "sgen" if self.stored.kind == "DERController" else "trafo"


def controls_of(net: pandapowerNet) -> list[Control]:
    """The rows of the net's table of controllers. Raises Unusable for a class that is not known."""
    table = net.get(TABLE)
    if not isinstance(table, pd.DataFrame) or table.empty:
        return []
    rows = zip(table.index, table.to_dict("records"), strict=True)
    return [_control(number, index, row) for number, (index, row) in enumerate(rows)]


def with_controllers(net: pandapowerNet) -> pandapowerNet:
    """The net itself, with the sound controllers of its table in service made anew. Generators at buses that are not in
    service are left out: there is no voltage that could be followed."""
    if net[TABLE].empty:
        return net
    dead = {int(bus) for bus in net.bus.index[~net.bus["in_service"].astype(bool)]}
    still = {int(index) for index in net.sgen.index[net.sgen["bus"].isin(dead)]}
    acting = [control for control in controls_of(net) if control.in_service]
    return _with(net, [_without(control, still if control.table == "sgen" else ()) for control in acting])


def without_elements(net: pandapowerNet, elements: Iterable[tuple[str, int]]) -> pandapowerNet:
    """The net itself with controllers that leave these elements (table and index) alone."""
    gone = set(elements)
    return _with(
        net,
        [_without(control, {index for table, index in gone if table == control.table}) for control in controls_of(net)],
    )


def _control(number: int, index: Any, row: Mapping[Hashable, Any]) -> Control:
    stored = checked_object(row.get("object"), index)
    name = row.get("name")
    label = f"{stored.kind} {name!r} (index {index})" if isinstance(name, str) and name else f"{stored.kind} {index}"
    return Control(
        label=label,
        index=number,
        name=name if isinstance(name, str) else None,
        stored=stored,
        in_service=row.get("in_service", True),
        order=row.get("order", 0),
        level=row.get("level", 0),
    )


def _without(control: Control, gone: Collection[int]) -> Control:
    """Where lists have a value for each element, those of the others are kept."""
    kept = [place for place, index in enumerate(control.elements) if index not in gone]
    if len(kept) == len(control.elements):
        return control
    state = {name: _taken(name, value, kept, len(control.elements)) for name, value in control.stored.state.items()}
    state["element_index"] = [control.elements[place] for place in kept]
    return replace(control, stored=Stored(control.stored.kind, state))


def _taken(name: str, value: Any, kept: list[int], count: int) -> Any:
    if isinstance(value, Stored):
        return Stored(value.kind, {key: _taken(key, held, kept, count) for key, held in value.state.items()})
    is_list = name in PER_ELEMENT and np.ndim(value) == 1 and len(value) == count
    return np.asarray(value)[kept].tolist() if is_list and count > 1 else value


def _with(net: pandapowerNet, controls: Iterable[Control]) -> pandapowerNet:
    acting = [control for control in controls if control.elements]
    net[TABLE] = empty_electric_net()[TABLE]
    for control in acting:
        _made(net, control)
    if acting:
        net[TABLE]["order"] = [float(control.order) for control in acting]
        net[TABLE]["level"] = pd.Series([control.level for control in acting], index=net[TABLE].index, dtype=object)
        net[TABLE]["name"] = pd.Series([control.name for control in acting], index=net[TABLE].index, dtype=object)
    return net


def _made(net: pandapowerNet, control: Control) -> None:
    """The library's constructor puts the controller into the net's table."""
    state, kind = control.stored.state, control.stored.kind
    given = {name: _plain(state[name]) for name in _PARAMETERS[kind] if name in state}
    single = np.ndim(state["element_index"]) == 0
    elements = control.elements[0] if single else list(control.elements)
    CLASSES[kind](net, element_index=elements, **given)


def _plain(value: Any) -> Any:
    """What a constructor takes: built-in numbers, arrays of them, and objects made anew."""
    if isinstance(value, Stored):
        return _part(value)
    if isinstance(value, list | tuple | np.ndarray):
        return np.asarray(value, dtype=np.float64)
    return value.item() if isinstance(value, np.generic) else value


def _part(stored: Stored) -> Any:
    """A model, a curve or an area."""
    if CLASSES[stored.kind] in AREAS:
        return area_of(stored)
    held = {name: value for name, value in stored.state.items() if name not in ("q_setpoint_pu", "cosphi_pos")}
    return CLASSES[stored.kind](**{name: _plain(value) for name, value in held.items()})


def area_of(stored: Stored) -> Any | None:
    """The area of the library's that holds the same; None where there is none."""
    if stored.kind not in _VARIANTS:
        return CLASSES[stored.kind](**{name: _plain(value) for name, value in stored.state.items()})
    overlap = bool(stored.state.get("raise_merge_overlap", True))
    variants = _VARIANTS[stored.kind]
    made = [
        CLASSES[stored.kind](raise_merge_overlap=overlap, **dict(zip(variants, values, strict=True)))
        for values in product(*variants.values())
    ]
    same = [area for area in made if _holds_the_same(stored_of(area), stored)]
    return same[0] if same else None


def _holds_the_same(one: Any, other: Any) -> bool:
    if not isinstance(one, Stored):
        found = [np.asarray(value, dtype=object) for value in (one, other)]
        return found[0].shape == found[1].shape and bool((found[0] == found[1]).all())
    names = {*one.state, *getattr(other, "state", ())} - {*DRAWN}
    return (
        isinstance(other, Stored)
        and one.kind == other.kind
        and all(name in one.state and name in other.state for name in names)
        and all(_holds_the_same(one.state[name], other.state[name]) for name in names)
    )
