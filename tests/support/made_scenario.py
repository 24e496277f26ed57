"""A small scenario with every section and key of the format, written into a folder for a test to change."""

import copy
import tomllib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

STEPS = 4
HORIZON = 6
SPAN = STEPS + HORIZON - 1
START = "2017-03-21T00:00:00+01:00"

TEXT = """
schema = 1
name = "made"
title = "A feeder and a heat network, two prosumers"
currency = "CNY"
seed = 1

[time]
start = 2017-03-21T00:00:00+01:00
steps = 4
step_minutes = 60
horizon_steps = 6
clearing = "rolling"

[weather]
source = "dwd_try"
region = 12

[networks.electricity]
case = "bus15"
slack_voltage_pu = 1.0
background = "day"
[networks.electricity.limits]
voltage_pu = { min = 0.95, max = 1.05 }
line_loading_percent = 100
transformer_loading_percent = 100
[[networks.electricity.limits.element]]
table = "line"
name = "3-4"
loading_percent = 80
[[networks.electricity.limits.element]]
table = "bus"
name = "13"
voltage_pu = { min = 0.96, max = 1.04 }

[networks.heat]
case = "heat8"
t_supply_c = 75.0
t_return_c = 45.0
t_feed_c = 75.0
t_ground_c = 10.0
bypass = { nodes = ["4", "5", "8"], mdot_kg_per_s = 0.08 }
[networks.heat.limits]
velocity_m_per_s = 2.0
pressure_gradient_pa_per_m = 300.0
differential_pressure_bar = 0.5
t_supply_min_c = 60.0

[charges.electricity]
mechanism = "electrical_distance"
rate = 0.01
payer = "both"
[charges.heat]
mechanism = "thermal_distance"
rate = 0.01
kappa_kw_per_km_k = 0.018
t_mean_c = 65.0

[market]
design = "p2p"
form = "bilateral"
relative_gap = 1e-3
max_iterations = 5000
on_not_converged = "stop"
reputation = { benefit_per_kwh = 0.0, growth = 0.1 }

[negotiation]
enabled = false
max_rounds = 10

[scale]
load = 1.0
heat_load = 1.0
pv = 1.0

[profiles.day]
file = "series.csv"
column = "background"
[profiles.load_a]
file = "series.csv"
column = "load_a_kw"
[profiles.heat_a]
file = "series.csv"
column = "heat_a_kw"
forecast_column = "heat_a_forecast_kw"
[profiles.pv_unit]
source = "pvlib"
tilt_deg = 30
azimuth_deg = 180
[profiles.cop]
source = "constant"
value = 3.0

[tariffs.grid]
carrier = "electricity"
import_per_kwh = [
  { from = "00:00", to = "07:00", price = 0.443 },
  { from = "07:00", to = "18:00", price = 0.728 },
  { from = "18:00", to = "22:00", price = 1.095 },
  { from = "22:00", to = "24:00", price = 0.443 } ]
export_per_kwh = 0.370
import_max_kw = 200
export_max_kw = 200
[tariffs.district]
carrier = "heat"
import_per_kwh = 0.490
import_max_kw = 100

[templates.cl.battery]
power_kw = 12.0
energy_kwh = { min = 0.0, max = 55.0, initial = 20.0, final = "initial" }
efficiency = { charge = 0.9, discharge = 0.9 }
cost_per_kwh = 0.1

[[prosumers]]
name = "A"
bus = "13"
junction = "7"
power_factor = 0.95
tariffs = ["grid", "district"]
devices = [
  { type = "flexible_load", carrier = "electricity", profile = "load_a", max_kw = 50.0, discomfort_per_kw2h = 0.1 },
  { type = "pv", profile = "pv_unit", peak_kw = 60.0, cost_per_kwh = 0.1 },
  { type = "battery", template = "cl" },
  { type = "flexible_load", name = "heating", carrier = "heat", profile = "heat_a", max_kw = 20.0 },
  { type = "solar_collector", area_m2 = 60.0, efficiency = 0.9, cost_per_kwh = 0.1 },
  { type = "heat_pump", el_max_kw = 8.0, cop = 3.0 } ]

[[prosumers]]
name = "B"
bus = 4
power_factor = 0.95
tariffs = ["grid"]
devices = [
  { type = "fixed_load", profile = "load_a" },
  { type = "battery", power_kw = 5.0, energy_kwh = { max = 10.0, initial = 2.0, final = 3.0 } } ]

[settlement]
counterfactuals = ["alone"]
loss_price_per_kwh = 0.443
"""

EVERY_DEVICE = """
[templates.car.ev]
power_kw = 11.0
efficiency = { charge = 0.93, discharge = 0.93 }

[[A]]
type = "ev"
template = "car"
arrival = "18:00"
departure = "06:45"
energy_kwh = { max = 60.0, arrival = 15.0, departure = 40.0, initial = 25.0 }
v2g = true
cost_per_kwh = 0.02
[[A]]
type = "ev"
name = "van"
template = "car"
arrival = "05:20"
departure = "06:30"
energy_kwh = { max = 40.0, arrival = 10.0, departure = 19.0 }
[[A]]
type = "heat_tank"
power_kw = 8.0
energy_kwh = { max = 30.0, initial = 10.0, final = 5.0 }
loss_per_h = 0.02
[[A]]
type = "chp"
el_max_kw = 3.0
power_to_heat = 0.6
fuel_price_per_kwh = 0.25
[[A]]
type = "elastic_load"
name = "greenhouse"
carrier = "heat"
max_kw = 4.0
utility_per_kwh = 0.45
[[A]]
type = "electric_boiler"
el_max_kw = 5.0
[[B]]
type = "elastic_load"
max_kw = 6.0
utility_per_kwh = 1.0
utility_slope_per_kw2h = 0.1
[[B]]
type = "generator"
min_kw = 0.5
max_kw = 10.0
cost_per_kwh = 0.5
cost_per_kw2h = 0.02
[[B]]
type = "gas_boiler"
heat_max_kw = 10.0
fuel_price_per_kwh = [ { from = "00:00", to = "06:00", price = 0.3 }, { from = "06:00", to = "24:00", price = 0.2 } ]
[[B]]
type = "fixed_load"
name = "heating"
carrier = "heat"
profile = "heat_a"
[[B]]
type = "battery"
name = "second"
power_kw = 2.0
energy_kwh = { max = 6.0, initial = 3.0 }
"""
"""What A and B own besides, so that every type of device is there, and several of some; from 05:00 on a van comes and
both vehicles leave."""

Edit = Callable[[dict[str, Any]], None]


def tables() -> dict[str, Any]:
    """The tables of the scenario, for a test to change."""
    return copy.deepcopy(tomllib.loads(TEXT))


def own_everything(scenario: dict[str, Any]) -> None:
    """Change the scenario's tables: every type of device, eight quarters of an hour from 05:00 on, three hours ahead.

    B's place on the heat network is that of another node, and its loads are twice as large.
    """
    more = tomllib.loads(EVERY_DEVICE)
    scenario["templates"] |= more["templates"]
    start = datetime.fromisoformat("2017-03-21T05:00:00+01:00")
    scenario["time"] |= {"start": start, "steps": 8, "step_minutes": 15, "horizon_steps": 12}
    for name in ("A", "B"):
        prosumer(scenario, name)["devices"] += more[name]
    prosumer(scenario, "B").update(junction="6", tariffs=["grid", "district"], scale=2.0)


def series(steps: int = SPAN) -> pd.DataFrame:
    """The profiles of the scenario, one row per hour."""
    times = pd.date_range(START, periods=steps, freq="h")
    hour = np.arange(steps, dtype=float)
    columns = {
        "background": 0.5 + 0.01 * hour,
        "load_a_kw": 10.0 + hour,
        "heat_a_kw": 5.0 + hour,
        "heat_a_forecast_kw": 6.0 + hour,
    }
    return pd.DataFrame({"time": [time.isoformat() for time in times], **columns})


def write(folder: Path, edit: Edit | None = None, *, frame: pd.DataFrame | None = None) -> Path:
    """The scenario file in `folder`, after `edit` has changed its tables, with its profiles beside it."""
    scenario = tables()
    if edit is not None:
        edit(scenario)
    (series() if frame is None else frame).to_csv(folder / "series.csv", index=False)
    path = folder / "made.toml"
    path.write_text(tomli_w.dumps(scenario), encoding="utf-8")
    return path


def prosumer(scenario: dict[str, Any], name: str) -> dict[str, Any]:
    """The table of the prosumer `name`."""
    found: dict[str, Any] = next(entry for entry in scenario["prosumers"] if entry["name"] == name)
    return found


def device(scenario: dict[str, Any], owner: str, name: str) -> dict[str, Any]:
    """The table of a device, by its name or type."""
    devices = prosumer(scenario, owner)["devices"]
    found: dict[str, Any] = next(entry for entry in devices if entry.get("name", entry["type"]) == name)
    return found
