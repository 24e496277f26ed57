"""`heat8`: an 8-node tree with its plant at node 1.

Invented by this project. Of the 8-node network that the literature on this market uses, no more is printed than the
path between two of its nodes (7-1-2); all else in the tables, the plant's pressures included, is our choice.
"""

import pandapipes as pp

from mosaik_p2p.networks.heat.cases.pipe_table import trench_net
from mosaik_p2p.networks.heat.network import HeatSettings, Plant

PLANT_NODE = "1"
P_SUPPLY_BAR = 6.0
LIFT_BAR = 1.5
"""Keeps 0.5 bar at the far end at the design draws of `heat8_nodes.csv` (a test; 1.1 bar are left)."""


def heat8(settings: HeatSettings) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net with junctions S1 ... S8 and R1 ... R8, its nodes "1" ... "8" and its plant."""
    net, nodes = trench_net("heat8", p_supply_bar=P_SUPPLY_BAR, t_ground_c=settings.t_ground_c)
    supply, return_ = nodes[PLANT_NODE]
    plant = Plant(name="plant", supply=supply, return_=return_, p_supply_bar=P_SUPPLY_BAR, lift_bar=LIFT_BAR)
    return net, nodes, (plant,)
