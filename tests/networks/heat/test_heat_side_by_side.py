"""Intervals solved side by side have the flows that they have one by one."""

from pathlib import Path

import numpy as np
import pandapipes as pp
import pytest

from heat_streets import at, read, street
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.heat import side_by_side as heat_side_by_side
from mosaik_p2p.networks.heat.choice import HeatNetwork, HeatSettings, heat_case
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.side_by_side import SideBySide
from mosaik_p2p.networks.heat.tables import HEAT_TABLES

pytestmark = pytest.mark.once

SETTINGS = {"t_supply_c": 75.0, "t_return_c": 45.0, "t_feed_c": 75.0, "t_ground_c": 10.0}
HEAT_KW = 0.11
"""The heat of two exchangers is met to 0.05 kW each, and their losses follow."""
CLOSE = {"p_bar": 1e-3, "t_c": 0.2, "velocity_m_per_s": 5e-4, "delivered_kw": HEAT_KW, "loss_kw": 0.02}


def of_case(name: str, nodes: tuple[int, ...], **changed: object) -> tuple[HeatNetwork, list[HeatConnection]]:
    network = heat_case(name, HeatSettings(**{**SETTINGS, **changed}))  # type: ignore[arg-type]
    places = [network.nodes[str(node)] for node in nodes]
    return network, [
        HeatConnection(prosumer=f"H:{n}", supply=supply, return_=return_) for n, (supply, return_) in enumerate(places)
    ]


def assert_same(found: HeatFlowResult, expected: HeatFlowResult) -> None:
    assert found.status is expected.status
    for figure in ("slack_kw", "loss_kw", "pump_kw"):
        assert getattr(found, figure) == pytest.approx(getattr(expected, figure), abs=HEAT_KW)
    for name, columns in HEAT_TABLES.items():
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours[columns[0]] == theirs[columns[0]], name
        for column, tolerance in CLOSE.items():
            if column in columns:
                values = [np.array(table[column], dtype=float) for table in (ours, theirs)]
                np.testing.assert_allclose(*values, rtol=0.0, atol=tolerance, err_msg=f"{name} {column}")


def test_a_tree_with_bypasses_and_prosumers_that_feed_in() -> None:
    network, places = of_case("heat8", (4, 6), bypass_nodes=("4", "6"), bypass_mdot_kg_per_s=0.05)
    draws = [(20.0, 12.0), (0.0, 0.0), (-15.0, 25.0), (20.0, 12.0), (35.0, 0.0)]
    together = SideBySide(network, places).solved(draws)
    assert list(together) == [(20.0, 12.0), (0.0, 0.0), (-15.0, 25.0), (35.0, 0.0)]
    alone = HeatFlow(network, places)
    for draw in together:
        assert_same(together[draw], alone.solve(np.array(draw)))
    assert [result.status for result in together.values()].count(Status.IDLE) == 1


@pytest.mark.parametrize("is_open", [True, False])
def test_a_loop_with_valves_at_a_pipe_and_between_junctions(tmp_path: Path, is_open: bool) -> None:
    """A valve names a pipe or a junction: in each copy its own."""
    net = street(edges=((0, 1), (1, 2), (1, 3), (2, 3)))
    net.pipe.index = net.pipe.index + 20
    shut = int(net.pipe.index[net.pipe["name"] == "S2-S3"][0])
    pp.create_valve(net, at(net, "S2"), shut, et="pi", inner_diameter_mm=32.0, opened=is_open)
    pp.create_valve(net, at(net, "S1"), at(net, "S3"), et="ju", inner_diameter_mm=32.0, opened=is_open)
    network = read(net, tmp_path)
    places = [HeatConnection(prosumer=f"H{n}", supply=at(net, f"S{n}"), return_=at(net, f"R{n}")) for n in (2, 3)]
    draws = [(8.0, 5.0), (2.0, 9.0), (4.0, -3.0)]
    together, alone = SideBySide(network, places).solved(draws), HeatFlow(network, places)
    assert list(together) == draws
    for draw in draws:
        assert_same(together[draw], alone.solve(np.array(draw)))


def test_who_gets_no_heat_is_left_to_be_told_singly() -> None:
    """In one interval the water is too cold to be drawn, as nobody feeds in hotter water; the others are solved."""
    network, places = of_case("heat8", (4, 6), t_supply_c=44.0, t_feed_c=75.0)
    draws = [(0.0, 0.0), (10.0, 0.0), (-5.0, 0.0)]
    alone = HeatFlow(network, places)
    statuses = {draw: alone.solve(np.array(draw)).status for draw in draws}
    assert statuses[10.0, 0.0] is Status.NOT_DELIVERABLE
    together = SideBySide(network, places).solved(draws)
    assert list(together) == [(0.0, 0.0), (-5.0, 0.0)]
    assert {draw: result.status for draw, result in together.items()} == {draw: statuses[draw] for draw in together}


def test_what_has_no_solution_or_cannot_be_copied_is_left_too(tmp_path: Path) -> None:
    network, places = of_case("heat8", (4, 6))
    assert SideBySide(network, places).solved([(1.0, 2.0), (float("nan"), 0.0)]) == {}
    assert SideBySide(network, places).solved([(1.0, 2.0)]) == {}
    net = street()
    pp.create_heat_consumer(net, at(net, "S2"), at(net, "R2"), qext_w=4000.0, treturn_k=318.15)
    own = read(net, tmp_path)
    assert own.consumers
    at_3 = [HeatConnection(prosumer="H3", supply=at(net, "S3"), return_=at(net, "R3"))]
    assert SideBySide(own, at_3).solved([(1.0,), (2.0,)]) == {}


def test_more_intervals_than_fit_are_solved_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat_side_by_side, "MOST_EXCHANGERS", 4)
    network, places = of_case("heat8", (4, 6))
    draws = [(float(kw), 5.0) for kw in (1, 2, 3, 4, 5)]
    together = SideBySide(network, places)
    # One alone is left to who solves it; the fifth stands in the network of the two before, twice.
    assert together.solved(draws[:1]) == {}
    found = together.solved(draws)
    assert list(found) == draws
    other = SideBySide(network, places).solved([draws[4], draws[0]])[draws[4]]
    assert found[draws[4]].slack_kw == pytest.approx(other.slack_kw, abs=1e-4)
    assert list(together._flows) == [2]


def test_copies_that_have_been_used_give_what_new_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last digit, whichever intervals were solved in them before, and if these had no solution."""
    monkeypatch.setattr(heat_side_by_side, "MOST_EXCHANGERS", 6)
    network, places = of_case("heat8", (4, 6))
    used = SideBySide(network, places)
    used.solved([(30.0, -20.0), (0.0, 0.0), (-8.0, 40.0), (12.0, 9.0), (-3.0, 1.0)])
    assert used.solved([(1.0, float("nan")), (0.0, 0.0), (1.0, 0.0)]) == {}
    for draws in ([(20.0, 12.0), (35.0, 0.0), (-15.0, 25.0)], [(20.0, 12.0), (7.0, -3.0)]):
        assert used.solved(draws) == SideBySide(network, places).solved(draws) != {}
