"""The command `compare`: a run per row, told as the run tells it, and what all of them come to side by side."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from browser import dump_dom, find_browser
from mosaik_p2p.cli import app
from mosaik_p2p.cosim import ExitCode, Order, RunOutcome
from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.results.claiming import claim_faults, claimed_folder
from mosaik_p2p.results.store.mark import COMPARISON
from mosaik_p2p.studies.compare.columns import COLUMNS
from mosaik_p2p.studies.compare.command import Comparison, compare
from mosaik_p2p.studies.compare.shown.text import render
from mosaik_p2p.studies.engine import running

pytestmark = [pytest.mark.slow, pytest.mark.once]

SCENARIO = "network1_electric"
STEPS, HORIZON = 2, 6
TIGHT = "networks.electricity.limits.voltage_pu={ min = 0.9614, max = 1.05 }"
"""Above what the lowest voltage is without trade: who gives is paid for it."""
SAVINGS = ("savings", "savings_returned")
NOON = ("time.start=2017-03-28T10:00:00+01:00", f"time.horizon_steps={HORIZON}")


def compared(out: Path, designs: str = "p2p,none", *overrides: str, **others: Any) -> Comparison:
    stated = {"jobs": 1, "progress": False, "steps": STEPS, **others}
    return compare(SCENARIO, designs, out=out, overrides=[*NOON, *overrides], **stated)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two designs under the scenario's own charges."""
    return compared(tmp_path_factory.mktemp("compare") / "out")


def row_of(comparison: Comparison, label: str) -> dict[str, Any]:
    (row,) = comparison.table[comparison.table["label"] == label].to_dict("records")
    return row


def tables(folder: Path) -> dict[str, Any]:
    return {path.name: pq.read_table(path) for path in folder.glob("*.parquet")}


def test_every_design_has_a_row(both: Comparison) -> None:
    assert both.exit_code is ExitCode.COMPLETE
    assert both.table["label"].tolist() == both.table["design"].tolist() == ["p2p", "none"]
    assert tuple(both.table.columns) == COLUMNS
    assert both.table["complete"].all()
    assert both.table["charges_electricity"].tolist() == ["electrical_distance 0.01"] * 2
    assert both.table["charges_heat"].isna().all()
    stored = pd.read_parquet(both.folder / "compare.parquet")
    pd.testing.assert_frame_equal(stored, both.table)
    told = json.loads((both.folder / "compare.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(both.summary))


def test_a_row_is_the_run_that_its_command_makes(both: Comparison, tmp_path: Path) -> None:
    words = shlex.split(row_of(both, "p2p")["command"])
    words[words.index("--out") + 1] = str(tmp_path / "alone")
    done = CliRunner().invoke(app, [*words[1:], "--quiet"])
    assert done.exit_code == 0, done.output
    row, alone = tables(both.folder / "p2p"), tables(tmp_path / "alone")
    assert row.keys() == alone.keys() > {"trades.parquet"}
    assert all(row[name].equals(alone[name]) for name in row)


def test_a_row_says_what_the_run_says(both: Comparison) -> None:
    told = json.loads((both.folder / "p2p" / "summary.json").read_text(encoding="utf-8"))
    row = row_of(both, "p2p")
    assert row["system_cost"] == told["system_cost"]["market"]
    assert row["cost_of_members"] == told["cost_total"]["in_market"]
    assert row["charges"] == told["operator"]["charges"] > 0.0
    assert row["traded_kwh_electricity"] == told["traded_kwh"]["electricity"] > 0.0
    assert row["hours_feasible"] == told["verdict_counts"]["feasible"]
    assert row["self_consumption_electricity"] == told["district"]["market"]["electricity"]["self_consumption"]
    clearing = pd.read_parquet(both.folder / "p2p" / "clearing.parquet")
    assert row["iterations"] == row["exchanges"] == clearing["iterations"].sum()
    assert row["sent_bytes"] == clearing["sent_bytes"].sum()
    # Five prosumers, bilateral: each tells four others a number of 8 bytes for every interval of the look-ahead.
    assert row["sent_bytes_per_prosumer_and_interval"] == pytest.approx(row["exchanges"] * 4 * 8 * HORIZON / STEPS)


def test_gains_are_against_a_day_without_trade(both: Comparison) -> None:
    """The scenario does not negotiate: everybody's life alone, which the run settles beside the market."""
    told = json.loads((both.folder / "p2p" / "summary.json").read_text(encoding="utf-8"))
    row, nobody = row_of(both, "p2p"), row_of(both, "none")
    assert row["baseline"] == "alone"
    assert row["welfare_gain"] == pytest.approx(told["system_cost"]["alone"] - told["system_cost"]["market"])
    assert row["welfare_gain_after_closing_value"] == pytest.approx(told["welfare_gain_after_closing_value"])
    # The same life twice, which its clearing knows to a thousandth of what the look-ahead costs.
    assert nobody["welfare_gain_after_closing_value"] == pytest.approx(0.0, abs=0.2)
    assert (nobody["exchanges"], nobody["sent_bytes"]) == (0, 0)
    assert row["worse_off"] == len(told["worse_off"])
    assert pd.isna(row["jain"]) == bool(told["worse_off"])
    savings = next(entry for entry in both.summary["rows"] if entry["label"] == "p2p")["savings"]
    for name, entry in told["cost"].items():
        closing = entry["closing_value"]
        change = entry["in_market"] - entry["alone"] + closing["in_market"] - closing["alone"]
        assert savings[name] == pytest.approx(-change)


def test_the_parts_of_what_prosumers_pay_add_up(both: Comparison) -> None:
    for row in both.summary["rows"]:
        assert sum(row["money"].values()) == pytest.approx(row["cost_of_members"])


def test_the_page_asks_for_nothing_and_draws_everything(both: Comparison, tmp_path: Path) -> None:
    page = (both.folder / "compare.html").read_text(encoding="utf-8")
    own = re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)
    assert "default-src 'none'" in own
    # What scrolls on a narrow screen can be reached by the keyboard.
    assert own.count('<div class="scroll" tabindex="0" role="region" aria-label="') == own.count('class="scroll"') > 0
    assert "http" not in own.replace("http-equiv", "")
    assert re.findall(r'(?:src|href)\s*=\s*["\']', own) == []
    titles = set(re.findall(r'"title": \{(?:"standoff": \d+, )?"text": "([^"]+)"', own))
    without_unit = {title for title in titles if "(" not in title}
    assert without_unit <= {"prosumer", "design", "design, and all together", "CNY/kWh"}
    plots = re.findall(r'<div class="plot" id="([^"]+)"', own)
    assert {"fig-money", "fig-limits", "fig-savings", "fig-exchanges", "fig-prices-electricity-none"} <= set(plots)
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium on the PATH")
    # Figures wait until they come into view; printing draws them all.
    printing = '<script>addEventListener("load", () => dispatchEvent(new Event("beforeprint")))</script>'
    whole = tmp_path / "whole.html"
    whole.write_text(page.replace("</body>", f"{printing}</body>"), encoding="utf-8")
    drawn = dump_dom(browser, whole, tmp_path / "profile")
    assert drawn.count('class="main-svg"') >= 2 * len(plots)


def test_text_names_the_cheapest_that_keeps_the_limits(both: Comparison) -> None:
    text = render(both.summary)
    costs = both.table["system_cost"] + both.table["closing_value"]
    assert f"{both.table['label'][costs.idxmin()]} at the least system cost: {costs.min():,.2f}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_within_limits_the_row_of_nobody_is_what_others_are_compared_with(tmp_path: Path) -> None:
    """The baseline that a negotiating run makes beside itself is the same."""
    held = compared(tmp_path / "out", "p2p,none", "negotiation.enabled=true", TIGHT)
    row, nobody = row_of(held, "p2p"), row_of(held, "none")
    assert row["baseline"] == nobody["baseline"] == "alone_within_limits"
    assert held.summary["baseline"]["source"] == "row none"
    assert abs(nobody["surcharges"]) > 1.0
    assert nobody["welfare_gain"] == 0.0
    assert row["welfare_gain"] == pytest.approx(nobody["system_cost"] - row["system_cost"])
    # As the run itself has it from a run of the same kind that it makes beside itself.
    told = json.loads((held.folder / "p2p" / "summary.json").read_text(encoding="utf-8"))
    assert told["welfare_gain_against"] == "alone_within_limits"
    assert row["welfare_gain"] == pytest.approx(told["welfare_gain"], abs=0.01)
    for name, cost in held.summary["baseline"]["cost"].items():
        assert cost == pytest.approx(told["cost"][name]["alone_within_limits"], abs=0.01)
    paid, back = (next(r for r in held.summary["rows"] if r["label"] == "p2p")[key] for key in SAVINGS)
    surplus = told["operator"]["surcharges"]
    assert sum(back.values()) - sum(paid.values()) == pytest.approx(surplus)


def test_one_row_that_fails_stops_no_other(both: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(order: Order) -> Any:
        if Path(str(order.out)).name == "p2p":
            raise RunFailed("nothing was computed: the tests say so")
        shutil.copytree(both.folder / "none", str(order.out))
        return RunOutcome(Path(str(order.out)), {}, ExitCode.COMPLETE), None

    monkeypatch.setattr(running, "conduct", failing)
    outcome = compared(tmp_path / "out")
    assert outcome.exit_code is ExitCode.INCOMPLETE
    failed, other = row_of(outcome, "p2p"), row_of(outcome, "none")
    assert not failed["complete"]
    assert "the tests say so" in failed["cause"]
    assert failed["hours_unknown"] == STEPS
    assert pd.isna(failed["system_cost"])
    pd.testing.assert_series_equal(pd.Series(other), pd.Series(row_of(both, "none")))
    assert "Not complete: p2p: nothing was computed" in render(outcome.summary)
    assert "p2p is not complete" in (outcome.folder / "compare.html").read_text(encoding="utf-8")


def test_a_row_that_broke_off_shows_no_sums(both: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(order: Order) -> Any:
        shutil.copytree(both.folder / "p2p", str(order.out))
        summary = json.loads((both.folder / "p2p" / "summary.json").read_text(encoding="utf-8"))
        told = {**summary, "complete": False, "cause": "the tests say so"}
        (Path(str(order.out)) / "summary.json").write_text(json.dumps(told), encoding="utf-8")
        return RunOutcome(Path(str(order.out)), told, ExitCode.INCOMPLETE), None

    monkeypatch.setattr(running, "conduct", broken_off)
    outcome = compared(tmp_path / "out", "p2p")
    row = row_of(outcome, "p2p")
    assert outcome.exit_code is ExitCode.INCOMPLETE
    assert row["cause"] == "the tests say so"
    assert row["hours_feasible"] == STEPS
    summed = [*COLUMNS[COLUMNS.index("traded_kwh_electricity") : COLUMNS.index("iterations")]]
    assert all(pd.isna(row[name]) for name in summed)
    assert outcome.summary["best"] is None


def test_no_folder_but_that_of_a_comparison_is_written_into(both: Comparison, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    notes = tmp_path / "mine" / "notes.txt"
    notes.write_text("mine")
    for folder in (both.folder / "p2p", tmp_path / "mine", notes):
        with pytest.raises(BadInput), claimed_folder(folder, overwrite=True, what=COMPARISON):
            pass
        assert claim_faults(folder, overwrite=True, what=COMPARISON)
    with pytest.raises(BadInput, match="holds a comparison, and no run"), claimed_folder(both.folder, overwrite=True):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    (fault,) = claim_faults(both.folder, overwrite=False, what=COMPARISON)
    assert "an earlier comparison" in fault.problem
    assert claim_faults(both.folder, overwrite=True, what=COMPARISON) == ()


def test_a_row_folder_of_somebody_elses_is_refused_before_anything_runs(both: Comparison, tmp_path: Path) -> None:
    shutil.copytree(both.folder, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "none")
    (tmp_path / "out" / "none").mkdir()
    (tmp_path / "out" / "none" / "notes.txt").write_text("mine")
    before = tables(tmp_path / "out" / "p2p")
    with pytest.raises(BadInput, match="its files are not those of an earlier run"):
        compared(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "compare.parquet").exists()
    assert tables(tmp_path / "out" / "p2p").keys() == before.keys()


def test_as_a_command_it_replaces_an_earlier_comparison(both: Comparison, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(both.folder, out)
    told = ["--designs", "none", "--steps", "1", "--jobs", "1", "--out", str(out), "--set", NOON[0], "--overwrite"]
    done = CliRunner().invoke(app, ["compare", SCENARIO, *told])
    assert done.exit_code == 0, done.output
    assert "compare.html" in done.output
    assert pd.read_parquet(out / "compare.parquet")["label"].tolist() == ["none"]


def test_rows_in_processes_are_those_in_this_one(both: Comparison, tmp_path: Path) -> None:
    apart = compared(tmp_path / "out", "p2p,none", jobs=2)
    assert apart.exit_code is ExitCode.COMPLETE
    for label, here in (("p2p", "p2p"), ("none", "none")):
        row, other = tables(apart.folder / label), tables(both.folder / here)
        assert all(row[name].equals(other[name]) for name in other)
