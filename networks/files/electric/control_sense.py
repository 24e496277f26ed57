"""Every fault that the controllers of a net have.

What a controller needs of its elements is asked for as well: the library would go on with what is no number, and never
settle.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.columns import Range
from mosaik_p2p.networks.files.electric.columns import RANGES
from mosaik_p2p.networks.files.electric.control_build import PER_ELEMENT, Control, controls_of
from mosaik_p2p.networks.files.electric.control_objects import TABLE
from mosaik_p2p.networks.files.electric.control_rules import is_number, value_faults, values_of
from mosaik_p2p.networks.files.electric.control_uses import control_use_faults
from mosaik_p2p.networks.files.numbers import any_fault, numbers
from mosaik_p2p.networks.files.shapes import Stored

RATED = Range(0.0, 1e5, "MVA", above=True)


def control_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    """Everything that is wrong with the net's controllers; those out of service control nothing and may be anything.
    The tables of transformers and generators have to be sound. Raises Unusable for a class that is not known."""
    return [fault for control in controls_of(net) for fault in _faults(path, net, control)]


def _faults(path: Path, net: pandapowerNet, control: Control) -> list[Fault]:
    place = f"{path}, table {TABLE}, {control.label}"
    faults = [*_table_faults(place, control)]
    if control.in_service:
        faults += control_use_faults(place, control.stored)
        faults += value_faults(place, control.stored)
    if faults or not control.in_service:
        return faults
    faults += _element_faults(place, net, control)
    return faults or [*_KINDS[control.table](path, place, net, control)]


def _table_faults(place: str, control: Control) -> Iterator[Fault]:
    if control.in_service not in (True, False):
        yield Fault(f"{place}, in_service", shown(control.in_service), "is no truth value", "Write true or false")
    for name, value in (("order", control.order), ("level", control.level)):
        found = values_of(value)
        if found is None or not np.isfinite(found).all() or (name == "order" and not is_number(value)):
            yield Fault(f"{place}, {name}", shown(value), "is no number", "Write a number")


def _element_faults(place: str, net: pandapowerNet, control: Control) -> Iterator[Fault]:
    unknown = [index for index in control.elements if index not in net[control.table].index]
    if unknown:
        remedy = f"Name an element of the table {control.table}"
        yield Fault(f"{place}, element_index", shown(unknown), f"is no index of the table {control.table}", remedy)
    if len(set(control.elements)) < len(control.elements):
        yield Fault(f"{place}, element_index", shown(control.elements), "names an element twice", "Name it once")
    model = control.stored.state.get("q_model")
    held = {**control.stored.state, **(model.state if isinstance(model, Stored) else {})}
    for name in PER_ELEMENT:
        values = values_of(held.get(name))
        if values is not None and len(values) not in (1, len(control.elements)):
            problem = f"has {len(values)} values for {len(control.elements)} elements"
            yield Fault(f"{place}, {name}", shown(held[name]), problem, "Give one value, or one for each element")


def _transformers(path: Path, place: str, net: pandapowerNet, control: Control) -> Iterator[Fault]:
    trafos, label = net.trafo.loc[list(control.elements)], control.label
    for column in ("tap_pos", "tap_neutral", "tap_min", "tap_max", "tap_step_percent"):
        bounds = RANGES["trafo"]["tap_step_percent" if column == "tap_step_percent" else "tap_pos"]
        values = numbers(trafos[column]) if column in trafos else np.full(len(trafos), np.nan)
        wrong = trafos[~bounds.holds(values) | ((values == 0.0) & (column == "tap_step_percent"))]
        problem = f"{column} is no number that the controller {label} could compute with"
        yield from any_fault(path, "trafo", wrong, problem, "Complete the tap changer")
    sides = trafos[~trafos["tap_side"].isin(["hv", "lv"]).to_numpy()]
    problem = f"tap_side is none of hv, lv, and the controller {label} is to move it"
    yield from any_fault(path, "trafo", sides, problem, "Complete the tap changer")
    lower, upper = (values_of(control.stored.state.get(name)) for name in ("vm_lower_pu", "vm_upper_pu"))
    if lower is not None and upper is not None and (lower >= upper).any():
        found = f"{lower.tolist()} to {upper.tolist()}"
        yield Fault(f"{place}, vm_lower_pu", found, "leaves no band", "Give a lower bound below the upper one")


def _generators(path: Path, place: str, net: pandapowerNet, control: Control) -> Iterator[Fault]:
    sgens, state = net.sgen.loc[list(control.elements)], control.stored.state
    rated = numbers(sgens["sn_mva"]) if "sn_mva" in sgens else np.full(len(sgens), np.nan)
    problem = f"sn_mva is no number greater than 0, and the controller {control.label} gives powers in parts of it"
    yield from any_fault(path, "sgen", sgens[~RATED.holds(rated)], problem, "Give their rated power")
    problem = f"p_mw is below 0, and the controller {control.label} is for what feeds in"
    yield from any_fault(path, "sgen", sgens[numbers(sgens["p_mw"]) < 0.0], problem, "Make it a load, or uncontrolled")
    for column, own in (("bus", numbers(sgens["bus"])), ("sn_mva", rated)):
        held = state.get(column)
        if isinstance(held, pd.Series) and not np.array_equal(numbers(held), own, equal_nan=True):
            problem = f"{column} differs from that of the table sgen, {own.tolist()}"
            yield Fault(f"{place}, {column}", str(numbers(held).tolist()), problem, "Make the controller anew")
    model, saturated = state.get("q_model"), values_of(state.get("saturate_sn_mva", np.nan))
    is_bounded = state.get("pqv_area") is not None or (saturated is not None and bool(np.isfinite(saturated).any()))
    if isinstance(model, Stored) and model.kind == "QModelCosphiSn" and is_bounded:
        problem = "cannot be bounded by an area or by saturate_sn_mva in pandapower"
        yield Fault(f"{place}, q_model", model.kind, problem, "Take QModelConstQ")


_KINDS = {"trafo": _transformers, "sgen": _generators}
