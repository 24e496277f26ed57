"""Prices with limits and losses inside the clearing against an optimal power flow."""

import numpy as np
import pytest

from feeder_operator import Agent, Feeder, with_ties
from linear_operator import task_of
from mosaik_p2p.errors import Status
from mosaik_p2p.market.designs.base import Cleared
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case

GAP = 1e-6
FIVE: list[Agent] = [
    ("13", 0, 400, 4e-4, 0.10),
    ("10", 0, 250, 6e-4, 0.20),
    ("5", -150, 0, 1e-3, 0.75),
    ("8", -200, 0, 8e-4, 0.65),
    ("15", -150, 0, 1.2e-3, 0.70),
]
CONSTANT: list[Agent] = [
    ("13", 0, 800, 0.0, 0.488),
    ("10", 0, 800, 0.0, 0.492),
    *((name, low, high, 0.0, b) for name, low, high, _, b in FIVE[2:]),
]


def others(names: str) -> list[Agent]:
    """Producers and consumers by turns at the buses named."""
    return [
        (name, 0, 400, 4e-4, 0.10 + 0.03 * k) if k % 2 == 0 else (name, -200, 0, 1e-3, 0.75 - 0.03 * k)
        for k, name in enumerate(names.split())
    ]


def cleared(feeder: Feeder, *, max_rounds: int) -> Cleared:
    found = Dlmp(max_rounds=max_rounds).clear(task_of(feeder.market(), feeder, Settings(relative_gap=GAP)))
    assert found.clearing.status is Status.OK
    assert found.clearing.cause is None
    return found


def injected(found: Cleared) -> np.ndarray:
    return np.array(
        [
            float(done.x[0, 0]) * float(model.balance[0, 0, 0])
            for model, done in zip(found.problem.models, found.clearing.dispatch, strict=True)
        ]
    )


def off(found: Cleared, feeder: Feeder) -> tuple[float, float]:
    """By how much prices (relatively) and injections (kW) differ from the optimal power flow's."""
    kw, price = feeder.optimum()
    published = found.clearing.price_per_kwh[0, 0]
    return float(np.abs(published / price - 1.0).max()), float(np.abs(injected(found) - kw).max())


LIMITS = [({}, None), ({"11-12": 30.0}, 2.5819), ({"11-12": 30.0, "2-9": 22.0}, None)]


@pytest.mark.parametrize(("limits", "multiplier"), LIMITS)
def test_prices_are_those_of_an_optimal_power_flow(limits: dict[str, float], multiplier: float | None) -> None:
    feeder = Feeder(electric_case("bus15"), FIVE, limits)
    found = cleared(feeder, max_rounds=6)
    price, kw = off(found, feeder)
    assert price < 1e-4
    assert kw < 0.1
    table = found.tables["nodal_prices"][0]
    parts = np.array([table[name] for name in table if name.endswith("_per_kwh")])
    assert parts.sum(axis=0) == pytest.approx(found.clearing.price_per_kwh[0, 0], abs=1e-12)
    # The slack sells energy at its price everywhere: what differs by place is losses and the lines.
    assert table["energy_per_kwh"] == pytest.approx(np.full(5, 0.50), abs=1e-4)
    assert not limits or max(np.abs(table["congestion_per_kwh"])) > 0.01
    if multiplier is not None:
        response = feeder._flow.response(feeder.buses)["line_loading_percent"]
        slope = response.per_kw[list(response.elements).index("11-12")]
        assert -np.array(table["congestion_per_kwh"]) == pytest.approx(multiplier * slope, rel=1e-3, abs=1e-6)


def test_constant_costs_near_the_slack_do_not_swing() -> None:
    feeder = Feeder(electric_case("bus15"), CONSTANT, {})
    price, kw = off(cleared(feeder, max_rounds=10), feeder)
    assert price < 1e-4
    assert kw < 0.8


NETWORKS = [
    ("bus33", "18 22 25 33 14 30", {}, False),
    ("bus33", "18 22 25 33 14 30", {"17-18": 10.0}, False),
    ("bus69", "27 35 46 50 65 69 61", {}, False),
    ("bus33", "18 22 25 33 14 30", {}, True),
    ("bus33", "18 22 25 33 14 30", {"tie 18-33": 5.93}, True),
]


@pytest.mark.parametrize(("name", "places", "limits", "meshed"), NETWORKS)
def test_other_feeders_and_a_mesh(name: str, places: str, limits: dict[str, float], meshed: bool) -> None:
    network: ElectricNetwork = electric_case(name)
    feeder = Feeder(with_ties(network) if meshed else network, others(places), limits)
    price, _ = off(cleared(feeder, max_rounds=10), feeder)
    assert price < 1e-5
