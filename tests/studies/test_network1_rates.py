"""The best rate of shipped scenarios over their whole day: what it earns, and that a dense scan finds none better."""

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
SCANNED = 2000
SCAN_GAP = 1e-5
"""Revenue then is off by less than a tenth of the tolerance: 86.4995 in place of 86.4988 at the best rate."""

pytestmark = [pytest.mark.once, pytest.mark.slow]


def test_network1_by_its_electric_rate_beside_a_dense_scan(tmp_path: Path) -> None:
    found = optimal_charge("network1", KEY, goal="revenue", out=tmp_path / "x", confirm=False, progress=False)
    summary = found.summary
    assert found.exit_code is ExitCode.COMPLETE
    assert summary["found"]["revenue"] >= 86.4
    best_seen = float(found.rates["revenue"].max())
    assert summary["bound"] <= best_seen * (1 + TOLERANCE)
    assert summary["clearings"] <= 40
    assert summary["cliff"]["revenue"] == pytest.approx(44.95, abs=0.2)
    case = load("network1")
    follower = DayAheadFollower(case, rate_keys(case, [KEY]))
    highest = summary["highest_rates"][KEY]
    rates = np.linspace(highest / SCANNED, highest, SCANNED).tolist()
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


def test_two_rates_of_network1_at_once(tmp_path: Path) -> None:
    keys = [KEY, "charges.heat.rate"]
    found = optimal_charge("network1", keys, goal="revenue", out=tmp_path / "x", confirm=False, progress=False)
    assert found.summary["found"]["revenue"] >= 128.2
    assert found.exit_code is ExitCode.INCOMPLETE
    assert "nobody can say" in render(found.summary)


def test_no_rate_makes_network2_congested_feasible(tmp_path: Path) -> None:
    found = optimal_charge("network2_congested", KEY, goal="feasible", out=tmp_path / "x", progress=False)
    assert found.exit_code is ExitCode.NO_SOLUTION
    alone = found.summary["without_trade"]
    assert alone["broken_hours"] > 0.0
    assert {limit["network"] for limit in alone["limits"]} == {"electricity", "heat"}
    text = render(found.summary)
    assert "No rate is feasible" in text
    assert "Without trade too" in text
