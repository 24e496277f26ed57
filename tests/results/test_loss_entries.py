"""Losses by party and by what each exchanged with whom, by hand."""

import pytest

from mosaik_p2p.settlement.losses import OwnLoss, loss_entries
from mosaik_p2p.units import Table

OWN = {
    # Sells 5, of which 4 to others; buys 3 of another and draws 6 in all; passes on what it buys.
    "A": OwnLoss(injected_kwh=5.0, per_kwh=-0.02, reactive_kwh=0.1),
    "B": OwnLoss(injected_kwh=-6.0, per_kwh=-0.05, reactive_kwh=0.0),
    "C": OwnLoss(injected_kwh=0.0, per_kwh=0.01, reactive_kwh=0.2),
}
TRADES = [("A", "B", 3.0), ("A", "C", 1.0), ("C", "B", 1.0)]
WHOLE_KWH = 2.0


def sums(table: Table, *keys: str) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for n, loss in enumerate(table["loss_kwh"]):
        key = tuple(table[name][n] for name in keys)
        found[key] = found.get(key, 0.0) + loss
    return found


@pytest.fixture
def table() -> Table:
    return loss_entries(OWN, TRADES, WHOLE_KWH)


def test_a_trade_loses_what_its_ends_differ_by(table: Table) -> None:
    found = sums(table, "party", "counterparty")
    assert found["A", "B"] + found["B", "A"] == pytest.approx((-0.02 + 0.05) * 3.0)
    assert found["A", "C"] + found["C", "A"] == pytest.approx((-0.02 - 0.01) * 1.0)
    assert found["C", "B"] == pytest.approx(0.01)


def test_the_rest_stands_with_the_contract_and_reactive_power_too(table: Table) -> None:
    found = sums(table, "party", "counterparty")
    assert found["A", "utility"] == pytest.approx(-0.02 * (5.0 - 4.0) + 0.1)
    assert found["B", "utility"] == pytest.approx(-0.05 * (-6.0 + 4.0))
    # Who passes on what it buys has no injection; its reactive power is not divided by it.
    assert found["C", "utility"] == pytest.approx(0.2)


def test_rows_of_a_prosumer_are_its_loss_and_all_rows_the_whole(table: Table) -> None:
    by_party = sums(table, "party")
    for name, own in OWN.items():
        assert by_party[name,] == pytest.approx(own.per_kwh * own.injected_kwh + own.reactive_kwh)
    assert sum(by_party.values()) == pytest.approx(WHOLE_KWH)
    assert by_party["operator",] == pytest.approx(WHOLE_KWH - 0.0 - 0.3 - 0.2)


def test_energy_is_what_went_into_the_network(table: Table) -> None:
    energy = dict.fromkeys(OWN, 0.0)
    for party, kwh in zip(table["party"], table["energy_kwh"], strict=True):
        if party in energy:
            energy[party] += kwh
    assert energy == pytest.approx({name: own.injected_kwh for name, own in OWN.items()})


def test_trades_both_ways_between_two_are_one_row() -> None:
    table = loss_entries(OWN, [("A", "B", 3.0), ("B", "A", 1.0)], WHOLE_KWH)
    rows = list(zip(table["party"], table["counterparty"], table["energy_kwh"], strict=True))
    assert [kwh for party, other, kwh in rows if (party, other) == ("A", "B")] == [2.0]
    assert len(rows) == len({row[:2] for row in rows})
