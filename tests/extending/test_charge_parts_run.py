"""A run with several mechanisms, times of use and a charge of places: its stored tables bear out every entry.

The rates are stated here once more, as a reader of the scenario would: nothing of the package computes them.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from mosaik_p2p.api import check
from mosaik_p2p.charges.registry import GROUP
from mosaik_p2p.cosim import RunOutcome, run
from mosaik_p2p.loading import load
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, WITHOUT_CHARGES
from strangers.installed import found, install, lay

pytestmark = pytest.mark.once

MODULE = "place_values"
VALUES = {"13": 0.05, "5": -0.05, "10": 0.03}
RATE, NOON, PLACE_NOON = 0.02, 3.0, 0.5
STEP = '[{ from = "12:00", to = "15:00", factor = %s }]'
UNIFORM = f'{{ mechanism = "uniform", rate = {RATE}, payer = "seller", factor = {STEP % NOON} }}'
ELECTRIC = '{ mechanism = "electrical_distance", rate = 0.01 }'
PLACES = "{ " + ", ".join(f'"{name}" = {value}' for name, value in VALUES.items()) + " }"
AROUND_NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=3")


def charged(applies_to: str) -> str:
    place = f'{{ mechanism = "place_values", values = {PLACES}, applies_to = "{applies_to}"'
    return f"charges.electricity=[{UNIFORM}, {ELECTRIC}, {place}, factor = {STEP % PLACE_NOON} }}]"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("installed")
    lay(folder, MODULE)
    install(folder, GROUP, {"place_values": f"{MODULE}:PlaceValues"})
    with found(folder, MODULE):
        yield


def outcome_of(out: Path, *changes: str) -> RunOutcome:
    changes = (*AROUND_NOON, 'settlement.through_networks=["alone"]', *changes)
    return run("network1_electric", out=out, steps=2, overrides=changes, progress=False)


@pytest.fixture(scope="module", params=["rolling", "day_ahead", "negotiated"])
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def outcome(installed: None, case: str, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:  # noqa: ARG001
    """Trades pay for what they are in one case, injections in the others; in the last one a limit is negotiated."""
    changes = {
        "rolling": [charged("injection"), 'settlement.counterfactuals=["alone", "without_charges"]'],
        "day_ahead": [charged("trades"), "time.clearing=day_ahead"],
        "negotiated": [
            charged("injection"),
            "negotiation.enabled=true",
            "networks.electricity.limits.voltage_pu.min=0.97",
        ],
    }
    return outcome_of(tmp_path_factory.mktemp(case) / "run", *changes[case])


def table(outcome: RunOutcome, name: str) -> pd.DataFrame:
    rows = pd.read_parquet(outcome.folder / f"{name}.parquet")
    rows["hour"] = rows["time"].dt.tz_convert("Etc/GMT-1").dt.hour
    return rows


def bound(outcome: RunOutcome, name: str) -> pd.DataFrame:
    """The rows of the rounds that bind."""
    rows, clearing = table(outcome, name), table(outcome, "clearing")
    if "round" not in rows:
        return rows
    return rows.merge(clearing[clearing["binding"]][["time", "round"]], on=["time", "round"])


def is_noon(rows: pd.DataFrame) -> pd.Series:
    return (rows["hour"] >= 12) & (rows["hour"] < 15)


def value_of(outcome: RunOutcome) -> dict[str, float]:
    scenario = load(outcome.folder / "scenario.toml").scenario
    return {prosumer.name: VALUES.get(str(prosumer.bus), 0.0) for prosumer in scenario.prosumers}


@pytest.mark.slow
def test_every_place_charge_is_the_rate_times_what_its_place_does(outcome: RunOutcome) -> None:
    rows = bound(outcome, "prosumers")
    is_on_trades = load(outcome.folder / "scenario.toml").scenario.charges.electricity[2].applies_to == "trades"
    factor = is_noon(rows).map({True: PLACE_NOON, False: 1.0})
    rows["money"] = rows["prosumer"].map(value_of(outcome)) * factor
    rows["money"] *= rows["net_sale_kw"] if is_on_trades else rows["injection_kw"]
    expected = rows.set_index(["time", "prosumer"])["money"].sort_index()
    entries = table(outcome, "settlement")
    entries = entries[entries["item"] == "place_charge"]
    operator = entries[entries["party"] == "operator"].set_index(["time", "counterparty"])["money"]
    assert len(operator) == len(entries) / 2 == (expected != 0.0).sum()
    assert entries["money"].sum() == pytest.approx(0.0, abs=1e-9)
    assert operator.reindex(expected.index, fill_value=0.0).tolist() == pytest.approx(expected.tolist(), abs=1e-9)
    assert outcome.summary["operator"]["place_charges"] == pytest.approx(expected.sum())
    assert expected.abs().sum() > 0.5


@pytest.mark.slow
def test_every_charge_of_a_trade_is_that_of_its_time(outcome: RunOutcome) -> None:
    trades = bound(outcome, "trades")
    assert set(is_noon(trades)) == {True, False}
    ohm = (trades["charge_buyer_per_kwh"] / 0.01).tolist()
    assert min(ohm) > 0.1
    uniform = RATE * is_noon(trades).map({True: NOON, False: 1.0})
    assert trades["charge_seller_per_kwh"].tolist() == pytest.approx((0.01 * pd.Series(ohm) + uniform).tolist())
    paid = trades["power_kw"] * (trades["charge_seller_per_kwh"] + trades["charge_buyer_per_kwh"])
    entries = table(outcome, "settlement")
    taken = entries[(entries["item"] == "charge") & (entries["party"] == "operator")].groupby("time")["money"].sum()
    assert taken.tolist() == pytest.approx(paid.groupby(trades["time"]).sum().tolist())
    assert entries["money"].sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_the_table_of_charges_tells_them_where_they_change(outcome: RunOutcome) -> None:
    rows, trades = table(outcome, "charges"), bound(outcome, "trades")
    pairs = 5 * 4 // 2
    assert rows.groupby("hour").size().to_dict() == {11: pairs, 12: pairs}
    known = {(r.hour, frozenset((r.prosumer, r.partner))): r for r in rows.itertuples()}
    for trade in trades.itertuples():
        row = known[trade.hour, frozenset((trade.seller, trade.buyer))]
        assert row.charge_seller_per_kwh == pytest.approx(trade.charge_seller_per_kwh)
        assert row.charge_buyer_per_kwh == pytest.approx(trade.charge_buyer_per_kwh)


@pytest.mark.slow
def test_prices_bear_the_charges(outcome: RunOutcome, case: str) -> None:
    """What a trade brings less the seller's charges, and its place's, is what a kWh is worth to the seller; where that
    and the buyer's side differ, as under rows they may by more than elsewhere, the price is their middle."""
    within = {"negotiated": 0.05}.get(case, 5e-3)
    own = bound(outcome, "prosumers").set_index(["time", "prosumer"])
    rate = own["place_charge_injected_per_kwh"] + own["place_charge_sold_per_kwh"] + own["surcharge_per_kwh"]
    worth = own["marginal_price_per_kwh"]
    for trade in bound(outcome, "trades").itertuples():
        seller, buyer = (trade.time, trade.seller), (trade.time, trade.buyer)
        sold = worth[seller] + rate[seller] + trade.charge_seller_per_kwh
        bought = worth[buyer] + rate[buyer] - trade.charge_buyer_per_kwh
        assert trade.price_per_kwh == pytest.approx((sold + bought) / 2, abs=1e-9)
        assert trade.price_per_kwh == pytest.approx(sold, abs=within)


@pytest.mark.slow
def test_what_is_told_of_the_operator(outcome: RunOutcome) -> None:
    account = outcome.summary["operator"]
    parts = ("charges", "place_charges", "surcharges")
    assert account["revenue"] == pytest.approx(sum(account[part] for part in parts))
    assert "of it on places" in (outcome.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_negotiation_ends_within_the_limits(outcome: RunOutcome, case: str) -> None:
    rounds = table(outcome, "clearing").groupby("time")["round"].max()
    assert (rounds.max() > 0) == (case == "negotiated")
    assert (bound(outcome, "prosumers")["surcharge_per_kwh"] != 0.0).any() == (case == "negotiated")


@pytest.mark.slow
def test_without_charges_nobody_pays_any(outcome: RunOutcome, case: str) -> None:
    if case != "rolling":
        pytest.skip("that counterfactual was not asked for")
    entries = pd.read_parquet(counterfactual_folder(outcome.folder, WITHOUT_CHARGES) / "settlement.parquet")
    assert not entries["item"].isin(["charge", "place_charge"]).any()
    assert (entries["item"] == "trade").any()
    alone = (table(outcome, "settlement").query("case == 'alone'"), entries.query("case == 'alone'"))
    assert not alone[0]["item"].isin(["charge", "place_charge"]).any()
    assert alone[0]["money"].abs().sum() == pytest.approx(alone[1]["money"].abs().sum(), rel=1e-6)


@pytest.mark.slow
def test_alone_within_limits_nobody_pays_any(outcome: RunOutcome, case: str) -> None:
    """That case comes with a negotiated run whose limits are violated without trade, too: as they are here."""
    if case != "negotiated":
        pytest.skip("nothing was negotiated")
    entries = pd.read_parquet(counterfactual_folder(outcome.folder, ALONE_WITHIN_LIMITS) / "settlement.parquet")
    assert (entries["item"] == "import").any()
    assert not entries["item"].isin(["charge", "place_charge"]).any()


# -- what the scenario may say ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("installed")
def test_faults_name_the_table_of_the_list() -> None:
    wrong = '{ mechanism = "uniform", rate = -1.0, factor = [{ from = "22:00", to = "18:00", factor = 2.0 }] }'
    place = '{ mechanism = "place_values", values = { "99" = 1.0 }, applies_to = "sales" }'
    faults = check("network1_electric", overrides=[f"charges.electricity=[{ELECTRIC}, {wrong}, {place}, {{}}]"])
    assert {fault.place for fault in faults} == {
        "charges.electricity[1].rate",
        "charges.electricity[1].factor[0]",
        "charges.electricity[2].applies_to",
        "charges.electricity[3]",
    }
    stranded = check(
        "network1_electric", overrides=[f"charges.electricity=[{ELECTRIC}, {place.replace('sales', 'trades')}]"]
    )
    assert [fault.place for fault in stranded] == ["charges.electricity[1].values.99"]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ('[{ from = "18:00", to = "22:00", factor = -0.5 }]', "must be at least 0"),
        (
            '[{ from = "18:00", to = "22:00", factor = 2.0 }, { from = "21:30", to = "24:00", factor = 1.0 }]',
            "21:30 to 22",
        ),
        ('[{ from = "18 o\'clock", to = "22:00", factor = 2.0 }]', "is not a time of day"),
        ('[{ from = "22:00", to = "06:00", factor = 2.0 }]', "ends before it begins"),
        ('[{ from = "06:00", to = "07:00" }]', "is missing"),
        ("2.0", "is not a list"),
    ],
)
def test_factors_that_are_none(steps: str, problem: str) -> None:
    uniform = f'charges.electricity={{ mechanism="uniform", rate=0.1, factor={steps} }}'
    (fault,) = check("network1_electric", overrides=[uniform])
    assert fault.place.startswith("charges.electricity.factor")
    assert problem in fault.problem
