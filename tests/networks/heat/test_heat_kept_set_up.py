"""The kept set-up of pipe flows: the same tables, bit for bit, whatever has been solved before; and its guard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pytest
from loguru import logger

from heat_streets import FORK, at, read, street
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case
from mosaik_p2p.networks.heat.flow import NEAR, HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.hydraulics import internals, kept, pipeflow
from mosaik_p2p.networks.heat.hydraulics.beginning import Along, Beginning, Temperatures
from mosaik_p2p.networks.heat.hydraulics.kept import Guard, PipeFlows
from mosaik_p2p.networks.heat.near.start import Found, NearStart
from mosaik_p2p.networks.heat.tables import HEAT_TABLES
from mosaik_p2p.sims import heat_grid
from mosaik_p2p.units import kelvin

FloatArray = npt.NDArray[np.float64]

SETTINGS: dict[str, Any] = {"t_supply_c": 75.0, "t_return_c": 45.0, "t_ground_c": 10.0}
NEAR_BAR, NEAR_K = 1e-6, 1e-4
"""Between pipe flows whose solver starts elsewhere: well below its tolerances."""


@pytest.fixture(autouse=True)
def said() -> Iterator[list[str]]:
    """What was said in the log of this test."""
    kept.warn_once.cache_clear()
    lines: list[str] = []
    sink = logger.add(lines.append, level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)
    kept.warn_once.cache_clear()


def case_of(name: str, **settings: Any) -> HeatNetwork:
    bypasses = {"bypass_nodes": (STRAND_ENDS,), "bypass_mdot_kg_per_s": 0.05}
    return heat_case(name, HeatSettings(**SETTINGS, **bypasses, **settings))


def places(network: HeatNetwork, nodes: str) -> list[HeatConnection]:
    if network.nodes:
        ends = {node: network.nodes[node] for node in nodes.split()}
    else:
        ends = {node: (at(network.net, f"S{node}"), at(network.net, f"R{node}")) for node in nodes.split()}
    return [HeatConnection(prosumer=node, supply=s, return_=r) for node, (s, r) in ends.items()]


def tables(result: HeatFlowResult) -> dict[str, Any]:
    """Digit by digit, NaN included."""
    return {"iterations": result.iterations} | {name: repr(getattr(result, name)) for name in HEAT_TABLES}


def pipe_flows(flow: HeatFlow) -> PipeFlows:
    return flow._elements._pipe_flows


def stored(flow: HeatFlow) -> list[internals.SetUp]:
    return list(pipe_flows(flow)._kept.values())


def falsify(flow: HeatFlow, change: float) -> None:
    """The roughness, and the ground's temperature, of every pipe that is kept."""
    for set_up in pipe_flows(flow)._kept.values():
        branches = set_up.entries[internals.PIT][internals.BRANCHES]
        branches.setflags(write=True)
        branches[:, 10] *= change
        branches[:, 16] *= change


def check_equal(network: HeatNetwork, nodes: str, hours: list[list[float]]) -> tuple[HeatFlow, Guard]:
    """All hours with and without; returns the flow with its guard."""
    guard = Guard()
    ours, usual = HeatFlow(network, places(network, nodes), guard), HeatFlow(network, places(network, nodes), OFF)
    for draw_kw in hours:
        with_kept, without = (flow.solve(np.array(draw_kw)) for flow in (ours, usual))
        assert with_kept.status in (Status.OK, Status.IDLE, Status.NOT_DELIVERABLE)
        assert tables(with_kept) == tables(without)
    assert not guard.off
    assert guard.uses >= len(hours) - len(pipe_flows(ours)._kept) > 0
    return ours, guard


OFF = Guard(off=True)

HOURS = [
    [20.0, 15.0, 10.0],
    [18.0, 0.0, 12.0],
    [25.0, -8.0, 12.0],
    [-30.0, -8.0, 5.0],
    [0.0, 0.0, 0.0],
    [9.0, 9.0, 9.0],
]
"""All draw, one is at rest, one feeds in beside a bypass, more is fed in than is drawn, nobody, all again."""


@pytest.mark.parametrize("friction", ["colebrook", "nikuradse"])
def test_tables_are_those_without_it_bit_for_bit(friction: str) -> None:
    flow, _ = check_equal(case_of("heat8", friction=friction), "2 5 8", HOURS)
    assert len(pipe_flows(flow)._kept) == 2, "the plant gives, or takes"


def test_around_loops_with_plants_that_feed_their_shares() -> None:
    shares = {"source_31": 0.3, "source_32": 0.2}
    hours = [[100.0, 80.0, 60.0], [100.0, -20.0, 60.0], [50.0, 30.0, 0.0]]
    check_equal(case_of("barry32", t_feed_c=65.0, plant_shares=shares), "3 11 28", hours)


def two_plants(folder: Path) -> HeatNetwork:
    """Of two networks, with water of different temperature."""
    net = street(edges=FORK)
    for side in "SR":
        for node in "67":
            pp.create_junction(net, 6.0, kelvin(60.0), name=f"{side}{node}")
    pipe = {"length_km": 0.3, "inner_diameter_mm": 40.0, "k_mm": 0.1, "u_w_per_m2k": 1.0}
    pp.create_pipe_from_parameters(net, at(net, "S6"), at(net, "S7"), name="S6-S7", **pipe)
    pp.create_pipe_from_parameters(net, at(net, "R7"), at(net, "R6"), name="R7-R6", **pipe)
    pp.create_circ_pump_const_pressure(net, at(net, "R6"), at(net, "S6"), 5.0, 1.5, t_flow_k=kelvin(62.0), name="cool")
    return read(net, folder)


def test_with_plants_of_different_temperature(tmp_path: Path) -> None:
    network = two_plants(tmp_path)
    assert sorted(plant.t_supply_c for plant in network.plants) == [62.0, 75.0]
    flow, _ = check_equal(network, "2 3 7", HOURS[:4])
    assert flow.beginnings[NEAR] > 0


def valves_and_steady_flows(net: pp.pandapipesNet) -> None:
    for side in "SR":
        beyond = pp.create_junction(net, 6.0, kelvin(60.0), name=f"{side}5")
        pp.create_valve(net, at(net, f"{side}3"), beyond, "ju", 32.0, opened=True)
    pp.create_flow_control(net, at(net, "S5"), at(net, "R5"), 0.05)
    pp.create_circ_pump_const_mass_flow(net, at(net, "R2"), at(net, "S2"), None, 0.04, kelvin(68.0), type="t")
    pp.create_heat_consumer(net, at(net, "S3"), at(net, "R3"), qext_w=3000.0, treturn_k=kelvin(40.0), name="school")


def what_the_near_start_does_not_know(net: pp.pandapipesNet) -> None:
    low = int(pp.create_junction(net, 5.0, kelvin(60.0), name="low"))
    net.pipe.loc[net.pipe["name"] == "S1-S2", "from_junction"] = low
    pp.create_pressure_control(net, at(net, "S1"), low, low, 5.2)
    pp.create_heat_consumer(net, at(net, "S3"), at(net, "R3"), qext_w=1500.0, controlled_mdot_kg_per_s=0.05)
    pp.create_heat_exchanger(net, at(net, "S2"), at(net, "R2"), qext_w=0.0, inner_diameter_mm=5.0, in_service=False)


@pytest.mark.parametrize("change", [valves_and_steady_flows, what_the_near_start_does_not_know])
def test_with_whatever_a_file_holds(change: Callable[[pp.pandapipesNet], None], tmp_path: Path) -> None:
    net = street(edges=FORK)
    change(net)
    check_equal(read(net, tmp_path), "2 3", [[8.0, 5.0], [9.0, 4.0], [8.0, -2.0], [0.0, 3.0]])


def test_a_changed_net_empties_the_store() -> None:
    network = case_of("heat8")
    ours, usual = HeatFlow(network, places(network, "2 5 8")), HeatFlow(network, places(network, "2 5 8"), OFF)
    stores = []
    for change in ({}, {"in_service": False}, {"k_mm": 3.0}, {}):
        for flow in (ours, usual):
            pipes = flow._elements.net.pipe
            for column, value in change.items():
                pipes.loc[pipes.index[-1], column] = value
            # The near start is that of the net as it was.
            flow._near = None if change else flow._near
        draw_kw = np.array([20.0, 15.0, 0.0])
        assert tables(ours.solve(draw_kw)) == tables(usual.solve(draw_kw))
        stores.append(stored(ours))
    (first,), (second,), (third,), (fourth,) = stores
    assert first is not second
    assert second is not third
    assert third is fourth


def test_a_changed_option_empties_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    network = case_of("heat8")
    ours = HeatFlow(network, places(network, "2 5 8"))
    stores = []
    for _ in range(2):
        ours.solve(np.array([20.0, 15.0, 0.0]))
        stores.append(stored(ours))
        ours._elements.net.user_pf_options["tol_p"] = 1e-7
    monkeypatch.setattr(pipeflow, "MAX_NEWTON_STEPS", 50)
    ours.solve(np.array([20.0, 15.0, 0.0]))
    stores.append(stored(ours))
    assert [len(store) for store in stores] == [1, 1, 1]
    options = [set_up.entries[internals.OPTIONS] for (set_up,) in stores]
    assert [(option["tol_p"], option["max_iter_hyd"]) for option in options] == [(1e-5, 100), (1e-7, 100), (1e-7, 50)]


def test_a_flow_without_solution_empties_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    network = case_of("heat8")
    ours, usual = HeatFlow(network, places(network, "2 5 8")), HeatFlow(network, places(network, "2 5 8"), OFF)
    for draw_kw in (HOURS[0], [9e5, 0.0, 0.0], HOURS[0]):
        results = [flow.tried(np.array(draw_kw)) for flow in (ours, usual)]
        found, expected = (result and tables(result) for result in results)
        assert found == expected
        assert bool(stored(ours)) == (found is not None)
    afresh = HeatFlow(network, places(network, "2 5 8"))
    for most_steps, found in ((1, False), (100, True), (1, False)):
        monkeypatch.setattr(pipeflow, "MAX_NEWTON_STEPS", most_steps)
        assert afresh._elements.solve(np.full(3, 0.1)) == found
        assert len(stored(afresh)) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAMES", internals.NAMES | {"t_node": "pandapipes.idx_node:IdxNode.WARMTH"}),
        ("NAMES", internals.NAMES | {"set_up": "pandapipes.pipeflow:prepared"}),
        ("NAMES", internals.NAMES | {"set_up": "pandapipes.pipes:init_pipeflow"}),
        ("VERSIONS", ("0.15.0",)),
    ],
)
def test_without_a_name_or_with_another_version_all_is_as_usual(
    name: str, value: object, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = case_of("heat8")
    expected = [HeatFlow(network, places(network, "2 5 8"), OFF).solve(np.array(draw_kw)) for draw_kw in HOURS]
    monkeypatch.setattr(internals, name, value)
    guard = Guard()
    flow = HeatFlow(network, places(network, "2 5 8"), guard)
    results = [flow.solve(np.array(draw_kw)) for draw_kw in HOURS]
    HeatFlow(network, places(network, "2 5 8"))
    assert (guard.off, guard.uses, len(said)) == (True, 0, 1)
    assert "set up anew" in said[0]
    for ours, usual in zip(results, expected, strict=True):
        assert ours.iterations == usual.iterations
        for column, tolerance in (("p_bar", NEAR_BAR), ("t_c", NEAR_K)):
            first, second = (np.array(result.junctions[column], dtype=float) for result in (ours, usual))
            np.testing.assert_allclose(first, second, rtol=0.0, atol=tolerance)


def test_without_an_entry_of_the_net_it_is_off(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "OLD_PIT", "_former_pit")
    network, guard = case_of("heat8"), Guard()
    flow = HeatFlow(network, places(network, "2 5 8"), guard)
    for draw_kw in HOURS[:2]:
        expected = HeatFlow(network, places(network, "2 5 8"), OFF).solve(np.array(draw_kw))
        assert tables(flow.solve(np.array(draw_kw))) == tables(expected)
    assert (guard.off, guard.uses, len(said)) == (True, 0, 1)


@pytest.mark.parametrize("change", [1.0005, np.nan])
def test_a_falsified_set_up_is_found_and_everything_is_as_usual_from_then_on(
    change: float, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN leaves the kept one without a solution, which the full pipe flow knows better at once."""
    monkeypatch.setattr(kept, "CONTROLLED_EVERY", 4)
    network, guard = case_of("heat8"), Guard()
    flow = HeatFlow(network, places(network, "2 5 8"), guard)
    usual = HeatFlow(network, places(network, "2 5 8"), OFF)
    right = []
    for hour in range(8):
        if hour == 2:
            assert (guard.off, guard.uses) == (False, 1)
            falsify(flow, change)
        draw_kw = np.array(HOURS[0]) + hour
        right.append(tables(flow.solve(draw_kw)) == tables(usual.solve(draw_kw)))
    # The fourth use is controlled: those of hours 2 and 3 were wrong, as the log says.
    wrong = [2, 3] if np.isfinite(change) else []
    assert [hour for hour, is_right in enumerate(right) if not is_right] == wrong
    assert guard.off
    assert len(said) == 1


@dataclass(frozen=True)
class Falsified:
    """A near start that says something else about where the solver is to start."""

    near: NearStart
    too_hot_k: float
    way: float

    def find(self, *asked: Any) -> Found | None:
        found = self.near.find(*asked)
        if found is None:
            return None
        begin = found.beginning
        along = {
            table: Along(mdot_kg_per_s=self.way * branches.mdot_kg_per_s, t_out_c=branches.t_out_c + self.too_hot_k)
            for table, branches in begin.along.items()
        }
        return replace(found, beginning=Beginning(t_junction_c=begin.t_junction_c + self.too_hot_k, along=along))


def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Newton steps of every part of the pipe flows that follow."""
    steps: dict[str, list[int]] = {"first": [], "heat": [], "settle": []}
    for module, name, part, told in (
        (kept, "execute_hydraulics", "first", "iterations_hydraulics"),
        (kept, "execute_heat", "heat", "iterations_heat"),
        (pipeflow, "execute_hydraulics", "settle", "iterations_hydraulics"),
    ):
        theirs = getattr(module, name)

        def counting(net: pp.pandapipesNet, theirs: Any = theirs, part: str = part, told: str = told) -> None:
            theirs(net)
            steps[part].append(net["_internal_results"][told])

        monkeypatch.setattr(module, name, counting)
    return steps


@pytest.mark.parametrize(("case", "nodes"), [("heat8", "2 5 8"), ("barry32", "3 11 28")])
def test_where_the_solver_starts_shows_in_no_table_but_saves_steps(
    case: str, nodes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = case_of(case)
    steps, states = counted(monkeypatch), []
    for too_hot_k, way in ((0.0, 1.0), (20.0, 1.0), (0.0, -1.0)):
        flow = HeatFlow(network, places(network, nodes))
        assert flow._near is not None
        flow._near = Falsified(flow._near, too_hot_k, way)  # type: ignore[assignment]
        states.append(flow.solve(np.array(HOURS[2])))
        if len(states) == 1:
            (first,), (heat,), settle = steps.values()
            assert first <= 2, "once there, and once to see it"
            assert heat <= 2
            assert settle == [], "pressures are those at the temperatures found"
    assert len(steps["settle"]) >= 2, "once for each false start"
    assert {state.iterations for state in states} == {1}
    assert sum(map(sum, steps.values())) > 15
    for column, tolerance in (("p_bar", NEAR_BAR), ("t_c", NEAR_K)):
        near, *false = (np.array(state.junctions[column], dtype=float) for state in states)
        for other in false:
            np.testing.assert_allclose(near, other, rtol=0.0, atol=tolerance)


@pytest.mark.parametrize(("case", "nodes"), [("heat8", "2 5 8"), ("heat23", "3 10 22")])
def test_pressures_that_are_left_as_they_are_would_not_move_if_they_were_settled(case: str, nodes: str) -> None:
    network = case_of(case)
    flow = HeatFlow(network, places(network, nodes))
    for hour in HOURS[:3]:
        flow.solve(np.array(hour))
        assert pipe_flows(flow).pressures_fit
        net = flow._elements.net
        before = net.res_junction["p_bar"].to_numpy(copy=True)
        pipeflow.settle_pressures(net)
        np.testing.assert_allclose(net.res_junction["p_bar"], before, rtol=0.0, atol=1e-8)


def test_other_temperatures_matter_where_water_moves_or_a_branch_rises() -> None:
    """With standing water on the level another temperature is the same; so is a flow that comes from the other end."""
    network = heat_case("heat8", HeatSettings(**SETTINGS))
    flow = HeatFlow(network, places(network, "2 5 8"))
    flow.solve(np.array([20.0, 0.0, 0.0]))
    net, inside = flow._elements.net, internals.internals()
    nodes, branches = (net[internals.PIT][name] for name in (internals.NODES, internals.BRANCHES))
    found = Temperatures.of(net, inside)
    mdot = np.abs(branches[:, inside.mdot])
    moving, standing = int(np.nanargmax(mdot)), int(np.flatnonzero(mdot < 1e-9)[0])

    def other(of_branch: int, by: float, name: str = "t_out_k") -> Temperatures:
        values = getattr(found, name).copy()
        values[of_branch] += by
        return replace(found, **{name: values})

    assert found.still_hold(net, inside)
    assert other(moving, 0.9e-4).still_hold(net, inside)
    assert not other(moving, 1.1e-4).still_hold(net, inside)
    assert not other(moving, 1.0, "against").still_hold(net, inside)
    assert not other(int(branches[moving, inside.from_node]), 0.01, "t_node_k").still_hold(net, inside)
    assert other(standing, 30.0).still_hold(net, inside)
    nodes[int(branches[standing, inside.to_node]), inside.height] += 2.0
    assert not other(standing, 30.0).still_hold(net, inside)


def test_the_first_use_of_a_set_up_and_every_24th_are_controlled() -> None:
    guard = Guard()
    due = [use for use in range(1, 73) if guard.is_due("a")]
    assert due == [1, 24, 48, 72]
    assert [guard.is_due("b") for _ in range(3)] == [True, False, False]


def test_nothing_kept_can_be_written_to() -> None:
    network = case_of("heat8")
    flow = HeatFlow(network, places(network, "2 5 8"))
    flow.solve(np.array(HOURS[0]))
    (set_up,) = pipe_flows(flow)._kept.values()
    with pytest.raises(ValueError, match="read-only"):
        set_up.entries[internals.PIT][internals.BRANCHES][0, 0] = 1.0


def test_a_run_that_goes_on_has_the_digits_of_one_that_was_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It controls at other hours, as its guard has seen less."""
    monkeypatch.setattr(kept, "CONTROLLED_EVERY", 3)
    network, guard, whole = case_of("heat8"), Guard(), []
    hours = [np.array(HOURS[0]) + hour for hour in range(8)]
    for part in (hours[:4], hours[4:]):
        flow = HeatFlow(network, places(network, "2 5 8"), guard)
        whole += [tables(flow.solve(draw_kw)) for draw_kw in part]
    resumed = HeatFlow(network, places(network, "2 5 8"))
    assert [tables(resumed.solve(draw_kw)) for draw_kw in hours[4:]] == whole[4:]
    assert guard.uses == 6


def test_a_flow_that_forgets_has_the_digits_of_a_new_one_and_keeps_its_set_ups() -> None:
    network, guard = case_of("heat8"), Guard()
    flow = HeatFlow(network, places(network, "2 5 8"), guard)
    hours = [np.array(HOURS[0]) + hour for hour in range(6)]
    for draw_kw in hours[:3]:
        flow.solve(draw_kw)
    flow.forget()
    new = HeatFlow(network, places(network, "2 5 8"))
    for draw_kw in hours[3:]:
        assert tables(flow.solve(draw_kw)) == tables(new.solve(draw_kw))
    assert guard.uses == 5


def test_a_grid_forgets_without_being_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every begin anew would cost a set-up."""
    done: list[str] = []

    class Flow:
        def __init__(self, *_: object) -> None:
            done.append("made")

        def forget(self) -> None:
            done.append("forgot")

    monkeypatch.setattr(heat_grid, "HeatFlow", Flow)
    grid = heat_grid.Simulator()
    monkeypatch.setattr(grid, "_heat", object())
    grid.setup_done()
    grid._forget()
    assert done == ["made", "forgot"]
