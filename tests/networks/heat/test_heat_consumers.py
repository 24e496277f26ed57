"""Consumers of a user's file that control a temperature."""

from pathlib import Path

import numpy as np
import pytest

from consumer_nets import CONTROLS, CP, flow_of, network_with
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.units import kelvin

DELIVERY_KW = 0.05
BALANCE = 1e-3


@pytest.mark.parametrize("consumer", CONTROLS)
@pytest.mark.parametrize("house_kw", [10.0, -5.0, -19.9, -20.0, -60.0, 0.0])
def test_consumers_may_control_a_temperature(consumer: dict[str, float], house_kw: float, tmp_path: Path) -> None:
    """The clinic takes its 20 kW whatever the house does: also when that feeds in just as much."""
    result = flow_of(network_with(consumer, tmp_path / "net.json")).solve(np.array([house_kw]))
    assert result.status in (Status.OK, Status.IDLE)
    assert result.heat_exchanges["prosumer"] == ["house"]
    assert result.heat_exchanges["delivered_kw"] == [pytest.approx(house_kw, abs=DELIVERY_KW)]
    assert result.loss_kw is not None
    assert result.slack_kw is not None
    throughput = 20.0 + abs(house_kw) + result.loss_kw
    beside = result.slack_kw - 20.0 - result.heat_exchanges["delivered_kw"][0] - result.loss_kw
    assert abs(beside) <= DELIVERY_KW + BALANCE * throughput
    t_c = [t for t in result.junctions["t_c"] if t is not None]
    assert 30.0 < min(t_c) <= max(t_c) <= 75.01


def test_the_return_temperature_is_the_set_one(tmp_path: Path) -> None:
    flow = flow_of(network_with({"qext_w": 20_000.0, "treturn_k": kelvin(40.0)}, tmp_path / "net.json"))
    result = flow.solve(np.array([10.0]))
    pumps = flow.net_as_solved().circ_pump_mass.set_index("name")
    drawn = pumps.loc["clinic draws"]
    assert drawn["t_flow_k"] == pytest.approx(kelvin(40.0))
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    assert drawn["mdot_flow_kg_per_s"] * CP * (t_c["S5"] - 40.0) == pytest.approx(20.0, abs=2 * DELIVERY_KW)
    assert t_c["R5"] == pytest.approx(40.0, abs=0.01)


def test_a_difference_is_kept(tmp_path: Path) -> None:
    result = flow_of(network_with({"qext_w": 20_000.0, "deltat_k": 25.0}, tmp_path / "net.json")).solve(np.array([1.0]))
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    assert t_c["S5"] - t_c["R5"] == pytest.approx(25.0, abs=0.1)


def test_a_given_flow_is_cooled_to_the_return_temperature(tmp_path: Path) -> None:
    consumer = {"controlled_mdot_kg_per_s": 0.2, "treturn_k": kelvin(40.0)}
    result = flow_of(network_with(consumer, tmp_path / "net.json")).solve(np.array([10.0]))
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    mdot = dict(zip(result.pipes["pipe"], result.pipes["mdot_kg_per_s"], strict=True))
    assert t_c["R5"] == pytest.approx(40.0, abs=0.01)
    assert max(abs(flow) for pipe, flow in mdot.items() if pipe.startswith("S") and "5" in pipe) >= 0.2
    assert result.plants["plant"] == ["plant"]


def test_a_consumer_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    network = network_with({"qext_w": 20_000.0, "treturn_k": kelvin(80.0)}, tmp_path / "net.json")
    result = flow_of(network).solve(np.array([10.0]))
    assert result.status is Status.NOT_DELIVERABLE
    assert result.undeliverable == ("clinic",)
    assert result.heat_exchanges["delivered_kw"] == [pytest.approx(10.0, abs=DELIVERY_KW)]


def test_a_consumer_that_gives_heat_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="gives heat instead of taking it"):
        network_with({"qext_w": -20_000.0, "treturn_k": kelvin(40.0)}, tmp_path / "net.json")
