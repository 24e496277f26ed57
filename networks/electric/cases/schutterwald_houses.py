"""The houses of the real village: where each of the 44 heat consumers is connected to the electric network.

Both networks carry coordinates; a house is a heat consumer and the electric load that is matched to it.
"""

import json

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from mosaik_p2p.networks.electric.cases.schutterwald import schutterwald_net
from mosaik_p2p.networks.heat.cases.schutterwald import RETURN_PREFIX, schutterwald_consumers
from mosaik_p2p.units import FloatArray

EARTH_RADIUS_M = 6_371_009.0

TEMPLATES = ("house_basic", "house_pv", "house_pv_battery", "house_heat_pump", "house_collector")
"""What the houses own, dealt out in turn."""


def match_houses() -> pd.DataFrame:
    """The 44 heat consumers and the electric load of each, one to one, with the least sum of distances.

    Columns: `name` (H01 to H44, in the order of the heat consumers), `bus`, `junction_supply`, `junction_return`,
    `replaces_load` (names in the two nets) and `distance_m`.
    """
    net, consumers = schutterwald_net(), schutterwald_consumers()
    distance_m = _distances_m(
        consumers[["longitude", "latitude"]].to_numpy(dtype=float), _positions(net.bus["geo"].loc[net.load["bus"]])
    )
    row, column = linear_sum_assignment(distance_m)
    matched = net.load.iloc[column]
    return pd.DataFrame(
        {
            "name": [f"H{number + 1:02d}" for number in row],
            "bus": net.bus["name"].loc[matched["bus"]].to_list(),
            "junction_supply": consumers["node"].to_list(),
            "junction_return": [RETURN_PREFIX + node for node in consumers["node"]],
            "replaces_load": matched["name"].to_list(),
            "distance_m": distance_m[row, column],
        }
    )


def houses_table() -> pd.DataFrame:
    """What stands in `scenarios/schutterwald_houses.csv`: the matching and a template for every house.

    `scale` and `shift_minutes` are random: drawn from the scenario's seed.
    """
    houses = match_houses().drop(columns="distance_m")
    template = [TEMPLATES[number % len(TEMPLATES)] for number in range(len(houses))]
    return houses.assign(template=template, scale="random", shift_minutes="random")


def _positions(geo: pd.Series) -> FloatArray:
    """Longitude and latitude in degrees, of shape (places, 2)."""
    return np.array([json.loads(point)["coordinates"] for point in geo], dtype=float)


def _distances_m(from_deg: FloatArray, to_deg: FloatArray) -> FloatArray:
    """Distances on the plane that touches the earth at the village (which measures 2 km: the error is below 0.1 %)."""
    shrink = np.cos(np.radians(from_deg[:, 1].mean()))
    metres_per_degree = np.radians(1.0) * EARTH_RADIUS_M * np.array([shrink, 1.0])
    difference = (from_deg[:, None, :] - to_deg[None, :, :]) * metres_per_degree
    distance: FloatArray = np.hypot(difference[..., 0], difference[..., 1])
    return distance
