"""Houses of a table with profiles and devices of their own: what a cell says goes before the house's template."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import made_scenario as made
from mosaik_p2p.api import check
from mosaik_p2p.devices.kinds.battery import BatterySpec
from mosaik_p2p.errors import Fault
from mosaik_p2p.loading import load
from mosaik_p2p.loading.validate import reading_of
from mosaik_p2p.scenario.schema import ProsumerSpec

LOAD, ROOF = {"type": "fixed_load", "profile": "load_a"}, {"type": "pv", "profile": "pv_unit", "peak_kw": 3.0}
STORE = "battery.power_kw,battery.energy_kwh.max,battery.energy_kwh.initial"
HEAD = f"name,bus,template,fixed_load.profile,roof.peak_kw,{STORE}"


def scenario(folder: Path, *rows: str, head: str = HEAD) -> Path:
    """The made scenario with houses of a template that have a load and a roof."""

    def edit(tables: dict[str, Any]) -> None:
        house = {"devices": [LOAD, {**ROOF, "name": "roof"}], "tariffs": ["grid"]}
        tables["templates"] = {**tables.get("templates", {}), "house": house}
        tables["templates"]["small"] = {"battery": {"power_kw": 1.5, "energy_kwh": {"max": 3.0, "initial": 1.0}}}
        tables["prosumers_file"] = "houses.csv"

    (folder / "houses.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    own = {"time": pd.date_range(made.START, periods=made.SPAN, freq="h"), "7": 0.7, "H2": 1.25}
    pd.DataFrame(own).assign(time=lambda frame: frame["time"].map(pd.Timestamp.isoformat)).to_csv(
        folder / "own.csv", index=False
    )
    return made.write(folder, edit)


def house(path: Path, name: str) -> ProsumerSpec:
    reading = reading_of(path, (), allow_code=False)
    assert reading.faults == ()
    return next(one for one in reading.scenario.prosumers if one.name == name)


def faults(*given: Any, **named: Any) -> dict[str, Fault]:
    return {fault.place: fault for fault in check(scenario(*given, **named))}


def test_cells_go_before_the_template_and_empty_ones_leave_it(tmp_path: Path) -> None:
    path = scenario(tmp_path, "H1,5,house,,,,,", "H2,6,house,own.csv:H2,8.5,5,10,4")
    first, second = house(path, "H1"), house(path, "H2")
    assert [(device.name, device.type) for device in first.devices] == [("fixed_load", "fixed_load"), ("roof", "pv")]
    assert (first.devices[0].profile, first.devices[1].peak_kw) == ("load_a", 3.0)
    load_of, roof, battery = second.devices
    assert (load_of.profile, roof.peak_kw, roof.profile) == ("own.csv:H2", 8.5, "pv_unit")
    assert isinstance(battery, BatterySpec)
    assert (battery.power_kw, battery.energy_kwh.max, battery.energy_kwh.initial) == (5.0, 10.0, 4.0)


def test_a_profile_of_its_own_is_what_the_house_draws(tmp_path: Path) -> None:
    case = load(scenario(tmp_path, "H1,5,house,,,,,", "H2,6,house,own.csv:H2,8.5,,,"))
    demand = {one.name: one.devices[0].demand.realised for one in case.prosumers if one.name.startswith("H")}
    assert set(demand["H2"]) == {1.25}
    assert set(demand["H1"]) != {1.25}


def test_names_of_profiles_may_look_like_numbers(tmp_path: Path) -> None:
    path = scenario(tmp_path, "H1,5,house,7", head="name,bus,template,fixed_load.profile")
    path.write_text('profiles_file = "own.csv"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert house(path, "H1").devices[0].profile == "7"
    assert check(path) == ()


def test_a_device_may_have_a_template_of_its_own(tmp_path: Path) -> None:
    path = scenario(
        tmp_path,
        "H1,5,house,small,",
        "H2,6,house,small,2.5",
        head="name,bus,template,battery.template,battery.power_kw",
    )
    powers = [house(path, name).devices[2].power_kw for name in ("H1", "H2")]
    assert powers == [1.5, 2.5]


@pytest.mark.parametrize(
    ("head", "problem", "hint"),
    [
        ("pvv.peak_kw", "has an unknown column 'pvv.peak_kw'", "'pv'"),
        ("rooof.peak_kw", "has an unknown column 'rooof.peak_kw'", "'roof'"),
        ("pv.", "has an unknown column 'pv.'", "Known columns"),
        ("battery.name", "has an unknown column 'battery.name'", "Known columns"),
        ("scle", "has an unknown column 'scle'", "'scale'"),
        ("battery.energy_kwh,battery.energy_kwh.max", "'battery.energy_kwh.max' inside of it", "one of them"),
    ],
)
def test_columns_that_mean_nothing_are_refused(tmp_path: Path, head: str, problem: str, hint: str) -> None:
    path = scenario(tmp_path, f"H1,5,house{',' * (1 + head.count(','))}", head=f"name,bus,template,{head}")
    (found,) = reading_of(path, (), allow_code=False).faults
    assert found.place == "prosumers_file"
    assert problem in found.problem
    assert hint in found.remedy


def test_all_faults_of_cells_are_told_at_once_where_they_stand(tmp_path: Path) -> None:
    head = "name,bus,template,roof.peak_kw,fixed_load.profile,pv.peak,battery.energy_kwh.max"
    rows = ["H1,5,house,-3,nobody,,", 'H2,6,house,"3,5",,,', "H3,7,house,,,4,", "H4,8,,2,,,5"]
    found = faults(tmp_path, *rows, head=head)
    places = {
        "houses.csv:2.roof.peak_kw",  # a negative size
        "prosumers.H1.fixed_load.profile",  # no such profile
        "houses.csv:3.roof.peak_kw",  # a comma is no decimal point
        "houses.csv:4.pv.peak",  # no key of a PV plant
        "houses.csv:5.roof.peak_kw",  # no template brings a roof
    }
    assert places <= set(found)
    assert "no device 'roof'" in found["houses.csv:5.roof.peak_kw"].problem
    # What an added device lacks is told where it was added.
    rest = [place for place in found if place not in places]
    assert [place for place in rest if not place.startswith(("houses.csv:4.pv", "houses.csv:5.battery"))] == []
    assert rest
