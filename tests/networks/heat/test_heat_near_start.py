"""The near start: one pipe flow where there were several, the same state, and nothing of the interval before."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pytest
from pandapipes.pf import calculation

from heat_streets import FORK, at, read, street
from heat_streets import flow_of as houses_of
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.heat import flow as heat_flow
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case
from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.flow import NEAR, UNKNOWN, HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.hydraulics.beginning import Beginning
from mosaik_p2p.networks.heat.hydraulics.water import TABLE_K, cp_kj_per_kg_k
from mosaik_p2p.networks.heat.near.start import NearStart, near_start
from mosaik_p2p.networks.heat.near.temperatures import temperatures
from mosaik_p2p.units import kelvin

FloatArray = npt.NDArray[np.float64]

PRESSURE_BAR, TEMPERATURE_K = 1e-4, 1e-3
"""Within which the hour before shows in no table: the library's own tolerances."""
FLOW_KG_PER_S = 2e-5
"""The library lets mass flows go at changes of 1e-5."""
SLOW_WATER_K = 0.02
"""Where hardly anything flows around a loop, that tolerance of flows is one of temperatures as well."""
SETTINGS = {"t_supply_c": 75.0, "t_return_c": 45.0, "t_ground_c": 10.0}
LOOP = (*FORK, (2, 3))


def network_of(case: str) -> tuple[HeatNetwork, list[str], float]:
    """A case with bypasses and other people's temperatures, nodes to live at, and the heat of a house in kW."""
    bypasses = {"bypass_nodes": (STRAND_ENDS,), "bypass_mdot_kg_per_s": 0.08}
    if case == "barry32":
        shares = {"source_31": 0.3, "source_32": 0.2}
        bypasses["bypass_mdot_kg_per_s"] = 0.05
        network = heat_case(case, HeatSettings(**SETTINGS, t_feed_c=65.0, plant_shares=shares, **bypasses))  # type: ignore[arg-type]
        return network, [str(node) for node in range(3, 30)], 20.0
    network = heat_case(case, HeatSettings(**SETTINGS, **bypasses))  # type: ignore[arg-type]
    if case == "schutterwald_heat":
        return network, list(network.nodes)[:: len(network.nodes) // 40], 1.5
    return network, {"heat8": ["2", "4", "5", "7", "8"], "heat23": ["3", "6", "10", "16", "20", "22"]}[case], 20.0


def flow_at(network: HeatNetwork, nodes: list[str]) -> HeatFlow:
    return HeatFlow(network, connections_at(network, nodes))


def connections_at(network: HeatNetwork, nodes: list[str]) -> list[HeatConnection]:
    return [HeatConnection(prosumer=n, supply=network.nodes[n][0], return_=network.nodes[n][1]) for n in nodes]


def noisy_hours(count: int, houses: int, house_kw: float) -> list[FloatArray]:
    """Every hour another: some feed in, some are at rest."""
    rng = np.random.default_rng(11)
    usual = rng.gamma(2.0, house_kw / 2.0, houses)
    hours = []
    for _ in range(count):
        draw_kw = usual * rng.lognormal(0.0, 0.5, houses)
        draw_kw = np.where(rng.random(houses) < 0.15, -rng.gamma(2.0, house_kw / 2.0, houses), draw_kw)
        hours.append(np.where(rng.random(houses) < 0.1, 0.0, draw_kw))
    return hours


def column(result: HeatFlowResult, table: str, name: str) -> FloatArray:
    return np.array(getattr(result, table)[name], dtype=float)


def assert_same_state(first: HeatFlowResult, second: HeatFlowResult) -> None:
    for table, name, tolerance in (
        ("junctions", "p_bar", PRESSURE_BAR),
        ("junctions", "t_c", TEMPERATURE_K),
        ("pipes", "mdot_kg_per_s", FLOW_KG_PER_S),
    ):
        ours, theirs = column(first, table, name), column(second, table, name)
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=tolerance, err_msg=f"{table} {name}")


@pytest.mark.once
@pytest.mark.parametrize(("case", "count"), [("heat8", 24), ("heat23", 6), ("barry32", 4), ("schutterwald_heat", 3)])
def test_one_pipe_flow_in_each_noisy_hour_and_nothing_of_the_hour_before(case: str, count: int) -> None:
    """`benchmarks/heat_start.py` does the same for a week."""
    network, nodes, house_kw = network_of(case)
    flow, hours = flow_at(network, nodes), noisy_hours(count, len(nodes), house_kw)
    results = [flow.solve(draw_kw) for draw_kw in hours]
    assert [result.iterations for result in results] == [1] * len(hours)
    assert flow.beginnings == {NEAR: len(hours)}
    assert {result.status for result in results} == {Status.OK}
    assert_same_state(flow_at(network, nodes).solve(hours[-1]), results[-1])


def with_rises(network: HeatNetwork, rise_m: float) -> HeatNetwork:
    """Junctions at any height up to that, but for those of the plants."""
    net, rng = network.net.deepcopy(), np.random.default_rng(2)
    height_m = rng.uniform(0.0, rise_m, len(net.junction))
    at_plants = [junction for plant in network.plants for junction in (plant.supply, plant.return_)]
    net.junction["height_m"] = np.where(net.junction.index.isin(at_plants), 0.0, height_m)
    return replace(network, net=net)


@pytest.mark.parametrize(
    ("case", "friction", "rise_m"),
    [("heat8", "colebrook", 0.0), ("heat8", "nikuradse", 30.0), ("heat8", "swamee-jain", 0.0), ("barry32", "", 20.0)],
)
def test_the_first_step_of_the_library_is_its_last(
    case: str, friction: str, rise_m: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressures, and temperatures of what stands, are begun with as well; the same comes out where they are not."""
    network, nodes, house_kw = network_of(case)
    network = with_rises(replace(network, friction=friction or network.friction), rise_m)
    # Around loops at rest, what rises decides which way water creeps.
    at_rest = [np.zeros(len(nodes))] if case == "heat8" else []
    hours = [*at_rest, *noisy_hours(2, len(nodes), house_kw)]
    counted: Counter[str] = Counter()
    for kind in (calculation.HydraulicCalculation, calculation.ThermalCalculation):
        for name in ("run", "solve_step"):
            monkeypatch.setattr(kind, name, counting(getattr(kind, name), counted, f"{kind.MODE} {name}"))
    flow = flow_at(network, nodes)
    ours = [flow.solve(draw_kw) for draw_kw in hours]
    assert len(set(counted.values())) == 1, counted

    def from_afar(near: NearStart, *given: FloatArray) -> Beginning:
        begun = beginning(near, *given)
        still = begun.t_junction_c == near.still_c
        return replace(begun, ways=None, t_junction_c=np.where(still, np.nan, begun.t_junction_c))

    beginning = NearStart._beginning
    monkeypatch.setattr(NearStart, "_beginning", from_afar)
    counted.clear()
    flow = flow_at(network, nodes)
    for draw_kw, result in zip(hours, ours, strict=True):
        assert_same_state(flow.solve(draw_kw), result)
    assert counted["hydraulics solve_step"] > counted["hydraulics run"]


def counting(function: Callable[..., Any], counted: Counter[str], name: str) -> Callable[..., Any]:
    def called(*given: Any) -> Any:
        counted[name] += 1
        return function(*given)

    return called


@pytest.mark.once
@pytest.mark.parametrize("case", ["heat8", "barry32"])
def test_the_state_is_that_of_a_tight_loop_of_pipe_flows(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, nodes, house_kw = network_of(case)
    hours = noisy_hours(1, len(nodes), house_kw)
    near = [flow_at(network, nodes).solve(draw_kw) for draw_kw in hours]
    monkeypatch.setattr(heat_flow, "RELATIVE_TOLERANCE", 1e-8)
    monkeypatch.setattr(heat_flow, "MAX_PIPEFLOWS", 30)
    monkeypatch.setattr(heat_flow, "near_start", lambda _: None)
    flow = flow_at(network, nodes)
    for draw_kw, ours in zip(hours, near, strict=True):
        tight = flow.solve(draw_kw)
        assert tight.iterations > 2
        assert_same_state(ours, tight)
    assert flow.beginnings == {UNKNOWN: len(hours)}


def test_who_cannot_have_his_heat_is_found_without_a_search() -> None:
    """The end of a cold strand: one pipe flow says so, one serves the others."""
    network = heat_case("heat8", HeatSettings(**SETTINGS))
    flow = flow_at(network, ["2", "8"])
    result = flow.solve(np.array([40.0, 0.06]))
    assert (result.status, result.undeliverable) == (Status.NOT_DELIVERABLE, ("8",))
    assert result.iterations == 2
    assert flow.beginnings == {NEAR: 2}


def test_valves_steady_pumps_flow_controls_and_consumers_of_a_file_are_known(tmp_path: Path) -> None:
    net = street(edges=((0, 1), (1, 2), (1, 3), (3, 4)))
    for side in "SR":
        far, beyond = at(net, f"{side}4"), pp.create_junction(net, 6.0, kelvin(60.0), name=f"{side}5")
        pp.create_valve(net, far, beyond, "ju", 32.0, opened=True)
    pp.create_flow_control(net, at(net, "S5"), at(net, "R5"), 0.05)
    pp.create_circ_pump_const_mass_flow(
        net, at(net, "R2"), at(net, "S2"), None, 0.04, kelvin(68.0), type="t", name="solar field"
    )
    pp.create_heat_consumer(net, at(net, "S4"), at(net, "R4"), qext_w=3000.0, treturn_k=kelvin(40.0), name="school")
    flow = houses_of(read(net, tmp_path), {"2": 0.0, "3": 0.0, "5": 0.0})
    for draw_kw in ([6.0, -4.0, 5.0], [0.0, 3.0, -3.0], [-9.0, -4.0, 2.0]):
        result = flow.solve(np.array(draw_kw))
        assert (result.status, result.iterations) == (Status.OK, 1)
    assert flow.beginnings == {NEAR: 3}


def controlled(net: pp.pandapipesNet) -> None:
    low = int(pp.create_junction(net, 5.0, kelvin(60.0), name="low"))
    net.pipe.loc[net.pipe["name"] == "S1-S2", "from_junction"] = low
    pp.create_pressure_control(net, at(net, "S1"), low, low, 5.2)


def with_an_exchanger(net: pp.pandapipesNet) -> None:
    middle = int(pp.create_junction(net, 5.0, kelvin(60.0), name="middle"))
    pp.create_flow_control(net, at(net, "S3"), middle, 0.05)
    pp.create_heat_exchanger(net, middle, at(net, "R3"), qext_w=1500.0, inner_diameter_mm=32.0)


def with_a_consumer_of_given_flow(net: pp.pandapipesNet) -> None:
    pp.create_heat_consumer(net, at(net, "S3"), at(net, "R3"), qext_w=1500.0, controlled_mdot_kg_per_s=0.05)


def joined_by_a_pipe(net: pp.pandapipesNet) -> None:
    pp.create_pipe_from_parameters(net, at(net, "S3"), at(net, "R3"), 0.5, 15.0, k_mm=0.1, text_k=kelvin(10.0))


def held_open(net: pp.pandapipesNet) -> None:
    pp.create_flow_control(net, at(net, "S3"), at(net, "R3"), 0.05)
    throttle = pp.create_junction(net, 5.0, kelvin(60.0), name="throttle")
    pp.create_flow_control(net, at(net, "S3"), throttle, 0.05, control_active=False)
    pp.create_flow_control(net, throttle, at(net, "R3"), 0.02)


@pytest.mark.parametrize(
    "change", [controlled, with_an_exchanger, with_a_consumer_of_given_flow, joined_by_a_pipe, held_open]
)
def test_what_it_does_not_know_is_solved_as_before(change: Callable[[pp.pandapipesNet], None], tmp_path: Path) -> None:
    net = street()
    change(net)
    flow = houses_of(read(net, tmp_path), {"2": 0.0, "3": 0.0})
    result = flow.solve(np.array([8.0, 5.0]))
    assert flow.beginnings == {UNKNOWN: 1}
    assert result.status is Status.OK
    assert result.heat_exchanges["delivered_kw"] == pytest.approx([8.0, 5.0], abs=0.05)


@pytest.mark.parametrize(("edges", "friction", "known"), [(LOOP, "nikuradse", False), (FORK, "nikuradse", True)])
def test_loops_with_other_laws_of_friction_are_not_known(
    edges: tuple[tuple[int, int], ...], friction: str, known: bool, tmp_path: Path
) -> None:
    settings = HeatSettings(t_return_c=45.0, t_ground_c=10.0, friction=friction)
    elements = HeatElements(read(street(edges=edges), tmp_path, settings), [])
    assert (near_start(elements) is not None) == known


def test_a_state_that_is_not_found_is_solved_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    network, nodes, house_kw = network_of("heat8")
    monkeypatch.setattr("mosaik_p2p.networks.heat.near.start.STEPS", 1)
    flow, draw_kw = flow_at(network, nodes), noisy_hours(1, len(nodes), house_kw)[0]
    result = flow.solve(draw_kw)
    assert flow.beginnings == {"not found": 1}
    assert result.heat_exchanges["delivered_kw"] == pytest.approx(draw_kw.tolist(), abs=0.05)


def state_at(near: NearStart, mdot: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Flows, temperatures of the nodes and their answer with these mass flows (+ draws) and all bypasses closed."""
    t_ends_c, running = np.full((2, len(near.branches)), 50.0), np.zeros(0)
    if near.loops is not None:
        running = np.zeros(len(near.loops.around))
    for _ in range(6):
        flow, response = near.response @ mdot, near.response
        if near.loops is not None:
            balanced = near.loops.balance(flow, response, t_ends_c, running)
            assert balanced is not None
            flow, response, running = balanced
        sound, t_node_c, warmed = temperatures(flow, response, t_ends_c, near._rows(), CP, near.nodes)
        assert sound
    return flow, t_node_c, warmed


CP = cp_kj_per_kg_k(TABLE_K - kelvin(0.0))


@pytest.mark.parametrize(("height_m", "sizes"), [(0.0, (0.02, 0.06, 0.1)), (40.0, (0.3, 0.3))])
def test_flows_around_loops_are_those_of_the_pipe_flow(
    height_m: float, sizes: tuple[float, ...], tmp_path: Path
) -> None:
    """At random flows in kg/s, laminar ones and between laminar and turbulent ones among them; warm water rises."""
    net = street(edges=LOOP)
    net.junction.loc[[at(net, "S3"), at(net, "R3")], "height_m"] = height_m
    network = read(net, tmp_path)
    places = [HeatConnection(prosumer=n, supply=at(net, f"S{n}"), return_=at(net, f"R{n}")) for n in "23"]
    elements = HeatElements(network, places)
    near = near_start(elements)
    assert near is not None
    assert near.loops is not None
    rng = np.random.default_rng(5)
    for size in sizes:
        mdot = rng.uniform(-size, size, 2) + np.array([0.0, 1.5 * size])
        assert elements.solve(mdot)
        flow, t_node_c, _ = state_at(near, mdot)
        pipes = elements.net.res_pipe["mdot_from_kg_per_s"].to_numpy()
        np.testing.assert_allclose(flow[: len(pipes)], pipes, rtol=0.0, atol=FLOW_KG_PER_S)
        np.testing.assert_allclose(t_node_c, elements.junction_t_c(elements.net.junction.index), atol=SLOW_WATER_K)


@pytest.mark.parametrize(("edges", "near_to"), [(FORK, 5e-3), (LOOP, 0.2)])
def test_temperatures_answer_as_told(edges: tuple[tuple[int, int], ...], near_to: float, tmp_path: Path) -> None:
    """Heat capacities count as constant in the answer, and around loops, which matters more, viscosities."""
    network = read(street(edges=edges), tmp_path)
    near = near_start(houses_of(network, {"2": 0.0, "3": 0.0})._elements)
    assert near is not None
    mdot, nudge = np.array([0.05, -0.02]), 1e-6
    _, t_node_c, warmed = state_at(near, mdot)
    for k in range(2):
        more = state_at(near, mdot + nudge * np.eye(2)[k])[1]
        assert np.abs((more - t_node_c) / nudge - warmed[:, k]).max() <= near_to * np.abs(warmed[:, k]).max()


def test_hours_in_any_order_have_the_same_tables() -> None:
    """Among them one with somebody who cannot have his heat, and one at rest."""
    network = heat_case("heat8", HeatSettings(**SETTINGS))
    hours = [np.array(draws) for draws in ([40.0, 0.06], [0.0, 0.0], [20.0, 30.0], [-15.0, 25.0], [20.0, 30.0])]
    flow = flow_at(network, ["2", "8"])
    first = [flow.solve(draw_kw) for draw_kw in hours]
    again = [flow.solve(draw_kw) for draw_kw in reversed(hours)][::-1]
    for before, after in zip(first, again, strict=True):
        assert before.status is after.status
        assert_same_state(before, after)
    assert all(result.iterations == 1 for result in (*first[1:], *again[1:]))
