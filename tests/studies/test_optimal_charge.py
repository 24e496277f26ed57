"""The command `optimal-charge` on a few hours of a shipped scenario: what it finds, writes, says and refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mosaik_p2p
from mosaik_p2p.cli import app
from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.studies.best_rate.command import BestRate, optimal_charge
from mosaik_p2p.studies.best_rate.follower import DayAheadFollower
from mosaik_p2p.studies.best_rate.keys import charges_at, rate_keys
from mosaik_p2p.studies.best_rate.text import render

pytestmark = pytest.mark.once

SCENARIO, KEY = "network1_electric", "charges.electricity.rate"
NOON = ("time.start=2017-03-28T10:00:00+01:00", "time.steps=3", 'settlement.through_networks=["nobody"]')
ONE_HOUR = "time.steps=1"
COLUMNS = (
    *(KEY, "cost", "charges", "distance", "revenue", "loss_kwh", "profit", "broken_hours", "worst_excess"),
    *("iterations", "bound"),
)


def found(out: Path, goal: str, *overrides: str, **others: Any) -> BestRate:
    stated = {"confirm": False, "progress": False, **others}
    return optimal_charge(SCENARIO, KEY, goal=goal, out=out, overrides=[*NOON, *overrides], **stated)


@pytest.fixture(scope="module")
def revenue(tmp_path_factory: pytest.TempPathFactory) -> BestRate:
    return found(tmp_path_factory.mktemp("search") / "revenue", "revenue", confirm=True)


def test_the_best_revenue_is_certified_and_confirmed_by_a_run(revenue: BestRate) -> None:
    assert revenue.exit_code is ExitCode.COMPLETE
    summary = revenue.summary
    assert summary["status"] == "certified"
    assert summary["found"]["revenue"] <= summary["bound"] <= summary["found"]["revenue"] * (1 + 3e-3)
    run = summary["run"]
    assert run["complete"]
    trades = pd.read_parquet(revenue.folder / "run" / "trades.parquet")
    charged = trades["charge_seller_per_kwh"] + trades["charge_buyer_per_kwh"]
    assert run["charges"]["electricity"] == pytest.approx(float((charged * trades["power_kw"]).sum()))
    rate = summary["rates"][KEY]
    resolved = (revenue.folder / "run" / "scenario.toml").read_text(encoding="utf-8")
    assert f"rate = {rate!r}" in resolved


def test_the_tables_say_what_was_tried(revenue: BestRate) -> None:
    table = pd.read_parquet(revenue.folder / "rates.parquet")
    assert tuple(table.columns) == COLUMNS
    assert table[KEY].is_monotonic_increasing
    assert table["revenue"].to_numpy() == pytest.approx((table[KEY] * table["distance"]).to_numpy())
    # Electricity is all that is traded here, and this rate all that is charged.
    assert table["charges"].to_numpy() == pytest.approx(table["revenue"].to_numpy(), abs=1e-9)
    assert (np.diff(table["distance"][1:]) <= 1e-3 * table["distance"].max()).all()
    total = (table["cost"] + table["charges"]).to_numpy()
    assert (np.diff(total) >= -1e-6 * abs(total).max()).all()
    assert table["loss_kwh"].isna().all()
    assert len(table) <= revenue.summary["clearings"]
    stored = json.loads((revenue.folder / "optimum.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(revenue.summary))
    page = (revenue.folder / "optimum.html").read_text(encoding="utf-8")
    assert "no rate earns more" in page
    assert "src=" not in page.split("<body>")[1].split("<script")[0]


def test_no_rate_in_between_earns_more(revenue: BestRate) -> None:
    """A scan that does not know of the certificate; every answer is asked of the market anew."""
    case = load(SCENARIO, NOON)
    keys = rate_keys(case, [KEY])
    follower = DayAheadFollower(case, keys)
    highest = float(revenue.rates[KEY].max())
    earned = [follower(np.array([rate])).revenue for rate in np.linspace(highest / 200, highest / 3, 60).tolist()]
    assert max(earned) <= revenue.summary["bound"]
    assert max(earned) >= 0.7 * revenue.summary["found"]["revenue"]


def test_charges_at_a_rate_are_those_of_a_scenario_that_states_it() -> None:
    case, other = load(SCENARIO, NOON), load(SCENARIO, [*NOON, f"{KEY}=0.023", "time.clearing=day_ahead"])
    keys = rate_keys(case, [KEY])
    electric = charges_at(case, keys, np.array([0.023])).pairs[0].at(0)
    from mosaik_p2p.loading.market_case import market_case

    stated = market_case(other)
    assert np.asarray(electric.total) == pytest.approx(np.asarray(stated.charges[0].at(0).total))
    market = DayAheadMarket(stated.__class__(**{**stated.__dict__, "horizon_steps": stated.steps}))
    cost = clear(market.problem(0), stated.settings).cost
    assert DayAheadFollower(case, keys)(np.array([0.023])).total_cost == pytest.approx(cost, rel=2e-3)


def test_the_smallest_rate_that_pays_for_the_losses(tmp_path: Path) -> None:
    outcome = found(
        tmp_path / "recovery", "recovery", "settlement.loss_price_per_kwh=0.05", 'settlement.losses="whole"', ONE_HOUR
    )
    told = outcome.summary
    assert outcome.exit_code is ExitCode.COMPLETE
    assert told["found"]["loss_cost"] == pytest.approx(0.05 * told["found"]["loss_kwh"])
    assert told["found"]["revenue"] >= told["found"]["loss_cost"]
    table, rate = outcome.rates, told["rates"][KEY]
    below = table[(table[KEY] < rate) & (table[KEY] > 0.0)]
    assert (below["profit"] < 0.0).all()
    assert below[KEY].max() >= rate * (1 - 1e-3)
    assert table["broken_hours"].notna().all()  # the electric network is the only one
    assert "no smaller rate recovers" in render(told)


def test_profit_is_revenue_less_losses_and_fixed_costs(tmp_path: Path) -> None:
    outcome = found(tmp_path / "profit", "profit", "settlement.loss_price_per_kwh=0.2", ONE_HOUR)
    table = outcome.rates
    assert table["profit"].to_numpy() == pytest.approx((table["revenue"] - 0.2 * table["loss_kwh"]).to_numpy())
    best = table.loc[table["profit"].idxmax()]
    assert outcome.summary["found"]["profit"] == pytest.approx(best["profit"], rel=2e-3)
    assert outcome.summary["losses"]["least_kwh"] == pytest.approx(table["loss_kwh"].min())
    overrides = (ONE_HOUR, 'settlement.losses="whole"', "settlement.fixed_cost_per_day={electricity=24.0}")
    whole = found(tmp_path / "whole", "profit", "settlement.loss_price_per_kwh=0.2", *overrides, highest=0.01)
    assert whole.rates["loss_kwh"].min() > 2 * table["loss_kwh"].max()
    one_hour = (whole.rates["revenue"] - 0.2 * whole.rates["loss_kwh"] - 1.0).to_numpy()
    assert whole.rates["profit"].to_numpy() == pytest.approx(one_hour)


def test_no_rate_mends_what_is_broken_without_trade(tmp_path: Path) -> None:
    limits = "networks.electricity.limits.voltage_pu={min=0.98, max=1.05}"
    never = found(tmp_path / "never", "feasible", limits, ONE_HOUR, confirm=True)
    assert never.exit_code is ExitCode.NO_SOLUTION
    assert never.summary["run"] is None
    assert never.summary["without_trade"]["broken_hours"] > 0.0
    assert {limit["quantity"] for limit in never.summary["without_trade"]["limits"]} == {"voltage_pu"}
    text = render(never.summary)
    assert "No rate is feasible" in text
    assert "Without trade too" in text
    assert "voltage at bus" in text


def test_where_nothing_is_broken_any_rate_is_feasible(tmp_path: Path) -> None:
    limits = "networks.electricity.limits.voltage_pu={min=0.8, max=1.2}"
    always = found(tmp_path / "always", "feasible", limits, ONE_HOUR, highest=0.05)
    assert always.exit_code is ExitCode.COMPLETE
    assert always.summary["feasible_rates"] == [[0.0, 0.05]]
    assert always.summary["rates"] == {KEY: 0.0}


def test_with_reputation_nothing_is_certified(tmp_path: Path) -> None:
    known = "market.reputation={benefit_per_kwh=0.01, growth=0.1}"
    outcome = found(tmp_path / "known", "revenue", known, ONE_HOUR)
    assert outcome.exit_code is ExitCode.INCOMPLETE
    assert outcome.summary["bound"] is None
    assert "reputation" in render(outcome.summary)


def test_nobody_trades_at_any_rate(tmp_path: Path) -> None:
    alone = 'market.partners=[["A", "B"]]'
    outcome = found(tmp_path / "alone", "revenue", alone, "time.start=2017-03-28T02:00:00+01:00", ONE_HOUR)
    assert outcome.exit_code is ExitCode.NO_SOLUTION
    assert "nobody trades" in render(outcome.summary)


REFUSED = [
    (["charges.electricity.rat"], {}, "--key", "rate"),
    (["charges.electricity.mechanism"], {}, "--key", "number"),
    (["charges.heat.rate"], {}, "--key", "network"),
    (["tariffs.grid.import_max_kw"], {}, "--key", "charges.electricity.rate"),
    (["charges.electricity"], {}, "--key", "charges.electricity.rate"),
    ([], {}, "--key", "charges.electricity.rate"),
    ([KEY, KEY], {}, "--key", "once"),
    ([KEY], {"goal": "profits"}, "--goal", "profit"),
    ([KEY, KEY], {"goal": "recovery"}, "--goal", "one --key"),
    ([KEY], {"tolerance": 0.0}, "--tolerance", "1e-3"),
    ([KEY], {"highest": -1.0}, "--max", "highest"),
    ([KEY], {"highest": [1.0, 2.0]}, "--max", "each"),
    ([KEY], {"overrides": ['market.design="none"']}, "market.design", "p2p"),
    ([KEY], {"overrides": ["charges.electricity={}"]}, "--key", "mechanism"),
    ([KEY], {"goal": "recovery", "overrides": ["settlement={}"]}, "settlement.loss_price_per_kwh", "price"),
]


@pytest.mark.parametrize(("keys", "others", "place", "remedy"), REFUSED)
def test_what_is_refused_is_named(
    tmp_path: Path, keys: list[str], others: dict[str, Any], place: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        optimal_charge(SCENARIO, keys, out=tmp_path / "none", progress=False, **{"goal": "revenue", **others})
    faults = [fault for fault in caught.value.faults if fault.place == place]
    assert faults
    assert remedy in faults[0].remedy + faults[0].problem


def test_a_key_that_is_no_rate_is_refused() -> None:
    """A mean temperature is: heat charges are in proportion to it. A factor that enters by its square is not."""
    case = load("network1", [ONE_HOUR])
    assert rate_keys(case, ["charges.heat.t_mean_c"])[0].own == 65.0
    from mosaik_p2p.charges.base import ChargeParts, NetworkView
    from mosaik_p2p.charges.kinds.uniform import Uniform
    from mosaik_p2p.charges.mechanisms import uniform_charges

    class Squared(Uniform):
        """By the square of its rate."""

        def parts(self, view: NetworkView) -> ChargeParts:
            return ChargeParts(uniform_charges(view.element, rate_per_kwh=self.rate**2, payer=self.payer))

    changed = case.scenario.charges.model_copy(update={"electricity": Squared(mechanism="x", rate=0.3)})
    other = case.__class__(**{**case.__dict__, "scenario": case.scenario.model_copy(update={"charges": changed})})
    with pytest.raises(BadInput, match="not linear"):
        rate_keys(other, [KEY])


def test_a_folder_that_is_there_is_kept(revenue: BestRate) -> None:
    with pytest.raises(BadInput, match="overwrite"):
        found(revenue.folder, "revenue")
    assert (revenue.folder / "optimum.json").exists()


def test_the_command(tmp_path: Path) -> None:
    noon = [part for override in NOON for part in ("--set", override)]
    out = ["--out", str(tmp_path / "x"), "--no-run", "--set", ONE_HOUR]
    outcome = CliRunner().invoke(app, ["optimal-charge", SCENARIO, "--key", KEY, "--goal", "revenue", *noon, *out])
    assert outcome.exit_code == 0, outcome.output
    assert "Certified: no rate" in outcome.output
    assert (tmp_path / "x" / "rates.parquet").exists()
    assert mosaik_p2p.optimal_charge is optimal_charge
