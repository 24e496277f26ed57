"""The scenario file of a generated district; see `districts`."""

KINDS = {"basic": 0.35, "pv": 0.25, "battery": 0.2, "heat_pump": 0.1, "collector": 0.1}
"""Houses by what they own beside their loads, in shares."""
_HOUSE = """
[templates.house_{kind}]
power_factor = 0.99
tariffs = ["grid", "district"]
devices = [
  {{ type = "fixed_load", name = "household", profile = "household_kw" }},
  {{ type = "flexible_load", name = "appliances", template = "part", profile = "appliances_kw" }},
  {{ type = "fixed_load", name = "hot_water", carrier = "heat", profile = "hot_water_kw" }},
  {{ type = "flexible_load", name = "heating", carrier = "heat", template = "hot", profile = "space_heat_kw" }},
{own}]
"""
_PV = '  { type = "pv", profile = "sun_kw_per_kwp", peak_kw = 6.0, cost_per_kwh = 0.01 },\n'
_BATTERY = (
    '  { type = "battery", power_kw = 4.0, cost_per_kwh = 0.02, efficiency = { charge = 0.95, discharge = 0.95 }, '
    "energy_kwh = { min = 0.0, max = 8.0, initial = 3.0 } },\n"
)
_OWN = {
    "basic": "",
    "pv": _PV,
    "battery": _PV + _BATTERY,
    "heat_pump": '  { type = "heat_pump", el_max_kw = 2.0, cop = 2.8 },\n',
    "collector": '  { type = "solar_collector", template = "roof", area_m2 = 8.0 },\n',
}
_TEMPLATES = "".join(_HOUSE.format(kind=kind, own=own) for kind, own in _OWN.items())
_SCENARIO = """schema = 1
name = "district{houses}"
title = "A generated district of {houses} houses"
currency = "EUR"
seed = {seed}
prosumers_file = "houses.csv"
profiles_file = "profiles.csv"

[time]
start = {start}
steps = 24
step_minutes = 60
horizon_steps = 24

[networks.electricity]
file = "grid.json"
[networks.electricity.limits]
voltage_pu = {{ min = 0.92, max = 1.08 }}
line_loading_percent = 100
transformer_loading_percent = 100
[networks.heat]
file = "pipes.json"
t_return_c = 45.0
t_feed_c = 75.0
[networks.heat.limits]
velocity_m_per_s = 2.0
pressure_gradient_pa_per_m = 500.0
differential_pressure_bar = 0.3
t_supply_min_c = 55.0

[charges.electricity]
mechanism = "electrical_distance"
rate = 0.05
payer = "both"
[charges.heat]
mechanism = "thermal_distance"
rate = 0.01
kappa_kw_per_km_k = 0.018
t_mean_c = 60.0
payer = "both"

[tariffs.grid]
carrier = "electricity"
import_per_kwh = 0.32
export_per_kwh = 0.08
import_max_kw = 30.0
export_max_kw = 30.0
[tariffs.district]
carrier = "heat"
import_per_kwh = 0.14
import_max_kw = 30.0

[templates.part.flexible_load]
max_kw = 4.0
discomfort_per_kw2h = 0.05
[templates.hot.flexible_load]
max_kw = 12.0
discomfort_per_kw2h = 0.05
[templates.roof.solar_collector]
profile = "collector_kw_per_m2"
cost_per_kwh = 0.01
"""


def scenario_text(*, houses: int, seed: int, start: str) -> str:
    """All of it, templates of the `KINDS` included."""
    return _SCENARIO.format(houses=houses, seed=seed, start=start) + _TEMPLATES
