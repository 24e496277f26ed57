"""The day-ahead market: one clearing, many intervals; against the rolling market, the central model, its own sums."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from markets import random_market, strained
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.errors import RunFailed, Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.market.reputation import ReputationRule
from mosaik_p2p.settlement import settle
from mosaik_p2p.units import Table
from rolling_markets import HORIZON, STEPS, market_case

GAP = 1e-3
TINY = 1e-6
LEFT_KW = 0.06
"""What the rounds of trimming may leave over where 60 kW are missing."""
PAID = 1e-9
"""Of the turnover: money is added up in another order."""


def whole_case(*, steps: int = STEPS, horizon: int = STEPS, missed: float = 0.0, **options: object) -> MarketCase:
    """A day-ahead market whose blocks have `horizon` intervals."""
    case = market_case(missed=missed)
    return replace(case, steps=steps, horizon_steps=horizon, clearing="day_ahead", **options)


def run(case: MarketCase) -> list[dict[str, Table]]:
    market, results = make_market(case), []
    for k in range(case.steps):
        outcome = market.clear(k)
        assert outcome.status is Status.OK
        assert [entry.prosumer for entry in outcome.dispatch] == [prosumer.name for prosumer in case.prosumers]
        results.append(outcome.tables)
        market.commit()
    return results


def column(table: Table, name: str, **where: str) -> list[float]:
    rows = range(len(table[name]))
    return [table[name][n] for n in rows if all(table[key][n] == value for key, value in where.items())]


def test_the_case_says_which_market_opens() -> None:
    assert isinstance(make_market(market_case()), RollingMarket)
    assert isinstance(make_market(whole_case()), DayAheadMarket)


def test_the_first_interval_is_that_of_a_rolling_market() -> None:
    ahead = DayAheadMarket(whole_case(horizon=HORIZON)).clear(0).tables
    rolling = RollingMarket(market_case()).clear(0).tables
    # A trade of a kWh is a sum over its way, and the last digits depend on the solver's path.
    pd.testing.assert_frame_equal(pd.DataFrame(ahead["trades"]), pd.DataFrame(rolling["trades"]), rtol=1e-9, atol=0.0)
    assert ahead["clearing"]["iterations"] == rolling["clearing"]["iterations"]
    for table, quantity in (("prosumers", "injection_kw"), ("devices", "el_kw"), ("alone", "import_kw")):
        # Later trades are rid of dust here, so that the solver ends elsewhere in its tolerance.
        assert ahead[table][quantity] == pytest.approx(rolling[table][quantity], abs=1e-3)


@pytest.mark.parametrize(("form", "dt_h"), [("bilateral", 1.0), ("network", 1.0), ("network", 0.25)])
def test_what_all_intervals_cost_is_the_central_optimum(form: str, dt_h: float) -> None:
    """Bills, devices and charges of every interval, as settled: together the least cost of the whole block."""
    case = whole_case(settings=Settings(form=form), dt_h=dt_h)
    central = solve_central(DayAheadMarket(case).problem(0)).cost
    results = run(case)
    assert results[0]["clearing"]["cost"][0] == pytest.approx(central, rel=GAP)
    names = {prosumer.name for prosumer in case.prosumers}
    paid = 0.0
    for tables in results:
        ledger = settle(tables, dt_h=case.dt_h, loss_price_per_kwh=None)
        rows = zip(ledger["case"], ledger["party"], ledger["money"], strict=True)
        paid -= sum(money for world, party, money in rows if world == "in_market" and party in names)
    assert paid == pytest.approx(results[0]["clearing"]["cost"][0], rel=TINY)


def test_alone_is_planned_for_the_same_block() -> None:
    case = whole_case()
    alone = Fleet(with_imbalance_priced(DayAheadMarket(case).problem(0))).alone.cost
    paid: dict[str, float] = defaultdict(float)
    for tables in run(case):
        ledger = settle(tables, dt_h=case.dt_h, loss_price_per_kwh=None)
        for world, party, money in zip(ledger["case"], ledger["party"], ledger["money"], strict=True):
            if world == "alone":
                paid[party] -= money
    assert [paid[prosumer.name] for prosumer in case.prosumers] == pytest.approx(list(alone), rel=TINY)


def test_blocks_follow_each_other_and_the_last_one_may_be_cut_short() -> None:
    case = whole_case(horizon=4)
    results = run(case)
    clearings = [tables["clearing"] for tables in results]
    assert [table["since_clearing"][0] for table in clearings] == [0, 1, 2, 3, 0, 1]
    costs = [table["cost"][0] for table in clearings]
    assert costs[:4] == [costs[0]] * 4
    assert costs[4:] == [costs[4]] * 2 != [costs[0]] * 2
    level = 20.0
    for k, tables in enumerate(results):
        power = column(tables["devices"], "el_kw", prosumer="P1", device="battery")[0]
        level += -power * 0.9 if power < 0 else -power / 0.9
        assert column(tables["devices"], "level_kwh", prosumer="P1", device="battery")[0] == pytest.approx(
            level, abs=1e-4
        )
        if k == 3:
            # Every look-ahead ends with no less than it began with.
            assert level >= 20.0 - 1e-4


def test_a_block_takes_the_energy_that_was_forecast_for_it() -> None:
    case = whole_case(steps=4, horizon=4)
    load = next(device for device in case.prosumers[0].devices if isinstance(device, FlexibleLoad))
    taken = [-column(tables["devices"], "el_kw", prosumer="P0", device="load")[0] for tables in run(case)]
    assert sum(taken) == pytest.approx(load.demand.forecast[:4].sum(), rel=TINY)
    assert not np.allclose(taken, load.demand.forecast[:4])


@pytest.mark.parametrize("missed", [0.0, 1.5])
def test_every_interval_balances_and_peers_pay_each_other(missed: float) -> None:
    for tables in run(whole_case(missed=missed)):
        exchange, trades = tables["prosumers"], tables["trades"]
        for n, (name, carrier) in enumerate(zip(exchange["prosumer"], exchange["carrier"], strict=True)):
            quantity = "el_kw" if carrier == "electricity" else "heat_kw"
            produced = sum(column(tables["devices"], quantity, prosumer=name))
            assert produced == pytest.approx(exchange["injection_kw"][n], abs=TINY)
            sold, bought = (
                sum(column(trades, "power_kw", carrier=carrier, **{end: name})) for end in ("seller", "buyer")
            )
            assert sold - bought == pytest.approx(exchange["net_sale_kw"][n], abs=TINY)
            assert exchange["imbalance_kw"][n] == pytest.approx(0.0, abs=TINY)
        ledger = settle(tables, dt_h=1.0, loss_price_per_kwh=None)
        money = column(ledger, "money", item="trade")
        assert abs(sum(money)) <= PAID * sum(abs(amount) for amount in money)


def test_a_missed_forecast_goes_to_the_contract_in_every_interval() -> None:
    planned, missed = run(whole_case()), run(whole_case(missed=1.5))
    for before, after in zip(planned, missed, strict=True):
        assert after["trades"] == before["trades"]
        for name in ("P0", "P1", "P2", "P3"):
            where = {"prosumer": name, "carrier": "electricity"}
            net = [
                column(t["prosumers"], "import_kw", **where)[0] - column(t["prosumers"], "export_kw", **where)[0]
                for t in (before, after)
            ]
            assert net[1] - net[0] == pytest.approx(1.5, abs=TINY)


def test_dispatching_again_starts_from_the_same_state() -> None:
    market = DayAheadMarket(whole_case())
    for k in range(2):
        first = market.clear(k)
        assert market.clear(k).tables == first.tables
        market.commit()
    with pytest.raises(ValueError, match="the next one is 2"):
        market.clear(4)


def test_forecasts_count_where_a_block_begins_and_realised_values_always() -> None:
    case = whole_case(horizon=4)
    load = next(device for device in case.prosumers[1].devices if isinstance(device, FlexibleLoad))
    plain, told = DayAheadMarket(case), DayAheadMarket(case)
    for k in range(5):
        news = {
            "P_forecast[kW]": 2.0 * load.demand.forecast[k : k + 4],
            "P_realised[kW]": load.demand.forecast[k : k + 1] + 1.0,
        }
        expected = plain.clear(k).tables
        found = told.clear(k, {"P1": news} if k else None).tables
        inputs = column(found["inputs"], "forecast", prosumer="P1", device="load")
        if k in (1, 2, 3):
            assert found["trades"] == expected["trades"]
            assert inputs[0] == pytest.approx(load.demand.forecast[k])
            assert column(found["inputs"], "realised", prosumer="P1", device="load")[0] == pytest.approx(
                load.demand.forecast[k] + 1.0
            )
            moved = [column(t["devices"], "el_kw", prosumer="P1", device="load")[0] for t in (expected, found)]
            assert moved[0] - moved[1] == pytest.approx(1.0, abs=TINY)
        if k == 4:
            assert inputs[0] == pytest.approx(2.0 * load.demand.forecast[k])
            assert found["clearing"]["cost"][0] > 1.1 * expected["clearing"]["cost"][0]
        plain.commit()
        told.commit()


@pytest.mark.parametrize("form", ["bilateral", "network"])
@pytest.mark.parametrize("seed", [2, 3])
def test_a_trade_that_an_end_cannot_keep_gives_way_in_its_own_interval(form: str, seed: int) -> None:
    """Small contracts, and a load beyond all of them here and there."""
    plain = strained(random_market(4, seed, horizon=6, first_hour=16), seed)
    peak = np.array([[0.0, 0.0, 60.0, 0.0, 30.0, 0.0], [0.0] * 6])
    market = replace(plain, models=tuple(replace(model, fixed=model.fixed + peak) for model in plain.models))
    cleared = clear(market, Settings(form=form, max_iterations=1000, binding=6))
    binding = (cleared.trades, *cleared.later_trades)
    short = np.array([done.imbalance_kw for done in cleared.dispatch])
    assert short[:, 0, 2].min() < -10.0
    sellers = 0
    for t, trades in enumerate(binding):
        for c, own in enumerate(trades):
            assert own.net_sale(4) == pytest.approx(cleared.sale_kw[c, t], abs=1e-12)
            sellers += own.seller.size
            assert min(short[own.seller, c, t], default=0.0) >= -LEFT_KW
    assert sellers > 6


def test_reputation_is_constant_within_a_block_and_grows_with_each_interval() -> None:
    results = run(whole_case(horizon=4, reputation=ReputationRule(0.002, 0.1)))
    told = [tables["charges"]["benefit_per_kwh"] for tables in results]
    assert set(told[0]) == {0.0}
    assert [len(rows) for rows in told[1:4]] == [0, 0, 0]
    assert len(told[5]) == 0
    # A pair that traded in several hours of the first block is known better than one that traded once.
    assert max(told[4]) > 2 * 0.002 * 0.1
    assert all(0.0 <= benefit <= 2 * 0.002 for benefit in told[4])


def test_stopping_rule_ends_the_run_and_records_why() -> None:
    market = DayAheadMarket(whole_case(settings=Settings(max_iterations=1)))
    outcome = market.clear(0)
    assert outcome.status is Status.NOT_CONVERGED
    assert not outcome.dispatch
    assert "max_iterations" in outcome.tables["clearing"]["cause"][0]
    market.commit()
    with pytest.raises(RunFailed, match="interval 0 was not cleared"):
        market.clear(1)


@pytest.mark.parametrize(("rule", "status"), [("last_feasible", Status.NOT_CONVERGED), ("central", Status.OK)])
def test_other_rules_go_on_with_trades_in_every_interval(rule: str, status: Status) -> None:
    market = DayAheadMarket(whole_case(settings=Settings(max_iterations=1), on_not_converged=rule))
    reference = DayAheadMarket(whole_case()).clear(0).tables["clearing"]["cost"][0]
    sold = 0.0
    for k in range(STEPS):
        outcome = market.clear(k)
        assert outcome.status is status
        assert outcome.tables["clearing"]["status"] == [status.value]
        sold += sum(outcome.tables["trades"]["power_kw"]) if k else 0.0
        market.commit()
    if rule == "central":
        assert sold > 1.0
        assert outcome.tables["clearing"]["cost"][0] == pytest.approx(reference, rel=GAP)
