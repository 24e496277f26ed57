"""`heat8` as a user's file, with a consumer that controls a temperature."""

from dataclasses import replace
from pathlib import Path

import pandapipes as pp
import pytest

from mosaik_p2p.networks.heat.choice import HeatNetwork, HeatSettings, heat_case, heat_file
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.units import kelvin

CASE = HeatSettings(
    t_supply_c=75.0,
    t_return_c=45.0,
    t_feed_c=75.0,
    t_ground_c=10.0,
    bypass_nodes=("4", "8"),
    bypass_mdot_kg_per_s=0.08,
)
FILE = replace(CASE, bypass_nodes=(), bypass_mdot_kg_per_s=0.0)
CP = 4.185
PLACE, HOUSE = "5", "7"


def network_with(consumer: dict[str, float], path: Path) -> HeatNetwork:
    """`heat8` as a user's file, with a consumer at node 5."""
    case = heat_case("heat8", CASE)
    net = case.net.deepcopy()
    plant = case.plants[0]
    pp.create_circ_pump_const_pressure(
        net, plant.return_, plant.supply, plant.p_supply_bar, plant.lift_bar, kelvin(75.0), name="plant"
    )
    for supply, return_ in case.bypasses:
        pp.create_flow_control(net, supply, return_, CASE.bypass_mdot_kg_per_s)
    pp.create_heat_consumer(net, *case.nodes[PLACE], **consumer, name="clinic")
    pp.to_json(net, str(path))
    return replace(heat_file(path, FILE), nodes=case.nodes)


def flow_of(network: HeatNetwork) -> HeatFlow:
    supply, return_ = network.nodes[HOUSE]
    return HeatFlow(network, [HeatConnection(prosumer="house", supply=supply, return_=return_)])


CONTROLS = [
    pytest.param({"qext_w": 20_000.0, "treturn_k": kelvin(40.0)}, id="heat and return temperature"),
    pytest.param({"qext_w": 20_000.0, "deltat_k": 25.0}, id="heat and difference"),
    pytest.param({"controlled_mdot_kg_per_s": 20.0 / CP / 25.0, "deltat_k": 25.0}, id="flow and difference"),
]
