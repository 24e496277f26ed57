"""Runs of the same scenario without charges, beside the run itself."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mosaik_p2p import api
from mosaik_p2p.cosim import ExitCode, Order, RunOutcome, conduct, run
from mosaik_p2p.results.accounts.comparison import LABELS, comparison_rows
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.claiming import claimed_folder
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, WITHOUT_CHARGES, WITHOUT_NEGOTIATION
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, REPORT_FILE
from mosaik_p2p.results.store.lock import LOCK_FILE
from mosaik_p2p.results.store.mark import MARK_FILE
from mosaik_p2p.results.store.parts import read_table

pytestmark = pytest.mark.once

NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=6")
TIGHT = ("networks.electricity.limits.voltage_pu.min=0.999", "charges.electricity.rate=0.05")
"""A limit that is violated in every case, and charges that prevent some trades."""
SHORT = ("time.horizon_steps=2", "settlement.through_networks=[]")
"""What these tests do not look at is not computed."""
SUNNY = (
    "scale.pv=6",
    "templates.member.pv.power_factor=0.95",
    "networks.electricity.limits.voltage_pu.max=1.001",
    "negotiation.enabled=true",
)
"""A limit that is violated at noon, and kept at a price."""
ROUNDING = 1e-9
"""Money of a few intervals, in the scenario's currency."""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    folder = tmp_path_factory.mktemp("compared") / "run"
    return run("network1", out=folder, steps=2, overrides=(*NOON, *TIGHT, *SHORT), counterfactuals=True, progress=False)


def test_the_run_itself_stays_the_result(compared: RunOutcome) -> None:
    assert compared.exit_code is ExitCode.COMPLETE
    out, overrides = compared.folder.parent / "alone", (*NOON, *TIGHT, *SHORT)
    alone = run("network1", out=out, steps=2, overrides=overrides, progress=False, report=False)
    trades = (read_table(folder, "trades") for folder in (compared.folder, alone.folder))
    pd.testing.assert_frame_equal(*trades, check_exact=True)


def test_without_charges_nobody_pays_one(compared: RunOutcome) -> None:
    settlement = read_table(compared.folder, "settlement")
    free = settlement[settlement["case"] == WITHOUT_CHARGES]
    assert {"trade", "import"} <= set(free["item"])
    assert "charge" not in set(free["item"])
    assert "charge" in set(settlement.loc[settlement["case"] == "in_market", "item"])
    assert free.groupby("time")["money"].sum().abs().max() < ROUNDING


def test_each_prosumers_cost_without_charges_is_that_of_its_run(compared: RunOutcome) -> None:
    inner = json.loads((counterfactual_folder(compared.folder, WITHOUT_CHARGES) / "summary.json").read_text())
    for name, entry in compared.summary["cost"].items():
        assert entry[WITHOUT_CHARGES] == pytest.approx(inner["cost"][name]["in_market"], abs=ROUNDING)
    total = sum(entry[WITHOUT_CHARGES] for entry in compared.summary["cost"].values())
    assert compared.summary["cost_total"][WITHOUT_CHARGES] == pytest.approx(total)


def test_violations_stand_side_by_side(compared: RunOutcome) -> None:
    violations = compared.summary["violations"]
    inner = read_table(counterfactual_folder(compared.folder, WITHOUT_CHARGES), "violations")
    assert violations["without_charges"]["hours"] == inner["time"].nunique() == 2
    own = read_table(compared.folder, "violations").groupby("network")["time"].nunique()
    assert violations["with_charges"]["hours_by_network"] == {
        name: own.get(name, 0) for name in ("electricity", "heat")
    }
    assert violations["negotiated"] is None
    worst = violations["without_charges"]["worst"]["voltage_pu"]["excess"]
    assert worst == pytest.approx(inner["excess"].max())
    text = render(compared.summary)
    assert "without charges" in text
    assert "with charges" in text


def test_what_the_operator_takes_stands_beside_what_the_prosumers_pay(compared: RunOutcome) -> None:
    rows = {row.label: row for row in comparison_rows(compared.summary)}
    settlement = read_table(compared.folder, "settlement")
    to_operator = settlement[(settlement["party"] == "operator") & settlement["item"].isin(["charge", "surcharge"])]
    assert rows["without charges"].operator == 0.0
    own = to_operator.loc[to_operator["case"] == "in_market", "money"].sum()
    assert own > 0.0
    assert rows["with charges"].operator == pytest.approx(own, abs=ROUNDING)
    lines = render(compared.summary).splitlines()
    header = next(line for line in lines if line.startswith("Hours with violated limits"))
    assert header.split()[-5:] == ["(CNY):", "system", "prosumers", "operator", "takes"]
    assert next(line for line in lines if line.startswith("  with charges")).endswith(plain(own))
    assert "operator takes (CNY)" in (compared.folder / REPORT_FILE).read_text(encoding="utf-8")


def test_the_report_shows_them_from_the_folder_alone(compared: RunOutcome) -> None:
    before = (compared.folder / REPORT_FILE).read_bytes()
    assert b'<table id="comparison">' in before
    api.report(compared.folder)
    assert (compared.folder / REPORT_FILE).read_bytes() == before


@pytest.mark.slow
def test_a_negotiated_run_is_compared_with_one_that_only_looks(tmp_path: Path) -> None:
    overrides = ("time.start=2017-03-28T10:00:00+01:00", "time.horizon_steps=6", *SUNNY)
    asked = {"steps": 2, "overrides": overrides, "counterfactuals": True}
    outcome = run("network1", out=tmp_path / "run", **asked, progress=False, report=False)
    assert not list(tmp_path.rglob(REPORT_FILE)), "nobody asked for one"
    alone, free, posted, negotiated = comparison_rows(outcome.summary)
    assert [row.label for row in (alone, free, posted, negotiated)] == ["no trade", *LABELS.values()]
    broken = sum(posted.hours.values())
    assert broken >= 1.0
    assert sum(negotiated.hours.values()) == 0.0
    inner = json.loads((counterfactual_folder(outcome.folder, WITHOUT_NEGOTIATION) / "summary.json").read_text())
    assert (posted.cost, posted.operator) == (inner["cost_total"]["in_market"], inner["operator"]["revenue"])
    assert inner["operator"]["surcharges"] == free.operator == 0.0
    assert negotiated.operator == outcome.summary["operator"]["revenue"]
    assert outcome.summary["operator"]["surcharges"] != 0.0
    assert f"from {broken:g} without negotiation to 0" in " ".join(render(outcome.summary).split())


def test_an_interrupt_beside_the_run_ends_all_and_is_told(tmp_path: Path) -> None:
    order = Order(
        scenario="network1_electric",
        out=tmp_path / "cut",
        steps=1,
        overrides=(*NOON, *TIGHT, "time.horizon_steps=2", "negotiation.enabled=true", "negotiation.max_rounds=1"),
        counterfactuals=True,
        progress=False,
        simulators={"electric_grid": {"python": "dying_grid:DiesWithoutCharges"}},
    )
    outcome, demand = conduct(order)
    assert isinstance(demand, KeyboardInterrupt)
    assert outcome.exit_code is ExitCode.INCOMPLETE
    assert outcome.summary["complete"]
    assert {case: told["complete"] for case, told in outcome.summary["counterfactuals"].items()} == {
        ALONE_WITHIN_LIMITS: True,
        WITHOUT_CHARGES: False,
    }
    told = "The run without charges broke off and is not compared: interrupted by the user"
    assert told in render(outcome.summary)
    assert told in (outcome.folder / REPORT_FILE).read_text(encoding="utf-8")


def test_overwriting_removes_them_and_leaves_other_files(compared: RunOutcome, tmp_path: Path) -> None:
    folder = shutil.copytree(compared.folder, tmp_path / "copy")
    own = folder / COUNTERFACTUALS_FOLDER / "notes" / "mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    with claimed_folder(folder, overwrite=True):
        pass
    assert {path.name for path in folder.iterdir()} == {COUNTERFACTUALS_FOLDER, LOCK_FILE, MARK_FILE}
    assert [path.name for path in (folder / COUNTERFACTUALS_FOLDER).iterdir()] == ["notes"]
    assert own.read_text() == "mine"
