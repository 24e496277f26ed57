"""Writes network1.csv, network2.csv and bus69.csv: the profiles of the prosumers and of the background loads.

Chen and Liu 2025, whose cases the first two follow, print neither loads nor generation. The shapes below are ours: each
one is a kind of user, given as shares of its peak for the 24 hours of a working day. The kinds differ in when they need
power, so that there is something to trade at most hours. The second day, which only the look-ahead sees, is a little
lower.

Run it with `python -m mosaik_p2p.scenarios.make_profiles`.
"""

from pathlib import Path

import pandas as pd

START = "2017-03-28T00:00:00+01:00"
HOURS = 47
"""24 hours are settled, and the last of them looks 24 hours ahead."""
SECOND_DAY = 0.96

FLATS = "38 33 30 29 30 36 52 68 66 58 55 58 64 60 55 56 64 78 93 100 97 85 66 49"
WORKSHOP = "18 17 17 17 18 25 48 80 95 100 99 95 82 93 98 95 85 60 40 30 25 22 20 19"
SCHOOL = "12 12 12 12 13 18 38 72 95 100 100 97 88 82 74 58 40 26 16 14 13 13 12 12"
HOUSES = "32 28 26 26 27 33 55 62 48 42 40 44 52 48 44 46 56 74 92 100 98 88 68 46"
BAKERY = "58 74 92 100 100 96 85 70 55 45 40 38 36 36 38 40 42 42 40 38 38 40 44 50"
FLATS_HEAT = "52 50 50 52 58 74 96 100 90 76 66 60 56 54 54 58 66 76 84 86 82 74 64 56"
OFFICES = "16 15 15 15 16 22 40 70 96 100 98 94 84 90 96 92 82 58 34 24 20 18 17 16"
SHOP = "34 33 33 33 34 40 56 76 88 94 96 98 100 98 96 96 98 100 98 90 66 46 38 35"
FARM = "40 38 38 44 66 92 100 88 62 48 44 46 54 50 46 50 62 82 96 90 72 58 48 42"
WORKSHOP_HEAT = "24 24 24 28 44 80 100 98 88 78 70 64 60 60 62 64 60 44 32 28 26 24 24 24"
SCHOOL_HEAT = "30 30 32 40 60 90 100 96 84 72 64 58 54 50 46 42 38 36 34 32 32 30 30 30"
HOUSES_HEAT = "46 44 44 46 54 78 100 92 74 60 52 48 46 46 48 54 66 80 90 94 90 80 64 52"
BAKERY_HEAT = "36 34 32 32 36 48 66 78 84 86 84 80 76 74 74 76 78 80 78 72 62 52 44 40"
OFFICES_HEAT = "26 26 28 36 58 88 100 98 90 80 70 62 56 54 54 56 54 44 34 30 28 28 26 26"
SHOP_HEAT = "30 30 30 34 44 64 84 96 100 94 86 78 72 70 70 74 80 86 84 74 54 40 34 32"
FARM_HEAT = "54 52 52 56 70 90 100 94 80 66 56 52 50 48 50 56 66 80 92 96 92 82 70 60"
FEEDER = "46 43 41 40 41 46 58 72 80 83 84 86 84 82 81 82 86 93 99 100 96 86 70 55"

NETWORK1 = {
    "load_a_kw": (FLATS, 46.0),
    "load_b_kw": (WORKSHOP, 48.0),
    "load_c_kw": (SCHOOL, 40.0),
    "load_d_kw": (HOUSES, 38.0),
    "load_e_kw": (BAKERY, 48.0),
    "heat_a_kw": (FLATS_HEAT, 18.0),
    "heat_c_kw": (SCHOOL_HEAT, 19.0),
    "heat_d_kw": (HOUSES_HEAT, 14.0),
    "background": (FEEDER, 0.85),
}
NETWORK2 = {
    "load_a_kw": (FLATS, 46.0),
    "load_b_kw": (WORKSHOP, 48.0),
    "load_c_kw": (SCHOOL, 40.0),
    "load_d_kw": (HOUSES, 38.0),
    "load_e_kw": (BAKERY, 48.0),
    "load_f_kw": (OFFICES, 44.0),
    "load_g_kw": (SHOP, 42.0),
    "load_h_kw": (FARM, 36.0),
    "heat_a_kw": (FLATS_HEAT, 18.0),
    "heat_b_kw": (WORKSHOP_HEAT, 15.0),
    "heat_c_kw": (SCHOOL_HEAT, 19.0),
    "heat_d_kw": (HOUSES_HEAT, 14.0),
    "heat_e_kw": (BAKERY_HEAT, 12.0),
    "heat_f_kw": (OFFICES_HEAT, 17.0),
    "heat_g_kw": (SHOP_HEAT, 13.0),
    "heat_h_kw": (FARM_HEAT, 16.0),
    "background": (FEEDER, 0.5),
    "background_high": (FEEDER, 0.55),
}
BUS69 = {
    "flats_kw": (FLATS, 46.0),
    "workshop_kw": (WORKSHOP, 48.0),
    "school_kw": (SCHOOL, 40.0),
    "houses_kw": (HOUSES, 38.0),
    "bakery_kw": (BAKERY, 48.0),
    "offices_kw": (OFFICES, 44.0),
    "shop_kw": (SHOP, 42.0),
    "farm_kw": (FARM, 36.0),
    "background": (FEEDER, 0.5),
}
"""Shape and peak of each column: kW within the paper's 0-50 and 0-20; the background multiplies the feeder's loads."""


TABLES = {"network1": NETWORK1, "network2": NETWORK2, "bus69": BUS69}


def profiles(name: str) -> pd.DataFrame:
    """One of `TABLES` as it is written: begin of each hour, and one column per series."""
    time = pd.date_range(START, periods=HOURS, freq="h")
    table = {"time": [stamp.isoformat() for stamp in time]}
    return pd.DataFrame(table | {column: _two_days(shape, peak) for column, (shape, peak) in TABLES[name].items()})


def _two_days(shape: str, peak: float) -> list[float]:
    day = [peak * float(percent) / 100.0 for percent in shape.split()]
    return [round(value, 4) for value in day + [SECOND_DAY * value for value in day]][:HOURS]


if __name__ == "__main__":
    for name in TABLES:
        profiles(name).to_csv(Path(__file__).parent / f"{name}.csv", index=False)
