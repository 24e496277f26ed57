"""The operator's account of a run, from its tables: to whom losses belong, what is to be recovered, and what is."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import outsider
from mosaik_p2p.cosim import run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import check, load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.losses.allocation import Allocation, LossyNetwork, NotSolved, along_ray
from mosaik_p2p.results.accounts.loss_shares import loss_allocation
from mosaik_p2p.results.rebuilding import rebuild_report
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.sims.world.loss_allocation import allocated_losses

pytestmark = pytest.mark.once

NOON = ["time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=2", 'settlement.through_networks=["nobody"]']
FIXED = {"electricity": 120.0, "heat": 24.0}
COSTS = [f"settlement.fixed_cost_per_day.{network}={cost}" for network, cost in FIXED.items()]
STEPS, LOSS_PRICE, HEAT_PRICE = 2, 0.443, 0.49
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account") / "run"
    run("network1", out=folder, steps=STEPS, overrides=[*NOON, *COSTS], progress=False)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> outsider.Results:
    return outsider.read(folder)


def test_along_the_ray_losses_belong_to_those_who_cause_them(results: outsider.Results) -> None:
    assert outsider.allocation_faults(results) == []
    assert results["losses"]["time"].nunique() == STEPS
    lost = outsider.lost_kw(results, "electricity")
    assert (results["losses"].groupby("time")["loss_kwh"].sum() - lost["market"]).abs().max() < ROUNDING
    assert (lost["market"] - lost["nobody"]).abs().min() > 0.1


def test_who_feeds_in_where_others_draw_has_less_than_nothing(results: outsider.Results) -> None:
    """A kWh that C sells at noon, and one that B buys: others draw on the same feeder."""
    own = results["losses"].query("counterparty != 'utility'")
    sold, bought = (own[(own["party"] == party) & (own["energy_kwh"].abs() > 0.1)] for party in ("C", "B"))
    assert len(sold)
    assert len(bought)
    assert (sold["loss_kwh"] < 0.0).all()
    assert (bought["loss_kwh"] > 0.0).all()


def test_trades_have_a_row_at_either_end(results: outsider.Results) -> None:
    trades = results["trades"].query("carrier == 'electricity'")
    rows = results["losses"].set_index(["time", "party", "counterparty"])["energy_kwh"]
    assert len(trades)
    for row in trades.itertuples():
        assert rows[row.time, row.seller, row.buyer] == pytest.approx(row.power_kw)
        assert rows[row.time, row.buyer, row.seller] == pytest.approx(-row.power_kw)


def test_fixed_costs_are_paid_and_money_sums_to_zero(results: outsider.Results) -> None:
    ledger = results["settlement"]
    assert ledger.groupby(["time", "case"])["money"].sum().abs().max() < ROUNDING
    paid = ledger.query("item == 'fixed_cost' and party == 'operator'")
    assert set(paid["counterparty"]) == {"own"}
    for case in ("in_market", "alone"):
        by_network = paid[paid["case"] == case].groupby("carrier")["money"].sum()
        assert by_network.to_dict() == pytest.approx({name: -cost * STEPS / 24.0 for name, cost in FIXED.items()})


def test_recovery_is_revenue_by_cost(results: outsider.Results) -> None:
    """Recomputed from flows and trades; pumping counts with heat."""
    recovery = results.summary["recovery"]
    revenue, cost = (pd.Series(0.0, index=outsider.lost_kw(results, "heat").index) for _ in range(2))
    for network, price in (("electricity", LOSS_PRICE), ("heat", HEAT_PRICE)):
        lost = outsider.lost_kw(results, network)
        of_losses = price * (lost["market"] - lost["nobody"])
        of_losses += LOSS_PRICE * pumping_kw(results) if network == "heat" else 0.0
        trades = results["trades"].query("carrier == @network")
        ends = trades["charge_seller_per_kwh"] + trades["charge_buyer_per_kwh"]
        charges = (ends * trades["power_kw"]).groupby(trades["time"]).sum().reindex(lost.index, fill_value=0.0)
        fixed = FIXED[network] / 24.0
        own, its_cost = recovery["by_network"][network], float(of_losses.sum()) + STEPS * fixed
        assert (own["revenue"], own["fixed_cost"]) == pytest.approx((charges.sum(), STEPS * fixed))
        assert own["cost_of_losses"] == pytest.approx(of_losses.sum())
        assert own["ratio"] == (pytest.approx(charges.sum() / its_cost) if its_cost > 0.0 else None)
        revenue, cost = revenue + charges, cost + of_losses + fixed
    assert recovery["ratio"] == pytest.approx(revenue.sum() / cost.sum())
    assert results.summary["operator"]["balance"] == pytest.approx(revenue.sum() - cost.sum())
    assert results.summary["operator"]["cost"] == pytest.approx(cost.sum())
    assert (recovery["hours"], recovery["recovered_hours"]) == (STEPS, (revenue >= cost).sum())


def pumping_kw(results: outsider.Results) -> "pd.Series[float]":
    """What the prosumers cause of it."""
    nobody, flows = (
        rows.query("network == 'heat'").set_index("time")["pump_kw"]
        for rows in (results["flows_without_market"].query("case == 'nobody'"), results["flows"])
    )
    return flows - nobody


def test_summary_terminal_and_report_tell_it(folder: Path, results: outsider.Results) -> None:
    told, rows = results.summary["loss_allocation"], results["losses"]
    own = rows[rows["party"] != "operator"]
    by_prosumer = own.groupby("party")["loss_kwh"].sum()
    assert {name: entry["loss_kwh"] for name, entry in told["by_prosumer"].items()} == pytest.approx(
        by_prosumer.to_dict()
    )
    assert told["prosumers_kwh"] == pytest.approx(by_prosumer.sum())
    assert told["left_kwh"] == pytest.approx(0.0, abs=outsider.SAME_LOSS_KW)
    assert told["of_trades_kwh"] == pytest.approx(own[own["counterparty"] != "utility"]["loss_kwh"].sum())
    assert {name: entry["cost"] for name, entry in told["by_prosumer"].items()} == pytest.approx(
        (LOSS_PRICE * by_prosumer).to_dict()
    )
    text = " ".join(render(results.summary).split())
    recovery = results.summary["recovery"]
    hours = f"in {recovery['recovered_hours']:g} of 2 h all of it"
    assert f"Operator recovers {100 * recovery['ratio']:.0f} % of its cost, {hours}" in text
    assert f"Electric losses by prosumer (along the ray): A {by_prosumer['A']:.1f}, B" in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="fig-operator"' in page
    assert 'id="fig-loss-shares"' in page


def test_a_changed_allocation_is_found(folder: Path, tmp_path: Path) -> None:
    """In a folder without the mark that would know it, and with a summary that follows the table."""
    for path in folder.glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name in ("summary.json", "scenario.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    rebuild_report(tmp_path)
    (tmp_path / "report.html").unlink()
    rows = pd.read_parquet(tmp_path / "losses.parquet")
    rows.loc[rows["party"] == "operator", "loss_kwh"] += 1.0
    rows.to_parquet(tmp_path / "losses.parquet")
    with pytest.raises(BadInput) as refused:
        rebuild_report(tmp_path)
    assert "table losses" in str(refused.value)


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network1", [*NOON, *COSTS, f"time.steps={STEPS}"])


def with_rule(case: Case, rule: str) -> Case:
    settlement = case.scenario.settlement.model_copy(update={"loss_allocation": rule})
    return replace(case, scenario=case.scenario.model_copy(update={"settlement": settlement}))


@pytest.mark.parametrize("rule", ["z_bus", "pro_rata", "marginal"])
def test_other_rules_of_the_same_run(rule: str, case: Case, folder: Path, results: outsider.Results) -> None:
    """Only what each prosumer causes is another share: all rows are what the network lost."""
    rows = pd.concat([pd.DataFrame(rows) for rows in allocated_losses(with_rule(case, rule), read_results(folder))])
    lost = outsider.lost_kw(results, "electricity")
    by_time = rows.set_index(["time", "party"])["loss_kwh"]
    assert (by_time.groupby("time").sum() - lost["market"]).abs().max() < ROUNDING
    left = by_time.xs("operator", level="party") - lost["nobody"]
    assert (left.abs() < outsider.SAME_LOSS_KW).all() == (rule == "pro_rata")
    ray = results["losses"].set_index(["time", "party"])["loss_kwh"]
    assert (by_time.groupby(["time", "party"]).sum() - ray.groupby(["time", "party"]).sum()).abs().max() > 0.1


def test_without_a_rule_or_the_day_with_nobody_nothing_is_allocated(case: Case, folder: Path) -> None:
    read = read_results(folder)
    assert list(allocated_losses(with_rule(case, "none"), read)) == []
    unknown = {**read.tables, "flows_without_market": read["flows_without_market"].head(0)}
    assert list(allocated_losses(case, replace(read, tables=unknown))) == []
    without = {**read.tables, "losses": read["losses"].head(0)}
    assert loss_allocation(replace(read, tables=without)) is None


def test_an_interval_without_a_solution_on_the_way_has_no_rows(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([NotSolved("cause"), None])

    def first_fails(network: LossyNetwork) -> Allocation:
        failure = next(left)
        if failure is not None:
            raise failure
        return along_ray(network)

    monkeypatch.setattr("mosaik_p2p.sims.world.loss_allocation.RULES", {"ray": first_fails})
    read = read_results(folder)
    (rows,) = allocated_losses(case, read)
    assert set(rows["time"]) == {read.binding["time"].max()}
    told = loss_allocation(replace(read, tables={**read.tables, "losses": pd.DataFrame(rows)}))
    assert told is not None
    assert (told["hours"], told["left_kwh"]) == (1.0, pytest.approx(0.0, abs=outsider.SAME_LOSS_KW))


def test_the_cost_of_a_network_that_is_not_there_is_refused() -> None:
    faults = check("network1_electric", ["settlement.fixed_cost_per_day.heat=1.0"])
    assert [fault.place for fault in faults] == ["settlement.fixed_cost_per_day.heat"]
    assert [fault.place for fault in check("network1", ["settlement.fixed_cost_per_day.heat=-1.0"])] == [
        "settlement.fixed_cost_per_day.heat"
    ]


@pytest.mark.slow
@pytest.mark.once
def test_in_every_hour_of_network2_the_ray_adds_up(tmp_path: Path) -> None:
    """As of network1 in test_outsider.py."""
    own = ("--no-report", "--set", 'settlement.through_networks=["nobody"]')
    results = outsider.run("network2", tmp_path / "network2", *own)
    assert results["losses"]["time"].nunique() == 24
    assert outsider.allocation_faults(results) == []
