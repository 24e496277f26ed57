"""The recorder in a world of somebody's own: the folder is what a run leaves, or says what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import mosaik
import pandas as pd
import pytest

from mosaik_p2p import run
from mosaik_p2p.api import report
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.results.store.lock import is_locked
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.scenarios.examples import own_world
from mosaik_p2p.sims import recorder

QUARTER_H = 0.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    own_world.recorded(made)
    return made


@pytest.fixture(scope="module")
def as_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    # The days without the market go through networks that only a run of this package knows how to solve once more.
    overrides = (*own_world.NOON, "settlement.through_networks=[]")
    return run("network1_electric", out=made, overrides=overrides, progress=False).folder


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def test_it_holds_what_a_run_would_have_written(folder: Path, as_run: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {path.name for path in as_run.iterdir()}
    for name in TABLES:
        pd.testing.assert_frame_equal(read_table(folder, name), read_table(as_run, name), obj=name)
    own, other = summary(folder), summary(as_run)
    assert {key for key in own if own[key] != other[key]} <= {"wall_s", "scenario_hash"}
    net, again = ((path / "electric_net.json").read_text(encoding="utf-8") for path in (folder, as_run))
    assert net == again
    assert load(folder / "scenario.toml").scenario.time == load(as_run / "scenario.toml").scenario.time
    assert not is_locked(folder)


def test_intervals_of_a_quarter_of_an_hour_are_not_hours(folder: Path) -> None:
    told = summary(folder)
    assert (told["complete"], told["steps"], told["steps_computed"]) == (True, 4, 4)
    assert (told["dt_h"], told["currency"]) == (QUARTER_H, "CNY")
    traded_kwh = read_table(folder, "trades")["power_kw"].sum() * QUARTER_H
    assert told["traded_kwh"]["electricity"] == pytest.approx(traded_kwh, rel=1e-12)
    assert traded_kwh > 0


def test_the_report_can_be_built_again_and_has_maps(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(folder, copied)
    first = (copied / "report.html").read_bytes()
    assert report(copied).read_bytes() == first
    assert b"Map of the electricity network" in first
    for name, problem in (("electric_net.json", "changed|missing|not there"), ("scenario.toml", "no scenario.toml")):
        (copied / name).unlink()
        with pytest.raises(BadInput, match=problem):
            report(copied)


def test_a_folder_of_tables_without_a_scenario_is_no_result(as_run: Path, tmp_path: Path) -> None:
    for name in ("clearing", "prosumers", "flows"):
        shutil.copy(as_run / f"{name}.parquet", tmp_path)
    with pytest.raises(BadInput, match=r"holds no scenario.toml: the length and number of its intervals"):
        report(tmp_path)
    assert not (tmp_path / "report.html").exists()


class TestRefusals:
    """Before the world runs."""

    def start(self, folder: Path, **params: Any) -> Any:
        simulator: Any = recorder.Simulator()
        simulator.init("recorder")
        simulator.create(1, "Recorder", scenario=load("network1_electric", own_world.NOON), folder=folder, **params)
        return simulator

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="is not there"):
            self.start(tmp_path / "nowhere")
        (tmp_path / "file").write_text("mine")
        with pytest.raises(BadInput, match="is a file"):
            self.start(tmp_path / "file")

    def test_a_folder_that_is_not_empty(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("mine")
        with pytest.raises(BadInput, match="not those of an earlier run"):
            self.start(tmp_path / "mine", overwrite=True)
        copied = tmp_path / "copy"
        shutil.copytree(folder, copied)
        with pytest.raises(BadInput, match="holds the results of an earlier run"):
            self.start(copied)
        self.start(copied, overwrite=True).finalize()
        assert summary(copied)["steps_computed"] == 0

    def test_what_was_not_run_to_its_end_is_not_complete(self, tmp_path: Path) -> None:
        simulator = self.start(tmp_path)
        assert is_locked(tmp_path)
        assert summary(tmp_path)["cause"] == "the run has not ended"
        simulator.finalize()
        told = summary(tmp_path)
        assert (told["complete"], told["steps_computed"]) == (False, 0)
        assert "only 0 of 4 intervals" in told["cause"]


def test_a_network_that_others_solve_is_not_judged(tmp_path: Path) -> None:
    """Market and recorder alone: the tables of the market are complete, and no verdict is made up."""
    case = load("network1_electric", own_world.NOON)
    with mosaik.World(own_world.SIM_CONFIG, skip_greetings=True, configure_logging=False) as world:
        with world.group("market"):
            market = world.start("market").Market(scenario=case)
            sink = world.start("recorder").Recorder(scenario=case, folder=str(tmp_path))
        world.connect(market, sink, "tables")
        world.run(until=4 * own_world.QUARTER, print_progress=False)
    told = summary(tmp_path)
    assert (told["complete"], told["steps_computed"], told["networks_elsewhere"]) == (True, 4, ["electricity"])
    assert (told["verdict"], told["verdict_counts"]["unknown"]) == ("unknown", 4)
    page = report(tmp_path).read_text(encoding="utf-8")
    assert "4 intervals cannot be judged, as electricity is solved elsewhere" in page
    assert "Map of the electricity network" not in page
