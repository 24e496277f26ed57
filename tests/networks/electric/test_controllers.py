"""Controllers of a user's net settle as in pandapower alone, hold through an interval, and depend on no other."""

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pytest
from pandapower import pandapowerNet
from pandapower.control import DiscreteTapControl
from pandapower.control.controller.DERController import DERController, PQVArea4110, QModelConstQ

from controlled_nets import CONTROLLERS, FAR, GROUPS, INTERVALS, QV, Interval, alone, controlled, uncontrolled
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.files import as_meant
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_file, electric_net
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.networks.files.electric.control_objects import text_with_models
from mosaik_p2p.sims.electric_grid import Simulator

pytestmark = pytest.mark.once

SAME_PU = 1e-7
SAME_MVAR = 1e-8
"""Two solutions of pandapower, each within its own tolerance."""

ALONE: Interval = (1.0, 1.0, 10.0)
TOGETHER = ("Q(V) in an area", "cos phi", "taps at once")


def network(net: pandapowerNet) -> ElectricNetwork:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return electric_net(net, "made", "")


def solved(flow: PowerFlow, interval: Interval) -> PowerFlowResult:
    background, generation, injected_kw = interval
    return flow.solve({FAR: (injected_kw, 0.0)}, background_scaling=background, generation_scaling=generation)


def assert_same(flow: PowerFlow, result: PowerFlowResult, expected: pandapowerNet) -> None:
    assert result.status is Status.OK
    np.testing.assert_allclose(result.buses["vm_pu"], expected.res_bus["vm_pu"], rtol=0, atol=SAME_PU)
    np.testing.assert_allclose(result.transformers["tap_pos"], expected.trafo["tap_pos"], rtol=0, atol=1e-4)
    own = flow.net.res_sgen.loc[expected.sgen.index]
    for power in ("p_mw", "q_mvar"):
        np.testing.assert_allclose(own[power], expected.res_sgen[power], rtol=0, atol=SAME_MVAR)


@pytest.mark.parametrize("names", GROUPS)
def test_each_settles_as_in_pandapower(names: tuple[str, ...]) -> None:
    net = controlled(*names)
    expected = alone(net, ALONE)
    assert [name for name, one in zip(names, expected.controller["object"], strict=True) if rests(one, expected)] == []
    flow = PowerFlow(ElectricNetwork("made", as_meant(net), ""), prosumer_buses=[FAR])
    assert_same(flow, solved(flow, ALONE), expected)


def rests(controller: Any, net: pandapowerNet) -> bool:
    """Whether it has moved nothing."""
    if controller.element == "trafo":
        return bool((net.trafo["tap_pos"].loc[np.atleast_1d(controller.element_index)] == 1).all())
    return bool((net.sgen["q_mvar"].loc[controller.element_index] == 0.002).all())


def test_every_controller_is_among_them() -> None:
    assert sorted(name for names in GROUPS for name in names) == sorted(CONTROLLERS)


def test_several_settle_level_by_level_from_a_file_in_any_order(tmp_path: Path) -> None:
    net = controlled(*TOGETHER)
    (tmp_path / "net.json").write_text(text_with_models(net))
    flow = PowerFlow(electric_file(tmp_path / "net.json"), prosumer_buses=[FAR])
    expected = {interval: alone(net, interval) for interval in INTERVALS}
    for interval in (*INTERVALS, *INTERVALS[1::-1]):
        assert_same(flow, solved(flow, interval), expected[interval])


def test_taps_come_from_the_library_s_own_file(tmp_path: Path) -> None:
    net = controlled("bands of their own")
    pandapower.to_json(net, str(tmp_path / "net.json"))
    flow = PowerFlow(electric_file(tmp_path / "net.json"), prosumer_buses=[FAR])
    assert_same(flow, solved(flow, INTERVALS[1]), alone(net, INTERVALS[1]))


def test_a_net_that_was_solved_before_is_taken_as_it_is() -> None:
    """Attributes that a run leaves behind are known, and where controllers have moved to is where they begin."""
    net = controlled(*TOGETHER)
    pandapower.runpp(net, run_control=True)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    assert_same(flow, solved(flow, INTERVALS[2]), alone(net, INTERVALS[2]))


def test_order_and_level_are_as_in_pandapower() -> None:
    """Two controllers of one tap with bands apart: the later one has the last word."""
    for late in (0, 1):
        net = uncontrolled()
        for number, band in enumerate(((0.95, 0.99), (1.0, 1.02))):
            DiscreteTapControl(net, 0, *band, level=int(number == late))
        flow = PowerFlow(network(net), prosumer_buses=[FAR])
        expected = alone(net, INTERVALS[0])
        assert_same(flow, solved(flow, INTERVALS[0]), expected)
        assert (expected.res_bus["vm_pu"].iloc[2] > 0.995) == (late == 1)


def test_what_is_out_of_service_does_not_move() -> None:
    net = controlled("taps at once", "Q(V)")
    net.controller["in_service"] = False
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    assert_same(flow, solved(flow, INTERVALS[0]), alone(net, INTERVALS[0], run_control=False))
    assert flow.net.controller.empty


def test_a_generator_at_a_dead_bus_is_left_out() -> None:
    """In pandapower such a controller never rests, since it looks for a voltage there."""
    net = uncontrolled()
    dead = pandapower.create_bus(net, 0.4, name="dead", in_service=False)
    pandapower.create_sgen(net, dead, 0.01, sn_mva=0.02, name="attic")
    both = copy.deepcopy(net)
    DERController(both, [0, 3], q_model=QV, saturate_sn_mva=[0.055, 0.01])
    DERController(net, [0], q_model=QV, saturate_sn_mva=[0.055])
    flow = PowerFlow(network(both), prosumer_buses=[FAR])
    result = solved(flow, ALONE)
    np.testing.assert_allclose(result.buses["vm_pu"], alone(net, ALONE).res_bus["vm_pu"].iloc[:4], atol=SAME_PU)


def test_an_area_without_an_answer_leaves_no_solution() -> None:
    net = uncontrolled()
    net.sgen.loc[0, "p_mw"] = 0.05 * 0.07
    DERController(net, [0], q_model=QModelConstQ(0.3), pqv_area=PQVArea4110())
    with pytest.raises(NotImplementedError):
        alone(net, ALONE)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    assert solved(flow, ALONE).status is Status.NOT_CONVERGED
    assert "find no power that is allowed" in str(flow.unrest)
    assert solved(flow, (1.0, 0.9, 10.0)).status is Status.OK
    assert flow.unrest is None


def held(net: pandapowerNet, settled: Interval, interval: Interval) -> pandapowerNet:
    """By pandapower alone: another injection, with taps and powers where they settled."""
    first = alone(net, settled)
    fixed = alone(net, interval, run_control=False)
    fixed.trafo["tap_pos"] = first.trafo["tap_pos"]
    fixed.sgen[["p_mw", "q_mvar"]] = first.sgen[["p_mw", "q_mvar"]]
    pandapower.runpp(fixed)
    return fixed


def test_they_hold_where_they_have_settled() -> None:
    net = controlled(*TOGETHER)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    settled, later = (1.0, 1.0, 20.0), (1.0, 1.0, -90.0)
    solved(flow, settled)
    result = flow.solve_held({FAR: (-90.0, 0.0)}, background_scaling=1.0)
    assert_same(flow, result, held(net, settled, later))
    assert not np.allclose(result.buses["vm_pu"], alone(net, later).res_bus["vm_pu"], atol=1e-3)
    # Powers of the network that count otherwise are another interval.
    again = flow.solve_held({FAR: (-90.0, 0.0)}, background_scaling=0.5, generation_scaling=0.5)
    assert_same(flow, again, alone(net, (0.5, 0.5, -90.0)))


def test_the_response_is_that_of_the_network_as_it_is_held() -> None:
    net = controlled(*TOGETHER)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    solved(flow, INTERVALS[0])
    response = flow.response([FAR])["voltage_pu"].per_kw[:, 0]
    by_hand = [np.array(flow.solve_held({FAR: (kw, 0.0)}, background_scaling=1.0).buses["vm_pu"]) for kw in (-0.5, 0.5)]
    np.testing.assert_allclose(response, by_hand[1] - by_hand[0], rtol=1e-3, atol=1e-9)


def test_controllers_that_do_not_rest_leave_no_solution_behind() -> None:
    net = controlled("Q(V)")
    DiscreteTapControl(net, [0, 1], 0.9999, 1.0001)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    result = solved(flow, INTERVALS[0])
    assert (result.status, result.buses["bus"]) == (Status.NOT_CONVERGED, [])
    with pytest.raises(ValueError, match="no solution"):
        flow.response([FAR])
    assert not flow.net_as_solved().load["p_mw"].any()
    # Neither is there anything to be held: they are tried anew.
    assert flow.solve_held({FAR: (0.0, 0.0)}, background_scaling=1.0).status is Status.NOT_CONVERGED


def test_the_net_of_the_solution_repeats_it_without_controllers() -> None:
    net = controlled(*TOGETHER)
    flow = PowerFlow(network(net), prosumer_buses=[FAR])
    result = solved(flow, INTERVALS[2])
    repeated = flow.net_as_solved()
    assert repeated.controller.empty
    pandapower.runpp(repeated)
    np.testing.assert_allclose(repeated.res_bus["vm_pu"], result.buses["vm_pu"], rtol=0, atol=SAME_PU)
    assert repeated.trafo["tap_pos"].tolist() == result.transformers["tap_pos"] != [1.0, 1.0]


def grid(net: pandapowerNet) -> Simulator:
    simulator = Simulator()
    simulator.init("Grid", time_resolution=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator.create(1, "Grid", net=net)
    return simulator


def stepped(simulator: Simulator, time: int, injected_kw: float, *, round_number: int | None = None) -> list[float]:
    """The taps after a step."""
    inputs: dict[str, dict[str, dict[str, float]]] = {f"Bus-{FAR}": {"P_gen[MW]": {"m": injected_kw / 1000}}}
    if round_number is not None:
        inputs["Grid"] = {"round": {"m": round_number}}
    simulator.step(time, inputs, time)
    tables = simulator.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
    assert tables["flows"]["status"] == ["ok"]
    taps: list[float] = tables["transformers"]["tap_pos"]
    return taps


def test_rounds_of_one_instant_meet_one_network() -> None:
    net = controlled(*TOGETHER)
    first, other = (alone(net, (1.0, 1.0, kw)).trafo["tap_pos"].tolist() for kw in (60.0, -90.0))
    assert first != other
    simulator = grid(net)
    for time, powers_kw in ((0, (60.0, -90.0)), (900, (-90.0, 60.0)), (1800, (60.0, 60.0))):
        settled = first if powers_kw[0] == 60.0 else other
        for number, injected_kw in enumerate((*powers_kw, powers_kw[0])):
            assert stepped(simulator, time, injected_kw, round_number=number) == settled
    # Without a round nobody negotiates: whatever arrives is the state of the network.
    assert stepped(simulator, 2700, 60.0) == first
    assert stepped(simulator, 2700, -90.0) == other
    # A round that is not the first, and before which nothing has settled in its instant.
    assert stepped(simulator, 3600, 60.0, round_number=4) == first
