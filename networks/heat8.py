"""`heat8`: an 8-node tree with its plant at node 1.

Invented by this project. Of the 8-node network that the literature on this market uses, no more is printed than the
path between two of its nodes (7-1-2); all else in the tables, the plant's pressures included, is our choice.
"""

import math
from collections.abc import Hashable
from importlib import resources

import pandapipes as pp
import pandas as pd

from mosaik_p2p.networks.heat_network import HeatSettings, Plant
from mosaik_p2p.units import kelvin

MM_PER_M = 1000.0
M_PER_KM = 1000.0
P_SUPPLY_BAR = 6.0
LIFT_BAR = 1.5
"""Keeps 0.5 bar at the far end at the design draws of `heat8_nodes.csv` (a test; 1.1 bar are left)."""


def heat8_table(name: str) -> pd.DataFrame:
    """`pipes` or `nodes`, as typed."""
    with resources.files("mosaik_p2p.networks").joinpath(f"tables/heat8_{name}.csv").open() as file:
        return pd.read_csv(file, comment="#")


def heat8(settings: HeatSettings) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net with junctions S1 ... S8 and R1 ... R8, its nodes "1" ... "8" and its plant."""
    net = pp.create_empty_network(name="heat8", fluid="water")
    names = [str(node) for node in heat8_table("nodes").node]
    supply = {name: _junction(net, f"S{name}") for name in names}
    return_ = {name: _junction(net, f"R{name}") for name in names}
    for prefix, junctions in (("S", supply), ("R", return_)):
        for pipe in heat8_table("pipes").to_dict("records"):
            _pipe(net, prefix, junctions, pipe, settings.t_ground_c)
    plant = Plant(name="plant", supply=supply["1"], return_=return_["1"], p_supply_bar=P_SUPPLY_BAR, lift_bar=LIFT_BAR)
    return net, {name: (supply[name], return_[name]) for name in names}, (plant,)


def _junction(net: pp.pandapipesNet, name: str) -> int:
    return int(pp.create_junction(net, pn_bar=P_SUPPLY_BAR, tfluid_k=kelvin(60.0), name=name))


def _pipe(
    net: pp.pandapipesNet, prefix: str, junctions: dict[str, int], pipe: dict[Hashable, float], t_ground_c: float
) -> None:
    start, end = f"{pipe['from_node']:.0f}", f"{pipe['to_node']:.0f}"
    outer_m = pipe["outer_diameter_mm"] / MM_PER_M
    pp.create_pipe_from_parameters(
        net,
        junctions[start],
        junctions[end],
        length_km=pipe["length_m"] / M_PER_KM,
        inner_diameter_mm=pipe["inner_diameter_mm"],
        outer_diameter_mm=pipe["outer_diameter_mm"],
        k_mm=pipe["roughness_mm"],
        u_w_per_m2k=pipe["u_w_per_m_k"] / (math.pi * outer_m),
        text_k=kelvin(t_ground_c),
        sections=1,
        name=f"{prefix}{start}-{prefix}{end}",
    )
