"""Scenarios made in Python: dictionaries, sections and series instead of a file, and overrides as a dictionary."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import made_scenario
import mosaik_p2p
from mosaik_p2p.cosim import Order, _results
from mosaik_p2p.devices.kinds.battery import BatterySpec
from mosaik_p2p.devices.storage import EnergyRange
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.in_python import kept_file, write_scenario
from mosaik_p2p.scenario.in_python import override_texts
from mosaik_p2p.scenario.overrides import overridden, parsed
from mosaik_p2p.scenario.placed_tables import placed
from mosaik_p2p.scenario.schema import ProsumerSpec
from mosaik_p2p.studies.hosting.command import hosting_capacity
from mosaik_p2p.studies.sweep.command import sweep


def in_python() -> dict[str, Any]:
    """The made scenario with its profiles as series, and a prosumer and its battery as objects."""
    scenario, frame = made_scenario.tables(), made_scenario.series()
    index = pd.DatetimeIndex(pd.to_datetime(frame.pop("time")), name="anything")
    frame.index = index
    scenario["profiles"] |= {
        "day": frame["background"],
        "load_a": frame["load_a_kw"].tz_convert("Asia/Shanghai"),
        "heat_a": pd.DataFrame({"forecast": frame["heat_a_forecast_kw"], "realised": frame["heat_a_kw"]}),
    }
    battery = BatterySpec(type="battery", power_kw=5.0, energy_kwh=EnergyRange(max=10.0, initial=2.0, final=3.0))
    load_b = {"type": "fixed_load", "profile": "load_a"}
    own = ProsumerSpec(name="B", bus=4, power_factor=np.float64(0.95), tariffs=("grid",), devices=(load_b, battery))
    scenario["prosumers"] = (scenario["prosumers"][0], own)
    return scenario


def test_it_is_the_scenario_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    of_file = load(made_scenario.write(tmp_path / "file"))
    path = write_scenario(in_python(), tmp_path / "python")
    assert path.name == "made.toml"
    of_python = load(path)
    assert of_python.scenario.prosumers == of_file.scenario.prosumers
    for one, other in zip(of_python.prosumers, of_file.prosumers, strict=True):
        for found, wanted in zip(one.devices, other.devices, strict=True):
            assert repr(found) == repr(wanted)
            for ours, theirs in zip(found.profiles(), wanted.profiles(), strict=True):
                assert (ours.series.forecast == theirs.series.forecast).all()
                assert (ours.series.realised == theirs.series.realised).all()
    assert of_python.background is not None
    assert of_file.background is not None
    assert (of_python.background == of_file.background).all()


def test_what_was_made_before_is_written_over_and_nothing_else(tmp_path: Path) -> None:
    scenario = in_python()
    path = write_scenario(scenario, tmp_path)
    text = path.read_text()
    scenario["scale"]["load"] = 2.0
    assert write_scenario(scenario, tmp_path).read_text() != text
    path.write_text("mine")
    with pytest.raises(BadInput, match="is there already, and was not made in Python"):
        write_scenario(scenario, tmp_path)
    assert path.read_text() == "mine"


def test_a_run_keeps_it_beside_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = in_python()
    kept = kept_file(scenario, tmp_path / "out")
    assert Path(kept) == tmp_path / "out-scenario" / "made.toml"
    monkeypatch.chdir(tmp_path)
    assert _results(Order(scenario=scenario)) == Path("results/made")
    assert kept_file("network1", tmp_path / "out") == "network1"


def test_faults_are_those_of_a_file() -> None:
    scenario = in_python()
    scenario["scale"]["load"] = -1
    made_scenario.device(scenario | {"prosumers": scenario["prosumers"][:1]}, "A", "pv")["peak_kw"] = "many"
    places = [fault.place for fault in mosaik_p2p.check(scenario)]
    assert places == ["scale.load", "prosumers.A.pv.peak_kw"]
    scenario["seed"] = object()
    scenario["profiles"]["day"] = pd.Series([1.0, 2.0])
    faults = mosaik_p2p.check(scenario)
    assert [(fault.place, fault.problem) for fault in faults] == [
        ("profiles.day", "has no index of times with a zone"),
        ("seed", "is a object, which no scenario can hold"),
    ]


def test_overrides_by_dictionary() -> None:
    begin = datetime(2017, 3, 21, tzinfo=UTC)
    given = {
        "time.start": begin,
        "scale.pv": np.float64(1.5),
        "networks.electricity.limits.element": ({"table": "bus", "name": 'a"\\\x7fü', "voltage_pu": {"min": 0.9}},),
        "negotiation.enabled": True,
        "title": "3",
        "weather": None,
    }
    wanted, faults = parsed(override_texts(given))
    assert not faults
    tree, faults = overridden(placed({"weather": {"region": 1}, "networks": {}}), wanted)
    assert not faults
    assert tree == {
        "time": {"start": begin},
        "scale": {"pv": 1.5},
        "networks": {"electricity": {"limits": {"element": list(given["networks.electricity.limits.element"])}}},
        "negotiation": {"enabled": True},
        "title": "3",
    }


def test_what_is_no_set_of_overrides() -> None:
    with pytest.raises(BadInput, match="is one text"):
        override_texts("scale.pv=1")
    with pytest.raises(BadInput, match=r"scale.pv = <object .*: is a object, which no scenario can hold"):
        override_texts({"scale.pv": object()})


@pytest.mark.parametrize(
    ("override", "gone"),
    [
        ("prosumers.B.battery.energy_kwh.final=", ("energy_kwh", "final")),
        ("prosumers.B.battery=", None),
        ("prosumers.B=", None),
        ("templates.cl.battery.cost_per_kwh=", ("cost_per_kwh",)),
    ],
)
def test_a_key_is_taken_away(override: str, gone: tuple[str, ...] | None) -> None:
    scenario = placed(made_scenario.tables())
    tree, faults = overridden(scenario, parsed([override])[0])
    assert not faults
    if override.startswith("templates"):
        assert "cost_per_kwh" not in tree["templates"]["cl"]["battery"]
    elif override == "prosumers.B=":
        assert [entry["name"] for entry in tree["prosumers"]] == ["A"]
    else:
        types = [entry["type"] for entry in tree["prosumers"][1]["devices"]]
        assert types == (["fixed_load", "battery"] if gone else ["fixed_load"])
        assert not gone or "final" not in tree["prosumers"][1]["devices"][1]["energy_kwh"]
    assert scenario == made_scenario.tables()


@pytest.mark.parametrize("key", ["time.zone", "prosumers.B.pv", "nothing.at.all"])
def test_what_is_not_stated_cannot_be_taken_away(key: str) -> None:
    tree, faults = overridden(placed(made_scenario.tables()), parsed([f"{key}="])[0])
    assert [fault.place for fault in faults] == [key]
    assert tree == made_scenario.tables()


@pytest.mark.parametrize(
    "study",
    [
        lambda made: sweep(made, vary="seed=1..2", progress=False),
        lambda made: hosting_capacity(made, "pv", progress=False),
        lambda made: mosaik_p2p.compare(made, "none,p2p", progress=False),
        lambda made: mosaik_p2p.optimal_charge(made, "charges.electricity.rate", progress=False),
    ],
    ids=["sweep", "hosting_capacity", "compare", "optimal_charge"],
)
def test_studies_refuse_what_is_no_file(study: Callable[[Any], Any], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"a dict: is a scenario made in Python.*write_scenario"):
        study(in_python())
    assert not list(tmp_path.iterdir())
