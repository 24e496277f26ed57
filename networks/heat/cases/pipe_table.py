"""Heat networks that are typed as tables: every pipe of `tables/<case>_pipes.csv` twice, as supply and as return."""

import math
from collections.abc import Hashable
from copy import deepcopy
from functools import lru_cache
from importlib import resources

import pandapipes as pp
import pandas as pd

from mosaik_p2p.units import M_PER_KM, MM_PER_M, kelvin

START_C = 60.0
"""Where the solver starts; no result depends on it."""


def trench_table(case: str, name: str) -> pd.DataFrame:
    """`pipes` or `nodes` of a case, as typed."""
    with resources.files("mosaik_p2p.networks").joinpath(f"tables/{case}_{name}.csv").open() as file:
        return pd.read_csv(file, comment="#")


def trench_net(
    case: str, *, p_supply_bar: float, t_ground_c: float
) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]]]:
    """The net with junctions S1, S2, ... and R1, R2, ..., and its nodes "1", "2", ... as (supply, return) junctions."""
    return deepcopy(_made(case, p_supply_bar, t_ground_c))


@lru_cache(maxsize=8)
def _made(case: str, p_supply_bar: float, t_ground_c: float) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]]]:
    """Once in a process: to make it takes ten times as long as to copy it. Nobody may write to it."""
    net = pp.create_empty_network(name=case, fluid="water")
    names = [str(node) for node in trench_table(case, "nodes")["node"]]
    sides = {
        side: {name: int(pp.create_junction(net, p_supply_bar, kelvin(START_C), name=side + name)) for name in names}
        for side in ("S", "R")
    }
    for side, junctions in sides.items():
        for pipe in trench_table(case, "pipes").to_dict("records"):
            _pipe(net, side, junctions, pipe, t_ground_c)
    return net, {name: (sides["S"][name], sides["R"][name]) for name in names}


def _pipe(
    net: pp.pandapipesNet, side: str, junctions: dict[str, int], pipe: dict[Hashable, float], t_ground_c: float
) -> None:
    start, end = f"{pipe['from_node']:.0f}", f"{pipe['to_node']:.0f}"
    pp.create_pipe_from_parameters(
        net,
        junctions[start],
        junctions[end],
        length_km=pipe["length_m"] / M_PER_KM,
        inner_diameter_mm=pipe["inner_diameter_mm"],
        # The table gives the loss per metre of pipe; per area of which pipe wall is then of no consequence.
        outer_diameter_mm=pipe["inner_diameter_mm"],
        k_mm=pipe["roughness_mm"],
        u_w_per_m2k=pipe["u_w_per_m_k"] / (math.pi * pipe["inner_diameter_mm"] / MM_PER_M),
        text_k=kelvin(t_ground_c),
        sections=1,
        name=f"{side}{start}-{side}{end}",
    )
