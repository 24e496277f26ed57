"""`network2_congested`: what breaks when nobody looks at the networks, and a dispatch that keeps every limit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from limit_tables import check_electric, check_heat
from mosaik_p2p.cosim import run
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.errors import Status, Verdict
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray

pytestmark = pytest.mark.once

NAME = "network2_congested"
HOURS_BROKEN = 4
"""At least so many hours on each network."""
MOST_ROUNDS = 4
"""Aimed at: feasible after two, tight after three."""
MOST_WELFARE_LOST = 0.25
TRANSFER_TOLERANCE = 5e-3
"""Of the cost: what storages hold at the end differs between the runs, and each clearing has its gap."""
DAY = 24
EVENING = slice(17, 21)
DEAR_SHARE = 0.4
"""Of the mean load, in the evening; the rest is moved to the other hours."""
HEAT_PUMP_OF = "F"
TAN_PHI = 0.32868
"""Of the power factor 0.95."""
INFLUENCED = {
    "electricity": {"voltage_pu", "line_loading_percent"},
    "heat": {"velocity_m_per_s", "pressure_gradient_pa_per_m", "t_supply_c"},
}


@pytest.fixture(scope="module")
def case() -> Case:
    return load(NAME)


@pytest.mark.slow
def test_both_networks_break_without_charges_and_keep_their_limits_negotiated(tmp_path: Path) -> None:
    none_lifted = ("settlement.lift_limits=0",)
    outcome = run(NAME, out=tmp_path / "run", overrides=none_lifted, counterfactuals=True, progress=False, report=False)
    summary = outcome.summary
    assert summary["complete"]
    free = summary["violations"]["without_charges"]["hours_by_network"]
    assert min(free[ELECTRICITY], free[HEAT]) >= HOURS_BROKEN
    violations = read_table(counterfactual_folder(outcome.folder, "without_charges"), "violations")
    for network, quantities in violations.groupby("network")["quantity"]:
        assert set(quantities) <= INFLUENCED[str(network)]
    assert summary["violations"]["negotiated"]["hours"] == 0.0
    assert summary["verdict"] == Verdict.FEASIBLE
    assert summary["negotiation"]["rounds"]["max"] <= MOST_ROUNDS
    posted, negotiated = (summary["cost_total"][case] for case in ("without_negotiation", "in_market"))
    revenue = summary["operator"]["surcharges"]
    # Surcharges only move money: without them everybody together pays a little more than without limits.
    assert posted < negotiated - revenue + TRANSFER_TOLERANCE * posted
    assert negotiated - revenue < (1.0 + MOST_WELFARE_LOST) * posted


def demand(prosumer: Prosumer, carrier: str) -> FloatArray:
    """(24,) kW of its flexible load of this carrier, as forecast for the day."""
    (found,) = [d for d in prosumer.devices if isinstance(d, FlexibleLoad) and d.carrier == carrier]
    return found.demand.forecast[:DAY]


def out_of_the_evening(forecast_kw: FloatArray) -> FloatArray:
    """The same energy of the day, level, and less of it in the evening."""
    shares = np.ones(DAY)
    shares[EVENING] = DEAR_SHARE
    return forecast_kw.sum() * shares / shares.sum()


def heat_pump_kw(prosumer: Prosumer) -> tuple[float, float]:
    """Electricity and heat of the heat pump beyond the trunk at full power; nothing for anybody else."""
    found = [d for d in prosumer.devices if isinstance(d, HeatPump) and prosumer.name == HEAT_PUMP_OF]
    return (found[0].el_max_kw, found[0].el_max_kw * float(found[0].cop[0])) if found else (0.0, 0.0)


def test_the_electric_limits_can_be_kept(case: Case) -> None:
    """No device at work but one heat pump and the loads, which stay in their ranges and keep the energy of the day."""
    assert case.electric is not None
    assert case.electric_limits is not None
    assert case.background is not None
    loads = {p.bus: out_of_the_evening(demand(p, ELECTRICITY)) for p in case.prosumers if p.bus is not None}
    assert max(load_kw.max() for load_kw in loads.values()) <= 50.0
    draws = {p.bus: loads[p.bus] + heat_pump_kw(p)[0] for p in case.prosumers if p.bus is not None}
    flow = PowerFlow(case.electric, slack_voltage_pu=1.0, prosumer_buses=draws)
    for hour in range(DAY):
        injections = {bus: (-draw[hour], -draw[hour] * TAN_PHI) for bus, draw in draws.items()}
        result = flow.solve(injections, background_scaling=float(case.background[hour]))
        assert result.status is Status.OK
        assert check_electric(result.buses, result.lines, result.transformers, case.electric_limits) == [], hour


def test_the_limits_of_the_heat_network_can_be_kept(case: Case) -> None:
    """Every heating load level over the day, one heat pump at full power, and the rest from the plant."""
    assert case.heat is not None
    assert case.heat_limits is not None
    at = {p.name: p.junctions for p in case.prosumers if p.junctions is not None}
    flow = HeatFlow(case.heat, [HeatConnection(prosumer=name, supply=s, return_=r) for name, (s, r) in at.items()])
    result = flow.solve(np.array([demand(p, HEAT).mean() - heat_pump_kw(p)[1] for p in case.prosumers]))
    assert result.status is Status.OK
    assert check_heat(result.heat_exchanges, result.plants, result.junctions, result.pipes, case.heat_limits) == []


def test_it_is_network2_but_for_its_limits_and_its_background(case: Case) -> None:
    other = load("network2")
    assert case.scenario.prosumers == other.scenario.prosumers
    assert case.scenario.charges == other.scenario.charges
    assert case.background is not None
    assert other.background is not None
    np.testing.assert_allclose(case.background, 1.1 * other.background, rtol=1e-3)
    pd.testing.assert_index_equal(case.times, other.times)
