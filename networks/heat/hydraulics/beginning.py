"""From where the solver of a pipe flow starts: its own guesses, or flows and temperatures that are near already.

What it finds from there is its own result, within its own tolerances; it needs fewer steps.
"""

from dataclasses import dataclass

import numpy as np
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.networks.heat.hydraulics.internals import (
    BRANCHES,
    NODES,
    ROWS_OF_BRANCHES,
    ROWS_OF_NODES,
    Internals,
    array_of,
    rows_of,
)
from mosaik_p2p.units import KELVIN_AT_ZERO_C, FloatArray


@dataclass(frozen=True, kw_only=True)
class Along:
    """What flows along the rows of one table of branches; NaN where the solver starts from its own guess."""

    mdot_kg_per_s: FloatArray
    """(rows,) as the branch is drawn."""
    t_out_c: FloatArray
    """(rows,) of the water that leaves."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Flows and temperatures of one net."""

    t_junction_c: FloatArray
    """(junctions,) NaN where the solver starts from its own guess."""
    along: dict[str, Along]
    """By the name of the table."""


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


def _below_zero(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), np.nan, values < 0.0)


def _write(column: FloatArray, values: FloatArray) -> None:
    known = ~np.isnan(values)
    column[known] = values[known]
