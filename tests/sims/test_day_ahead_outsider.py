"""Day-ahead runs and runs with reputation, recomputed from their folders as an outsider would (see `outsider.py`)."""

import pytest

import outsider
from outsider import BALANCE, GAP, LEVEL_KWH, ROUNDING_KW

PEERS = 1e-9
"""Of the turnover between peers."""
INDEX = 1e-9
"""Of full reputation."""
BENEFIT = {"network1": 0.05, "network1_electric": 0.2}
"""At each end and full reputation: enough to outweigh the charges of the nearest pairs within the run."""

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(scope="module")
def day_ahead(tmp_path_factory: pytest.TempPathFactory) -> outsider.Results:
    """Two clearings, the second cut short; a load whose forecast is another one's profile; reputation."""
    folder = tmp_path_factory.mktemp("day_ahead") / "network1"
    changes = {
        "time.clearing": "day_ahead",
        "time.horizon_steps": 16,
        "time.steps": 22,
        "profiles.load_a.forecast_column": "load_b_kw",
        "market.reputation.benefit_per_kwh": BENEFIT["network1"],
    }
    options = [text for key, value in changes.items() for text in ("--set", f"{key}={value}")]
    return outsider.run("network1", folder, "--no-report", *options)


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> outsider.Results:
    folder = tmp_path_factory.mktemp("rolling") / "network1_electric"
    options = ["--steps", "14", "--set", f"market.reputation.benefit_per_kwh={BENEFIT['network1_electric']}"]
    return outsider.run("network1_electric", folder, "--no-report", *options)


@pytest.fixture(params=["day_ahead", "rolling"])
def results(request: pytest.FixtureRequest) -> outsider.Results:
    found: outsider.Results = request.getfixturevalue(request.param)
    return found


def test_energy_and_money_balance_in_every_interval(results: outsider.Results) -> None:
    energy, money = outsider.energy_errors(results), outsider.money_errors(results)
    assert energy["time"].nunique() == results.summary["steps"]
    assert (energy["error_kw"] <= BALANCE * energy["total_kw"] + ROUNDING_KW).all()
    assert (money["error"] <= BALANCE * money["turnover"]).all()
    assert (money["trade_error"] <= BALANCE * money["turnover"]).all()


def test_peers_pay_each_other_and_nobody_else(results: outsider.Results) -> None:
    errors = outsider.peer_money_errors(results)
    assert len(errors) > 4
    assert (errors["error"] <= PEERS * errors["turnover"]).all()


def test_levels_are_the_level_before_plus_the_dispatch(results: outsider.Results) -> None:
    assert outsider.level_errors(results).max() <= LEVEL_KWH


def test_every_clearing_is_optimal_within_the_gap(results: outsider.Results) -> None:
    """With the charges less the benefits that stand in the table."""
    table = outsider.gaps(results)
    assert len(table) == results.summary["clearings"]
    assert table["cost_above_optimum"].max() <= GAP
    assert table["bound_below_optimum"].min() >= -BALANCE


def test_reputation_is_what_the_trades_before_have_earned(results: outsider.Results) -> None:
    full = 2 * BENEFIT[results.summary["name"]]
    assert results["charges"]["benefit_per_kwh"].max() > 0.1 * full
    assert outsider.reputation_errors(results).max() <= INDEX * full


def test_benefits_of_trades_are_cut_to_what_is_paid_and_told(results: outsider.Results) -> None:
    trades, told = results["trades"], results.summary["reputation"]
    paid = trades["charge_seller_per_kwh"] + trades["charge_buyer_per_kwh"]
    assert (trades["benefit_per_kwh"] <= paid).all()
    assert told["benefit"] == pytest.approx((trades["benefit_per_kwh"] * trades["power_kw"]).sum())
    assert not results["settlement"]["item"].isin(["reputation", "benefit"]).any()
    clipped = 0
    own = results.binding[results.binding["since_clearing"] == 0]
    for time, clearing in own.iterrows():
        charges = outsider.charges_at(results, time)
        both = charges["charge_seller_per_kwh"] + charges["charge_buyer_per_kwh"]
        count = int((charges["benefit_per_kwh"] > both).sum())
        assert clearing["clipped_pairs"] == count
        clipped += bool(count)
    assert told["clipped_clearings"] == clipped > 0


def test_who_is_worse_off_is_named(results: outsider.Results) -> None:
    assert results.summary["worse_off"] == outsider.worse_off(results)


def test_a_day_ahead_run_has_a_row_for_every_interval_and_says_which_clear(day_ahead: outsider.Results) -> None:
    binding = day_ahead.binding.sort_index()
    assert list(binding["since_clearing"]) == [*range(16), *range(6)]
    assert day_ahead.summary["clearing"] == "day_ahead"
    assert day_ahead.summary["clearings"] == 2
    means = binding[binding["since_clearing"] == 0]["iterations"].mean()
    assert day_ahead.summary["iterations"]["mean"] == pytest.approx(means)
    loads = day_ahead["inputs"].query("prosumer == 'A' and device == 'flexible_load' and quantity == 'demand_kw'")
    assert (loads["forecast"] != loads["realised"]).any()
