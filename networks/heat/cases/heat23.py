"""`heat23`: a 23-node tree, derived by this project from Barry Island (see `barry32`); no published network.

The loop is opened between Barry's nodes 22 and 25, and nine ends of strands are merged into the nodes before them.
Pipes and draws are Barry's. The plant stands at node 1, as the balancing source there; the places of the other two
sources (nodes 22 and 23) are open to prosumers who feed in.
"""

import pandapipes as pp

from mosaik_p2p.networks.heat.cases.pipe_table import trench_net
from mosaik_p2p.networks.heat.network import HeatSettings, Plant

PLANT_NODE = "1"
P_SUPPLY_BAR = 10.0
LIFT_BAR = 7.0
"""Keeps 0.5 bar at the far end even when the plant alone serves all draws of the table (a test; 1.0 bar are left)."""

HEAT23 = (
    "23-node tree with 3.0 km of trench, derived from Barry Island (Liu et al. 2016) by opening its loop and merging "
    "nine ends; plant at node 1, nodes 22 and 23 (sources there) are places to feed in; pressures are ours"
)


def heat23(settings: HeatSettings) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net with junctions S1 ... S23 and R1 ... R23, its nodes "1" ... "23" and its plant."""
    net, nodes = trench_net("heat23", p_supply_bar=P_SUPPLY_BAR, t_ground_c=settings.t_ground_c)
    supply, return_ = nodes[PLANT_NODE]
    plant = Plant(name="plant", supply=supply, return_=return_, p_supply_bar=P_SUPPLY_BAR, lift_bar=LIFT_BAR)
    return net, nodes, (plant,)
