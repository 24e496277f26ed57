"""`schutterwald_heat`: the real village of pandapipes, made fit for a study.

Source: `pandapipes.networks.schutterwald_heat` (for the pipe routes: Kisse et al. 2020, Energies 13, 4052). As shipped,
all pipes have 800 mm inner diameter and the ground has -12 degC. Ours, and declared as such: inner diameter 80 mm,
ground and plant temperatures from the scenario, the plant's pressures, bypasses. Its heat consumers are taken out,
because the market's prosumers stand in their places, and so is its pump, because `HeatFlow` brings its own plant.
"""

import warnings
from copy import deepcopy
from functools import cache

import pandapipes as pp
import pandapipes.networks
import pandas as pd

from mosaik_p2p.networks.heat.network import HeatSettings, Plant
from mosaik_p2p.units import kelvin

INNER_DIAMETER_MM = 80.0
P_SUPPLY_BAR = 6.0
LIFT_BAR = 1.5
"""Keeps 0.5 bar at the far end when each of the 44 consumers draws its design heat (a test; 0.9 bar are left)."""
BYPASS_MDOT_KG_PER_S = 0.1
"""What a bypass at every dead end needs, measured at 75 degC: with 0.1 kW in each house the coldest gets 60.9 degC
(58.1 with 0.08 kg/s, 62.9 with 0.12 kg/s)."""
RETURN_PREFIX = "return_"
"""The source mirrors its supply side: the return junction of `K1073` is `return_K1073`."""


def schutterwald_heat(
    settings: HeatSettings,
) -> tuple[pp.pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]:
    """The net, its nodes by the name of the supply junction, and its plant."""
    net = _shipped()
    pump = net.circ_pump_pressure.iloc[0]
    net.circ_pump_pressure = net.circ_pump_pressure.iloc[:0]
    net.heat_consumer = net.heat_consumer.iloc[:0]
    net.pipe["inner_diameter_mm"] = INNER_DIAMETER_MM
    net.pipe["outer_diameter_mm"] = INNER_DIAMETER_MM
    net.pipe["text_k"] = kelvin(settings.t_ground_c)
    net.pipe["sections"] = 1
    plant = Plant(
        name="plant",
        supply=int(pump.flow_junction),
        return_=int(pump.return_junction),
        p_supply_bar=P_SUPPLY_BAR,
        lift_bar=LIFT_BAR,
    )
    return net, _pairs(net), (plant,)


def schutterwald_consumers() -> pd.DataFrame:
    """The 44 consumers in the source's order: node, supply, return (junctions), longitude, latitude (degrees)."""
    net = _shipped()
    rows = []
    for consumer in net.heat_consumer.itertuples():
        latitude, longitude = net.junction.at[consumer.from_junction, "geo"]["coordinates"]
        name = net.junction.at[consumer.from_junction, "name"]
        rows.append((name, consumer.from_junction, consumer.to_junction, longitude, latitude))
    return pd.DataFrame(rows, columns=["node", "supply", "return", "longitude", "latitude"])


def _pairs(net: pp.pandapipesNet) -> dict[str, tuple[int, int]]:
    index_of = {str(name): int(index) for index, name in net.junction.name.items()}
    pairs = {name: (index, index_of.get(RETURN_PREFIX + name)) for name, index in index_of.items()}
    return {name: (supply, return_) for name, (supply, return_) in pairs.items() if return_ is not None}


def _shipped() -> pp.pandapipesNet:
    return deepcopy(_read())


@cache
def _read() -> pp.pandapipesNet:
    """Once in a process: reading takes longer than all else that is done with it. Nobody may write to it."""
    with warnings.catch_warnings():
        # The file is in an older pandapipes format; the warnings of its conversion concern the library alone.
        warnings.simplefilter("ignore")
        return pandapipes.networks.schutterwald_heat()
