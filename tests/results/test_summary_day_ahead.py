"""Day-ahead clearings and reputation in summary, terminal and report, from tables made by hand."""

from pathlib import Path
from typing import Any

import pytest

from made_results import SMALL, Row, meta, write_made, write_tables
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.report.terminal import WIDTH, render
from mosaik_p2p.results.summary import summarise, write_summary

BLOCK = 4
BENEFIT = 0.002
"""Per traded kWh, in every trade."""
CLIPPED = 3
"""Pairs, in the second clearing."""


def _day_ahead(tables: dict[str, list[Row]], k: int) -> None:
    for row in tables["clearing"]:
        row |= {
            "since_clearing": k % BLOCK,
            "iterations": 30 + 10 * (k // BLOCK),
            "clipped_pairs": CLIPPED * (k // BLOCK),
        }
    for row in tables["trades"]:
        row["benefit_per_kwh"] = BENEFIT


def summary_of(folder: Path, *, reputation: float) -> dict[str, Any]:
    """The summary of a day-ahead run of six intervals in blocks of four."""
    write_made(folder / "plain", SMALL)
    scenario = (folder / "plain" / "scenario.toml").read_text(encoding="utf-8")
    scenario = scenario.replace("[time]", '[time]\nclearing = "day_ahead"')
    scenario = scenario.replace("[market]", f"[market]\nreputation = {{ benefit_per_kwh = {reputation} }}")
    ahead = folder / "ahead"
    ahead.mkdir()
    (ahead / "scenario.toml").write_text(scenario, encoding="utf-8")
    write_tables(ahead, SMALL, _day_ahead)
    summary = summarise(ahead, meta(SMALL))
    write_summary(ahead, {**summary, "cause": None})
    return summary


def test_a_clearing_counts_once_however_many_intervals_follow_it(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, reputation=0.0)
    assert summary["complete"]
    assert summary["steps_computed"] == 6
    assert summary["clearing"] == "day_ahead"
    assert summary["clearings"] == 2
    assert summary["iterations"] == {"mean": 35.0, "max": 40.0}
    assert summary["reputation"] is None
    text = render(summary)
    assert "Clearing day-ahead (2 in all): 35 iterations on average, 40 at most" in text
    assert "Reputation" not in text


def test_reputation_is_told_in_money_that_nobody_pays(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, reputation=0.001)
    traded = sum(summary["traded_kwh"].values())
    assert traded > 0
    assert summary["reputation"] == {
        "benefit": pytest.approx(BENEFIT * traded),
        "clipped_clearings": 1,
        "clipped_pairs": CLIPPED,
    }
    text = render(summary)
    assert "paid by nobody" in text
    assert f"in 1 of 2 clearings, for {CLIPPED} pairs at most" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    page = build_report(tmp_path / "ahead").read_text(encoding="utf-8")
    assert "Reputation is worth" in page


def test_a_rolling_run_says_nothing_of_either(tmp_path: Path) -> None:
    write_made(tmp_path / "made", SMALL)
    summary = summarise(tmp_path / "made", meta(SMALL))
    assert summary["clearing"] == "rolling"
    assert summary["clearings"] == summary["steps_computed"] == 6
    assert "day-ahead" not in render(summary)
