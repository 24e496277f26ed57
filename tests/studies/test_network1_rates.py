"""The best rate of shipped scenarios: what it earns, and that a dense scan finds none better.

What takes minutes is run by hand, with `MOSAIK_P2P_LONG=1` in the environment; of the dense scan two hours are always
run.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.loading import load
from mosaik_p2p.studies.best_rate.command import optimal_charge
from mosaik_p2p.studies.best_rate.follower import DayAheadFollower
from mosaik_p2p.studies.best_rate.keys import rate_keys
from mosaik_p2p.studies.best_rate.text import render

KEY = "charges.electricity.rate"
TOLERANCE = 1e-3
SCAN_GAP = 1e-5
"""Revenue then is off by less than a tenth of the tolerance: 86.4995 in place of 86.4988 at the best rate."""

NOON = ("time.start=2017-03-28T12:00:00+01:00", "time.steps=2")

pytestmark = [pytest.mark.once, pytest.mark.slow]
takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")


def test_network1_by_its_electric_rate(tmp_path: Path) -> None:
    found = optimal_charge("network1", KEY, goal="revenue", out=tmp_path / "x", confirm=False, progress=False)
    summary = found.summary
    assert found.exit_code is ExitCode.COMPLETE
    assert summary["found"]["revenue"] >= 86.4
    assert summary["bound"] <= float(found.rates["revenue"].max()) * (1 + TOLERANCE)
    assert summary["clearings"] <= 40
    assert summary["cliff"]["revenue"] == pytest.approx(44.95, abs=0.2)


@pytest.mark.parametrize(
    ("overrides", "count"), [(NOON, 100), pytest.param((), 2000, marks=takes_minutes)], ids=["two hours", "day"]
)
def test_a_dense_scan_finds_no_better_rate(overrides: Sequence[str], count: int, tmp_path: Path) -> None:
    found = optimal_charge(
        "network1", KEY, goal="revenue", out=tmp_path / "x", overrides=overrides, confirm=False, progress=False
    )
    summary, best_seen = found.summary, float(found.rates["revenue"].max())
    assert found.exit_code is ExitCode.COMPLETE
    case = load("network1", overrides)
    follower = DayAheadFollower(case, rate_keys(case, [KEY]))
    highest = summary["highest_rates"][KEY]
    # Over all of the range, and closer around what was found.
    rates = [*np.linspace(highest / count, highest, count), *(summary["rates"][KEY] * np.linspace(0.98, 1.02, 21))]
    earned = max(follower(np.array([rate]), gap=SCAN_GAP).revenue for rate in rates)
    assert earned <= best_seen * (1 + TOLERANCE)
    assert earned <= summary["bound"]
    assert earned >= 0.99 * best_seen


def test_network1_recovers_its_losses(tmp_path: Path) -> None:
    price = "settlement.loss_price_per_kwh=0.5"
    found = optimal_charge(
        "network1", KEY, goal="recovery", out=tmp_path / "x", overrides=[price], confirm=False, progress=False
    )
    summary = found.summary
    assert found.exit_code is ExitCode.COMPLETE
    assert summary["found"]["revenue"] >= summary["found"]["loss_cost"]
    case = load("network1")
    follower = DayAheadFollower(case, rate_keys(case, [KEY]))
    less = follower(np.array([0.99 * summary["rates"][KEY]]))
    assert less.revenue < summary["losses"]["least_cost"]


@takes_minutes
def test_two_rates_of_network1_at_once(tmp_path: Path) -> None:
    keys = [KEY, "charges.heat.rate"]
    found = optimal_charge("network1", keys, goal="revenue", out=tmp_path / "x", confirm=False, progress=False)
    assert found.summary["found"]["revenue"] >= 128.2
    assert found.exit_code is ExitCode.INCOMPLETE
    assert "nobody can say" in render(found.summary)


@takes_minutes
def test_no_rate_makes_network2_congested_feasible(tmp_path: Path) -> None:
    found = optimal_charge("network2_congested", KEY, goal="feasible", out=tmp_path / "x", progress=False)
    assert found.exit_code is ExitCode.NO_SOLUTION
    alone = found.summary["without_trade"]
    assert alone["broken_hours"] > 0.0
    assert {limit["network"] for limit in alone["limits"]} == {"electricity", "heat"}
    text = render(found.summary)
    assert "No rate is feasible" in text
    assert "Without trade too" in text
