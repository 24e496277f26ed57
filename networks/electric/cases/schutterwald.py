"""The real village, electric side: six low-voltage grids of Schutterwald in one net.

Source: `pandapower.networks.lv_schutterwald` (which names doi 10.3390/en13164052 as its own).
"""

import warnings
from copy import deepcopy
from functools import cache

import networkx
import pandapower.networks
from pandapower import pandapowerNet, select_subnet
from pandapower.topology import create_nxgraph

from mosaik_p2p.networks.files.names import with_unique_names

GRIDS = ("I8776", "I8777", "I8772", "I8773", "I8775", "I8785")
"""Slacks of the low-voltage grids that the heat network's houses lie in: 1 to 6 of `separation_by_sub=True`."""

EXT_GRID_VM_PU = 1.025

SCHUTTERWALD = (
    "LV grids 1-6 of pandapower.networks.lv_schutterwald (doi 10.3390/en13164052) in one net with six slacks; "
    "slack voltage 1.025 p.u. is ours (the shipped 0.965 gives 0.941 in the LV grids without load)"
)


def schutterwald_net() -> pandapowerNet:
    """The six grids in one net, each with its own slack and transformer; names unique, indices as shipped."""
    return deepcopy(_six_grids())


@cache
def _six_grids() -> pandapowerNet:
    """Once in a process: reading and choosing takes seconds. Nobody may write to it."""
    with warnings.catch_warnings():
        # The shipped table of transformers is older than a column that pandapower now looks for.
        warnings.simplefilter("ignore", DeprecationWarning)
        village = pandapower.networks.lv_schutterwald()
    graph = create_nxgraph(village)
    slack_bus = village.ext_grid.set_index("name")["bus"]
    chosen = {bus: grid for grid in GRIDS for bus in networkx.node_connected_component(graph, slack_bus[grid])}
    net = select_subnet(village, buses=sorted(chosen), include_results=False, keep_everything_else=True)
    # Lines between two grids are open in the data and belong to none of them.
    inside = net.line["from_bus"].map(chosen) == net.line["to_bus"].map(chosen)
    outside = net.line.index[~inside]
    net.switch = net.switch[~((net.switch["et"] == "l") & net.switch["element"].isin(outside))]
    net.line = net.line[inside]
    for table in ("bus", "line", "trafo", "load"):
        net[table] = with_unique_names(net[table])
    net.ext_grid["vm_pu"] = EXT_GRID_VM_PU
    net.trafo["tap_dependency_table"] = False
    net.name = "schutterwald"
    return net
