"""Sweeps: each row is the ordinary run, nothing is run twice, and a bad row stops no other."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mosaik_p2p import read_runs
from mosaik_p2p.cosim import ExitCode, run
from mosaik_p2p.studies.engine import cluster
from mosaik_p2p.studies.engine.worker import Worker
from mosaik_p2p.studies.sweep.command import Sweep, collect, sweep

pytestmark = [pytest.mark.slow, pytest.mark.once]

SCENARIO = "network1_electric"
SHORT = ("time.start=2017-03-28T10:00:00+01:00", "time.horizon_steps=4")
RATES = "charges.electricity.rate=0,0.05"


def swept(out: Path, vary: str = RATES, **others: Any) -> Sweep:
    stated = {"jobs": 1, "progress": False, "steps": 1, "overrides": SHORT, **others}
    return sweep(SCENARIO, vary=vary, out=out, **stated)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two rates, one interval each."""
    return swept(tmp_path_factory.mktemp("sweep") / "out")


def figures(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="wall_s")


def test_every_row_is_the_ordinary_run(two: Sweep, tmp_path: Path) -> None:
    assert two.exit_code is ExitCode.COMPLETE
    assert two.table["status"].tolist() == ["complete"] * 2
    row = two.table.iloc[1]
    alone = run(
        SCENARIO, out=tmp_path / "alone", steps=1, overrides=[*SHORT, "charges.electricity.rate=0.05"], progress=False
    )
    assert row["system_cost.market"] == alone.summary["system_cost"]["market"]
    folder = two.folder / "runs" / f"run={row['run']}"
    assert pq.read_table(folder / "trades.parquet").equals(pq.read_table(tmp_path / "alone" / "trades.parquet"))
    assert not (folder / "report.html").exists()


def test_the_same_again_runs_nothing(two: Sweep) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in (two.folder / "runs").rglob("*.parquet")}
    again = swept(two.folder)
    assert {path: path.stat().st_mtime_ns for path in (two.folder / "runs").rglob("*.parquet")} == stamps
    pd.testing.assert_frame_equal(again.table, two.table)
    pd.testing.assert_frame_equal(collect(two.folder).table, two.table)


def test_a_bad_row_stops_no_other(two: Sweep) -> None:
    more = swept(two.folder, "charges.electricity.rate=0,0.05,-1")
    assert more.exit_code is ExitCode.INCOMPLETE
    assert more.table["status"].tolist() == ["complete", "complete", "bad_input"]
    assert "rate" in more.table["cause"].iloc[2]


def test_parts_make_the_table_of_the_whole(two: Sweep, tmp_path: Path) -> None:
    first = swept(tmp_path / "parts", part="1/2")
    assert first.exit_code is ExitCode.COMPLETE
    assert first.table["status"].tolist() == ["complete", "planned"]
    second = swept(tmp_path / "parts", part="2/2")
    pd.testing.assert_frame_equal(figures(second.table), figures(two.table))


def test_seeds_that_draw_nothing_are_told(tmp_path: Path) -> None:
    found = swept(tmp_path / "seeds", "seed=1..2")
    assert any("nothing here is drawn from the seed" in text for text in found.remarks)


def test_seeds_draw_what_is_uncertain(tmp_path: Path) -> None:
    drawn = (*SHORT, "uncertainty.load={scale_spread=0.05, forecast_error=0.1}")
    found = swept(tmp_path / "seeds", "seed=1..3", overrides=drawn)
    assert found.table["system_cost.market"].nunique() == 3
    assert not any("nothing here is drawn" in text for text in found.remarks)
    draws = read_runs(found.folder / "runs", "draws")
    assert draws.groupby(["prosumer", "device", "quantity"])["value"].nunique().eq(3).all()


def test_killed_and_called_again(tmp_path: Path) -> None:
    """SIGKILL of the command in the middle; the same command again completes it and runs nothing twice."""
    out = tmp_path / "killed"
    options = [value for override in SHORT for value in ("--set", override)]
    command = [sys.executable, "-m", "mosaik_p2p", "sweep", SCENARIO, "--vary", RATES, "--steps", "1", "--jobs", "1"]
    command += [*options, "--out", str(out), "--quiet"]
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 300
        while not list(out.glob("runs/run=*/run.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    done = {path.parent: path.stat().st_mtime_ns for path in out.glob("runs/*/summary.json")}
    complete = {folder for folder in done if '"complete": true' in (folder / "summary.json").read_text()}
    # As the command does, in this process: another one would only load everything once more.
    assert swept(out).exit_code is ExitCode.COMPLETE
    assert collect(out).table["status"].tolist() == ["complete"] * 2
    for folder in complete:
        assert (folder / "summary.json").stat().st_mtime_ns == done[folder]


def test_workers_of_a_dask_cluster_make_the_same_table(
    two: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    local: Any = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, host="127.0.0.1", protocol="tcp"
    )
    # One process for both runs: to start another takes longer than a run.
    with local as cluster_of_one, Worker(cluster.THREADS_EACH) as worker:
        monkeypatch.setattr(cluster, "Worker", lambda _threads: contextlib.nullcontext(worker))
        found = swept(tmp_path / "cluster", scheduler=cluster_of_one.scheduler_address)
    assert found.table["status"].tolist() == ["complete"] * 2
    shared = [column for column in figures(found.table) if column in two.table]
    pd.testing.assert_frame_equal(found.table[shared], two.table[shared])
