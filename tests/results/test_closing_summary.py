"""The closing value in summary, terminal and report: shown always, and savings after it."""

from pathlib import Path
from typing import Any

import pytest

from made_results import BROKEN_OFF, CLOSING, SMALL, meta, write_made, write_tables
from mosaik_p2p.results.accounts.closing import NOT_ENDED, change_of_cost, closing_sentence
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.summary import read_summary, summarise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("closing"), SMALL)


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return read_summary(folder)


def test_costs_stand_without_it_and_changes_count_it(folder: Path, summary: dict[str, Any]) -> None:
    rows = read_table(folder, "settlement")
    mine = rows[(rows["party"] == "P1") & (rows["case"] == "in_market")]
    entry = summary["cost"]["P1"]
    assert entry["in_market"] == pytest.approx(-mine.loc[mine["item"] != "closing_value", "money"].sum())
    assert entry["closing_value"] == CLOSING
    assert change_of_cost(entry) == pytest.approx(entry["in_market"] - entry["alone"] + 1.0)
    assert summary["closing_value"] == {**CLOSING, "hours": 5.0, "cause": None}


def test_the_terminal_shows_what_is_left_and_the_change_after_it(summary: dict[str, Any]) -> None:
    text = render(summary)
    (line,) = (line for line in text.splitlines() if line.startswith("  P1 "))
    assert line.split()[3:5] == ["+1.00", f"{change_of_cost(summary['cost']['P1']):+.2f}"]
    (whole,) = (line for line in text.splitlines() if line.startswith("  All prosumers"))
    assert whole.split()[4] == "+1.00"
    told = " ".join(text.split())
    assert "the 5 h after the run cost without trade" in told
    assert "without trade -1.50, in the market -0.50 CNY; changes count it" in told


def test_who_seems_to_gain_by_an_emptied_battery_is_worse_off(tmp_path: Path) -> None:
    """P1 pays 0.40 less than without trade, and 1.00 more afterwards."""

    def cheaper(tables: dict[str, list[dict[str, Any]]], k: int) -> None:
        for row in tables["settlement"]:
            if row["item"] != "closing_value":
                row["money"] = 0.0
        if k == 0:
            shared = {"time": tables["trades"][0]["time"], "case": "alone", "item": "import", "energy_kwh": 1.0}
            tables["settlement"] += [
                {**shared, "carrier": "electricity", "party": "P1", "counterparty": "utility", "money": -0.4},
                {**shared, "carrier": "electricity", "party": "utility", "counterparty": "P1", "money": 0.4},
            ]

    found = summarise(write_tables(tmp_path, SMALL, cheaper), meta(SMALL))
    assert found["cost"]["P1"]["in_market"] < found["cost"]["P1"]["alone"]
    assert found["worse_off"] == ["P1"]


def test_the_report_shows_it_too(folder: Path, summary: dict[str, Any]) -> None:
    page = build_report(folder).read_text(encoding="utf-8")
    assert closing_sentence(summary) in page
    assert '<th class="num">closing value, without trade</th><th class="num">closing value, in the market</th>' in page
    assert '<td class="num">-1.50</td><td class="num">-0.50</td>' in page


def test_a_run_that_broke_off_has_none(tmp_path: Path) -> None:
    folder = write_made(tmp_path, BROKEN_OFF)
    found = summarise(folder, meta(BROKEN_OFF))
    assert found["closing_value"] == {"alone": None, "in_market": None, "hours": 0.0, "cause": NOT_ENDED}
    assert change_of_cost(found["cost"]["P1"]) == found["cost"]["P1"]["in_market"] - found["cost"]["P1"]["alone"]
    assert f"Closing value not known: {NOT_ENDED}" in render(found)
