"""Streets that the tests of heat files type themselves: a plant, a strand, and houses at its end."""

from pathlib import Path

import numpy as np
import pandapipes as pp

from mosaik_p2p.networks.heat.choice import HeatNetwork, HeatSettings, heat_file
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.units import kelvin

SETTINGS = HeatSettings(t_return_c=45.0, t_ground_c=10.0)
FORK = ((0, 1), (1, 2), (1, 3))
"""A strand that forks: junctions S0 to S3 and R0 to R3, a house at 2 and one at 3."""


def street(
    *,
    edges: tuple[tuple[int, int], ...] = FORK,
    start_c: float = 60.0,
    t_plant_c: float = 75.0,
    length_km: float = 0.2,
    inner_diameter_mm: float = 32.0,
    k_mm: float = 0.1,
    u_w_per_m2k: float = 1.0,
) -> pp.pandapipesNet:
    """The net with its plant between R0 and S0."""
    net = pp.create_empty_network(fluid="water")
    nodes = sorted({node for edge in edges for node in edge})
    for side in "SR":
        for node in nodes:
            pp.create_junction(net, 6.0, kelvin(start_c), name=f"{side}{node}")
    for a, b in edges:
        pipe = {
            "length_km": length_km,
            "inner_diameter_mm": inner_diameter_mm,
            "k_mm": k_mm,
            "u_w_per_m2k": u_w_per_m2k,
            "text_k": kelvin(10.0),
        }
        pp.create_pipe_from_parameters(net, at(net, f"S{a}"), at(net, f"S{b}"), name=f"S{a}-S{b}", **pipe)
        pp.create_pipe_from_parameters(net, at(net, f"R{b}"), at(net, f"R{a}"), name=f"R{b}-R{a}", **pipe)
    pp.create_circ_pump_const_pressure(
        net, at(net, "R0"), at(net, "S0"), 6.0, 2.0, t_flow_k=kelvin(t_plant_c), name="plant"
    )
    return net


def at(net: pp.pandapipesNet, name: str) -> int:
    """The junction of this name."""
    return int(net.junction.index[net.junction["name"] == name][0])


def read(net: pp.pandapipesNet, folder: Path, settings: HeatSettings = SETTINGS) -> HeatNetwork:
    """The net written to a file, as a user would, and read."""
    pp.to_json(net, str(folder / "net.json"))
    return heat_file(folder / "net.json", settings)


def solved(network: HeatNetwork, draws_kw: dict[str, float]) -> HeatFlowResult:
    """The flow in which the houses at these nodes draw."""
    return flow_of(network, draws_kw).solve(np.array(list(draws_kw.values())))


def flow_of(network: HeatNetwork, nodes: dict[str, float]) -> HeatFlow:
    """The houses at these nodes."""
    return HeatFlow(
        network,
        [
            HeatConnection(prosumer=node, supply=at(network.net, f"S{node}"), return_=at(network.net, f"R{node}"))
            for node in nodes
        ],
    )


def of_house(result: HeatFlowResult, node: str) -> dict[str, float]:
    """The row of one house."""
    table = result.heat_exchanges
    row = table["prosumer"].index(node)
    return {column: values[row] for column, values in table.items()}
