"""Hosting capacity: what a run says about its point, and the command over runs whose outcome follows from their key.

One search with real runs is made by hand, with `MOSAIK_P2P_LONG=1` in the environment.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandapower
import pandas as pd
import pytest
from pandapower import pandapowerNet
from typer.testing import CliRunner

from feeder_scenarios import Scenarios, feeder
from feeder_scenarios import scenario as scenario
from mosaik_p2p.cli import app
from mosaik_p2p.cosim import ExitCode, run
from mosaik_p2p.errors import BadInput, Terminated
from mosaik_p2p.studies.engine.running import AllRan
from mosaik_p2p.studies.engine.worker import Ran
from mosaik_p2p.studies.hosting import searching
from mosaik_p2p.studies.hosting.command import HostingCapacity, hosting_capacity
from mosaik_p2p.studies.hosting.points import Judged, judged
from mosaik_p2p.studies.hosting.search import Held
from mosaik_p2p.studies.hosting.text import render
from mosaik_p2p.studies.sweep.files import read_plan
from mosaik_p2p.studies.sweep.plan import Row
from mosaik_p2p.studies.sweep.table import RunStatus, Stored

pytestmark = [pytest.mark.slow, pytest.mark.once]
takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")
SCENARIO, KEY, PART_KEY = "network1_electric", "scale.pv", "scale.part.pv"
THRESHOLDS = {"none": 2.0, "p2p": 3.3, "negotiated": 11.0}
VOLTAGE = {
    "network": "electricity",
    "element": "13",
    "where": "bus 13",
    "time": "2017-03-28T13:00:00+02:00",
    "limit": 1.05,
    "unit": "p.u.",
    "is_extreme": True,
}


def summary(*, verdict: str, curtailed: float = 0.0, alone: float = 0.0) -> dict[str, Any]:
    """What of a run's summary is looked at."""
    excess = 0.01 if verdict == "infeasible" else -0.01
    return {
        "verdict": verdict,
        "verdict_counts": {"feasible": 1, "infeasible": 0, "unknown": 2},
        "dt_h": 0.5,
        "worst": {"voltage_max": {**VOLTAGE, "value": 1.05 + excess, "excess": excess}, "line_loading": None},
        "unserved_worst": {},
        "district": {
            case: {"electricity": {"available_kwh": 10.0, "curtailed_kwh": kwh}}
            for case, kwh in (("market", curtailed), ("alone", alone))
        },
    }


def devices(folder: Path, *, missed_kwh: float = 0.0) -> Path:
    """The tables of devices: a vehicle that took 8 kWh, and lacks something in the market."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kwh in (("devices", missed_kwh), ("alone_devices", 0.0)):
        rows = pd.DataFrame({"family": ["vehicle", "storage"], "el_kw": [-16.0, -5.0], "missed_kwh": [kwh, 3.0]})
        rows.to_parquet(folder / f"{name}.parquet")
    return folder


def verdict_of(folder: Path, given_up: float = 0.03, **said: Any) -> Judged:
    return judged(Stored(RunStatus.COMPLETE, None, summary(**said)), folder, most_given_up=given_up)


def test_a_point_breaks_by_a_limit_or_by_what_is_given_up(tmp_path: Path) -> None:
    folder = devices(tmp_path)
    assert verdict_of(folder, verdict="feasible") == Judged(Held.HOLDS, given_up=0.0)
    broken = verdict_of(folder, verdict="infeasible")
    assert broken.held is Held.BREAKS
    assert [(limit.name, limit.where, limit.limit) for limit in broken.limits] == [("Highest voltage", "bus 13", 1.05)]
    assert verdict_of(folder, verdict="feasible", curtailed=0.4).held is Held.BREAKS
    anyway = verdict_of(folder, verdict="feasible", curtailed=0.4, alone=0.2)
    assert (anyway.held, anyway.given_up) == (Held.BREAKS, pytest.approx(0.04))
    assert [limit.name for limit in anyway.limits] == ["Share given up (2.0 % without trade)"]
    assert verdict_of(folder, 0.05, verdict="feasible", curtailed=0.4).held is Held.HOLDS
    unsolved = verdict_of(folder, verdict="unknown")
    assert (unsolved.held, unsolved.cause) == (Held.NO_SOLUTION, "no solution in 1 h")


def test_charging_that_is_missed_is_given_up(tmp_path: Path) -> None:
    found = verdict_of(devices(tmp_path, missed_kwh=2.0), verdict="feasible")
    assert found.given_up == pytest.approx(2.0 / (2.0 + 8.0))
    assert found.held is Held.BREAKS


def test_a_run_that_is_not_complete_is_no_verdict(tmp_path: Path) -> None:
    found = judged(Stored(RunStatus.INCOMPLETE, "the disk is full", {}), tmp_path, most_given_up=1.0)
    assert found == Judged(Held.FAILED, cause="the disk is full")


class Runs:
    """In the place of runs: feasible up to the threshold of their market."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        self.thresholds, self.made, self.failing = thresholds, dict[str, Stored](), frozenset[float]()
        self.shares: dict[frozenset[str], float] = {}
        self.stops_after: int | None = None
        self.asked: list[Row] = []

    def run(self, _folder: Path, _source: Path, rows: Sequence[Row], **_: Any) -> AllRan:
        ran: dict[str, Ran] = {}
        for row in (row for row in rows if row.run not in self.made):
            if self.stops_after is not None and len(self.made) >= self.stops_after:
                return AllRan({**ran, row.run: Ran(exit_code=ExitCode.INCOMPLETE)}, Terminated())
            self.asked.append(row)
            devices(_folder / row.folder)
            ran[row.run] = Ran(exit_code=ExitCode.COMPLETE)
            self.made[row.run] = self._outcome(row)
        return AllRan(ran)

    def _outcome(self, row: Row) -> Stored:
        design = "negotiated" if row.varied["negotiation.enabled"] == "true" else row.varied["market.design"]
        value = float(row.varied.get(KEY) or row.varied[PART_KEY])
        if value in self.failing:
            return Stored(RunStatus.INCOMPLETE, "the market was not cleared", {})
        whose = frozenset(json.loads(row.varied.get("scale.part.prosumers", "[]")))
        holds = value <= self.thresholds[design] * self.shares.get(whose, 1.0)
        return Stored(RunStatus.COMPLETE, None, summary(verdict="feasible" if holds else "infeasible"))

    def stored(self, folder: Path) -> Stored:
        return self.made.get(folder.name.removeprefix("run="), Stored(RunStatus.PLANNED, None, {}))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(THRESHOLDS)
    monkeypatch.setattr(searching, "run_missing", made.run)
    monkeypatch.setattr(searching, "stored", made.stored)
    return made


def found_in(out: Path, **others: Any) -> HostingCapacity:
    return hosting_capacity(SCENARIO, "pv", **{"out": out, "within": 0.5, "progress": False, "steps": 1, **others})


def test_three_answers_each_between_two_runs(runs: Runs, tmp_path: Path) -> None:
    found = found_in(tmp_path / "out")
    none, p2p, negotiated = found.summary["answers"]
    assert (none["holds"]["value"], none["does_not_hold"]["value"]) == (1.875, 2.1875)
    assert (p2p["holds"]["value"], p2p["does_not_hold"]["value"]) == (3.125, 3.4375)
    assert (negotiated["found"], negotiated["holds"]["value"]) == ("holds_throughout", 10.0)
    assert [answer["is_verified"] for answer in found.summary["answers"]] == [True, True, False]
    assert found.exit_code is ExitCode.NO_SOLUTION
    assert found.summary["rated_kw"] * 1.875 == pytest.approx(none["holds"]["amount_kw"])
    table = pd.read_parquet(found.folder / "points.parquet")
    assert len(table) == len(runs.asked) == found.summary["points"]
    at = table[(table["market"] == "p2p") & (table["value"] == 3.4375)].iloc[0]
    assert (at["held"], at["limit"], at["where"]) == ("breaks", "Highest voltage", "bus 13")
    assert json.loads((found.folder / "hosting.json").read_text()) == found.summary
    told = " ".join(render(found.summary).split())
    assert "First breaks: highest voltage 1.0600 p.u. (limit 1.05) at bus 13, Tue 28 Mar 13:00." in told
    assert "at least" in told
    page = (found.folder / "index.html").read_text(encoding="utf-8")
    assert "highest voltage 1.0600 p.u." in page
    assert not re.search(r"(src|href)=", page.split("<script>")[0])


def test_the_answer_of_all_three_is_complete(runs: Runs, tmp_path: Path) -> None:
    runs.thresholds = dict.fromkeys(THRESHOLDS, 4.0)
    assert found_in(tmp_path / "out", within=2.5).exit_code is ExitCode.COMPLETE


def test_the_same_call_goes_on_and_runs_nothing_twice(runs: Runs, tmp_path: Path) -> None:
    runs.stops_after = 17
    with pytest.raises(Terminated):
        found_in(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "hosting.json").read_text())
    assert [answer["found"] for answer in told["answers"]].count("not_ended") == 2
    assert told["points"] == len(runs.asked) == 17
    runs.stops_after = None
    found_in(tmp_path / "out")
    asked = [row.run for row in runs.asked]
    assert len(set(asked)) == len(asked)
    finer = found_in(tmp_path / "out", within=0.1)
    assert len({row.run for row in runs.asked}) == len(runs.asked) == finer.summary["points"]
    rows, _ = read_plan(tmp_path / "out")
    assert {row.run for row in rows} == {row.run for row in runs.asked}


def test_a_run_that_failed_beside_the_answer_is_told(runs: Runs, tmp_path: Path) -> None:
    runs.failing = frozenset({2.1875})
    found = found_in(tmp_path / "out")
    none = found.summary["answers"][0]
    assert (none["found"], none["does_not_hold"]["cause"]) == ("not_known_above", "the market was not cleared")
    assert found.exit_code is ExitCode.INCOMPLETE
    assert "the market was not cleared" in render(found.summary)


@pytest.mark.usefixtures("runs")
def test_the_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    found_in(tmp_path / "out")
    for change in ({"overrides": ["seed=7"]}, {"steps": 2}):
        with pytest.raises(BadInput, match="another scenario"):
            found_in(tmp_path / "out", **change)
    with pytest.raises(BadInput, match="another key"):
        hosting_capacity(SCENARIO, "scale.load", high=2.0, out=tmp_path / "out", steps=1, progress=False)


def test_bad_ends_are_faults_before_anything_runs(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at most 1000"):
        found_in(tmp_path / "out", high=2000.0)
    assert not runs.asked
    assert not (tmp_path / "out").exists()
    told = CliRunner().invoke(app, ["hosting-capacity", SCENARIO, "--grow", "wind", "--to", "-1"])
    assert isinstance(told.exception, BadInput)
    assert {fault.place for fault in told.exception.faults} == {"--grow", "--to"}


def test_three_answers_for_each_feeder(runs: Runs, tmp_path: Path, scenario: Scenarios) -> None:
    file = two_feeders(scenario)
    runs.shares = {frozenset("A"): 1.0, frozenset("BC"): 0.5}
    found = hosting_capacity(file, "pv", per="feeder", out=tmp_path / "out", within=0.5, progress=False)
    told = [(feeder["feeder"], feeder["busbars"], feeder["prosumers"]) for feeder in found.summary["feeders"]]
    assert told == [("l", ["lv"], ["A"]), ("thin", ["lv"], ["B", "C"])]
    ends = [
        (answer["feeder"], answer["market"], answer["holds"]["amount_kw"], answer["found"])
        for answer in found.summary["answers"]
    ]
    assert ends == [
        ("l", "none", 18.75, "between"),
        ("l", "p2p", 31.25, "between"),
        ("l", "negotiated", 100.0, "holds_throughout"),
        ("thin", "none", 9.375 * 2, "between"),
        ("thin", "p2p", 15.625 * 2, "between"),
        ("thin", "negotiated", 53.125 * 2, "between"),
    ]
    assert (tmp_path / "out" / "points.parquet").exists()
    assert len(found.points) == len(runs.asked) == len({row.run for row in runs.asked})
    text = " ".join(render(found.summary).split())
    assert "Feeder thin (from lv): 2 prosumers with 20.0 kWp" in text
    assert "thin" in (found.folder / "index.html").read_text(encoding="utf-8")


def test_what_cannot_grow_by_feeder_is_a_fault(tmp_path: Path, scenario: Scenarios) -> None:
    file = two_feeders(scenario)
    own = ["scale.part={prosumers=['A'], pv=2.0}"]
    cases = {"--grow": ("scale.load", "feeder", []), "--per": ("pv", "street", [])}
    for place, (grow, per, overrides) in {**cases, "--per ": ("pv", "feeder", own)}.items():
        with pytest.raises(BadInput) as bad:
            hosting_capacity(file, grow, per=per, high=2.0, out=tmp_path / "out", overrides=overrides, progress=False)
        assert [fault.place for fault in bad.value.faults] == [place.strip()]


def two_feeders(scenario: Scenarios) -> Path:
    """A on 100 m of line, B and C behind 300 m of it; 10 kWp each at full power, and nothing that draws."""

    def change(tree: dict[str, Any]) -> None:
        tree["time"]["steps"] = 1
        tree["profiles"]["noon"] = {"source": "constant", "value": 1.0}
        tree["tariffs"]["grid"] |= {"export_per_kwh": 0.1, "export_max_kw": 1000.0}
        pv = {"type": "pv", "profile": "noon", "peak_kw": 10.0}
        places = {"A": "far", "B": "end", "C": "end"}
        tree["prosumers"] = [
            {"name": name, "bus": bus, "tariffs": ["grid"], "devices": [pv]} for name, bus in places.items()
        ]

    return scenario(two_feeder_net(), change)


def two_feeder_net() -> pandapowerNet:
    """Two lines of the same kind from one busbar."""
    net = feeder()
    net.line.loc[0, "length_km"] = 0.1
    end = pandapower.create_bus(net, 0.4, name="end")
    pandapower.create_line_from_parameters(net, 1, end, 0.3, 0.32, 0.08, 0.0, 0.27, name="thin")
    return net


@takes_minutes
def test_each_number_of_a_feeder_is_what_a_power_flow_says(tmp_path: Path, scenario: Scenarios) -> None:
    """Real runs: the first values of the range; the second road is a power flow without any of ours."""
    file = two_feeders(scenario)
    found = hosting_capacity(
        file, "pv", per="feeder", high=24.0, within=6.0, out=tmp_path / "out", jobs=1, progress=False
    )
    own = {"l": (2, 10.0), "thin": (3, 20.0)}
    assert len(found.summary["answers"]) == 6
    for answer in found.summary["answers"]:
        assert answer["is_verified"]
        for side, keeps in (("holds", True), ("does_not_hold", False)):
            net = two_feeder_net()
            for name, (bus, kw) in own.items():
                grown = answer[side]["amount_kw"] if name == answer["feeder"] else kw
                pandapower.create_sgen(net, bus, grown / 1000.0)
            pandapower.runpp(net)
            loading = max(net.res_line["loading_percent"].max(), net.res_trafo["loading_percent"].max())
            assert bool(net.res_bus["vm_pu"].max() <= 1.05 and loading <= 100.0) is keeps
    strong, weak = (found.summary["answers"][number]["holds"]["amount_kw"] for number in (0, 3))
    assert strong > weak
    one = found.summary["answers"][3]["does_not_hold"]
    alone = run(
        file, out=tmp_path / "alone", overrides=["market.design=none", one["set"]], progress=False, report=False
    )
    assert alone.summary["verdict"] == "infeasible"


@takes_minutes
def test_each_number_is_verified_by_a_run_on_either_side(tmp_path: Path) -> None:
    """Beside the search the two runs of each answer are made once more, by themselves."""
    noon = ["time.start=2017-03-28T12:00:00+01:00", "time.horizon_steps=1", "tariffs.grid.export_max_kw=1e5"]
    found = found_in(tmp_path / "out", within=1.0, high=40.0, overrides=noon, jobs=1)
    for answer in found.summary["answers"][:2]:
        assert answer["is_verified"]
        for side, verdict in (("holds", "feasible"), ("does_not_hold", "infeasible")):
            design = [f"market.design={answer['market']}", "negotiation.enabled=false", 'market.form="auto"']
            alone = run(
                SCENARIO,
                out=tmp_path / f"{answer['market']}-{side}",
                steps=1,
                overrides=[*noon, *design, answer[side]["set"]],
                progress=False,
                report=False,
            )
            assert alone.summary["verdict"] == verdict
