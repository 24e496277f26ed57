"""The command line: what it prints, and its exit codes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import get_args

import pytest

import dying_grid
import mosaik_p2p
from made_results import SMALL, write_made
from mosaik_p2p import cosim
from mosaik_p2p.cli import main
from mosaik_p2p.market.warm_up import WITHOUT_KERNEL
from mosaik_p2p.scenario.schema import Market
from mosaik_p2p.sections.time import Time
from mosaik_p2p.sims.world import progress
from mosaik_p2p.sims.world.wiring import simulator_config

COMMAND = [sys.executable, "-c", "from mosaik_p2p.cli import main; main()"]
RELATIVE_GAP = 1e-3
"""To which a clearing is solved unless a scenario says otherwise."""


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of `mosaik-p2p` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["mosaik-p2p", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("mosaik-p2p 0.")


def test_list_names_what_ships(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "list") == 0
    out = capsys.readouterr().out
    for name in ("network1", "bus15", "heat8", "schutterwald", "electrical_distance", "thermal_distance", "p2p"):
        assert name in out


def test_list_names_every_way_to_clear_that_a_scenario_can_ask_for() -> None:
    shipped = mosaik_p2p.list()
    for section, key, named in (
        (Market, "form", shipped.market_forms),
        (Time, "clearing", shipped.clearings),
    ):
        assert set(get_args(section.model_fields[key].annotation)) == set(named)


def test_check_of_a_good_scenario(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "check", "network1") == 0
    assert "no faults" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "run"])
def test_all_faults_are_listed_at_once(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ("scale.load=-1", "prosumers.A.battery.power_kw=-3", "time.stepz=3")
    options = [part for key in wrong for part in ("--set", key)]
    assert command(monkeypatch, verb, "network1", *options) == 2
    err = capsys.readouterr().err
    assert "3 faults" in err
    for place in ("scale.load", "prosumers.A.battery.power_kw", "time.stepz"):
        assert place in err
    assert "Traceback" not in err


def test_an_unknown_scenario_is_told_with_those_that_ship(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "netwrok1") == 2
    assert "network1" in capsys.readouterr().err


def test_an_unknown_option_is_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "run", "network1", "--fast") == 2
    assert "--fast" in capsys.readouterr().err


def test_a_report_needs_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert command(monkeypatch, "report", str(folder)) == 2
        assert str(folder) in capsys.readouterr().err


def test_run_prints_the_summary_and_where_the_report_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("run", "network1_electric", "--steps", "1", "--set", "time.horizon_steps=2")
    assert command(monkeypatch, *arguments) == 0
    out = capsys.readouterr().out
    report = Path("results", "network1_electric", "report.html")
    assert report.exists()
    assert f"Report: {report}" in out
    assert "Lowest voltage" in out

    assert command(monkeypatch, *arguments) == 2
    assert "--overwrite" in capsys.readouterr().err

    assert command(monkeypatch, *arguments, "--overwrite", "--quiet") == 0
    assert capsys.readouterr().out == ""

    assert command(monkeypatch, "report", str(report.parent)) == 0
    assert str(report) in capsys.readouterr().out


def test_a_run_without_a_report_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = list[cosim.Order]()

    def conduct(order: cosim.Order) -> tuple[cosim.RunOutcome, None]:
        asked.append(order)
        return cosim.RunOutcome(tmp_path, {"cause": None}, cosim.ExitCode.COMPLETE), None

    monkeypatch.setattr(cosim, "conduct", conduct)
    for options in ((), ("--no-report",)):
        assert command(monkeypatch, "run", "network1", "--quiet", *options) == 0
    assert [order.report for order in asked] == [True, False]


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_an_error_in_a_simulator_is_one_line_and_a_log(
    quiet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = {"electric_grid": {"python": "dying_grid:Simulator"}}
    monkeypatch.setattr(dying_grid.Simulator, "way", "raise")
    monkeypatch.setattr(cosim, "simulator_config", lambda given: simulator_config({**given, **config}))
    folder = tmp_path / "run"
    options = ["--steps", "3", "--set", "time.horizon_steps=2", "--out", str(folder), *quiet]
    assert command(monkeypatch, "run", "network1_electric", *options) == 1
    told = capfd.readouterr()
    lines = [line for line in told.err.splitlines() if "interval" not in line]
    log = folder / "error.log"
    assert lines == [
        f"Incomplete: ValueError: the transformer burns (details: {log})",
        f"What was computed is kept in {folder}",
    ]
    assert "Traceback" not in told.out
    assert "raise ValueError" in log.read_text()
    assert log.read_text().rstrip().endswith("ValueError: the transformer burns")


@pytest.mark.once
@pytest.mark.slow
def test_a_stream_that_is_closed_is_missed_by_nobody() -> None:
    """As by runs, in sims/test_broken_folders.py."""
    command = shlex.join([*COMMAND, "check", "network1", "--set", "scale.load=-1"])
    assert subprocess.run(["sh", "-c", f"exec {command} 2>&-"], capture_output=True, check=False).returncode == 2


@pytest.mark.once
@pytest.mark.slow
def test_without_compiling_a_run_is_slow_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--steps", "1", "--set", "time.horizon_steps=2", "--set", "time.start=2017-03-28T11:00:00+01:00")
    slow = [*COMMAND, "run", "network1", *options, "--out", str(tmp_path / "slow")]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(slow, env=environment, capture_output=True, text=True, check=True)
    assert command(monkeypatch, "run", "network1", *options, "--out", str(tmp_path / "usual")) == 0
    said = [
        [line for line in text.splitlines() if "interval" not in line]
        for text in (done.stderr, capsys.readouterr().err)
    ]
    assert said == [WITHOUT_KERNEL.splitlines(), []]
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("slow", "usual")]
    assert all(summary["relative_gap"]["max"] <= RELATIVE_GAP for summary in summaries)
    costs = [summary["cost_total"]["in_market"] for summary in summaries]
    assert costs[0] == pytest.approx(costs[1], rel=RELATIVE_GAP)


def test_the_commands_exist_in_python() -> None:
    assert mosaik_p2p.check("network1") == ()
    assert [fault.place for fault in mosaik_p2p.check("network1", overrides=["scale.load=-1"])] == ["scale.load"]
    assert "network1" in mosaik_p2p.list().scenarios
    assert callable(mosaik_p2p.run)
    assert callable(mosaik_p2p.report)
    with pytest.raises(AttributeError):
        _ = mosaik_p2p.nothing


def test_a_damaged_folder_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in write_made(tmp_path, SMALL).glob("*.parquet"):
        path.unlink()
    assert command(monkeypatch, "report", str(tmp_path)) == 2
    told = capsys.readouterr()
    assert "table trades" in told.err
    assert "is missing" in told.err
    assert "feasible" not in told.out + told.err


def test_without_a_terminal_a_line_now_and_then_tells_the_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    for visible in (True, False):
        with progress.progress_shown("made", 24, visible=visible) as on_interval:
            on_interval()
            sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    # Seconds pass on a busy machine.
    assert all(re.fullmatch(r"made: 1 of 24 intervals after \d+ s", line) for line in lines)
    with progress.progress_shown("made", 24, visible=False):
        sleep(0.05)
    assert capsys.readouterr().err == ""
