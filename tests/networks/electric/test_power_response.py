"""Sensitivities of the power flow against central differences of the real solver."""

import warnings
from copy import deepcopy

import numpy as np
import pandapower
import pytest
from pandapower import pandapowerNet
from pandapower.pypower.idx_bus import MU_VMAX, MU_VMIN

from mosaik_p2p.limits.response import SLACK, Response
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.units import FloatArray

STEP_KW = 0.25
"""Small against the loads, large against what the solver's tolerance of 1e-8 MVA leaves open (1e-5 kW)."""
LEAST_LOADING_PERCENT = 10.0
"""Below it a step changes the direction of the current so much that differences of its magnitude are no slope."""
LEAST_POWER_KW = 1.0
"""The same for the power of a line."""
RELATIVE = 1e-4
"""Of the largest response of a quantity: solver tolerance over the step, and the curvature over it."""
PU_PER_MW = 3e-6
"""Absolute difference of a voltage's response."""
ROUNDING = 1e-15

Injections = dict[int, tuple[float, float]]


def values(result: PowerFlowResult) -> dict[str, FloatArray]:
    return {
        "voltage_pu": np.array(result.buses["vm_pu"], dtype=float),
        "line_loading_percent": np.array(result.lines["loading_percent"], dtype=float),
        "transformer_loading_percent": np.array(result.transformers["loading_percent"], dtype=float),
        "line_power_kw": np.abs([result.lines["p_from_kw"], result.lines["p_to_kw"]]).astype(float).max(axis=0),
        SLACK: np.array([result.slack_kw]),
    }


def differences(flow: PowerFlow, at: Injections, scaling: float, *, reactive: bool) -> dict[str, FloatArray]:
    """(elements, buses) by quantity: how the solver's values move per unit of power."""
    moved: dict[str, list[FloatArray]] = {}
    for bus in at:
        ends = []
        for sign in (1.0, -1.0):
            p_kw, q_kvar = at[bus]
            step = (p_kw, q_kvar + sign * STEP_KW) if reactive else (p_kw + sign * STEP_KW, q_kvar)
            ends.append(values(flow.solve({**at, bus: step}, background_scaling=scaling)))
        for quantity in ends[0]:
            moved.setdefault(quantity, []).append((ends[0][quantity] - ends[1][quantity]) / (2.0 * STEP_KW))
    return {quantity: np.array(columns).T for quantity, columns in moved.items()}


def assert_close(
    found: dict[str, Response], expected: dict[str, FloatArray], solved: PowerFlowResult, *, reactive: bool
) -> None:
    for quantity, every in expected.items():
        ours = found[quantity].per_kvar if reactive else found[quantity].per_kw
        assert ours.shape == every.shape
        loaded = values(solved)[quantity] >= (LEAST_POWER_KW if "power" in quantity else LEAST_LOADING_PERCENT)
        kept = loaded if "loading" in quantity or "power" in quantity else np.ones(len(every), dtype=bool)
        ours, matrix = ours[kept], every[kept]
        if not matrix.size:
            continue
        np.testing.assert_allclose(ours, matrix, rtol=0, atol=RELATIVE * np.abs(matrix).max(), err_msg=quantity)
        if quantity == "voltage_pu":
            np.testing.assert_allclose(1000.0 * ours, 1000.0 * matrix, rtol=0, atol=PU_PER_MW)


def places(network: ElectricNetwork, count: int) -> list[int]:
    buses = network.net.load["bus"].drop_duplicates()
    return [int(bus) for bus in buses.iloc[:: max(1, len(buses) // count)]][:count]


@pytest.mark.parametrize(("case", "scaling"), [("bus15", 1.0), ("bus33", 0.7), ("schutterwald", 1.0)])
def test_responses_are_those_of_the_solver(case: str, scaling: float) -> None:
    """Voltages, currents at the more loaded end, transformers and the slack, per kW and per kvar; the flow is recycled
    from solution to solution, the last of which started where it ended."""
    network = electric_case(case)
    buses = places(network, 4)
    flow = PowerFlow(network, prosumer_buses=buses)
    at = {bus: (20.0 * (-1) ** number, 5.0) for number, bus in enumerate(buses)}
    expected = [differences(flow, at, scaling, reactive=reactive) for reactive in (False, True)]
    flow.solve(at, background_scaling=scaling)
    solved = flow.solve(at, background_scaling=scaling)
    found = flow.response(buses)
    for reactive, matrices in zip((False, True), expected, strict=True):
        assert_close(found, matrices, solved, reactive=reactive)


@pytest.mark.parametrize("share", ["const_z_p_percent", "const_i_p_percent"])
def test_loads_that_depend_on_voltage(share: str) -> None:
    net = deepcopy(electric_case("bus15").net)
    net.load[share] = 100.0
    flow = PowerFlow(ElectricNetwork("soft", net, ""), prosumer_buses=[4, 9])
    at = {4: (20.0, 5.0), 9: (-10.0, 0.0)}
    expected = differences(flow, at, 1.0, reactive=False)
    solved = flow.solve(at, background_scaling=1.0)
    assert_close(flow.response([4, 9]), expected, solved, reactive=False)


def test_a_generator_holds_its_voltage() -> None:
    net = deepcopy(electric_case("bus15").net)
    pandapower.create_gen(net, 9, p_mw=0.1, vm_pu=1.0)
    flow = PowerFlow(ElectricNetwork("held", net, ""), prosumer_buses=[4, 9])
    at = {4: (20.0, 5.0), 9: (-10.0, 0.0)}
    expected = differences(flow, at, 1.0, reactive=False)
    solved = flow.solve(at, background_scaling=1.0)
    found = flow.response([4, 9])
    assert_close(found, expected, solved, reactive=False)
    assert np.abs(found["voltage_pu"].per_kw[9]).max() < ROUNDING
    assert np.abs(found["voltage_pu"].per_kvar[:, 1]).max() < ROUNDING


def test_a_source_at_the_slack_moves_the_slack_alone() -> None:
    flow = PowerFlow(electric_case("bus15"), prosumer_buses=[0, 4])
    flow.solve({4: (20.0, 5.0)}, background_scaling=1.0)
    found = flow.response([0, 4, 4])
    assert found[SLACK].per_kw[0, 0] == pytest.approx(-1.0)
    assert not any(found[quantity].per_kw[:, 0].any() for quantity in found if quantity != SLACK)
    np.testing.assert_array_equal(found["voltage_pu"].per_kw[:, 1], found["voltage_pu"].per_kw[:, 2])


def test_what_is_out_of_service_has_no_part() -> None:
    net = deepcopy(electric_case("bus15").net)
    net.line.loc[13, "in_service"] = False
    net.bus.loc[14, "in_service"] = False
    flow = PowerFlow(ElectricNetwork("cut", net, ""), prosumer_buses=[4, 9])
    at = {4: (20.0, 5.0), 9: (-10.0, 0.0)}
    expected = differences(flow, at, 1.0, reactive=False)
    solved = flow.solve(at, background_scaling=1.0)
    found = flow.response([4, 9])
    assert_close(found, expected, solved, reactive=False)
    assert len(found["voltage_pu"].elements) == len(net.bus) - 1
    assert not flow.response([14])["voltage_pu"].per_kw.any()


def test_without_a_solution_there_is_nothing_to_linearise() -> None:
    flow = PowerFlow(electric_case("bus15"), prosumer_buses=[14])
    flow.solve({14: (-1e6, 0.0)}, background_scaling=1.0)
    with pytest.raises(ValueError, match="no solution"):
        flow.response([14])


def test_an_unloaded_network_has_no_direction_of_its_currents() -> None:
    flow = PowerFlow(electric_case("bus15"), prosumer_buses=[4])
    flow.solve({}, background_scaling=0.0)
    found = flow.response([4])
    assert np.isfinite(found["line_loading_percent"].per_kw).all()


SLACK_PRICE = 100.0
SAME_PRICE = 1e-6
"""Relative: the interior-point method is asked for 1e-9."""
OPF = {"PDIPM_GRADTOL": 1e-9, "PDIPM_COMPTOL": 1e-9, "PDIPM_COSTTOL": 1e-10, "PDIPM_FEASTOL": 1e-9}


def optimal_power_flow(*, v_min: float, v_max: float, cost: float) -> pandapowerNet:
    """bus15 with a slack of 1 p.u. that sells at `SLACK_PRICE`, and a producer at bus 12 with another cost per MWh."""
    net = deepcopy(electric_case("bus15").net)
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = v_min, v_max
    net.bus.loc[0, ["min_vm_pu", "max_vm_pu"]] = 1.0
    net.ext_grid["controllable"] = False
    net.line["max_loading_percent"] = 1e4
    producer = pandapower.create_sgen(
        net, 12, p_mw=0.1, controllable=True, min_p_mw=0.0, max_p_mw=5.0, min_q_mvar=0.0, max_q_mvar=0.0
    )
    pandapower.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=SLACK_PRICE)
    pandapower.create_poly_cost(net, producer, "sgen", cp1_eur_per_mw=cost)
    with warnings.catch_warnings():
        # The library warns of its own use of numpy; nothing that a caller could change.
        warnings.simplefilter("ignore")
        pandapower.runopp(net, **OPF)
    return net


@pytest.mark.parametrize(
    ("v_min", "v_max", "cost", "binding"),
    [
        pytest.param(0.8, 1.2, 120.0, [], id="losses alone"),
        pytest.param(0.8, 1.01, 10.0, [12], id="over-voltage"),
        pytest.param(0.96, 1.2, 1000.0, [14], id="under-voltage"),
    ],
)
def test_nodal_prices_are_those_of_an_optimal_power_flow(
    v_min: float, v_max: float, cost: float, binding: list[int]
) -> None:
    """lam_i = slack's price times what an injection at i saves there, less the multipliers times its responses."""
    optimum = optimal_power_flow(v_min=v_min, v_max=v_max, cost=cost)
    produced_kw = 1000.0 * float(optimum.res_sgen["p_mw"].iloc[0])
    flow = PowerFlow(electric_case("bus15"), slack_voltage_pu=1.0, prosumer_buses=[12])
    flow.solve({12: (produced_kw, 0.0)}, background_scaling=1.0)
    found = flow.response(list(optimum.bus.index))
    inner = optimum._ppc_opf["bus"][optimum._pd2ppc_lookups["bus"][optimum.bus.index]]
    multiplier = inner[:, MU_VMAX] - inner[:, MU_VMIN]
    multiplier[0] = 0.0  # that of the slack's fixed voltage
    assert np.flatnonzero(np.abs(multiplier) > 1.0).tolist() == binding
    surcharge = multiplier @ (1000.0 * found["voltage_pu"].per_kw)
    price = -SLACK_PRICE * found[SLACK].per_kw[0] - surcharge
    np.testing.assert_allclose(price, optimum.res_bus["lam_p"], rtol=SAME_PRICE)
