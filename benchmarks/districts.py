"""Districts of any size as plain files: python benchmarks/districts.py FOLDER [--houses 200] [--seed 1]

A district is a tree of blocks of some forty houses each. In a block four streets leave its substation, which is also
where the block's heat pipes leave the trunk; every house stands at a node of its own in both networks. What is written
is what a user would write: `grid.json` (pandapower), `pipes.json` (pandapipes), `houses.csv`, `profiles.csv` and
`scenario.toml`. Pipes and cables are sized by the houses behind them, so that a district of any size is about as
loaded as any other. The same number and seed give the same files.
"""

import argparse
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandapipes as pp
import pandapower
import pandas as pd
from district_text import KINDS, scenario_text

from mosaik_p2p.units import FloatArray, IntArray, kelvin

BLOCK, STREETS = 40, 4
MOST_BRANCHES = 3
"""Blocks that one block's trunk leads on to."""
HOUSE_M, BLOCK_M = (12.0, 25.0), (60.0, 140.0)
"""Ranges of the lengths between neighbours and between blocks."""
HOUSE_KG_PER_S, STREAM_M_PER_S = 0.07, 0.7
"""Water of a house on a cold day, and how fast it may run in a pipe made for it."""
WIDTHS_MM = (32.0, 40.0, 50.0, 65.0, 80.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0, 400.0)
LOSS_W_PER_M_K, ROUGHNESS_MM = 0.2, 0.1
BYPASS_KG_PER_S = 0.03
PRESSURE_PER_M, SPARE_BAR, RETURN_BAR = 250e-5, 1.0, 3.0
"""Bar along a metre of a pipe as it is sized, on top of which the last house has its share."""
T_SUPPLY_C, T_GROUND_C = 75.0, 10.0
MV_KV, LV_KV = 20.0, 0.4
LV_LINE = {"r_ohm_per_km": 0.125, "x_ohm_per_km": 0.08, "c_nf_per_km": 0.0, "max_i_ka": 0.358}
MV_LINE = {"r_ohm_per_km": 0.06, "x_ohm_per_km": 0.1, "c_nf_per_km": 0.0, "max_i_ka": 0.8}
STATION = {
    "sn_mva": 0.63, "vn_hv_kv": MV_KV, "vn_lv_kv": LV_KV, "vk_percent": 6.0, "vkr_percent": 1.2,
    "pfe_kw": 1.18, "i0_percent": 0.19,
}  # fmt: skip
START = datetime.fromisoformat("2017-03-28T00:00:00+01:00")
HOURS = 72


@dataclass(frozen=True)
class Layout:
    """A tree: node 0 the root, then the blocks' substations, then the houses; parents come before their children."""

    parent: IntArray
    """(nodes,), -1 of the root."""
    length_m: FloatArray
    """(nodes,) to the parent."""
    blocks: int

    @cached_property
    def house_nodes(self) -> IntArray:
        """Where the houses are."""
        return np.arange(1 + self.blocks, len(self.parent))

    @cached_property
    def behind(self) -> IntArray:
        """(nodes,) houses at a node and behind it."""
        count = np.zeros(len(self.parent), dtype=np.int64)
        count[self.house_nodes] = 1
        for node in range(len(count) - 1, 0, -1):
            count[self.parent[node]] += count[node]
        return count

    @cached_property
    def away_m(self) -> FloatArray:
        """(nodes,) along the tree from the root."""
        away = np.zeros(len(self.parent))
        for node in range(1, len(away)):
            away[node] = away[self.parent[node]] + self.length_m[node]
        return away

    @cached_property
    def ends(self) -> IntArray:
        """The last houses of streets."""
        return np.setdiff1d(self.house_nodes, self.parent)


def layout(houses: int, seed: int) -> Layout:
    """A random tree of blocks with so many houses."""
    rng = np.random.default_rng([seed, houses])
    blocks = math.ceil(houses / BLOCK)
    parent, branches = [-1], {0: 0}
    for block in range(1, blocks + 1):
        free = [node for node, used in branches.items() if used < MOST_BRANCHES]
        above = int(rng.choice(free))
        branches[above] += 1
        branches[block] = 0
        parent.append(above)
    for block in range(blocks):
        begin, mine = len(parent), min(BLOCK, houses - block * BLOCK)
        parent += [1 + block if n < STREETS else begin + n - STREETS for n in range(mine)]
    count = len(parent)
    is_trunk = np.arange(count) <= blocks
    length_m = np.where(is_trunk, rng.uniform(*BLOCK_M, count), rng.uniform(*HOUSE_M, count)).round(1)
    length_m[0] = 0.0
    return Layout(np.array(parent), length_m, blocks)


def write_district(folder: Path, houses: int, *, seed: int = 1) -> Path:
    """Write the files into the folder, which is made where it is not; the scenario's path."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = layout(houses, seed)
    pandapower.to_json(electric_net(tree), str(folder / "grid.json"))
    pp.to_json(heat_net(tree), str(folder / "pipes.json"))
    houses_table(tree, seed).to_csv(folder / "houses.csv", index=False)
    profiles_table(seed).to_csv(folder / "profiles.csv", index=False)
    scenario = folder / "scenario.toml"
    scenario.write_text(scenario_text(houses=houses, seed=seed, start=START.isoformat()))
    return scenario


def electric_net(tree: Layout) -> pandapower.pandapowerNet:
    """A medium-voltage trunk, a station for every block, and low voltage along the streets."""
    net = pandapower.create_empty_network()
    stations = np.arange(1, 1 + tree.blocks)
    trunk = pandapower.create_buses(net, 1 + tree.blocks, MV_KV, name=[f"M{node}" for node in range(1 + tree.blocks)])
    # The buses of low voltage stand in the order of the nodes: substations, then houses.
    low = pandapower.create_buses(
        net, len(tree.parent) - 1, LV_KV, name=[f"E{node}" for node in range(1, len(tree.parent))]
    )
    bus = np.concatenate([trunk[:1], low])
    pandapower.create_ext_grid(net, int(trunk[0]), name="above")
    for node in stations:
        pandapower.create_transformer_from_parameters(net, int(trunk[node]), int(bus[node]), **STATION)
    km = tree.length_m / 1000.0
    _lines(net, trunk[tree.parent[stations]], trunk[stations], km[stations], MV_LINE)
    at = tree.house_nodes
    _lines(net, bus[tree.parent[at]], bus[at], km[at], LV_LINE)
    return net


def _lines(
    net: pandapower.pandapowerNet, start: IntArray, end: IntArray, km: FloatArray, kind: dict[str, float]
) -> None:
    pandapower.create_lines_from_parameters(net, start.tolist(), end.tolist(), km.tolist(), **kind)


def heat_net(tree: Layout) -> pp.pandapipesNet:
    """Supply and return along the whole tree, a plant at its root and a bypass at every street's end."""
    net = pp.create_empty_network(fluid="water")
    count = len(tree.parent)
    nodes = np.arange(1, count)
    lift_bar = round(2.0 * PRESSURE_PER_M * float(tree.away_m.max()) + SPARE_BAR, 1)
    sides = [
        pp.create_junctions(net, count, RETURN_BAR, kelvin(60.0), name=[f"{side}{node}" for node in range(count)])
        for side in "SR"
    ]
    diameters_mm = np.array([_diameter_mm(int(behind)) for behind in tree.behind[nodes]])
    for side, name in zip(sides, "SR", strict=True):
        pp.create_pipes_from_parameters(
            net,
            side[tree.parent[nodes]].tolist(),
            side[nodes].tolist(),
            (tree.length_m[nodes] / 1000.0).tolist(),
            inner_diameter_mm=diameters_mm.tolist(),
            outer_diameter_mm=diameters_mm.tolist(),
            k_mm=ROUGHNESS_MM,
            u_w_per_m2k=(LOSS_W_PER_M_K / (math.pi * diameters_mm / 1000.0)).tolist(),
            text_k=kelvin(T_GROUND_C),
            name=[f"{name}{parent}-{name}{node}" for node, parent in zip(nodes, tree.parent[nodes], strict=True)],
        )
    pp.create_circ_pump_const_pressure(
        net,
        int(sides[1][0]),
        int(sides[0][0]),
        RETURN_BAR + lift_bar,
        lift_bar,
        t_flow_k=kelvin(T_SUPPLY_C),
        name="plant",
    )
    pp.create_flow_controls(net, *(side[tree.ends].tolist() for side in sides), BYPASS_KG_PER_S)
    return net


def _diameter_mm(houses: int) -> float:
    """The least usual width through which the water of so many houses runs slowly enough."""
    least_mm = 1000.0 * math.sqrt(4.0 * HOUSE_KG_PER_S * houses / (math.pi * 980.0 * STREAM_M_PER_S))
    return next((width for width in WIDTHS_MM if width >= least_mm), WIDTHS_MM[-1])


def houses_table(tree: Layout, seed: int) -> pd.DataFrame:
    """Every house with its places, its template and its size."""
    rng = np.random.default_rng([seed, len(tree.parent), 1])
    at = tree.house_nodes
    width = len(str(len(at)))
    return pd.DataFrame(
        {
            "name": [f"H{number:0{width}}" for number in range(1, len(at) + 1)],
            "bus": [f"E{node}" for node in at],
            "junction_supply": [f"S{node}" for node in at],
            "junction_return": [f"R{node}" for node in at],
            "template": [f"house_{kind}" for kind in rng.choice(list(KINDS), len(at), p=list(KINDS.values()))],
            "scale": rng.lognormal(-0.02, 0.2, len(at)).round(3),
            "shift_minutes": 60 * rng.integers(-1, 2, len(at)),
        }
    )


def profiles_table(seed: int) -> pd.DataFrame:
    """Three days of a house's loads in kW, and of sun in kW per kWp and per m2; some noise in every hour."""
    rng = np.random.default_rng([seed, 2])
    hour = np.arange(HOURS)
    of_day = hour % 24

    def peak(at: float, width: float) -> FloatArray:
        return np.asarray(np.exp(-(((of_day - at) / width) ** 2)))

    def noisy(values: FloatArray) -> FloatArray:
        return np.asarray((values * rng.uniform(0.9, 1.1, HOURS)).round(4))

    sun = np.clip(np.sin((of_day - 6) / 12 * np.pi), 0.0, None)
    return pd.DataFrame(
        {
            "time": [(START + timedelta(hours=int(n))).isoformat() for n in hour],
            "household_kw": noisy(0.25 + 0.3 * peak(8, 2.0) + 0.6 * peak(19, 2.5)),
            "appliances_kw": noisy(0.05 + 0.2 * peak(11, 3.0) + 0.2 * peak(20, 2.0)),
            "hot_water_kw": noisy(0.05 + 0.5 * peak(7, 1.5) + 0.3 * peak(21, 2.0)),
            "space_heat_kw": noisy(2.0 + 1.2 * np.cos((of_day - 5) / 24 * 2 * np.pi)),
            "sun_kw_per_kwp": noisy(0.7 * sun),
            "collector_kw_per_m2": noisy(0.35 * sun),
        }
    )


def main() -> None:
    """Write one district."""
    parser = argparse.ArgumentParser(description="Write a generated district.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--houses", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(write_district(asked.folder, asked.houses, seed=asked.seed))


if __name__ == "__main__":
    main()
