"""The fast screen for radial heat networks, against the pipe flow and against an oracle that shares no code with it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pytest

from closed_form_heat import RadialNetwork, solve
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.networks.heat.cases.pipe_table import trench_table
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case, heat_file
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.radial.screen import HeatScreen
from mosaik_p2p.units import kelvin
from whereabouts import DOCS

pytestmark = pytest.mark.once

FloatArray = npt.NDArray[np.float64]

HEAT8 = HeatSettings(
    t_supply_c=75.0,
    t_return_c=45.0,
    t_feed_c=70.0,
    t_ground_c=10.0,
    bypass_nodes=("4", "5", "8"),
    bypass_mdot_kg_per_s=0.08,
)
HEAT23 = HeatSettings(
    t_supply_c=80.0,
    t_return_c=50.0,
    t_feed_c=80.0,
    t_ground_c=10.0,
    bypass_nodes=(STRAND_ENDS,),
    bypass_mdot_kg_per_s=0.1,
)
CASES = {
    "heat8": (HEAT8, ("2", "4", "5", "7", "8")),
    "heat23": (HEAT23, ("3", "10", "13", "14", "16", "7", "22", "20")),
}
TEMPERATURE_K = 0.05
"""Between pipe flow and closed form, which has one heat capacity for all water (measured: 0.03 K)."""
VELOCITY_SHARE = 0.005
"""The library takes the density elsewhere along the pipe."""
POWER_SHARE = 2e-3
DELIVERY_KW = 0.05


def connections(network: HeatNetwork, nodes: tuple[str, ...]) -> list[HeatConnection]:
    return [HeatConnection(prosumer=n, supply=network.nodes[n][0], return_=network.nodes[n][1]) for n in nodes]


def temperatures(network: HeatNetwork, result: HeatFlowResult) -> FloatArray:
    """(junctions,) in the order of the net; NaN where water stands."""
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    return np.array([np.nan if t_c[name] is None else t_c[name] for name in network.net.junction["name"]])


def hours(count: int, of: int) -> list[FloatArray]:
    """Draws, trades, exports and hours in which heat sold equals heat bought, in turn; nobody below 2 kW."""
    rng = np.random.default_rng(1905)
    kinds = [
        lambda: rng.uniform(2.0, 40.0, of),
        lambda: rng.choice([-1.0, 1.0], of) * rng.uniform(2.0, 30.0, of),
        lambda: -rng.uniform(2.0, 30.0, of),
        lambda: np.r_[draws := rng.uniform(2.0, 30.0, of - 1), -draws.sum()],
    ]
    return [kinds[hour % len(kinds)]() for hour in range(count)]


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_pipe_flow(case: str) -> None:
    settings, nodes = CASES[case]
    network = heat_case(case, settings)
    at = connections(network, nodes)
    flow, screen = HeatFlow(network, at), HeatScreen(network, at)
    compared = same = 0
    for draw_kw in hours(24, len(nodes)):
        result = flow.solve(draw_kw)
        if result.status is not Status.OK:
            continue
        # Compared at the heat that the loop reached, which may be 0.05 kW beside what was cleared.
        reached_kw = np.array(result.heat_exchanges["delivered_kw"])
        screened = screen.solve(reached_kw, start_kg_per_s=np.array(result.heat_exchanges["mdot_kg_per_s"]))
        assert screened.solved
        expected = temperatures(network, result)
        alone = screen.solve(reached_kw)
        same += bool(np.nanmax(np.abs(expected - alone.t_junction_c)) <= TEMPERATURE_K)
        assert (np.isnan(expected) == np.isnan(screened.t_junction_c)).all()
        assert np.nanmax(np.abs(expected - screened.t_junction_c)) <= TEMPERATURE_K
        assert screened.velocity_m_per_s == pytest.approx(
            result.pipes["velocity_m_per_s"], rel=VELOCITY_SHARE, abs=5e-4
        )
        for column, values in (("t_supply_c", screened.t_supply_c), ("t_return_c", screened.t_return_c)):
            assert values == pytest.approx(np.array(result.heat_exchanges[column]), abs=TEMPERATURE_K)
        assert screened.plant_kw == pytest.approx(result.slack_kw, abs=POWER_SHARE * np.abs(draw_kw).sum())
        compared += 1
    assert compared >= 22
    assert same >= compared - 1


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_pipe_flow_at_its_mass_flows_in_small_hours(case: str) -> None:
    """There the same heat may be exchanged at different mass flows; at the same ones the temperatures are the same."""
    settings, nodes = CASES[case]
    network = heat_case(case, settings)
    at = connections(network, nodes)
    flow, screen = HeatFlow(network, at), HeatScreen(network, at)
    rng = np.random.default_rng(23)
    met = 0
    for _ in range(8):
        draw_kw = rng.uniform(-3.0, 3.0, len(nodes))
        result = flow.solve(draw_kw)
        screened = screen.at_flows(np.array(result.heat_exchanges["mdot_kg_per_s"]))
        assert np.nanmax(np.abs(temperatures(network, result) - screened.t_junction_c)) <= TEMPERATURE_K
        met += screen.solve(draw_kw).solved
    assert met >= 6


@pytest.mark.once
def test_agrees_with_the_oracle() -> None:
    settings, nodes = CASES["heat8"]
    network = heat_case("heat8", settings)
    screen = HeatScreen(network, connections(network, nodes))
    pipes = trench_table("heat8", "pipes")
    by_hand = RadialNetwork(
        parent=tuple(pipes["from_node"] - 1),
        child=tuple(pipes["to_node"] - 1),
        loss_w_per_k=tuple(pipes["u_w_per_m_k"] * pipes["length_m"]),
        t_plant_c=settings.t_supply_c,
        t_return_c=settings.t_return_c,
        t_feed_c=settings.t_feed_c,
        t_ground_c=settings.t_ground_c,
    )
    position = [int(node) - 1 for node in nodes]
    for draw_kw in hours(12, len(nodes)):
        at_nodes = np.zeros(8)
        at_nodes[position] = draw_kw
        bypass = np.array([0.08 if str(n + 1) in HEAT8.bypass_nodes and at_nodes[n] >= 0.0 else 0.0 for n in range(8)])
        expected, screened = solve(by_hand, at_nodes, bypass), screen.solve(draw_kw)
        t_c = np.concatenate([expected.t_supply_c, expected.t_return_c])
        assert screened.t_junction_c == pytest.approx(t_c, abs=TEMPERATURE_K, nan_ok=True)
        assert screened.plant_kw == pytest.approx(expected.plant_kw, rel=POWER_SHARE)
        assert screened.mdot_kg_per_s == pytest.approx(expected.mdot_kg_per_s[position], rel=5e-3)


def test_nobody_and_nothing() -> None:
    settings, nodes = CASES["heat8"]
    network = heat_case("heat8", replace(settings, bypass_nodes=()))
    screen = HeatScreen(network, connections(network, nodes))
    idle = screen.solve(np.zeros(5))
    assert idle.solved
    assert np.isnan(idle.t_junction_c).all()
    assert (idle.velocity_m_per_s == 0.0).all()
    assert idle.plant_kw == 0.0
    cold = screen.solve(np.array([40.0, 0.0, 0.0, 0.0, 0.06]))
    assert not cold.solved
    assert np.isnan(cold.t_supply_c).all()


def test_plants_with_a_share_feed_it(tmp_path: Path) -> None:
    """`heat8` as a user's file, with a second plant at node 8 and a bypass at node 4."""
    case = heat_case("heat8", HEAT8)
    net = case.net.deepcopy()
    for name, node in (("plant", "1"), ("second", "8")):
        supply, return_ = case.nodes[node]
        pp.create_circ_pump_const_pressure(net, return_, supply, 6.0, 1.5, kelvin(75.0), name=name)
    pp.create_flow_control(net, *case.nodes["4"], 0.08)
    path = tmp_path / "net.json"
    pp.to_json(net, str(path))
    settings = replace(HEAT8, bypass_nodes=(), bypass_mdot_kg_per_s=0.0, plant_shares={"second": 0.4})
    network = replace(heat_file(path, settings), nodes=case.nodes)
    at = connections(network, ("2", "4", "5", "7"))
    draw_kw = np.array([30.0, 20.0, -10.0, 25.0])
    result, screened = HeatFlow(network, at).solve(draw_kw), HeatScreen(network, at).solve(draw_kw)
    assert result.plants["heat_kw"][1] == pytest.approx(0.4 * draw_kw.sum(), abs=DELIVERY_KW)
    assert screened.t_junction_c == pytest.approx(temperatures(network, result), abs=TEMPERATURE_K, nan_ok=True)
    assert screened.plant_kw == pytest.approx(result.plants["heat_kw"][0], abs=2 * DELIVERY_KW)


def test_what_the_closed_form_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a loop"):
        HeatScreen(heat_case("barry32", HEAT23), [])
    case = heat_case("heat8", HEAT8)
    net = case.net.deepcopy()
    pp.create_circ_pump_const_pressure(net, *reversed(case.nodes["1"]), 6.0, 1.5, kelvin(75.0), name="plant")
    pp.create_heat_consumer(net, *case.nodes["4"], qext_w=2e4, controlled_mdot_kg_per_s=0.2)
    pp.to_json(net, str(tmp_path / "net.json"))
    network = heat_file(tmp_path / "net.json", replace(HEAT8, bypass_nodes=(), bypass_mdot_kg_per_s=0.0))
    with pytest.raises(BadInput, match="heat_consumer"):
        HeatScreen(network, [])


def test_the_village_is_screened_too() -> None:
    settings = replace(HEAT8, t_feed_c=75.0, bypass_nodes=(STRAND_ENDS,), bypass_mdot_kg_per_s=0.1)
    network = heat_case("schutterwald_heat", settings)
    nodes = tuple(list(network.nodes)[5::25])
    at = connections(network, nodes)
    draw_kw = np.full(len(nodes), 6.0)
    result, screened = HeatFlow(network, at).solve(draw_kw), HeatScreen(network, at).solve(draw_kw)
    assert screened.solved
    expected = temperatures(network, result)
    assert np.nanmax(np.abs(expected - screened.t_junction_c)) <= 2 * TEMPERATURE_K


@pytest.mark.skipif(not DOCS.is_dir(), reason="the tests lie beside no checkout")
def test_the_lines_on_the_page_run() -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (DOCS / "heat.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(lines, names)
    hour = names["hour"]
    assert hour.plant_kw > 25.0
    assert hour.velocity_m_per_s.max() > 0.0
    assert hour.t_supply_c.max() <= 75.0
