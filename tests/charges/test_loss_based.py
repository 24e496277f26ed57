"""Charges by marginal losses: beside finite differences of the power flow, and what is made of them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from charge_views import view_at
from mosaik_p2p.api import check
from mosaik_p2p.charges.base import ChargeParts, NetworkView
from mosaik_p2p.charges.kinds.loss_based import HEAT_BOUND, LossBased
from mosaik_p2p.cosim import run
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.marginal_loss import losses_of
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import heat_of
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.market.over_time.alone import planned_alone
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import FloatArray

pytestmark = pytest.mark.once

SAME = 1e-4
STEP_KW = 1.0
NOON = ("time.start=2017-03-28T12:00:00+01:00", "time.steps=2", "time.horizon_steps=1")
MEAN = np.array([0.06, -0.02, 0.01])


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network1_electric", NOON)


def loss_kw(case: Case, interval: int, n: int, more_kw: float) -> float:
    """Of the whole network where prosumer `n` injects more, with its reactive power, beside everyone alone."""
    alone = planned_alone(market_case(case))
    power, reactive = alone.injection_kw[0, interval].copy(), alone.reactive_kvar[interval].copy()
    power[n] += more_kw
    reactive[n] += more_kw * reactive_share(case.prosumers[n].power_factor)
    buses = [prosumer.bus for prosumer in case.prosumers]
    flow = PowerFlow(case.electric, slack_voltage_pu=1.0, prosumer_buses=buses)
    solved = flow.solve(
        dict(zip(buses, zip(power.tolist(), reactive.tolist(), strict=True), strict=True)),
        background_scaling=float(case.background[interval]),
        generation_scaling=float(case.generation[interval]),
        replaced_loads=case.replaced_loads,
    )
    return float(solved.loss_kw)


def test_marginal_losses_are_slopes_of_the_power_flow(case: Case) -> None:
    found = losses_of(case).electric
    assert found.shape == (2, 5)
    for interval, n in ((0, 0), (1, 2), (1, 4)):
        rise = loss_kw(case, interval, n, STEP_KW) - loss_kw(case, interval, n, -STEP_KW)
        assert found[interval, n] == pytest.approx(rise / (2 * STEP_KW), abs=SAME)
    assert np.abs(found).max() > 100 * SAME


HEAT_KW = np.array([-12.0, -8.0, 6.0, -6.0, -4.0])
"""Injected by A to E; C feeds in what D, beyond it, draws, so that losses hang on both."""
HEAT_STEP_KW = 0.5
"""Ten times what delivered heat is known to."""
HEAT_SAME = 1e-3
"""The linearisation has one heat capacity of water, which changes by a thousandth over these temperatures."""


def test_marginal_heat_losses_are_slopes_of_the_pipe_flow() -> None:
    case = load("network1", ["time.steps=1"])
    network, count = heat_of(case), len(case.prosumers)

    def heat(more_kw: float = 0.0, n: int = 0) -> Exchange:
        injected = HEAT_KW + more_kw * (np.arange(count) == n)
        return Exchange(np.stack([np.zeros(count), injected]), np.zeros(count))

    found = network.marginal_loss(heat(), 0)
    for n in (0, 2, 3):
        more, less = (network.loss_kw(heat(sign * HEAT_STEP_KW, n), 0) for sign in (1.0, -1.0))
        assert found[n] == pytest.approx((more - less) / (2 * HEAT_STEP_KW), abs=HEAT_SAME)
    assert (np.abs(found[[0, 2, 3]]) > [4 * HEAT_SAME, 15 * HEAT_SAME, 90 * HEAT_SAME]).all()
    assert not found[[1, 4]].any()


def test_a_scenario_charges_them_by_its_rate(case: Case) -> None:
    charged = load("network1_electric", [*NOON, 'charges.electricity={ mechanism="loss_based", rate=0.5 }'])
    place = market_case(charged).place
    np.testing.assert_allclose(place.injection[0], 0.5 * losses_of(case).electric, atol=1e-6)
    assert not place.trades.any()


def test_the_charge_earns_what_is_lost_and_a_little_more(tmp_path: Path) -> None:
    """Losses are convex: at the last kWh each costs more than on the way there. All devices have one power factor."""
    one_factor = [f"prosumers.{name}.power_factor=1.0" for name in "ABCDE"]
    charge = 'charges.electricity={ mechanism="loss_based", rate=0.5 }'
    settled = ["settlement.loss_price_per_kwh=0.5", 'settlement.through_networks=["nobody"]']
    evening = ["time.start=2017-03-28T18:00:00+01:00", "time.steps=2", "time.horizon_steps=2"]
    done = run(
        "network1_electric",
        out=tmp_path / "x",
        overrides=[*one_factor, charge, *settled, *evening],
        progress=False,
    )
    told = done.summary["recovery"]["by_network"]["electricity"]
    assert told["revenue"] > 1.0
    assert 1.0 <= told["ratio"] <= 2.0


# -- what is made of them ------------------------------------------------------------------------------------------


def view(loss: FloatArray, carrier: str = "electricity") -> NetworkView:
    """Three prosumers, and one that is nowhere, in a network with these marginal losses (T, 3)."""
    network = electric_case("bus15")
    padded = np.column_stack([loss, np.zeros(len(loss))])
    fake = SimpleNamespace(marginal_loss=lambda: padded)
    return replace(view_at(network, [3, 4, 5, None]), carrier=carrier, network=fake)


def parts(seen: NetworkView, **keys: object) -> ChargeParts:
    return LossBased.model_validate({"mechanism": "loss_based", "rate": 0.3, **keys}).parts(seen)


def test_with_one_rate_a_sale_pays_by_the_difference() -> None:
    given = parts(view(np.array([MEAN, 2 * MEAN])))
    assert given.pair is None
    np.testing.assert_allclose(given.place[:, :3], 0.3 * np.array([MEAN, 2 * MEAN]))


def test_with_two_rates_relief_earns_less_than_loss_costs() -> None:
    given = parts(view(np.array([MEAN, MEAN])), relief_rate=0.08)
    place = given.place[0]
    found = (np.asarray(given.pair.total) + place[:, None] - place[None, :])[:3, :3]
    more = MEAN[:, None] - MEAN[None, :]
    np.testing.assert_allclose(found, 0.3 * np.maximum(more, 0.0) - 0.08 * np.maximum(-more, 0.0), atol=1e-12)
    assert given.pair.tree is not None
    assert not np.asarray(given.pair.total)[3].any()


def test_relief_at_a_better_rate_is_refused() -> None:
    keys = 'charges.electricity={ mechanism="loss_based", rate=0.3, relief_rate=0.4 }'
    (fault,) = check("network1_electric", overrides=[keys])
    assert fault.place == "charges.electricity.relief_rate"


def test_heat_is_cut_and_it_is_said() -> None:
    wild = np.array([MEAN, [0.68, -1.6, 0.1]])
    mechanism = LossBased(mechanism="loss_based", rate=1.0)
    given = mechanism.parts(view(wild, "heat"))
    assert given.place[1].tolist() == pytest.approx([HEAT_BOUND, -HEAT_BOUND, 0.1, 0.0])
    told = " ".join(mechanism.remarks(view(wild, "heat")))
    assert "+-0.2 in 1 of 2 intervals, for 2 prosumers" in told
    assert "1.60" in told
    assert "thermal_distance" in told
    np.testing.assert_allclose(mechanism.parts(view(wild)).place[1, :3], wild[1])
    assert not [*mechanism.remarks(view(wild))]
