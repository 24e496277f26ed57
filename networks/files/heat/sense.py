"""What no single column of a heat network says: ends that are one, types that are missing, too many or too few givens,
a fluid that is no water."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.columns import Range
from mosaik_p2p.networks.files.numbers import element_fault, in_service, some

_USUAL_K = 333.15
WATER: Mapping[str, Range] = {
    "density": Range(900.0, 1100.0, "kg/m3"),
    "heat_capacity": Range(4000.0, 4400.0, "J/(kg K)"),
    "viscosity": Range(1e-4, 2e-3, "kg/(m s)"),
}
"""At 60 degC; what a file calls water has to be about that."""

_ENDS = (("from_junction", "to_junction"), ("return_junction", "flow_junction"))


def sense_faults(path: Path, net: pandapipesNet) -> list[Fault]:
    """Faults of a net whose tables are sound column by column."""
    return [
        *_ends(path, net),
        *_valves(path, net),
        *_pumps(path, net),
        *_held(path, net),
        *_consumers(path, net),
        *fluid_faults(path, net),
    ]


def fluid_faults(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    """A fluid that is none, or no water."""
    fluid = net.get("fluid")
    place, remedy = f"{path}, fluid", "Set the fluid to water: pandapipes.create_fluid_from_lib(net, 'water')"
    if getattr(fluid, "name", None) != "water" or getattr(fluid, "fluid_type", None) != "liquid":
        yield Fault(place, shown(getattr(fluid, "name", fluid)), "only water is supported", remedy)
        return
    for name, range_ in WATER.items():
        value = _property(fluid, name)
        if not range_.holds(np.array([value]))[0]:
            yield Fault(f"{place}, {name}", f"{value:g}", f"water has at 60 degC a {name} {range_}", remedy)


def _property(fluid: Any, name: str) -> float:
    try:
        return float(np.asarray(fluid.get_property(name, np.array([_USUAL_K]))).ravel()[0])
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, UserWarning):
        # The properties come from the file, and the library does not check them.
        return float("nan")


def _ends(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    for table, elements in net.items():
        for start, end in _ENDS:
            if not isinstance(elements, pd.DataFrame) or not {start, end} <= set(elements):
                continue
            same = elements[elements[start] == elements[end]]
            if not same.empty:
                problem = f"{start} and {end} are the same junction"
                yield element_fault(path, str(table), same, problem, "Name two junctions, or leave it out")


def _valves(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    valves = net.get("valve")
    if not isinstance(valves, pd.DataFrame):
        return
    for kind, table in (("ju", "junction"), ("pi", "pipe")):
        lost = valves[(valves["et"] == kind) & ~valves["element"].isin(net[table].index)]
        if not lost.empty:
            problem = f"element is no index of the table {table}: {', '.join(map(str, lost['element'][:5]))}"
            yield element_fault(path, "valve", lost, problem, f"Name an element of the table {table}")


def _pumps(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    pumps = net.get("pump")
    if not isinstance(pumps, pd.DataFrame) or pumps.empty:
        return
    known = net.get("std_types", {}).get("pump", {})
    named = pumps["std_type"] if "std_type" in pumps else pd.Series(None, index=pumps.index, dtype=object)
    lost = pumps[~named.isin(list(known)).to_numpy() & in_service(pumps)]
    if not lost.empty:
        problem = "std_type names no pump type of the file"
        yield element_fault(path, "pump", lost, problem, "Name a type of std_types.pump")


_HELD = {
    "circ_pump_pressure": (("p", "pt"), "holds no pressure", 'Give it the type "pt"'),
    "ext_grid": (("p", "pt"), "holds no pressure", 'Give it the type "pt"'),
    "circ_pump_mass": (
        ("t",),
        "does not hold a temperature alone",
        'Give it the type "t": the plants hold the pressure',
    ),
}
"""By table: the types that can be computed, what is wrong with others, and how to mend it."""
TYPED = frozenset(_HELD)
"""Tables whose elements are computed by their `type`, which is a mere label in others."""


def _held(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    """Pumps and grids that hold something else than is computed of them: by its type a pump may hold nothing at all."""
    for table, (types, problem, remedy) in _HELD.items():
        elements = net.get(table)
        if not isinstance(elements, pd.DataFrame) or elements.empty:
            continue
        wrong = elements[in_service(elements) & ~elements["type"].isin(types).to_numpy()]
        if not wrong.empty:
            found = some([shown(value) for value in wrong["type"].unique()])
            yield element_fault(path, table, wrong, f"with the type {found} it {problem}", remedy)


_GIVENS = ["qext_w", "controlled_mdot_kg_per_s", "deltat_k", "treturn_k"]
_DEGREES_OF_FREEDOM = 2


def _consumers(path: Path, net: pandapipesNet) -> Iterator[Fault]:
    """Consumers that are not given by two values: with one they draw nothing, with three one is passed over."""
    consumers = net.get("heat_consumer")
    if not isinstance(consumers, pd.DataFrame) or consumers.empty:
        return
    given = consumers[_GIVENS].notna()
    both = given["deltat_k"] & given["treturn_k"]
    wrong = consumers[((given.sum(axis=1) != _DEGREES_OF_FREEDOM) | both).to_numpy() & in_service(consumers)]
    if not wrong.empty:
        problem = f"not two of {', '.join(_GIVENS)} are given, or the last two"
        remedy = "Give two of them, the heat or the mass flow among them"
        yield element_fault(path, "heat_consumer", wrong, problem, remedy)
