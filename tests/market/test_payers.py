"""Which end of a trade pays its charge: in the tables, in the price, in the settlement, and from the scenario on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_scenario
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges, path_charges, uniform_charges
from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.errors import Status
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.validate import load
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.settlement import settle
from mosaik_p2p.units import Table

PAYERS = {"both": (1.0, 1.0), "seller": (1.0, 0.0), "buyer": (0.0, 1.0), "split": (0.5, 0.5)}
"""Shares of the posted charge that the seller and the buyer pay."""
RATE = 0.08
LOOP = PathGraph(
    node_names=("0", "1", "2"),
    from_node=np.array([0, 1, 2]),
    to_node=np.array([1, 2, 0]),
    length=np.array([1.0, 1.0, 1.5]),
    node_of={n: n for n in range(3)},
)
"""1.5 from 0 to 2, by the direct way."""
LINE = replace(LOOP, from_node=LOOP.from_node[:2], to_node=LOOP.to_node[:2], length=np.array([1.0, 0.5]))
"""1.5 from 0 to 2, by the only way."""
PLACE = np.array([0, 2])


def posted_by(kind: str, payer: str) -> Charges:
    """Charges of two prosumers whose posted charge is `RATE`."""
    if kind == "uniform":
        return uniform_charges(np.zeros(2, dtype=np.int64), rate_per_kwh=RATE, payer=payer)
    graph = LINE if kind == "line" else LOOP
    return path_charges(graph, PLACE, price_per_length=RATE / 1.5, payer=payer)


KINDS = ("uniform", "line", "loop")


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_end_pays_its_share(kind: str, payer: str) -> None:
    charges, (seller, buyer) = posted_by(kind, payer), PAYERS[payer]
    assert (charges.tree is None) == (kind == "loop")
    assert np.asarray(charges.posted)[0, 1] == pytest.approx(RATE)
    assert np.asarray(charges.total)[[0, 1], [1, 0]] == pytest.approx(RATE * (seller + buyer))
    for pair in ((0, 1), (1, 0)):
        ends = charges.end_costs(*(np.array([i]) for i in pair), np.array([3.0]))
        assert [float(end[0]) for end in ends] == pytest.approx([RATE * seller, RATE * buyer])
    assert charges.cost_per_hour(np.array([0]), np.array([1]), np.array([3.0])) == pytest.approx(
        3.0 * RATE * (seller + buyer)
    )


def seller_and_buyer(payer: str, kind: str) -> MarketCase:
    """One interval of half an hour: a generator at 0.2 + 0.01 p per kWh, and a load worth 0.9 - 0.02 d."""
    devices = (Generator("plant", 0.0, 50.0, 0.2, 0.01), ElasticLoad("load", "electricity", 50.0, 0.9, 0.02))
    prosumers = tuple(
        Prosumer(name, 0, None, 1.0, (device,), ()) for name, device in zip(("S", "B"), devices, strict=True)
    )
    nowhere = uniform_charges(np.array([-1, -1]), rate_per_kwh=0.0, payer="both")
    return MarketCase(
        prosumers=prosumers,
        charges=(posted_by(kind, payer), nowhere),
        day=np.zeros(1, dtype=np.int64),
        dt_h=0.5,
        steps=1,
        horizon_steps=1,
        settings=Settings(relative_gap=1e-6),
        on_not_converged="stop",
    )


def cleared(payer: str, kind: str) -> dict[str, Table]:
    outcome = RollingMarket(seller_and_buyer(payer, kind)).clear(0)
    assert outcome.status is Status.OK
    return outcome.tables


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_market_pays_at_the_right_end(kind: str, payer: str) -> None:
    """0.2 + 0.01 p + both shares = 0.9 - 0.02 p, and the price stands above the seller's cost by the seller's share."""
    tables, (seller, buyer) = cleared(payer, kind), PAYERS[payer]
    power = (0.7 - RATE * (seller + buyer)) / 0.03
    trades = tables["trades"]
    assert (trades["seller"], trades["buyer"]) == (["S"], ["B"])
    assert trades["power_kw"] == pytest.approx([power], abs=1e-2)
    assert trades["price_per_kwh"] == pytest.approx([0.2 + 0.01 * power + RATE * seller], abs=1e-3)
    assert trades["charge_seller_per_kwh"] == pytest.approx([RATE * seller])
    assert trades["charge_buyer_per_kwh"] == pytest.approx([RATE * buyer])
    told = tables["charges"]
    assert (told["charge_seller_per_kwh"], told["charge_buyer_per_kwh"]) == (
        pytest.approx([RATE * seller]),
        pytest.approx([RATE * buyer]),
    )
    ledger = settle(tables, dt_h=0.5, loss_price_per_kwh=None)
    paid = {"S": 0.0, "B": 0.0}
    for party, item, money in zip(ledger["party"], ledger["item"], ledger["money"], strict=True):
        if item == "charge" and party in paid:
            paid[party] -= money
    energy = 0.5 * trades["power_kw"][0]
    assert paid == pytest.approx({"S": RATE * seller * energy, "B": RATE * buyer * energy})


OHM = np.hypot([2.01317, 2.44845, 1.79553, 0.84111, 1.52348], [1.35790, 1.65150, 1.21110, 0.82271, 1.02760]).sum()
"""Along the lines 13-12, 12-11, 11-3, 3-4 and 4-5 of the 15-bus feeder, each of 1 km."""
KM = 0.2 + 0.2
"""From node 7 over node 1 to node 6 of the heat network."""
CHARGED: dict[str, list[dict[str, Any]]] = {
    "electricity": [
        {"mechanism": "uniform", "rate": RATE},
        {"mechanism": "electrical_distance", "rate": 0.01},
    ],
    "heat": [
        {"mechanism": "uniform", "rate": RATE},
        {"mechanism": "thermal_distance", "rate": 0.01, "kappa_kw_per_km_k": 0.02, "t_mean_c": 60.0},
    ],
}


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("which", [0, 1])
def test_the_scenario_says_who_pays(tmp_path: Path, which: int, payer: str) -> None:
    """Both carriers, which differ in who pays; the posted charge is the same whoever does."""
    other = {"both": "seller", "seller": "buyer", "buyer": "split", "split": "both"}[payer]
    payers = {"electricity": payer, "heat": other}

    def edit(scenario: dict[str, Any]) -> None:
        scenario["charges"] = {carrier: {**CHARGED[carrier][which], "payer": payers[carrier]} for carrier in payers}
        made_scenario.prosumer(scenario, "B").update(junction="6")

    charges = market_case(load(made_scenario.write(tmp_path, edit))).charges
    for own, name in zip(charges, payers.values(), strict=True):
        assert (own.seller_share, own.buyer_share) == PAYERS[name]
    posted = [float(np.asarray(own.posted)[0, 1]) for own in charges]
    by_distance = [0.01 * OHM, 0.01 * 0.02 * 60.0 * KM]
    assert posted == pytest.approx(by_distance if which else [RATE, RATE])
