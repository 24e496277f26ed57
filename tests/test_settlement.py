"""The settlement: every payment twice, nothing lost, and the parties' sums as computed by hand."""

from collections import defaultdict

import pytest

from mosaik_p2p.settlement import settle
from mosaik_p2p.units import Table
from test_rolling import market_case, run

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
