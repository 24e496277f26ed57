"""Heat networks: the cases that ship and users' files."""

from mosaik_p2p.networks.heat.cases.choice import HEAT_CASES, heat_case
from mosaik_p2p.networks.heat.cases.schutterwald import schutterwald_consumers
from mosaik_p2p.networks.heat.files import heat_file
from mosaik_p2p.networks.heat.graph import heat_graph, junction_index, junction_sides, unconnected_junctions
from mosaik_p2p.networks.heat.network import STRAND_ENDS, HeatNetwork, HeatSettings, Plant

__all__ = [
    "HEAT_CASES",
    "STRAND_ENDS",
    "HeatNetwork",
    "HeatSettings",
    "Plant",
    "heat_case",
    "heat_file",
    "heat_graph",
    "junction_index",
    "junction_sides",
    "schutterwald_consumers",
    "unconnected_junctions",
]
