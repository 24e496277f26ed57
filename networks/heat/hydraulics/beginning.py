"""From where the solver of a pipe flow starts: its own guesses, or flows and temperatures that are near already.

What it finds from there is its own result, within its own tolerances; it needs fewer steps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.jit.modes import jit_strict
from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import MIN_FLOW_KG_PER_S
from mosaik_p2p.networks.heat.hydraulics.internals import (
    BRANCHES,
    LEFT_OVER,
    NODES,
    OPTIONS,
    ROWS_OF_BRANCHES,
    ROWS_OF_NODES,
    Internals,
    array_of,
    rows_of,
)
from mosaik_p2p.units import KELVIN_AT_ZERO_C, FloatArray, IntArray

SAME_K = 1e-4
"""Between temperatures at which water is taken to be the same: its density then moves by 1e-7 of itself, its viscosity
by 2e-6, far less than the solver's tolerance of pressures."""


@dataclass(frozen=True, kw_only=True)
class Along:
    """What flows along the rows of one table of branches; NaN where the solver starts from its own guess."""

    mdot_kg_per_s: FloatArray
    """(rows,) as the branch is drawn."""
    t_out_c: FloatArray
    """(rows,) of the water that leaves."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """From where pressures are known to every other junction, by branches that make no loop; in that order."""

    known: IntArray
    """(places,) junctions, by their rows in the table."""
    known_bar: FloatArray
    child: IntArray
    """(branches,) junctions, each after its parent."""
    parent: IntArray
    forward: npt.NDArray[np.bool_]
    """(branches,) whether each is drawn from the parent to the child."""
    rows: dict[str, tuple[IntArray, IntArray]]
    """By the name of the table: places among these branches, and their rows in the table."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Flows and temperatures of one net."""

    t_junction_c: FloatArray
    """(junctions,) NaN where the solver starts from its own guess."""
    along: dict[str, Along]
    """By the name of the table."""
    ways: Ways | None = None
    """How the pressures follow from the flows; None: the solver starts from its own guess."""


def begin_with(net: pandapipesNet, inside: Internals, beginning: Beginning) -> None:
    """Writes it into a net that is set up for a pipe flow.

    What is given stays as it is: all of pumps, and the flows of flow controls. Every pipe is one section.
    """
    nodes, branches = array_of(net, NODES), array_of(net, BRANCHES)
    junctions = nodes[rows_of(net, ROWS_OF_NODES, "junction")]
    _write(junctions[:, inside.t_node], beginning.t_junction_c + KELVIN_AT_ZERO_C)
    for table, along in beginning.along.items():
        rows = branches[rows_of(net, ROWS_OF_BRANCHES, table)]
        _write(rows[:, inside.mdot], along.mdot_kg_per_s)
        _write(rows[:, inside.against], _below_zero(along.mdot_kg_per_s))
        _write(rows[:, inside.t_out], along.t_out_c + KELVIN_AT_ZERO_C)
    controls = branches[rows_of(net, ROWS_OF_BRANCHES, "flow_control")]
    # Water passes a flow control as it comes.
    controls[:, inside.t_out] = nodes[controls[:, inside.from_node].astype(np.int64), inside.t_node]
    if beginning.ways is not None:
        _begin_pressures(net, inside, beginning.ways)


def _begin_pressures(net: pandapipesNet, inside: Internals, ways: Ways) -> None:
    """By the library's own equations: then its first iteration changes nothing, and is the last one."""
    nodes, branches = array_of(net, NODES), array_of(net, BRANCHES)
    at = np.zeros(len(ways.child), dtype=np.int64)
    for table, (places, rows) in ways.rows.items():
        at[places] = rows_of(net, ROWS_OF_BRANCHES, table).start + rows
    # A copy: what it writes into the branches is not wanted yet.
    taken = branches[at]
    options = {name: net[OPTIONS][name] for name in ("use_numba", "friction_model")}
    left_over = np.asarray(inside.along(net, taken, nodes, options)[LEFT_OVER], dtype=np.float64)
    pressure = nodes[:, inside.p_node]
    start, end = (taken[:, column].astype(np.int64) for column in (inside.from_node, inside.to_node))
    rise = left_over - (pressure[start] - pressure[end])
    junctions = pressure[rows_of(net, ROWS_OF_NODES, "junction")]
    junctions[ways.known] = ways.known_bar
    junctions[:] = _walked(junctions.copy(), ways.child, ways.parent, np.where(ways.forward, rise, -rise))


@jit_strict
def _walked(pressure, child, parent, rise):  # type: ignore[no-untyped-def]
    for step in range(len(child)):
        pressure[child[step]] = pressure[parent[step]] + rise[step]
    return pressure


@dataclass(frozen=True, kw_only=True)
class Temperatures:
    """Those at which the hydraulics of a net are solved, in K."""

    t_node_k: FloatArray
    t_out_k: FloatArray
    """Of the water that leaves each branch."""
    against: FloatArray
    """Whether water runs against the branch as it is drawn: at which end it comes in."""

    @classmethod
    def of(cls, net: pandapipesNet, inside: Internals) -> "Temperatures":
        """As they stand in the net."""
        nodes, branches = array_of(net, NODES), array_of(net, BRANCHES)
        return cls(
            t_node_k=nodes[:, inside.t_node].copy(),
            t_out_k=branches[:, inside.t_out].copy(),
            against=branches[:, inside.against].copy(),
        )

    def still_hold(self, net: pandapipesNet, inside: Internals) -> bool:
        """Whether pressures and flows of the net, solved at these, are those at the temperatures it has now.

        Water that stands has no friction: its temperature matters where a branch rises.
        """
        nodes, branches = array_of(net, NODES), array_of(net, BRANCHES)
        ends = branches[:, [inside.from_node, inside.to_node]].astype(np.int64)
        rises = np.diff(nodes[ends, inside.height], axis=1)[:, 0] != 0.0
        # Not a number where a branch is out of service: it counts for nothing.
        matters = (np.abs(branches[:, inside.mdot]) > MIN_FLOW_KG_PER_S) | (rises & ~np.isnan(branches[:, inside.mdot]))
        moved = np.abs(branches[:, inside.t_out] - self.t_out_k)[matters]
        ends_moved = np.abs(nodes[:, inside.t_node] - self.t_node_k)[ends[matters]]
        turned = (branches[:, inside.against] != self.against)[matters]
        return bool((moved <= SAME_K).all() and (ends_moved <= SAME_K).all() and not turned.any())


def _below_zero(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), np.nan, values < 0.0)


def _write(column: FloatArray, values: FloatArray) -> None:
    known = ~np.isnan(values)
    column[known] = values[known]
