"""The negotiation in the co-simulation: rounds within an instant, what is stored of them, and what is said of it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.loading import load
from mosaik_p2p.market.negotiation.protocol import NetworkReport
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.sims import market
from mosaik_p2p.sims.market import Violations
from mosaik_p2p.sims.recorder import marked_by_means

pytestmark = pytest.mark.once

SUNNY = (
    "scale.pv=6",
    "templates.member.pv.power_factor=0.95",
    "networks.electricity.limits.voltage_pu.max=1.001",
    "time.start=2017-03-28T10:00:00+01:00",
    "time.horizon_steps=6",
    "settlement.through_networks=[]",
)
NEGOTIATING = (*SUNNY, "negotiation.enabled=true", "negotiation.limits_ahead=false")
GRID = {"electric_grid": {"python": "rows_grid:Simulator"}}
"""Beside what the grid does anyway, it always tells the rows."""
MONEY = 1e-9
POWER = 1e-6


@pytest.fixture(scope="module")
def negotiated(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    folder = tmp_path_factory.mktemp("runs") / "negotiated"
    return run("network1", out=folder, overrides=NEGOTIATING, steps=3, progress=False, simulators=GRID)


def table(outcome: RunOutcome, name: str) -> pd.DataFrame:
    return read_table(outcome.folder, name)


def test_every_violation_is_negotiated_away_and_the_last_dispatch_was_checked(negotiated: RunOutcome) -> None:
    assert negotiated.exit_code == ExitCode.COMPLETE
    found = negotiated.summary["violations"]
    assert found["with_charges"]["hours"] >= 1
    assert found["negotiated"]["hours"] == 0
    assert negotiated.summary["verdict_counts"] == {"feasible": 3, "infeasible": 0, "unknown": 0}
    clearing, flows = table(negotiated, "clearing"), table(negotiated, "flows")
    binding = clearing[clearing["binding"]].set_index("time")["round"]
    assert binding.max() >= 1
    for network in ("electricity", "heat"):
        checked = flows[flows["network"] == network].groupby("time")["round"].max()
        assert checked.to_dict() == binding.to_dict()


def test_what_is_stored_and_told_of_it(negotiated: RunOutcome) -> None:
    told = negotiated.summary["negotiation"]
    rows, prosumers = table(negotiated, "negotiation"), table(negotiated, "prosumers")
    assert told["intervals"] == rows["time"].nunique() >= 1
    assert 1 <= told["rounds"]["max"] <= 4
    assert told["moves"] == {"surcharges": told["intervals"], "envelope": 0, "towards_solvable": 0}
    assert told["welfare_cost"] >= -told["welfare_cost_uncertain"]
    assert rows["multiplier"].max() > 0
    assert rows["within_means"].all()
    assert told["surcharge_per_kwh"]["electricity"]["C"]["max"] == prosumers["surcharge_per_kwh"].max() > 0
    assert "Negotiated in" in render(negotiated.summary)
    page = (negotiated.folder / "report.html").read_text(encoding="utf-8")
    assert "Rounds of the negotiation" in page
    assert "Surcharges on electricity" in page


def test_money_sums_to_zero_and_trades_carry_their_surcharges(negotiated: RunOutcome) -> None:
    money, prosumers = table(negotiated, "settlement"), table(negotiated, "prosumers")
    for total in money.groupby(["time", "case"])["money"].sum():
        assert abs(total) <= MONEY * money["money"].abs().sum()
    earned = money[(money["party"] == "operator") & (money["item"] == "surcharge")]["money"].sum()
    expected = (prosumers["surcharge_per_kwh"] * prosumers["injection_kw"]).sum()
    assert earned == pytest.approx(expected, rel=POWER)
    assert earned == pytest.approx(negotiated.summary["operator"]["surcharges"])


def test_without_it_the_first_dispatch_stands(tmp_path: Path) -> None:
    outcome = run("network1", out=tmp_path / "out", overrides=SUNNY, steps=2, progress=False, simulators=GRID)
    assert outcome.summary["violations"]["with_charges"]["hours"] >= 1
    assert outcome.summary["violations"]["negotiated"] is None
    assert outcome.summary["negotiation"] is None
    assert "Negotiated in" not in render(outcome.summary)


def started() -> market.Simulator:
    simulator = market.Simulator()
    simulator.init("market", time_resolution=1.0)
    simulator.create(1, "Market", scenario=load("network1", (*NEGOTIATING, "time.steps=1")))
    return simulator


ROW: dict[str, Any] = {
    "element": "7",
    "quantity": "voltage_pu",
    "unit": "p.u.",
    "value": 1.06,
    "limit": 1.05,
    "upper": True,
    "per_kw": {"Prosumer-C": 2e-5, "market.Prosumer-A": 1e-5, "Load-3": 5e-5},
    "per_kvar": {"Prosumer-C": 1e-5},
}


def test_a_grids_row_counts_active_power_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = started()
    asked: dict[str, NetworkReport] = {}
    monkeypatch.setattr(simulator.market, "negotiate", lambda reports, **_: asked.update(reports))
    item = {"element": "7", "quantity": "voltage_pu", "prosumers_can_influence": True}
    beyond = {"element": "9", "quantity": "voltage_pu", "prosumers_can_influence": False}
    answer = Violations("ok", (item, beyond), (ROW,))
    assert simulator.respond({"electricity": answer, "heat": Violations("not_converged", ())}) is None
    (row,) = asked["electricity"].rows
    # Reactive power is the plan's and does not go along, though the power factor is 0.95.
    assert row.per_kw == {"C": 2e-5, "A": 1e-5}
    assert row.per_kvar == {"C": 1e-5}
    # What is within the prosumers' means is the market's to say: the grid does not know what an idle source can do.
    assert asked["electricity"].broken == {("7", "voltage_pu"), ("9", "voltage_pu")}
    assert asked["electricity"].is_solved
    assert not asked["heat"].is_solved


def test_what_the_negotiation_found_beyond_everyones_means_is_marked_in_every_round() -> None:
    keys = {"network": ["electricity"] * 2, "element": ["7", "9"], "quantity": ["voltage_pu"] * 2}
    broken = {**keys, "prosumers_can_influence": [True, None]}
    thought = {**keys, "within_means": [True, False]}
    held = {name: [*values, values[0]] for name, values in keys.items()} | {"within_means": [False, True, True]}
    rounds = {0: {"violations": broken}, 1: {"violations": broken, "negotiation": thought}}
    rounds[2] = {"violations": broken, "negotiation": held}
    marked = marked_by_means(rounds)
    # The last word counts; a line of which one side cannot be kept cannot be kept.
    assert [marked[n]["violations"]["prosumers_can_influence"] for n in (0, 1, 2)] == [[False, True]] * 3
    assert marked[2]["negotiation"] is held
    assert broken["prosumers_can_influence"] == [True, None]
    assert marked_by_means({0: {"violations": broken}})[0]["violations"] is broken
