"""Power flow: published losses, the kept state against plain runs, divergence, and the repetition by an outsider."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandapower
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandapower import pandapowerNet

from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case, electric_file
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.networks.empty_nets import empty_electric_net

SAME_VOLTAGE_PU = 1e-8
"""pandapower stops at a mismatch of 1e-8 MVA; the kept state starts from another point than a plain run."""
SAME_POWER_KW = 1e-4
"""The mismatch of 1e-8 MVA at each of some hundred buses."""
PUBLISHED_LOSS_KW, PUBLISHED_MIN_PU = 61.79, 0.9445


@pytest.fixture(scope="module")
def bus15() -> ElectricNetwork:
    return electric_case("bus15")


@pytest.fixture(scope="module")
def village() -> ElectricNetwork:
    return electric_case("schutterwald")


def plain_voltages(net: pandapowerNet) -> np.ndarray:
    net = deepcopy(net)
    pandapower.runpp(net)
    voltages: np.ndarray = net.res_bus["vm_pu"].to_numpy()
    return voltages


def test_published_losses_and_voltage(bus15: ElectricNetwork) -> None:
    result = PowerFlow(bus15, slack_voltage_pu=1.0).solve({}, background_scaling=1.0)
    assert result.status is Status.OK
    assert result.loss_kw == pytest.approx(PUBLISHED_LOSS_KW, abs=0.005)
    assert min(result.buses["vm_pu"]) == pytest.approx(PUBLISHED_MIN_PU, abs=5e-5)


@pytest.mark.parametrize("case", ["bus15", "schutterwald"])
def test_kept_state_gives_the_answer_of_plain_runs(case: str) -> None:
    network = electric_case(case)
    places = [int(bus) for bus in network.net.load["bus"].iloc[:5]]
    flow = PowerFlow(network, prosumer_buses=places)
    replaced = frozenset([("load", int(network.net.load.index[0]))])
    random = np.random.default_rng(seed=7)
    for scaling in (0.2, 1.0, 0.6):
        injections = {bus: (float(p), float(q)) for bus, p, q in zip(places, *random.normal(0, 3, (2, 5)), strict=True)}
        result = flow.solve(injections, background_scaling=scaling, replaced_loads=replaced)
        net = deepcopy(network.net)
        net.load[["p_mw", "q_mvar"]] *= scaling
        net.load.loc[[index for _, index in replaced], ["p_mw", "q_mvar"]] = 0.0
        for bus, (p_kw, q_kvar) in injections.items():
            pandapower.create_sgen(net, bus, p_mw=p_kw / 1000, q_mvar=q_kvar / 1000)
        np.testing.assert_allclose(result.buses["vm_pu"], plain_voltages(net), rtol=0, atol=SAME_VOLTAGE_PU)


def test_every_interval_stands_alone(bus15: ElectricNetwork) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[4, 9])
    first = flow.solve({4: (50.0, 5.0)}, background_scaling=0.5)
    flow.solve(
        {9: (-200.0, 0.0)}, background_scaling=1.0, replaced_loads=frozenset(("load", index) for index in range(3))
    )
    again = flow.solve({4: (50.0, 5.0)}, background_scaling=0.5)
    np.testing.assert_allclose(again.buses["vm_pu"], first.buses["vm_pu"], rtol=0, atol=SAME_VOLTAGE_PU)


def test_network_passed_in_is_not_changed(bus15: ElectricNetwork) -> None:
    before = deepcopy(bus15.net)
    flow = PowerFlow(bus15, slack_voltage_pu=1.03, prosumer_buses=[4])
    flow.solve({4: (10.0, 0.0)}, background_scaling=0.3)
    for table in ("bus", "line", "load", "sgen", "ext_grid", "res_bus"):
        pd.testing.assert_frame_equal(bus15.net[table], before[table])


def test_signs_and_slack_voltage(bus15: ElectricNetwork) -> None:
    flow = PowerFlow(bus15, slack_voltage_pu=1.03, prosumer_buses=[4])
    result = flow.solve({4: (10.0, 2.0)}, background_scaling=0.0)
    assert result.buses["vm_pu"][0] == pytest.approx(1.03)
    assert (result.buses["p_injection_kw"][4], result.buses["q_injection_kvar"][4]) == pytest.approx((10.0, 2.0))
    assert result.slack_kw is not None
    assert result.slack_kw < 0 < result.buses["vm_pu"][4] - 1.03
    with pytest.raises(KeyError):
        flow.solve({5: (1.0, 0.0)}, background_scaling=0.0)


@settings(max_examples=20, deadline=None)
@given(
    injected_kw=st.lists(st.floats(-150, 150), min_size=3, max_size=3),
    scaling=st.floats(0, 1.2),
)
def test_energy_balance(bus15: ElectricNetwork, injected_kw: list[float], scaling: float) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[4, 9, 14])
    injections = {bus: (kw, 0.1 * kw) for bus, kw in zip([4, 9, 14], injected_kw, strict=True)}
    result = flow.solve(injections, background_scaling=scaling)
    assert_balanced(result)
    background_kw = scaling * bus15.net.load["p_mw"].sum() * 1000
    assert result.slack_kw is not None
    assert result.slack_kw + sum(injected_kw) - background_kw == pytest.approx(result.loss_kw, abs=SAME_POWER_KW)


def assert_balanced(result: PowerFlowResult) -> None:
    assert result.status is Status.OK
    assert sum(result.buses["p_injection_kw"]) == pytest.approx(result.loss_kw, abs=SAME_POWER_KW)
    element_losses = sum(result.lines["loss_kw"]) + sum(result.transformers["loss_kw"])
    assert element_losses == pytest.approx(result.loss_kw, abs=SAME_POWER_KW)


def test_several_slacks(village: ElectricNetwork) -> None:
    result = PowerFlow(village).solve({}, background_scaling=1.0)
    assert_balanced(result)
    slack_buses = village.net.ext_grid["bus"]
    rows = village.net.bus.index.get_indexer(slack_buses)
    assert len(rows) == 6
    assert sum(result.buses["p_injection_kw"][row] for row in rows) == pytest.approx(result.slack_kw)
    assert [result.buses["vm_pu"][row] for row in rows] == pytest.approx([1.025] * 6)
    assert len(result.transformers["element"]) == 6
    assert result.transformers["p_hv_kw"][0] > -result.transformers["p_lv_kw"][0] > 0


def test_a_diverged_interval_has_no_tables_and_harms_no_other(bus15: ElectricNetwork) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[14])
    for planted_kw in (-1e6, float("nan")):
        before = flow.solve({}, background_scaling=1.0)
        diverged = flow.solve({14: (planted_kw, 0.0)}, background_scaling=1.0)
        after = flow.solve({}, background_scaling=1.0)
        assert diverged == PowerFlowResult(Status.NOT_CONVERGED, diverged.cause)
        assert diverged.loss_kw is None
        assert not any(diverged.buses.values())
        assert after.status is before.status is Status.OK
        assert after.loss_kw == pytest.approx(PUBLISHED_LOSS_KW, abs=0.005)


def test_divergence_in_the_first_interval(bus15: ElectricNetwork) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[14])
    assert flow.solve({14: (-1e6, 0.0)}, background_scaling=1.0).status is Status.NOT_CONVERGED
    assert flow.solve({}, background_scaling=1.0).loss_kw == pytest.approx(PUBLISHED_LOSS_KW, abs=0.005)


def test_an_isolated_bus_is_no_solution(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    net.line.loc[0, "in_service"] = False
    result = PowerFlow(ElectricNetwork("cut", net, "")).solve({}, background_scaling=1.0)
    assert result == PowerFlowResult(Status.NOT_CONVERGED, result.cause)


def test_out_of_service_elements_have_no_rows(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    net.line.loc[13, "in_service"] = False
    net.bus.loc[14, "in_service"] = False
    result = PowerFlow(ElectricNetwork("cut", net, "")).solve({}, background_scaling=1.0)
    assert result.status is Status.OK
    assert "15" not in result.buses["bus"]
    assert "4-15" not in result.lines["element"]


@pytest.mark.parametrize("share", ["const_z_p_percent", "const_i_p_percent"])
def test_loads_that_depend_on_voltage(bus15: ElectricNetwork, share: str) -> None:
    net = deepcopy(bus15.net)
    net.load[share] = 100.0
    flow = PowerFlow(ElectricNetwork("const z", net, ""))
    flow.solve({}, background_scaling=0.1)
    result = flow.solve({}, background_scaling=1.0)
    np.testing.assert_allclose(result.buses["vm_pu"], plain_voltages(net), rtol=0, atol=SAME_VOLTAGE_PU)


@pytest.mark.parametrize("case", ["bus15", "schutterwald"])
def test_outsider_repeats_the_power_flow(case: str, tmp_path: Path) -> None:
    network = electric_case(case)
    places = [int(bus) for bus in network.net.load["bus"].iloc[:4]]
    flow = PowerFlow(network, slack_voltage_pu=1.01, prosumer_buses=places)
    wanted = flow.solve(dict.fromkeys(places, (12.0, -3.0)), background_scaling=0.7)
    flow.solve({}, background_scaling=0.3)
    pandapower.to_json(flow.net_as_solved(), str(tmp_path / "electric_net.json"))
    electric_file(tmp_path / "electric_net.json")

    # From here on with pandapower and the table alone, as in the docstring of `solved_net`.
    net = pandapower.from_json(str(tmp_path / "electric_net.json"))
    buses = pd.DataFrame(wanted.buses).set_index("bus")
    net.load["p_mw"] = -buses.loc[net.load["name"], "p_injection_kw"].to_numpy() / 1000
    net.load["q_mvar"] = -buses.loc[net.load["name"], "q_injection_kvar"].to_numpy() / 1000
    pandapower.runpp(net)
    repeated = net.res_bus.set_index(net.bus["name"])["vm_pu"].loc[buses.index]
    np.testing.assert_allclose(repeated, buses["vm_pu"], rtol=0, atol=SAME_VOLTAGE_PU)
    assert net.res_ext_grid["p_mw"].sum() * 1000 == pytest.approx(wanted.slack_kw, abs=SAME_POWER_KW)


def test_net_as_solved_repeats_the_last_interval_as_it_stands(bus15: ElectricNetwork) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[4])
    result = flow.solve({4: (30.0, 0.0)}, background_scaling=0.5)
    np.testing.assert_allclose(
        plain_voltages(flow.net_as_solved()), result.buses["vm_pu"], rtol=0, atol=SAME_VOLTAGE_PU
    )


def switched_off(net: pandapowerNet) -> None:
    net.line.loc[13, "in_service"] = False
    net.bus.loc[14, "in_service"] = False


def regulated(net: pandapowerNet) -> None:
    net.ext_grid.loc[0, "vm_pu"] = 1.02


def unloaded(net: pandapowerNet) -> None:
    net.load.loc[3, "in_service"] = False


def extended(net: pandapowerNet) -> None:
    pandapower.create_sgen(net, 7, p_mw=0.2)


def bridged(net: pandapowerNet) -> None:
    pandapower.create_switch(net, 3, 9, et="b", closed=True)


@pytest.mark.parametrize("change", [switched_off, regulated, unloaded, extended, bridged])
def test_a_change_that_a_recycled_run_would_overlook_is_noticed(
    bus15: ElectricNetwork, change: Callable[[pandapowerNet], None]
) -> None:
    flow = PowerFlow(bus15, prosumer_buses=[4])
    for scaling in (0.8, 1.0):
        before = flow.solve({4: (30.0, 0.0)}, background_scaling=scaling)
    change(flow.net)
    after = flow.solve({4: (30.0, 0.0)}, background_scaling=1.0)
    assert after.slack_kw != pytest.approx(before.slack_kw, rel=1e-3)
    expected = plain_voltages(flow.net)
    inside = flow.net.bus["in_service"].to_numpy()
    np.testing.assert_allclose(after.buses["vm_pu"], expected[inside], rtol=0, atol=SAME_VOLTAGE_PU)
    change_free = flow.solve({4: (30.0, 0.0)}, background_scaling=1.0)
    np.testing.assert_allclose(change_free.buses["vm_pu"], after.buses["vm_pu"], rtol=0, atol=SAME_VOLTAGE_PU)


@pytest.mark.parametrize("case", ["bus15", "schutterwald"])
def test_a_near_start_leaves_pandapower_nothing_to_iterate(case: str) -> None:
    network = electric_case(case)
    bus = int(network.net.load["bus"].iloc[0])
    flow = PowerFlow(network, prosumer_buses=[bus])
    flow.solve({}, background_scaling=0.3)
    result = flow.solve({bus: (5.0, 2.0)}, background_scaling=0.5)
    assert flow.net._ppc["iterations"] == 0
    assert result.iterations is not None
    assert result.iterations > 0


def test_a_load_out_of_service_does_not_lead_the_start_astray(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    pandapower.create_load(net, 9, p_mw=0.4, q_mvar=0.1, in_service=False, name="shut down")
    flow = PowerFlow(replace(bus15, net=net), prosumer_buses=[4])
    flow.solve({}, background_scaling=0.3)
    flow.solve({4: (5.0, 2.0)}, background_scaling=0.6)
    assert flow.net._ppc["iterations"] == 0


def test_a_net_of_slacks_only_is_solved_again_and_again(bus15: ElectricNetwork) -> None:
    net = empty_electric_net()
    pandapower.create_ext_grid(net, pandapower.create_bus(net, 20.0, name="busbar"))
    flow = PowerFlow(replace(bus15, net=net), prosumer_buses=[0])
    for p_kw in (5.0, -7.0):
        result = flow.solve({0: (p_kw, 0.0)}, background_scaling=1.0)
        assert (result.status, result.slack_kw) == (Status.OK, pytest.approx(-p_kw))
