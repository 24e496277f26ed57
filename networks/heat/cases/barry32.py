"""`barry32`: the district heating network of Barry Island, 32 nodes, one loop (5-7-31-28-25-22-19-14-13-11-5).

Source: Liu, Wu, Jenkins, Bagdanavicius 2016. Of its three sources, the one that balances (node 1) is the plant; the
other two (nodes 31 and 32) feed the shares of the heat that the scenario gives them, nothing by default, and prosumers
may feed in there. With the published 1055.3 and 379.7 kW, shares of 0.48766 and 0.17546 of the draws of
`tables/barry32_nodes.csv`, 70 degC supply, 30 degC return and 10 degC ground the flow is the published one.
"""

import pandapipes as pp

from mosaik_p2p.networks.heat.cases.pipe_table import trench_net
from mosaik_p2p.networks.heat.network import HeatSettings, Plant

PLANT_NODE = "1"
SOURCE_NODES = ("31", "32")
P_SUPPLY_BAR = 8.0
LIFT_BAR = 5.0
"""Keeps 0.5 bar at the far end even when the plant alone serves all draws of the table (a test; 0.9 bar are left)."""

BARRY32 = (
    "Barry Island district heating, 32 nodes, 4.3 km of trench, one loop, of Liu, Wu, Jenkins, Bagdanavicius 2016 "
    "(Applied Energy 162:1238-1250); plant at node 1, source_31 and source_32 feed shares; pressures are ours"
)


def barry32(settings: HeatSettings) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net with junctions S1 ... S32 and R1 ... R32, its nodes "1" ... "32" and its plants."""
    net, nodes = trench_net("barry32", p_supply_bar=P_SUPPLY_BAR, t_ground_c=settings.t_ground_c)
    supply, return_ = nodes[PLANT_NODE]
    plant = Plant(name="plant", supply=supply, return_=return_, p_supply_bar=P_SUPPLY_BAR, lift_bar=LIFT_BAR)
    sources = [
        Plant(name=f"source_{node}", supply=nodes[node][0], return_=nodes[node][1], share=0.0) for node in SOURCE_NODES
    ]
    return net, nodes, (plant, *sources)
