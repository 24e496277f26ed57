"""`barry32`: the district heating network of Barry Island, 32 nodes, one loop (5-7-31-28-25-22-19-14-13-11-5).

Source: Liu, Wu, Jenkins, Bagdanavicius 2016. Of its three sources, the one that balances (node 1) is the plant here;
the other two (nodes 31 and 32) give heat as set, and so are places where prosumers feed in. With 1055.3 and 379.7 kW
there, the draws of `tables/barry32_nodes.csv`, 70 degC supply, 30 degC return and 10 degC ground the flow is the
published one.
"""

import pandapipes as pp

from mosaik_p2p.networks.heat_network import HeatSettings, Plant
from mosaik_p2p.networks.trench import trench_net

PLANT_NODE = "1"
P_SUPPLY_BAR = 8.0
LIFT_BAR = 5.0
"""Keeps 0.5 bar at the far end even when the plant alone serves all draws of the table (a test; 0.9 bar are left)."""

BARRY32 = (
    "Barry Island district heating, 32 nodes, 4.3 km of trench, one loop, of Liu, Wu, Jenkins, Bagdanavicius 2016 "
    "(Applied Energy 162:1238-1250); plant at source 1, sources 31 and 32 are places to feed in; pressures are ours"
)


def barry32(settings: HeatSettings) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net with junctions S1 ... S32 and R1 ... R32, its nodes "1" ... "32" and its plant."""
    net, nodes = trench_net("barry32", p_supply_bar=P_SUPPLY_BAR, t_ground_c=settings.t_ground_c)
    supply, return_ = nodes[PLANT_NODE]
    plant = Plant(name="plant", supply=supply, return_=return_, p_supply_bar=P_SUPPLY_BAR, lift_bar=LIFT_BAR)
    return net, nodes, (plant,)
