"""What is reached of pandapipes' inside, beside what it offers: the one place with such names.

They are looked up, not imported: where one is missing, or the version is none of those that have been read, pipe flows
run the usual way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

import numpy as np
import pandapipes
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.units import FloatArray

VERSIONS = ("0.16.0",)
NAMES = {
    "set_up": "pandapipes.pipeflow:init_pipeflow",
    "along": "pandapipes.pf.derivative_calculation:calculate_derivatives_hydraulic",
    "active": "pandapipes.idx_branch:IdxBranch.ACTIVE",
    "mdot": "pandapipes.idx_branch:IdxBranch.MDOTINIT",
    "t_out": "pandapipes.idx_branch:IdxBranch.TOUTINIT",
    "against": "pandapipes.idx_branch:IdxBranch.FROM_NODE_T_SWITCHED",
    "from_node": "pandapipes.idx_branch:IdxBranch.FROM_NODE",
    "to_node": "pandapipes.idx_branch:IdxBranch.TO_NODE",
    "height": "pandapipes.idx_node:IdxNode.HEIGHT",
    "t_node": "pandapipes.idx_node:IdxNode.TINIT",
    "p_node": "pandapipes.idx_node:IdxNode.PINIT",
}
LEFT_OVER = 4
PIT, OLD_PIT, LOOKUPS, OPTIONS = "_pit", "_old_pit", "_lookups", "_options"
"""Entries of a net that the set-up of a pipe flow makes; beside them it makes the tables of results."""
NODES, BRANCHES = "node", "branch"
ROWS_OF_NODES, ROWS_OF_BRANCHES = "node_from_to", "branch_from_to"


class UnknownInside(Exception):
    """pandapipes is not built as expected; the text says what is missing."""


@dataclass(frozen=True)
class Internals:
    """`NAMES`, looked up: functions, and columns of the arrays of nodes and branches."""

    set_up: Any
    along: Any
    """The equations of pressure along branches: what is left over stands at `LEFT_OVER` of what it returns."""
    active: int
    mdot: int
    t_out: int
    against: int
    """Whether water runs against the branch as it is drawn."""
    from_node: int
    to_node: int
    height: int
    t_node: int
    p_node: int


def internals() -> Internals:
    """Raises UnknownInside."""
    if pandapipes.__version__ not in VERSIONS:
        raise UnknownInside(f"pandapipes {pandapipes.__version__} is none of {', '.join(VERSIONS)}")
    return Internals(**{field.name: _looked_up(NAMES[field.name]) for field in fields(Internals)})


def _looked_up(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnknownInside(f"pandapipes has no {path} in {module}") from error
    return found


@dataclass(frozen=True)
class SetUp:
    """What the set-up of a pipe flow has made of a net, before anything is solved; no array of it can be written to."""

    entries: Mapping[str, Any]
    results: tuple[str, ...]
    """Names of the tables of results that have rows."""


def set_up_of(net: pandapipesNet) -> SetUp:
    """A copy of what stands in the net. Raises UnknownInside where something is missing."""
    missing = [name for name in (PIT, OLD_PIT, LOOKUPS, OPTIONS) if name not in net]
    if missing:
        raise UnknownInside(f"a pandapipes net has no {', '.join(missing)}")
    results = tuple(f"res_{component.table_name()}" for component in net["component_list"])
    entries = {name: _frozen(net[name]) for name in (PIT, OLD_PIT, LOOKUPS, OPTIONS)}
    return SetUp(entries, tuple(name for name in results if name in net and len(net[name])))


def put(kept: SetUp, net: pandapipesNet) -> None:
    """Leaves the net as it was when the set-up was taken; the solver may write to it."""
    pit = kept.entries[PIT]
    net[PIT] = {**pit, NODES: pit[NODES].copy(), BRANCHES: pit[BRANCHES].copy()}
    for name in (OLD_PIT, LOOKUPS, OPTIONS):
        net[name] = dict(kept.entries[name])
    for name in kept.results:
        table = net[name]
        for column in table.columns:
            # As the library writes its results.
            table[column].values[:] = np.nan


def rows_of(net: pandapipesNet, lookup: str, table: str) -> slice:
    """Where a table stands in the arrays; empty if it has no rows."""
    return slice(*net[LOOKUPS][lookup].get(table, (0, 0)))


def array_of(net: pandapipesNet, which: str) -> FloatArray:
    """`NODES` or `BRANCHES` with their columns, to be written to."""
    array: FloatArray = net[PIT][which]
    return array


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.setflags(write=False)
    return value
