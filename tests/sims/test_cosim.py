"""The co-simulation as a whole: rounds, processes, failures, and that the same run gives the same results."""

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dying_grid
from mosaik_p2p import cosim
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.errors import BadInput, RunFailed, Terminated
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.summary import NOT_ENDED
from mosaik_p2p.results.tables.schema import TABLES
from whereabouts import SUPPORT

COMMAND = [sys.executable, "-c", "from mosaik_p2p.cli import main; main()"]
STEPS = 3
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=6")
"""A few hours in which prosumers trade."""
TIGHT = (*NOON, "networks.electricity.limits.voltage_pu.min=0.999", "networks.heat.limits.velocity_m_per_s=0.001")
"""Limits that every round breaks on both networks."""
NETWORKS = ["electricity", "heat"]
ROUNDING = 1e-9
"""Relative: powers go from kW to MW and back."""


def tables_of(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: read_table(folder, name) for name in TABLES}


def assert_same_tables(first: Path, second: Path) -> None:
    others = tables_of(second)
    for name, table in tables_of(first).items():
        pd.testing.assert_frame_equal(table, others[name], check_exact=True, obj=name)


def short_run(folder: Path, **options: Any) -> RunOutcome:
    options = {"overrides": NOON, "steps": STEPS, "progress": False, **options}
    return run("network1", out=folder, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """A run that nothing disturbs."""
    return short_run(tmp_path_factory.mktemp("runs") / "whole")


def test_a_regular_run_is_complete(whole: RunOutcome) -> None:
    assert whole.exit_code == ExitCode.COMPLETE
    assert whole.summary["complete"]
    assert whole.summary["cause"] is None
    assert json.loads((whole.folder / "summary.json").read_text()) == whole.summary
    for name in ("scenario.toml", "report.html", "electric_net.json", "heat_net.json"):
        assert (whole.folder / name).stat().st_size > 0
    assert all((whole.folder / f"{name}.parquet").is_file() for name in TABLES)


def test_every_interval_stands_in_the_tables(whole: RunOutcome) -> None:
    tables = tables_of(whole.folder)
    hours = pd.date_range("2017-03-28T10:00Z", periods=STEPS, freq="h")
    assert list(tables["clearing"]["time"]) == list(hours)
    assert set(tables["clearing"]["round"]) == {0}
    assert tables["clearing"]["binding"].all()
    assert sorted(zip(tables["flows"]["time"], tables["flows"]["network"], strict=True)) == [
        (hour, network) for hour in hours for network in NETWORKS
    ]
    # The look-ahead of the last clearing reaches further than the run.
    assert tables["inputs"]["time"].nunique() == STEPS + 6 - 1


def test_the_wall_time_is_told_by_part(whole: RunOutcome) -> None:
    wall_s = whole.summary["wall_s"]
    assert set(wall_s) == {"loading", "market", "electric", "heat", "without_market", "other"}
    assert all(seconds >= 0 for seconds in wall_s.values())


def test_what_is_cleared_is_what_the_networks_get(whole: RunOutcome) -> None:
    tables = tables_of(whole.folder)
    prosumers, exchanges = tables["prosumers"], tables["heat_exchanges"]
    heat = prosumers[prosumers["carrier"] == "heat"].set_index(["time", "prosumer"])["injection_kw"]
    cleared = exchanges.set_index(["time", "prosumer"])["cleared_kw"]
    np.testing.assert_allclose(cleared, -heat.loc[cleared.index], rtol=ROUNDING, atol=ROUNDING)
    assert tables["trades"]["power_kw"].sum() > 0


def test_a_market_that_answers_makes_both_grids_solve_again(tmp_path: Path, whole: RunOutcome) -> None:
    halving = {"market": {"python": "halving_market:Simulator"}}
    outcome = short_run(tmp_path / "halved", overrides=TIGHT, simulators=halving)
    assert outcome.exit_code == ExitCode.COMPLETE
    tables = tables_of(outcome.folder)
    clearing, flows, violations = tables["clearing"], tables["flows"], tables["violations"]

    assert list(clearing["round"]) == [0, 1] * STEPS
    assert list(clearing["binding"]) == [False, True] * STEPS
    assert list(zip(flows["round"], flows["network"], strict=True)) == [
        (number, network) for _ in range(STEPS) for number in (0, 1) for network in NETWORKS
    ]
    assert set(zip(violations["round"], violations["network"], strict=True)) == {
        (number, network) for number in (0, 1) for network in NETWORKS
    }

    posted = tables_of(whole.folder)
    np.testing.assert_allclose(tables["trades"]["power_kw"], posted["trades"]["power_kw"] / 2, rtol=ROUNDING)
    assert len(tables["buses"]) == len(posted["buses"])
    assert len(tables["pipes"]) == len(posted["pipes"])
    halves = tables["heat_exchanges"]["cleared_kw"]
    np.testing.assert_allclose(halves, posted["heat_exchanges"]["cleared_kw"] / 2, rtol=ROUNDING, atol=ROUNDING)
    first, last = (flows[(flows["round"] == number) & (flows["network"] == "electricity")] for number in (0, 1))
    assert not np.allclose(first["slack_kw"], last["slack_kw"])
    slack_bus = tables["buses"][tables["buses"]["bus"] == "1"].set_index("time")["p_injection_kw"]
    np.testing.assert_allclose(slack_bus, last.set_index("time")["slack_kw"], rtol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "told"), [("raise", "the transformer burns"), ("exit", "electric_grid ended with exit code 1")]
)
def test_a_grid_that_dies_ends_the_run_as_incomplete(tmp_path: Path, whole: RunOutcome, way: str, told: str) -> None:
    dying = {"electric_grid": {"cmd": f"%(python)s {SUPPORT / 'dying_grid.py'} %(addr)s {way}"}}
    outcome = short_run(tmp_path / "dead", simulators=dying)
    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert not outcome.summary["complete"]
    assert told in outcome.summary["cause"]
    assert (way == "raise") == (outcome.folder / "error.log").exists()
    assert_kept_two_hours(outcome.folder, whole)


def test_an_interrupt_keeps_what_was_computed(tmp_path: Path, whole: RunOutcome) -> None:
    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        short_run(folder, simulators={"electric_grid": {"python": "dying_grid:Simulator"}})
    assert summary_of(folder)["cause"] == "interrupted by the user"
    assert not (folder / "error.log").exists()
    assert_kept_two_hours(folder, whole)


def summary_of(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def assert_kept_two_hours(folder: Path, whole: RunOutcome) -> None:
    summary = summary_of(folder)
    assert (summary["complete"], summary["steps_computed"]) == (False, 2)
    kept, full = tables_of(folder), tables_of(whole.folder)
    until = sorted(full["clearing"]["time"])[2]
    # What follows a whole run is not there: the days without the market, and the losses that they tell.
    for name in set(TABLES) - {"inputs", "flows_without_market", "violations_without_market", "losses"}:
        expected = full[name][full[name]["time"] < until]
        expected = expected[expected["item"] != "loss"] if name == "settlement" else expected
        expected = expected.reset_index(drop=True)
        pd.testing.assert_frame_equal(kept[name], expected, check_exact=True, check_dtype=False, obj=name)
    assert (folder / "report.html").exists()


def in_a_fresh_process(*arguments: str, hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run([*COMMAND, *arguments], env=environment, check=True, capture_output=True)


@pytest.mark.once
@pytest.mark.slow
def test_hash_seeds_change_nothing(tmp_path: Path, whole: RunOutcome) -> None:
    settings = [part for setting in NOON for part in ("--set", setting)]
    for seed in ("1", "2"):
        folder = tmp_path / seed
        in_a_fresh_process(
            "run", "network1", "--out", str(folder), "--steps", str(STEPS), "--quiet", *settings, hash_seed=seed
        )
        assert_same_tables(whole.folder, folder)


@pytest.mark.slow
def test_a_fresh_process_builds_the_same_report(whole: RunOutcome) -> None:
    path = whole.folder / "report.html"
    built = path.read_bytes()
    path.unlink()
    in_a_fresh_process("report", str(whole.folder), hash_seed="3")
    assert path.read_bytes() == built


def test_without_a_heat_network_there_is_no_heat_grid(tmp_path: Path) -> None:
    outcome = run("network1_electric", out=tmp_path / "run", overrides=NOON, steps=1, progress=False, report=False)
    assert outcome.exit_code == ExitCode.COMPLETE
    assert set(read_table(outcome.folder, "flows")["network"]) == {"electricity"}
    assert not (outcome.folder / "heat_net.json").exists()


def test_intervals_without_a_solution_have_an_exit_code_of_their_own(tmp_path: Path) -> None:
    profiles = pd.read_csv(str(files("mosaik_p2p.scenarios") / "network1.csv"), dtype=str)
    profiles["background"] = profiles["background"].astype(float) * 50
    profiles.to_csv(tmp_path / "heavy.csv", index=False)
    collapse = (*NOON, f"profiles.feeder_day.file='{tmp_path / 'heavy.csv'}'")
    outcome = run("network1_electric", out=tmp_path / "run", overrides=collapse, steps=1, progress=False)
    assert outcome.exit_code == ExitCode.NO_SOLUTION
    assert outcome.summary["complete"]
    assert list(read_table(outcome.folder, "flows")["status"]) == ["not_converged"]
    assert read_table(outcome.folder, "buses").empty


@pytest.mark.parametrize("steps", [1, 2])
def test_a_clearing_that_fails_ends_the_run(tmp_path: Path, steps: int) -> None:
    hopeless = (*NOON, "market.max_iterations=2", "market.relative_gap=1e-9")
    folder = tmp_path / "run"
    with pytest.raises(RunFailed, match="max_iterations"):
        run("network1_electric", out=folder, overrides=hopeless, steps=steps, progress=False)
    assert "max_iterations" in summary_of(folder)["cause"]
    clearing = read_table(folder, "clearing")
    assert list(zip(clearing["status"], clearing["binding"], strict=True)) == [("not_converged", True)]
    for name in ("prosumers", "trades", "flows", "buses"):
        assert read_table(folder, name).empty


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(BadInput, match="not empty"):
        short_run(tmp_path)


def test_a_grid_that_steps_by_the_clock_alone_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("mosaik_components.pandapower")
    theirs = {"electric_grid": {"python": "mosaik_components.pandapower.simulator:Simulator"}}
    with pytest.raises(BadInput, match="time-based"):
        short_run(tmp_path / "run", simulators=theirs)


def test_an_unknown_simulator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such simulator"):
        short_run(tmp_path / "run", simulators={"weather": {"python": "weather:Simulator"}})


def test_a_run_that_died_at_once_can_be_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cosim, "co_simulate", die)
        with pytest.raises(KeyboardInterrupt):
            short_run(tmp_path / "run")
    left = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (left["complete"], left["cause"], left["verdict"]) == (False, NOT_ENDED, "unknown")
    assert short_run(tmp_path / "run", steps=1, overwrite=True).exit_code == ExitCode.COMPLETE


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_from_outside_ends_a_run_as_an_interrupt_does(
    name: str, tmp_path: Path, whole: RunOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = signal.Signals[name]
    monkeypatch.setattr(dying_grid.Simulator, "_fail", lambda _: signal.raise_signal(number))
    folder = tmp_path / "cut"
    with pytest.raises(Terminated, match=name):
        short_run(folder, simulators={"electric_grid": {"python": "dying_grid:Simulator"}})
    assert summary_of(folder)["cause"] == f"ended from outside ({name})"
    assert_kept_two_hours(folder, whole)
    assert signal.getsignal(number) is signal.SIG_DFL
