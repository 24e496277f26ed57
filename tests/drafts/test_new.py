"""`mosaik-p2p new`: a scenario from networks of one's own that loads, and every reason why none is written."""

import os
import sys
import tomllib
from pathlib import Path

import pandapipes
import pandapipes.networks
import pandapower
import pandapower.networks
import pandas as pd
import pytest

from heat_streets import at, street
from mosaik_p2p.cosim import run
from mosaik_p2p.drafts.command import new_scenario
from mosaik_p2p.drafts.text import draft_told
from mosaik_p2p.drafts.wishes import Wishes
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import Case, load
from mosaik_p2p.networks.electric.network import electric_file

takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")


def grid(folder: Path, name: str = "own.json") -> Path:
    """A feeder with four loads of 10, 20, 30 and 40 kW; of the last one's name TOML could make a mess."""
    net = pandapower.networks.panda_four_load_branch()
    net.load["p_mw"] = [0.01, 0.02, 0.03, 0.04]
    net.load["q_mvar"] = [0.0, 0.01, 0.0, 0.0]
    net.load["name"] = ["first", "second", "third", 'fourth"\n[time]\nsteps = 3 #']
    pandapower.to_json(net, str(folder / name))
    return folder / name


def pipes(folder: Path) -> Path:
    """A street of two houses, one of its pipes without length."""
    net = street(inner_diameter_mm=50.0)
    for node, kw in ((2, 20.0), (3, 30.0)):
        pandapipes.create_heat_consumer(
            net, at(net, f"S{node}"), at(net, f"R{node}"), qext_w=1e3 * kw, treturn_k=318.15
        )
    net.pipe.loc[net.pipe.index[0], "length_km"] = 0.0
    pandapipes.to_json(net, str(folder / "street.json"))
    return folder / "street.json"


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a draft with everybody owning PV and nobody a car."""
    folder = tmp_path_factory.mktemp("own")
    wishes = Wishes(shares=(("pv", 1.0), ("car", 0.0), ("storage", 0.25)))
    new_scenario(folder / "made here", electricity=grid(folder), wishes=wishes)
    return folder / "made here"


@pytest.fixture(scope="module")
def case(drafted: Path) -> Case:
    """It as a run sees it."""
    return load(drafted / "scenario.toml")


def test_a_draft_loads_and_has_what_was_asked_for(case: Case) -> None:
    assert case.scenario.name == "made here"
    assert case.scenario.time.steps == 24
    types = [sorted(device.type for device in prosumer.devices) for prosumer in case.scenario.prosumers]
    assert len(types) == 4
    assert all("pv" in owned and "ev" not in owned for owned in types)
    assert sum("battery" in owned for owned in types) == 1


def test_what_is_rated_at_more_owns_and_draws_more(case: Case) -> None:
    for spec in case.scenario.prosumers:
        rated_kw = 10.0 * (1 + int(spec.replaces_load))
        (plant,) = (device for device in spec.devices if device.type == "pv")
        assert plant.peak_kw == pytest.approx(2.0 * rated_kw)
        assert case.scenario.profiles[f"{spec.name}_electricity"].annual_kwh == pytest.approx(1900 * rated_kw)


def test_a_load_that_draws_reactive_power_goes_on_drawing_it(case: Case) -> None:
    factors = {spec.replaces_load: spec.power_factor for spec in case.scenario.prosumers}
    assert factors[1] == pytest.approx(0.02 / (0.02**2 + 0.01**2) ** 0.5, abs=1e-3)
    assert factors[0] == 1.0


def test_names_of_a_file_say_nothing_to_toml(drafted: Path) -> None:
    text = (drafted / "scenario.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["time"]["steps"] == 24
    assert text.startswith("#:schema ./scenario.schema.json\n")
    assert (drafted / "scenario.schema.json").is_file()


def test_the_seed_says_who_is_one_and_who_owns_what() -> None:
    first, again, other = Wishes(prosumers=5, seed=1), Wishes(prosumers=5, seed=1), Wishes(prosumers=5, seed=2)
    assert first.chosen(50) == again.chosen(50) != other.chosen(50)
    assert first.owners("pv", 20) == again.owners("pv", 20) != other.owners("pv", 20)
    assert first.chosen(3) == [0, 1, 2]
    more_cars = Wishes(prosumers=5, seed=1, shares=(("car", 0.9),))
    assert more_cars.owners("pv", 20) == first.owners("pv", 20)
    assert more_cars.owners("car", 20) > first.owners("car", 20)
    assert len(more_cars.owners("car", 20)) == 18


def test_the_next_command_is_told(drafted: Path) -> None:
    told = draft_told(drafted / "scenario.toml", (), ("68 pipes",))
    assert told.splitlines()[-1] == f"Next: mosaik-p2p run '{drafted / 'scenario.toml'}' --steps 2"
    assert "68 pipes" in told


def test_pipes_of_no_length_get_one_in_the_copy(tmp_path: Path) -> None:
    draft = new_scenario(tmp_path / "new", heat=pipes(tmp_path))
    assert draft.mended == ("1 pipes of no length are 10 cm long",)
    case = load(draft.scenario)
    assert case.heat is not None
    assert case.heat.net.pipe["length_km"].min() == pytest.approx(1e-4)
    assert case.heat.file_consumers == () or len(case.heat.consumers) == 0
    assert sorted(spec.replaces_consumer for spec in case.scenario.prosumers if spec.replaces_consumer is not None) == [
        0,
        1,
    ]
    assert pandapipes.from_json(str(tmp_path / "street.json")).pipe["length_km"].min() == 0.0


@pytest.mark.slow
@pytest.mark.once
def test_loads_of_no_stated_kind_are_of_constant_power(tmp_path: Path) -> None:
    net = pandapower.networks.panda_four_load_branch()
    for column in [name for name in net.load.columns if name.startswith("const_")]:
        net.load[column] = float("nan")
    pandapower.to_json(net, str(tmp_path / "bench.json"))
    with pytest.raises(BadInput, match="const_z_p_percent"):
        electric_file(tmp_path / "bench.json")
    draft = new_scenario(tmp_path / "new", electricity=tmp_path / "bench.json")
    assert "unset in the file, are 0 for 4 loads" in draft.mended[0]
    loads = load(draft.scenario).electric.net.load
    shares = loads[[name for name in loads if name.startswith("const_")]]
    assert shares.size >= 4
    assert (shares == 0.0).all(axis=None)


@pytest.mark.slow
@pytest.mark.once
def test_an_excel_file_is_a_network(tmp_path: Path) -> None:
    net = pandapower.from_json(str(grid(tmp_path)))
    net.load["name"] = ["first", "second", "third", "fourth"]
    with pd.ExcelWriter(tmp_path / "own.xlsx", engine="openpyxl") as writer:
        for sheet, table in pandapower.io_utils.to_dict_of_dfs(net, include_empty_tables=False).items():
            table.to_excel(writer, sheet_name=sheet)
    read = electric_file(tmp_path / "own.xlsx").net
    assert list(read.load["p_mw"]) == [0.01, 0.02, 0.03, 0.04]


def test_every_reason_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work", encoding="utf-8")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    wishes = Wishes(prosumers=0, shares=(("pv", 1.5), ("collector", 0.5)), region=16)
    with pytest.raises(BadInput) as refused:
        new_scenario(tmp_path / "full", electricity=tmp_path / "bad.json", wishes=wishes)
    places = [fault.place for fault in refused.value.faults]
    assert places == ["DIR", "--prosumers", "--region", "--pv", "--collector", "--electricity"]
    assert all(fault.remedy for fault in refused.value.faults)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]


@pytest.mark.slow
@pytest.mark.once
def test_a_network_without_loads_has_nobody_to_trade(tmp_path: Path) -> None:
    net = pandapower.from_json(str(grid(tmp_path)))
    net.load = net.load.iloc[:0]
    pandapower.to_json(net, str(tmp_path / "empty.json"))
    with pytest.raises(BadInput, match="has no load in service"):
        new_scenario(tmp_path / "new", electricity=tmp_path / "empty.json")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({}, "a scenario needs a network"),
        ({"electricity": "a.json", "simbench": "b"}, "is named beside --electricity"),
        ({"simbench": "1-LV-rural1--0-no_sw"}, "the package simbench is not installed"),
    ],
)
def test_sources_that_are_none(
    sources: dict[str, str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "simbench", None)
    with pytest.raises(BadInput, match=problem):
        new_scenario(tmp_path / "new", **sources)


def test_a_code_in_a_scenario_is_no_path(monkeypatch: pytest.MonkeyPatch, drafted: Path) -> None:
    monkeypatch.setitem(sys.modules, "simbench", None)
    with pytest.raises(BadInput) as refused:
        load(drafted / "scenario.toml", ['networks.electricity.file="simbench:1-LV-rural1--0-no_sw"'])
    assert "pip install" in refused.value.faults[0].remedy
    assert refused.value.faults[0].place == "networks.electricity.file"


NETS = {
    "oberrhein": lambda: pandapower.networks.mv_oberrhein(),
    "cigre": lambda: pandapower.networks.create_cigre_network_mv(),
}


@takes_minutes
@pytest.mark.slow
@pytest.mark.once
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["oberrhein", "cigre", "simbench", "schutterwald"])
def test_a_newcomer_with_a_public_network(name: str, tmp_path: Path) -> None:
    if name in NETS:
        pandapower.to_json(NETS[name](), str(tmp_path / "net.json"))
        draft = new_scenario(tmp_path / "new", electricity=tmp_path / "net.json")
    elif name == "simbench":
        pytest.importorskip("simbench")
        draft = new_scenario(tmp_path / "new", simbench="1-LV-rural1--0-no_sw")
    else:
        pandapipes.to_json(pandapipes.networks.schutterwald_heat(), str(tmp_path / "net.json"))
        draft = new_scenario(tmp_path / "new", heat=tmp_path / "net.json")
    outcome = run(draft.scenario, steps=2, out=tmp_path / "results", progress=False)
    assert outcome.exit_code == 0
