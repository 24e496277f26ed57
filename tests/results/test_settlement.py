"""The settlement: every payment twice, nothing lost, and the parties' sums as computed by hand."""

from collections import defaultdict

import pytest

from mosaik_p2p.settlement import settle
from mosaik_p2p.units import Table
from rolling_markets import market_case, run

ROUNDING = 1e-9
TRADES: Table = {
    "carrier": ["electricity"],
    "seller": ["A"],
    "buyer": ["B"],
    "power_kw": [4.0],
    "price_per_kwh": [0.5],
    "charge_seller_per_kwh": [0.01],
    "charge_buyer_per_kwh": [0.02],
    "surcharge_seller_per_kwh": [0.0],
    "surcharge_buyer_per_kwh": [0.03],
}
PROSUMERS: Table = {
    "prosumer": ["A", "B"],
    "carrier": ["electricity", "heat"],
    "import_kw": [0.0, 2.0],
    "export_kw": [3.0, 0.0],
    "imbalance_kw": [0.0, -1.0],
    "import_price_per_kwh": [0.7, 0.49],
    "export_price_per_kwh": [0.37, None],
    "imbalance_price_per_kwh": [9.0, 9.0],
    "cleared_surplus_kw": [0.0, None],
    "surcharge_per_kwh": [0.04, -0.2],
}
FLOWS: Table = {"network": ["electricity", "heat"], "loss_kw": [10.0, 20.0], "pump_kw": [None, 0.5]}


def _sums(table: Table, *keys: str) -> dict[tuple[str, ...], float]:
    result: dict[tuple[str, ...], float] = defaultdict(float)
    for n, money in enumerate(table["money"]):
        result[tuple(table[key][n] for key in keys)] += money
    return result


def test_by_hand_for_half_an_hour() -> None:
    tables = {"trades": TRADES, "prosumers": PROSUMERS, "flows": FLOWS}
    money = _sums(settle(tables, dt_h=0.5, loss_price_per_kwh=0.4), "party")
    assert money["A",] == pytest.approx(2.0 * (0.5 - 0.01) + 1.5 * (0.37 - 0.04))
    assert money["B",] == pytest.approx(-2.0 * (0.5 + 0.02 + 0.03) - 1.0 * 0.49 - 0.5 * 9.0 - 0.2 * 1.5)
    assert money["operator",] == pytest.approx(2.0 * 0.06 + 1.5 * 0.04 + 1.5 * 0.2 - 0.4 * (5.0 + 0.25) - 10.0 * 0.49)


def test_every_payment_is_two_rows() -> None:
    for tables in run(market_case(missed=0.5)):
        ledger = settle({**tables, "flows": FLOWS}, dt_h=1.0, loss_price_per_kwh=0.443)
        turnover = sum(abs(money) for money in ledger["money"])
        assert turnover > 0
        for total in _sums(ledger, "case", "item").values():
            assert abs(total) <= ROUNDING * turnover
        assert min(ledger["energy_kwh"]) >= 0


def test_without_losses_priced_the_operator_pays_nothing() -> None:
    ledger = settle({"trades": TRADES, "flows": FLOWS}, dt_h=1.0, loss_price_per_kwh=None)
    assert _sums(ledger, "party")["operator",] == pytest.approx(4.0 * 0.06)


DEVICES: Table = {"prosumer": ["A", "B"], "cost": [0.3, 0.8], "fuel_kw": [0.0, 4.0]}
ALONE: Table = {
    "prosumer": ["A", "B"],
    "carrier": ["electricity", "heat"],
    "import_kw": [5.0, 6.0],
    "export_kw": [1.0, 0.0],
    "imbalance_kw": [2.0, -3.0],
    "import_price_per_kwh": [0.7, 0.49],
    "export_price_per_kwh": [0.37, None],
    "imbalance_price_per_kwh": [9.0, 8.0],
    "cleared_surplus_kw": [None, 0.0],
    "cost": [0.2, 0.0],
    "fuel_kw": [0.0, 7.0],
    "fuel_cost": [0.0, 1.5],
}


def _entries(table: Table) -> list[tuple[object, ...]]:
    """The rows of those who pay, sorted: case, who pays, whom, carrier, what for, kWh, money."""
    columns = ("case", "party", "counterparty", "carrier", "item", "energy_kwh", "money")
    rows = zip(*(table[name] for name in columns), strict=True)
    return sorted(((*row[:5], round(row[5], 9), round(-row[6], 9)) for row in rows if row[6] < 0), key=repr)


def test_every_row_of_an_interval_by_hand() -> None:
    """Half an hour with everything in it: who pays, whom, for what, how much energy, how much money."""
    tables = {"trades": TRADES, "prosumers": PROSUMERS, "flows": FLOWS, "devices": DEVICES, "alone": ALONE}
    market, alone = "in_market", "alone"
    expected = [
        (market, "B", "A", "electricity", "trade", 2.0, 1.0),
        (market, "A", "operator", "electricity", "charge", 2.0, 0.02),
        (market, "B", "operator", "electricity", "charge", 2.0, 0.04),
        (market, "B", "operator", "electricity", "surcharge", 2.0, 0.06),
        (market, "utility", "A", "electricity", "export", 1.5, 0.555),
        (market, "B", "heat_supplier", "heat", "import", 1.0, 0.49),
        (market, "B", "heat_supplier", "heat", "imbalance", 0.5, 4.5),
        (market, "A", "operator", "electricity", "surcharge", 1.5, 0.06),
        (market, "B", "operator", "heat", "surcharge", 1.5, 0.3),
        (market, "A", "own", None, "device", 0.0, 0.3),
        (market, "B", "own", None, "fuel", 2.0, 0.8),
        (market, "operator", "utility", "electricity", "loss", 5.0, 2.0),
        (market, "operator", "heat_supplier", "heat", "loss", 10.0, 4.9),
        (market, "operator", "utility", "electricity", "loss", 0.25, 0.1),
        (alone, "A", "utility", "electricity", "import", 2.5, 1.75),
        (alone, "utility", "A", "electricity", "export", 0.5, 0.185),
        (alone, "B", "heat_supplier", "heat", "import", 3.0, 1.47),
        (alone, "B", "heat_supplier", "heat", "imbalance", 1.5, 12.0),
        (alone, "A", "own", None, "device", 0.0, 0.2),
        (alone, "B", "own", None, "fuel", 3.5, 1.5),
    ]
    ledger = settle(tables, dt_h=0.5, loss_price_per_kwh=0.4)
    assert _entries(ledger) == sorted(expected, key=repr)
    # Too much costs nothing and stands there all the same.
    free = [n for n, money in enumerate(ledger["money"]) if money == 0.0]
    assert {(ledger["case"][n], ledger["party"][n], ledger["energy_kwh"][n]) for n in free} == {
        (alone, "A", 1.0),
        (alone, "utility", 1.0),
    }
    assert len(ledger["money"]) == 2 * len(expected) + 2


def test_a_surcharge_counts_what_is_too_much_as_injected() -> None:
    """3 kW exported, 1 imported and 0.5 too much, at a surcharge of 0.2: 2.5 kW, on any carrier."""
    exchange = {
        **{name: values[:1] for name, values in PROSUMERS.items()},
        **{"import_kw": [1.0], "export_kw": [3.0], "imbalance_kw": [0.5], "surcharge_per_kwh": [0.2]},
    }
    rows = _entries(settle({"prosumers": exchange}, dt_h=1.0, loss_price_per_kwh=None))
    assert ("in_market", "A", "operator", "electricity", "surcharge", 2.5, 0.5) in rows


@pytest.mark.parametrize(
    ("carriers", "prices", "paid"),
    [
        (["electricity", "heat", "heat", "heat"], [0.1, 0.49, 0.3, 0.8], 20.0 * 0.3),
        (["heat", "heat", "electricity"], [None, 0.49, 0.2], 20.0 * 0.49),
        (["heat", "heat"], [0.0, 0.49], 0.0),
        (["heat", "heat"], [-0.05, 0.49], -20.0 * 0.05),
        (["electricity", "heat"], [0.3, None], 0.0),
        (["electricity"], [0.3], 0.0),
    ],
)
def test_lost_heat_costs_the_lowest_price_of_a_heat_supplier(
    carriers: list[str], prices: list[float | None], paid: float
) -> None:
    """Whoever has no contract for heat, and contracts for electricity, say nothing about it."""
    count = len(carriers)
    nothing = [0.0] * count
    exchange: Table = {
        "prosumer": [f"P{n}" for n in range(count)],
        "carrier": list(carriers),
        **dict.fromkeys(("import_kw", "export_kw", "imbalance_kw", "surcharge_per_kwh"), nothing),
        **{"import_price_per_kwh": list(prices), "export_price_per_kwh": [None] * count},
        "imbalance_price_per_kwh": [9.0] * count,
        "cleared_surplus_kw": [None] * count,
    }
    ledger = settle({"prosumers": exchange, "flows": FLOWS}, dt_h=1.0, loss_price_per_kwh=None)
    assert _sums(ledger, "party")["heat_supplier",] == pytest.approx(paid)
    assert _sums(ledger, "party")["operator",] == pytest.approx(-paid)
    assert set(ledger["item"]) <= {"loss"}


def test_a_network_without_a_solution_loses_nothing() -> None:
    flows: Table = {"network": ["electricity", "heat"], "loss_kw": [None, 20.0], "pump_kw": [None, None]}
    ledger = settle({"prosumers": PROSUMERS, "flows": flows}, dt_h=1.0, loss_price_per_kwh=0.4)
    losses = [row for row in _entries(ledger) if row[4] == "loss"]
    assert losses == [("in_market", "operator", "heat_supplier", "heat", "loss", 20.0, 9.8)]


def test_nothing_happens_in_an_interval_without_tables() -> None:
    assert set(map(len, settle({}, dt_h=1.0, loss_price_per_kwh=0.4).values())) == {0}


def test_what_burns_fuel_pays_for_it_alone_however_little() -> None:
    devices: Table = {"prosumer": ["A", "B"], "cost": [0.1, 0.2], "fuel_kw": [0.01, 0.0]}
    rows = _entries(settle({"devices": devices}, dt_h=1.0, loss_price_per_kwh=None))
    assert rows == [
        ("in_market", "A", "own", None, "fuel", 0.01, 0.1),
        ("in_market", "B", "own", None, "device", 0.0, 0.2),
    ]


def test_without_a_price_nothing_is_paid() -> None:
    """Prices are None where there is no contract; whatever flows all the same is told and free."""
    none: list[float | None] = [None, None]
    prices = {f"{kind}_price_per_kwh": none for kind in ("import", "export", "imbalance")}
    ledger = settle(
        {"prosumers": {**PROSUMERS, **prices, "surcharge_per_kwh": [0.0, 0.0]}}, dt_h=1.0, loss_price_per_kwh=None
    )
    assert set(ledger["item"]) == {"import", "export", "imbalance"}
    assert set(ledger["money"]) == {0.0}


def test_what_was_cleared_as_too_much_costs_what_it_was_cleared_at() -> None:
    """Of 2 kW too much 1.5 kW were cleared; the rest is a forecast that missed, and free."""
    exchange: Table = {
        "prosumer": ["A", "B"],
        "carrier": ["electricity"] * 2,
        **{key: [0.0, 0.0] for key in ("import_kw", "export_kw", "surcharge_per_kwh")},
        "imbalance_kw": [2.0, -1.0],
        **{key: [None, None] for key in ("import_price_per_kwh", "export_price_per_kwh")},
        "imbalance_price_per_kwh": [9.0, 9.0],
        "cleared_surplus_kw": [1.5, 0.0],
    }
    rows = _entries(settle({"prosumers": exchange}, dt_h=0.5, loss_price_per_kwh=None))
    assert rows == [
        ("in_market", "A", "utility", "electricity", "imbalance", 1.0, 6.75),
        ("in_market", "B", "utility", "electricity", "imbalance", 0.5, 4.5),
    ]
