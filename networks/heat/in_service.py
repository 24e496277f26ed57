"""What of a heat net takes part: states as the solver of pandapipes takes them, made plain before anything is read.

The library takes a junction that is out of service as in service where a branch in service leads to it. Here what is
out of service is out, with all that hangs on it, and the net is written so that the library sees the same.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet
from pandapipes.pf.pipeflow_setup import (
    PipeflowNotConverged,
    get_lookup,
    hydraulic_slack_mask,
    identify_active_nodes_branches,
)
from pandapipes.pipeflow import init_pipeflow

from mosaik_p2p.networks.heat.graph import shut_pipes

ENDS = (
    *("from_junction", "to_junction", "return_junction", "flow_junction", "controlled_junction", "junction"),
    "element",
)
"""Columns of the element tables that name junctions; `element` does so in a valve between two junctions."""


def with_plain_states(net: pandapipesNet) -> pandapipesNet:
    """A copy: what stands at a junction out of service, or in a pipe with a closed valve, is out of service too."""
    net = net.deepcopy()
    out = set(net.junction.index[~net.junction["in_service"].astype(bool)])
    for table, state in _tables_with_states(net):
        elements = net[table]
        hanging = np.logical_or.reduce([_ends(elements, column).isin(out) for column in ENDS if column in elements])
        elements[state] = elements[state].astype(bool) & ~hanging
    net.pipe["in_service"] = net.pipe["in_service"].astype(bool) & ~net.pipe.index.isin(shut_pipes(net))
    return net


def _ends(elements: pd.DataFrame, column: str) -> "pd.Series[int]":
    """The junctions that a column names; -1 where a valve names a pipe."""
    if column == "element" and "et" in elements:
        return elements[column].where(elements["et"] == "ju", -1)
    return elements[column]


def _tables_with_states(net: pandapipesNet) -> Iterator[tuple[str, str]]:
    for component in net.component_list:
        table = component.table_name()
        if table != "junction" and isinstance(net.get(table), pd.DataFrame) and not net[table].empty:
            state = "opened" if table == "valve" else "in_service"
            if state in net[table] and any(column in net[table] for column in ENDS):
                yield table, state


def reached_junctions(net: pandapipesNet) -> set[int]:
    """Junctions to which the library's own search leads from whatever holds a pressure in this net.

    Raises what the library raises at a net that it cannot read.
    """
    net = net.deepcopy()
    net["user_pf_options"] = {}
    with _quiet():
        init_pipeflow(net, mode="hydraulics", use_numba=False)
        try:
            nodes, _ = identify_active_nodes_branches(net, hydraulic_slack_mask(net))
        except PipeflowNotConverged:
            return set()
    first, last = get_lookup(net, "node", "from_to")["junction"]
    return {int(junction) for junction in net.junction.index[nodes[first:last]]}


@contextmanager
def _quiet() -> Iterator[None]:
    """The library logs every junction that it leaves out; here it is a result."""
    logger = logging.getLogger("pandapipes.pf.pipeflow_setup")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
