"""The accounts of a run: what the market adds, what the prosumers cause, and what it costs the system.

Every total is recomputed from the stored tables with pandas alone.
"""

import importlib.resources
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from consumer_nets import CONTROLS, flow_of, network_with
from mosaik_p2p.cosim import RunOutcome, run
from mosaik_p2p.errors import Status
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.measures.market_effect import effect_sentence, market_effect
from mosaik_p2p.results.report.sentences import verdict_sentence
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, lifted_case
from mosaik_p2p.results.store.facts import Facts, read_facts
from mosaik_p2p.results.store.folder import REPORT_FILE
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.settlement.ledger import LossPrices, losses_paid
from mosaik_p2p.settlement.returns import surcharges_returned

pytestmark = [pytest.mark.slow, pytest.mark.once]

EVENING = ("time.start=2017-03-28T18:00:00+01:00", "time.horizon_steps=4", "templates.member.battery.power_kw=1e-6")
"""Without batteries there is one best dispatch: two hours of the same price would leave theirs open."""
NOBODY_TRADES = ("charges.electricity.rate=1000", "charges.heat.rate=1000")
SUNNY = (
    *("time.start=2017-03-28T12:00:00+01:00", "time.horizon_steps=3", "scale.pv=8"),
    "templates.member.pv.power_factor=0.95",
    *("tariffs.grid.export_max_kw=2000", "networks.electricity.limits.voltage_pu.max=1.001"),
    "negotiation.enabled=true",
    *('negotiation.revenue="returned"', "settlement.lift_limits=1"),
)
OWN_ITEMS = ["device", "fuel", "import", "export", "imbalance"]
ROUNDING = 1e-6
SAME_FLOW_KW = 1e-3
"""Of two clearings of the same dispatch: what the interior point leaves open."""


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """Two hours in which the feeder's other loads break the least voltage, at charges at which nobody trades."""
    folder = tmp_path_factory.mktemp("evening") / "run"
    return run("network1", out=folder, steps=2, overrides=(*EVENING, *NOBODY_TRADES), progress=False)


@pytest.fixture(scope="module")
def sunny(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """Two hours of too much sun, negotiated; surcharges go back, and the dearest limit is lifted."""
    folder = tmp_path_factory.mktemp("sunny") / "run"
    return run("network1", out=folder, steps=2, overrides=SUNNY, progress=False, report=False)


def tables_of(outcome: RunOutcome) -> dict[str, pd.DataFrame]:
    return {name: read_table(outcome.folder, name) for name in TABLES}


def received(rows: pd.DataFrame, case: str, items: list[str], parties: list[str]) -> float:
    own = rows[(rows["case"] == case) & rows["item"].isin(items) & rows["party"].isin(parties)]
    return float(own["money"].sum())


def test_limits_broken_without_trade_are_not_laid_at_the_markets_door(evening: RunOutcome) -> None:
    summary = evening.summary
    assert summary["traded_kwh"]["electricity"] == 0.0
    assert summary["verdict"] == "infeasible"
    assert summary["market_effect"] == "adds_none"
    assert summary["hours_broken"] == {
        "alone": {"electricity": 2.0, "heat": 0.0},
        "alone_within_limits": None,
        "market": {"electricity": 2.0, "heat": 0.0},
    }
    said = "Limits are violated in 2 hours, the same 2 without trade: the market adds none"
    assert said in " ".join(render(summary).split())
    assert said in (evening.folder / REPORT_FILE).read_text(encoding="utf-8")


def test_the_day_alone_has_the_flows_of_a_market_without_trade(evening: RunOutcome) -> None:
    """The market's own networks are the second road: without trades everyone injects what he would alone."""
    tables = tables_of(evening)
    alone = tables["flows_without_market"]
    alone = alone[alone["case"] == "alone"].set_index(["time", "network"])
    market = tables["flows"].set_index(["time", "network"])
    assert len(alone) == len(market) == 4
    for figure in ("slack_kw", "loss_kw"):
        assert (alone[figure] - market[figure]).abs().max() < SAME_FLOW_KW * market["slack_kw"].abs().max()
    broken = tables["violations_without_market"].set_index(["time", "element", "quantity"])["excess"]
    assert list(broken.index) == list(tables["violations"].set_index(["time", "element", "quantity"]).index)


def test_caused_losses_are_those_with_the_prosumers_less_those_without(evening: RunOutcome) -> None:
    tables, summary = tables_of(evening), evening.summary
    flows = tables["flows_without_market"].fillna({"pump_kw": 0.0})
    nobody = flows[flows["case"] == "nobody"].set_index(["time", "network"])
    market = tables["flows"].fillna({"pump_kw": 0.0}).set_index(["time", "network"])
    caused = market[["loss_kw", "pump_kw"]] - nobody[["loss_kw", "pump_kw"]]
    by_network = caused.groupby("network")["loss_kw"].sum()
    assert summary["caused_loss_kwh"] == pytest.approx(dict(by_network), abs=ROUNDING)
    assert summary["loss_kwh"] == pytest.approx(dict(market.groupby("network")["loss_kw"].sum()), abs=ROUNDING)
    assert 0.0 < by_network["electricity"] < 0.5 * summary["loss_kwh"]["electricity"]
    pumped = caused.xs("heat", level="network")["pump_kw"].sum()
    cost = 0.443 * (by_network["electricity"] + pumped) + 0.49 * by_network["heat"]
    assert summary["operator"]["cost_of_losses"] == pytest.approx(cost, abs=ROUNDING)
    settlement = tables["settlement"]
    assert received(settlement, "in_market", ["loss"], ["operator"]) == pytest.approx(-cost, abs=ROUNDING)


@pytest.mark.parametrize("which", ["evening", "sunny"])
def test_system_cost_is_the_sum_of_its_items(which: str, request: pytest.FixtureRequest) -> None:
    outcome: RunOutcome = request.getfixturevalue(which)
    settlement, summary = tables_of(outcome)["settlement"], outcome.summary
    names = list(summary["cost"])
    for case, own in {"alone": "alone", "market": "in_market"}.items():
        cost = -received(settlement, own, OWN_ITEMS, names) - received(settlement, own, ["loss"], ["operator"])
        assert summary["system_cost"][case] == pytest.approx(cost, abs=ROUNDING)
    base = summary["system_cost"][summary["welfare_gain_against"]]
    assert summary["welfare_gain"] == pytest.approx(base - summary["system_cost"]["market"])
    # Transfers apart, all that leaves the district goes to utility, supplier, or into devices.
    outside = received(settlement, "in_market", [*OWN_ITEMS, "loss"], ["utility", "heat_supplier", "own"])
    assert summary["system_cost"]["market"] == pytest.approx(outside, abs=ROUNDING)
    for party, found in summary["parties"].items():
        sums = [settlement[(settlement["case"] == c) & (settlement["party"] == party)]["money"].sum() for c in CASES]
        assert [found["alone"], found["in_market"]] == pytest.approx(sums, abs=ROUNDING)
        assert found["change"] == pytest.approx(sums[1] - sums[0], abs=ROUNDING)


CASES = ("alone", "in_market")


def test_within_limits_nobody_trades_and_surcharges_are_no_cost(sunny: RunOutcome) -> None:
    summary = sunny.summary
    assert summary["hours_broken"]["alone"]["electricity"] > 0.0
    assert summary["welfare_gain_against"] == ALONE_WITHIN_LIMITS
    inner = counterfactual_folder(sunny.folder, ALONE_WITHIN_LIMITS)
    assert read_table(inner, "trades").empty
    assert (read_table(inner, "clearing")["round"] > 0).any()
    assert summary["hours_broken"][ALONE_WITHIN_LIMITS] == {"electricity": 0.0, "heat": 0.0}
    own = read_table(inner, "settlement")
    assert "surcharge" in set(own["item"])
    own = own[~own["item"].isin(["surcharge", "closing_value"])]
    for name, entry in summary["cost"].items():
        paid = -own[(own["party"] == name) & (own["case"] == "in_market")]["money"].sum()
        assert entry[ALONE_WITHIN_LIMITS] == pytest.approx(paid, abs=ROUNDING)
    joined = tables_of(sunny)["settlement"]
    assert joined.groupby(["time", "case"])["money"].sum().abs().max() < ROUNDING
    # Held to the limits, nobody does better than without them; who may trade besides does no worse.
    assert summary["system_cost"][ALONE_WITHIN_LIMITS] >= summary["system_cost"]["alone"] - ROUNDING
    assert "no trade, within limits" in render(summary)


def test_surcharges_go_back_in_proportion_to_the_cost_alone(sunny: RunOutcome) -> None:
    settlement, summary = tables_of(sunny)["settlement"], sunny.summary
    balance = received(settlement, "in_market", ["surcharge"], ["operator"])
    assert abs(balance) > 1e-3
    back = settlement[(settlement["item"] == "surcharge_return") & (settlement["party"] != "operator")]
    assert set(back["time"]) == {settlement["time"].max()}
    alone = {name: abs(entry["alone"]) for name, entry in summary["cost"].items()}
    expected = {name: balance * cost / sum(alone.values()) for name, cost in alone.items()}
    assert dict(zip(back["party"], back["money"], strict=True)) == pytest.approx(expected, abs=ROUNDING)
    assert summary["operator"]["revenue"] == pytest.approx(summary["operator"]["charges"], abs=ROUNDING)


@pytest.mark.parametrize("balance", [9.0, -9.0])
@pytest.mark.parametrize(("alone", "shares"), [((2.0, -4.0, 0.0), (3.0, 6.0, 0.0)), ((0.0, 0.0), (4.5, 4.5))])
def test_a_balance_goes_back_or_is_collected(
    balance: float, alone: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    """Equally where nobody pays or earns anything alone."""
    paid = list(surcharges_returned(balance, {str(n): cost for n, cost in enumerate(alone)}))
    assert [payment.money for payment in paid] == pytest.approx([np.sign(balance) * share for share in shares])
    assert {(payment.payer, payment.item) for payment in paid} == {("operator", "surcharge_return")}


def test_curtailed_energy_is_what_could_have_been_produced(sunny: RunOutcome) -> None:
    tables, summary = tables_of(sunny), sunny.summary
    inputs = tables["inputs"]
    there = inputs[inputs["quantity"] == "available_kw"].set_index(["time", "prosumer", "device"])["realised"]
    for case, table in {"market": "devices", "alone": "alone_devices"}.items():
        rows = tables[table].set_index(["time", "prosumer", "device"])
        produced = (rows["el_kw"] + rows["heat_kw"]).reindex(there.index).dropna()
        lost = (there.reindex(produced.index) - produced).groupby("prosumer").sum()
        assert summary["curtailed_kwh"][case] == pytest.approx(dict(lost), abs=ROUNDING)
    pv = tables["devices"][tables["devices"]["type"] == "pv"]
    pv = pv.set_index(["time", "prosumer", "device"])
    could = float(there.reindex(pv.index).sum())
    part = 1.0 - float(pv["el_kw"].sum()) / could
    assert part > 0.1
    assert f"kWh of electricity are curtailed ({100 * part:.0f} % of what there was" in verdict_sentence(summary)


def test_the_district_is_all_prosumers_together(sunny: RunOutcome) -> None:
    tables, summary = tables_of(sunny), sunny.summary
    devices = tables["devices"]
    load = -float(devices[~devices["type"].isin(["battery", "heat_tank"])]["el_kw"].clip(upper=0.0).sum())
    for case, table, given in (("market", "prosumers", "devices"), ("alone", "alone", "alone_devices")):
        rows, sources = tables[table], tables[given]
        fed = sources[sources["type"] != "battery"].groupby("time")["el_kw"].agg(lambda kw: kw.clip(lower=0.0).sum())
        net = rows[rows["carrier"] == "electricity"].groupby("time")["injection_kw"].sum()
        found = summary["district"][case]["electricity"]
        kept = (fed - net.clip(lower=0.0)).clip(lower=0.0)
        assert found["self_consumption"] == pytest.approx(kept.sum() / fed.sum())
        assert found["generated_kwh"] == pytest.approx(fed.sum())
        assert found["peak_export_kw"] == pytest.approx(max(net.max(), 0.0))
        assert found["peak_import_kw"] == pytest.approx(max(-net.min(), 0.0))
        if case == "market":
            assert found["self_sufficiency"] == pytest.approx(1.0 - (-net).clip(lower=0.0).sum() / load)


def test_what_a_limit_costs_is_known_by_a_run_without_it(sunny: RunOutcome) -> None:
    tables, summary = tables_of(sunny), sunny.summary
    binding = tables["clearing"][tables["clearing"]["binding"]][["time", "round"]]
    held = tables["negotiation"].merge(binding, on=["time", "round"])
    first = tables["violations"][tables["violations"]["round"] == 0]
    first = first.assign(is_upper=first["value"] > first["limit"])
    key = ["network", "element", "quantity", "is_upper"]
    joined = held.merge(first, on=["time", *key])
    worth = (joined["multiplier"] * joined["excess"]).groupby([joined[name] for name in key]).sum()
    told = {tuple(entry[name] for name in key): entry["estimate"] for entry in summary["limit_costs"]}
    expected = worth[worth > 0.0].sort_values(ascending=False)
    assert list(told.values()) == pytest.approx(list(expected)[: len(told)])
    assert next(iter(told)) == expected.index[0]
    inner = json.loads((counterfactual_folder(sunny.folder, lifted_case(1)) / "summary.json").read_text())
    dearest, others = summary["limit_costs"][0], summary["limit_costs"][1:]
    assert dearest["cost"] == pytest.approx(summary["system_cost"]["market"] - inner["system_cost"]["market"])
    assert all(entry["cost"] is None for entry in others)
    lifted = read_table(counterfactual_folder(sunny.folder, lifted_case(1)), "negotiation")
    own = lifted[(lifted["element"] == dearest["element"]) & (lifted["quantity"] == dearest["quantity"])]
    assert own[own["is_upper"].eq(dearest["is_upper"])].empty


def test_ok_means_within_what_was_asked(sunny: RunOutcome) -> None:
    """In every round and every run beside it."""
    folders = [sunny.folder, *(sunny.folder / "counterfactuals").iterdir()]
    clearing = pd.concat([read_table(folder, "clearing") for folder in folders])
    ok = clearing[clearing["status"] == "ok"]
    assert len(ok) > 4
    assert ok[["primal_residual", "dual_residual", "relative_gap"]].max().max() <= 1e-3


def test_losses_without_a_price_are_not_priced(tmp_path: Path) -> None:
    scenario = _shipped_without("loss_price_per_kwh", tmp_path)
    outcome = run(scenario, out=tmp_path / "run", steps=1, overrides=("time.horizon_steps=2",), progress=False)
    operator = outcome.summary["operator"]
    assert operator["losses"] == {"electricity": "not priced"}
    assert operator["cost_of_losses"] is None
    assert outcome.summary["caused_loss_kwh"]["electricity"] > 0.0
    assert outcome.summary["system_cost_parts"]["market"]["losses"] is None
    assert outcome.summary["welfare_gain"] is not None
    for text in (render(outcome.summary), (outcome.folder / REPORT_FILE).read_text(encoding="utf-8")):
        assert "losses not priced" in " ".join(text.split())
        assert "losses cost" not in text


def _shipped_without(key: str, folder: Path) -> Path:
    """`network1_electric` beside its profiles, without the lines of that key."""
    shipped = importlib.resources.files("mosaik_p2p.scenarios")
    with importlib.resources.as_file(shipped / "network1.csv") as profiles:
        shutil.copy(profiles, folder)
    lines = (shipped / "network1_electric.toml").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(key) for line in lines)
    path = folder / "unpriced.toml"
    path.write_text("\n".join(line for line in lines if not line.startswith(key)), encoding="utf-8")
    return path


def test_turned_off_the_effect_is_unknown(tmp_path: Path) -> None:
    overrides = ("time.horizon_steps=2", "settlement.through_networks=[]")
    outcome = run("network1_electric", out=tmp_path / "run", steps=1, overrides=overrides, progress=False)
    summary = outcome.summary
    assert summary["complete"]
    assert (summary["market_effect"], summary["hours_broken"]["alone"]) == ("unknown", None)
    assert (summary["caused_loss_kwh"], summary["system_cost"]["market"]) == ({"electricity": None}, None)
    assert summary["operator"]["cost_of_losses"] is None
    # What is not known of the losses is not known of those whom they are paid to either.
    assert {found["change"] for found in summary["parties"].values()} == {None}
    text = " ".join(render(summary).split())
    assert "What the market adds to violated limits is not known" in text
    assert "losses not known" in text


def test_whole_losses_of_the_market_alone_are_no_change(tmp_path: Path) -> None:
    overrides = ("time.horizon_steps=2", "settlement.through_networks=[]", 'settlement.losses="whole"')
    summary = run("network1_electric", out=tmp_path / "run", steps=1, overrides=overrides, progress=False).summary
    assert summary["operator"]["cost_of_losses"] > 0.0
    assert {(found["alone"], found["change"]) for found in summary["parties"].values()} == {(None, None)}
    assert "against no trade" not in render(summary)


# -- what the market adds, case by case --------------------------------------------------------------------------

BEGIN = pd.Timestamp(datetime(2017, 3, 28, tzinfo=UTC))
VOLTAGE, LINE = ("electricity", "13", "voltage_pu"), ("electricity", "1-2", "line_loading_percent")
TOO_HIGH = (*VOLTAGE, "above")
Broken = dict[tuple[int, tuple[str, ...]], float]


def made(alone: Broken, market: Broken, status: str = "ok") -> Results:
    """Three hours with these excesses, by hour and limit."""
    times = [BEGIN + pd.Timedelta(hours=k) for k in range(3)]
    names = ("time", "network", "element", "quantity")

    def violations(broken: Broken, **more: Any) -> pd.DataFrame:
        below = {limit: limit == VOLTAGE for _, limit in broken}
        rows = [
            (times[k], *limit[:3], excess, 1.0 - excess if below[limit] else 1.0 + excess)
            for (k, limit), excess in broken.items()
        ]
        return pd.DataFrame(rows, columns=[*names, "excess", "value"]).assign(limit=1.0, **more)

    flows = pd.DataFrame({"time": times, "network": "electricity", "status": "ok"})
    frames = {
        "clearing": pd.DataFrame({"time": times, "round": 0, "binding": True, "since_clearing": 0}),
        "prosumers": pd.DataFrame({"time": times}),
        "flows": flows.assign(round=0),
        "violations": violations(market, round=0),
        "flows_without_market": flows.assign(case="alone", status=["ok", status, "ok"]),
        "violations_without_market": violations(alone, case="alone"),
    }
    facts = replace(_facts(), networks=("electricity",), dt_h=0.5)
    return Results(Path(), facts, frames)


def _facts() -> Facts:
    return read_facts(Path("no such folder"))


@pytest.mark.parametrize(
    ("alone", "market", "effect", "said"),
    [
        ({}, {}, "none_broken", "No limit is violated, neither with the market nor without trade"),
        (
            {(0, VOLTAGE): 0.010},
            {(0, VOLTAGE): 0.01009},
            "adds_none",
            "Limits are violated in 0.5 hours, the same 0.5 without trade: the market adds none",
        ),
        (
            {(0, VOLTAGE): 0.010},
            {(0, VOLTAGE): 0.0102},
            "adds",
            "Limits are violated in 0.5 hours, in 0.5 without trade: the market worsens voltage at bus 13 (0.5 h)",
        ),
        (
            {(0, VOLTAGE): 0.010},
            {(0, VOLTAGE): 0.010, (1, VOLTAGE): 0.001, (2, LINE): 5.0},
            "adds",
            "Limits are violated in 1.5 hours, in 0.5 without trade: the market adds line loading at line 1-2 (0.5 h), "
            "voltage at bus 13 (0.5 h)",
        ),
        (
            {(0, VOLTAGE): 0.010, (1, VOLTAGE): 0.02},
            {(1, VOLTAGE): 0.005},
            "relieves",
            "Limits are violated in 0.5 hours, in 1 without trade: the market relieves voltage at bus 13 (0.5 h)",
        ),
        (
            {(0, VOLTAGE): 0.010},
            {(0, LINE): 1.0},
            "mixed",
            "Limits are violated in 0.5 hours, in 0.5 without trade: the market adds line loading at line 1-2 (0.5 h), "
            "and relieves voltage at bus 13 (0.5 h)",
        ),
        (
            {(0, VOLTAGE): 0.010},
            {(0, TOO_HIGH): 0.010},
            "mixed",
            "Limits are violated in 0.5 hours, in 0.5 without trade: the market adds voltage at bus 13 (0.5 h), "
            "and relieves voltage at bus 13 (0.5 h)",
        ),
    ],
    ids=["none", "same", "further", "adds", "relieves", "mixed", "other side"],
)
def test_each_effect_of_the_market_in_words(alone: Broken, market: Broken, effect: str, said: str) -> None:
    found = market_effect(made(alone, market), ("electricity",))
    assert found["effect"] == effect
    summary = {"market_effect": found["effect"], "market_effect_details": found, "steps_computed": 3}
    assert effect_sentence(summary) == said


def test_a_day_without_a_solution_leaves_the_effect_unknown() -> None:
    assert market_effect(made({}, {}, "not_converged"), ("electricity",))["effect"] == "unknown"
    assert market_effect(made({}, {}), ("electricity", "heat"))["effect"] == "unknown"


def test_losses_that_prosumers_save_are_paid_back() -> None:
    heat, pumping = losses_paid("alone", "heat", -2.0, 0.5, LossPrices(0.4, 0.3))
    assert (heat.payer, heat.energy_kwh, heat.money) == ("operator", 2.0, -0.6)
    assert (pumping.carrier, pumping.energy_kwh, pumping.money) == ("electricity", 0.5, pytest.approx(0.2))
    assert not list(losses_paid("alone", "heat", 1.0, 1.0, LossPrices(None, None)))


@pytest.mark.parametrize("consumer", CONTROLS)
def test_a_heat_network_whose_own_consumers_draw_is_not_idle(consumer: dict[str, float], tmp_path: Path) -> None:
    result = flow_of(network_with(consumer, tmp_path / "net.json")).solve(np.array([0.0]))
    assert result.status is Status.OK


def test_with_nobody_there_nothing_flows_and_all_losses_are_the_prosumers(tmp_path: Path) -> None:
    """Without bypasses the water stands still when nobody draws."""
    overrides = ("time.horizon_steps=2", "networks.heat.bypass.nodes=[]", "networks.heat.limits.t_supply_min_c=-60.0")
    summary = run("network1", out=tmp_path / "run", steps=1, overrides=overrides, progress=False).summary
    assert summary["loss_nobody_kwh"]["heat"] == 0.0
    assert summary["at_rest_with_nobody_h"] == {"electricity": 0.0, "heat": 1.0}
    assert summary["caused_loss_kwh"]["heat"] == summary["loss_kwh"]["heat"]
    said = "Without the prosumers nothing flows in the heat network in 1 h: all it loses is theirs"
    assert said in " ".join(render(summary).split())
