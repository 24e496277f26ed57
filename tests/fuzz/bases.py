"""Sound input to start from: small scenarios with every section, own networks, houses and profiles."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pandapipes
import pandapower
import tomli_w

import made_scenario as made

Tables = dict[str, Any]

SCENARIO_FILE, SERIES_FILE = "made.toml", "series.csv"
ELECTRIC_FILE, HEAT_FILE, HOUSES_FILE = "grid.json", "heat.json", "houses.csv"
ROWS = 40
"""Hours of profiles: more than any of the scenarios needs."""
KELVIN = 273.15

HOUSES = (
    "name,bus,junction_supply,junction_return,replaces_load,template,scale,shift_minutes\n"
    "H1,3,4,,,house,1.5,15\n"
    "H2,4,5,,,house,random,random\n"
    "H3,#5,,,,house,0.5,0\n"
)
HOUSE = """
[templates.house]
tariffs = ["grid", "district"]
power_factor = 0.97
devices = [
  { type = "fixed_load", profile = "load_a" },
  { type = "pv", profile = "pv_unit", peak_kw = 5.0 },
  { type = "generator", max_kw = 3.0, cost_per_kwh = 0.5 } ]
"""


@dataclass(frozen=True)
class Base:
    """A sound scenario and the files beside it."""

    tables: Tables
    files: dict[str, str] = field(default_factory=dict)


def write(folder: Path, base: Base, *, name: str = SCENARIO_FILE) -> Path:
    """The base in a folder; its scenario file."""
    for file, text in base.files.items():
        (folder / file).write_text(text, encoding="utf-8")
    path = folder / name
    path.write_text(tomli_w.dumps(base.tables), encoding="utf-8")
    return path


@cache
def series_text() -> str:
    """The profiles as CSV."""
    return made.series(ROWS).to_csv(index=False)


def cases() -> Base:
    """Shipped cases of both networks."""
    return Base(made.tables(), {SERIES_FILE: series_text()})


def everything() -> Base:
    """Every type of device, quarters of an hour."""
    tables = made.tables()
    made.own_everything(tables)
    return Base(tables, {SERIES_FILE: series_text()})


def day_ahead() -> Base:
    """One clearing for several intervals."""
    base = cases()
    base.tables["time"] |= {"clearing": "day_ahead", "steps": 6}
    return base


def negotiated() -> Base:
    """Limits that bind, and surcharges that keep them."""
    base = cases()
    base.tables["negotiation"] = {"enabled": True, "max_rounds": 6}
    base.tables["networks"]["electricity"]["limits"]["voltage_pu"] = {"min": 0.975, "max": 1.05}
    return base


def houses() -> Base:
    """Prosumers from a table."""
    tables = made.tables()
    tables["templates"] |= tomllib.loads(HOUSE)["templates"]
    return Base({"prosumers_file": HOUSES_FILE, **tables}, {SERIES_FILE: series_text(), HOUSES_FILE: HOUSES})


def files() -> Base:
    """The user's own network files."""
    tables = made.tables()
    tables["networks"]["electricity"] = {
        "file": ELECTRIC_FILE,
        "background": "day",
        "limits": {"voltage_pu": {"min": 0.9, "max": 1.1}, "line_loading_percent": 100.0},
    }
    tables["networks"]["heat"] = {"file": HEAT_FILE, "t_supply_c": 75.0, "t_return_c": 45.0}
    made.prosumer(tables, "A").update(bus="G4", junction={"supply": "S2", "return": "R2"})
    made.prosumer(tables, "B").update(bus="G3")
    return Base(tables, {SERIES_FILE: series_text(), ELECTRIC_FILE: electric_text(), HEAT_FILE: heat_text()})


BASES: tuple[Callable[[], Base], ...] = (cases, everything, day_ahead, negotiated, houses, files)


def drawn(dice: Random) -> Base:
    """One of them."""
    return dice.choice(BASES)()


@cache
def electric_text() -> str:
    """A transformer, a feeder, and one of most things that such files hold."""
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, vn_kv=20.0 if n == 0 else 0.4, name=f"G{n}") for n in range(6)]
    pandapower.create_ext_grid(net, buses[0], name="above")
    pandapower.create_transformer(net, buses[0], buses[1], std_type="0.25 MVA 20/0.4 kV", name="T1")
    for start, end in ((1, 2), (2, 3), (3, 4), (2, 5)):
        pandapower.create_line(
            net, buses[start], buses[end], length_km=0.08, std_type="NAYY 4x150 SE", name=f"L{start}{end}"
        )
    for bus in (3, 4, 5):
        pandapower.create_load(net, buses[bus], p_mw=0.004, q_mvar=0.001, name=f"load {bus}")
    pandapower.create_sgen(net, buses[5], p_mw=0.003, name="roof")
    pandapower.create_shunt(net, buses[5], q_mvar=0.0005, name="coil")
    pandapower.create_switch(net, buses[2], 3, et="l", name="switch", closed=True)
    return str(pandapower.to_json(net))


@cache
def heat_text() -> str:
    """A works, two pipes in a row on either side, a consumer and a bypass at the end."""
    net = pandapipes.create_empty_network(fluid="water")
    supply, return_ = (
        [pandapipes.create_junction(net, bar, celsius + KELVIN, name=f"{side}{n}") for n in range(3)]
        for side, bar, celsius in (("S", 6.0, 75.0), ("R", 4.0, 45.0))
    )
    for side, junctions in (("S", supply), ("R", return_)):
        for n in range(2):
            pandapipes.create_pipe_from_parameters(
                *(net, junctions[n], junctions[n + 1], 0.1, 80.0),
                k_mm=0.1,
                u_w_per_m2k=0.5,
                text_k=10.0 + KELVIN,
                name=f"{side}{n}{n + 1}",
            )
    pandapipes.create_heat_consumer(net, supply[1], return_[1], qext_w=8000.0, controlled_mdot_kg_per_s=0.08, name="H")
    pandapipes.create_flow_control(net, supply[2], return_[2], controlled_mdot_kg_per_s=0.05, name="bypass")
    pandapipes.create_circ_pump_const_pressure(net, return_[0], supply[0], 6.0, 2.0, 75.0 + KELVIN, name="works")
    return str(pandapipes.to_json(net))
