"""To whom losses belong: the rules against closed forms, the solver's differences, and dense matrices."""

from dataclasses import replace

import numpy as np
import pandapower
import pytest

from mosaik_p2p.networks.electric.losses.allocation import (
    RULES,
    Allocation,
    LossSlope,
    NotSolved,
    along_ray,
    marginal,
    pro_rata,
    z_bus,
)
from mosaik_p2p.networks.electric.losses.interval import IntervalLosses
from mosaik_p2p.networks.electric.losses.slopes import z_bus_slope
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case, electric_net
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.units import FloatArray

pytestmark = pytest.mark.once

SUM_KW = 1e-5
"""Of the ray: what three points leave of the loss's curvature, and the solver of its tolerance of 1e-8 MVA."""
STEP_KW = 0.5
DIFFERENCE = 1e-4
"""Relative, of a slope: the loss's curvature over a step, and the solver's tolerance over it."""
CLOSED_FORM = 1e-6
R_OHM, X_OHM, KV = 0.4, 0.2, 0.4


def losses_of(
    network: ElectricNetwork,
    buses: list[int | None],
    injection_kw: FloatArray,
    reactive_kvar: FloatArray | None = None,
    background: float = 0.7,
) -> IntervalLosses:
    """The network with prosumers at the buses, its caused losses found by two power flows of their own."""
    flow = PowerFlow(network, prosumer_buses=[bus for bus in buses if bus is not None])
    reactive = np.zeros_like(injection_kw) if reactive_kvar is None else reactive_kvar
    made = IntervalLosses(
        flow=flow,
        buses=buses,
        injection_kw=injection_kw,
        reactive_kvar=reactive,
        caused_kw=0.0,
        background_scaling=background,
        generation_scaling=1.0,
    )
    return replace(made, caused_kw=loss_kw(made, 1.0) - loss_kw(made, 0.0))


def loss_kw(made: IntervalLosses, share: float) -> float:
    made.flow.solve(made.injected(share), background_scaling=made.background_scaling)
    net = made.flow.net
    return 1000.0 * float(net.res_line["pl_mw"].sum() + net.res_trafo["pl_mw"].sum())


def places(network: ElectricNetwork, count: int) -> list[int | None]:
    return [int(bus) for bus in network.net.load["bus"].drop_duplicates()][:count]


def powers(count: int, seed: int, scale: float = 1.0) -> tuple[FloatArray, FloatArray]:
    power = scale * np.random.default_rng(seed).uniform(-100.0, 150.0, count)
    return power, -0.3 * np.abs(power)


def two_buses(*, follows_voltage: bool = False) -> ElectricNetwork:
    net = pandapower.create_empty_network()
    slack, far = (pandapower.create_bus(net, vn_kv=KV, name=name) for name in ("slack", "far"))
    pandapower.create_ext_grid(net, slack, name="grid")
    line = {"r_ohm_per_km": R_OHM, "x_ohm_per_km": X_OHM, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    pandapower.create_line_from_parameters(net, slack, far, length_km=1.0, name="line", **line)
    share = {"const_z_p_percent": 60.0, "const_i_p_percent": 30.0} if follows_voltage else {}
    pandapower.create_load(net, far, p_mw=0.02, q_mvar=0.005, name="others", **share)
    return electric_net(net, "two buses", "two buses of this test")


def closed_loss_kw(drawn_kw: float, drawn_kvar: float = 0.0) -> float:
    """R (P^2 + Q^2) / V^2 with V^2 of the two-bus equation; the slack is at 0.4 kV."""
    p, q = drawn_kw / 1000.0, drawn_kvar / 1000.0
    half = KV**2 / 2.0 - (R_OHM * p + X_OHM * q)
    square = half + np.sqrt(half**2 - (R_OHM**2 + X_OHM**2) * (p**2 + q**2))
    return float(1000.0 * R_OHM * (p**2 + q**2) / square)


@pytest.mark.parametrize(
    "network", [electric_case("bus33"), electric_case("schutterwald"), two_buses(follows_voltage=True)]
)
def test_slopes_are_those_of_the_solver(network: ElectricNetwork) -> None:
    """With transformers, capacitances, and loads that follow the voltage, which a balance of powers would count too."""
    buses = places(network, 4)
    power, reactive = powers(len(buses), seed=3, scale=0.05)
    at = losses_of(network, buses, power, reactive)
    found = at.slope_at(1.0)
    for k in range(len(buses)):
        for key, slope in (("injection_kw", found.per_kw), ("reactive_kvar", found.per_kvar)):
            step = STEP_KW * np.eye(len(buses))[k]
            more, less = (replace(at, **{key: getattr(at, key) + sign * step}) for sign in (1.0, -1.0))
            measured = (loss_kw(more, 1.0) - loss_kw(less, 1.0)) / (2.0 * STEP_KW)
            assert slope[k] == pytest.approx(measured, rel=DIFFERENCE, abs=1e-6)


@pytest.mark.parametrize(("case", "scale", "seed"), [("bus15", 1.0, 1), ("bus69", 1.0, 2), ("schutterwald", 0.05, 1)])
def test_along_the_ray_the_parts_are_what_all_of_them_cause(case: str, scale: float, seed: int) -> None:
    network = electric_case(case)
    power, reactive = powers(6, seed, scale)
    made = losses_of(network, places(network, 6), power, reactive)
    assert abs(made.caused_kw) > 0.05
    assert along_ray(made).loss_kw(power).sum() == pytest.approx(made.caused_kw, abs=SUM_KW)


def test_who_relieves_the_network_has_less_than_nothing_but_pro_rata() -> None:
    """At the end of a line on which others draw, a producer and a consumer of half its power."""
    made = losses_of(two_buses(), [1, 1], np.array([8.0, -4.0]), background=1.0)
    found = {name: rule(made).loss_kw(made.injection_kw) for name, rule in RULES.items()}
    for name in ("ray", "z_bus", "marginal"):
        assert found[name][0] < 0.0 < found[name][1], name
    assert made.caused_kw < 0.0
    np.testing.assert_allclose(found["pro_rata"], made.caused_kw * np.array([2.0, 1.0]) / 3.0)


def test_by_hand_on_two_buses() -> None:
    """Nobody else there; 30 kW drawn and 10 kW fed in: the line carries 20."""
    power = np.array([-30.0, 10.0])
    made = losses_of(two_buses(), [1, 1], power, background=0.0)
    whole = closed_loss_kw(20.0)
    assert made.caused_kw == pytest.approx(whole, rel=CLOSED_FORM)
    slope = (closed_loss_kw(20.0 + 1e-3) - closed_loss_kw(20.0 - 1e-3)) / 2e-3
    np.testing.assert_allclose(marginal(made).loss_kw(power), [30.0 * slope, -10.0 * slope], rtol=1e-5)
    np.testing.assert_allclose(pro_rata(made).loss_kw(power), [0.75 * whole, 0.25 * whole], rtol=CLOSED_FORM)
    # One bus: every kW has the same share of the current, and of the way.
    for rule in (along_ray, z_bus):
        np.testing.assert_allclose(rule(made).loss_kw(power), [1.5 * whole, -0.5 * whole], rtol=1e-5)
    assert marginal(made).loss_kw(power).sum() > 1.9 * whole


def test_reactive_power_loses_beside_what_each_kw_does() -> None:
    """20 kvar alone on the line."""
    made = losses_of(two_buses(), [1], np.array([0.0]), np.array([-20.0]), background=0.0)
    found = along_ray(made)
    assert found.reactive_kw == pytest.approx([closed_loss_kw(0.0, 20.0)], rel=1e-5)
    assert found.loss_kw(made.injection_kw) == found.reactive_kw
    assert np.isfinite(found.per_kw).all()


def test_z_bus_adds_up_to_the_whole_loss_without_shunts() -> None:
    """bus33 with everybody's load a prosumer's, and the same with half of it left to the background."""
    network = electric_case("bus33")
    load = network.net.load.groupby("bus")[["p_mw", "q_mvar"]].sum() * -1000.0
    buses: list[int | None] = [int(bus) for bus in load.index]
    power, reactive = load["p_mw"].to_numpy(), load["q_mvar"].to_numpy()
    everybody = losses_of(network, buses, power, reactive, background=0.0)
    whole = loss_kw(everybody, 1.0)
    assert z_bus(everybody).loss_kw(power).sum() == pytest.approx(whole, rel=CLOSED_FORM)
    half = losses_of(network, buses, power / 2.0, reactive / 2.0, background=0.5)
    assert z_bus(half).loss_kw(half.injection_kw).sum() == pytest.approx(whole / 2.0, rel=CLOSED_FORM)


def test_z_bus_is_the_formula_with_dense_matrices() -> None:
    network = electric_case("bus33")
    power, reactive = powers(5, seed=4)
    buses = places(network, 5)
    made = losses_of(network, buses, power, reactive)
    found = z_bus(made).loss_kw(power)
    internal = made.flow.net._ppc["internal"]
    voltage, slack = np.asarray(internal["V"]), int(internal["ref"][0])
    rest = [bus for bus in range(len(voltage)) if bus != slack]
    dense = internal["Ybus"].toarray()
    resistance = np.zeros(dense.shape)
    resistance[np.ix_(rest, rest)] = np.linalg.inv(dense[np.ix_(rest, rest)]).real
    at = made.flow.net._pd2ppc_lookups["bus"][buses]
    own = np.conj((power + 1j * reactive) / 1000.0 / internal["baseMVA"] / voltage[at])
    expected = np.real(np.conj(own) * (resistance @ (dense @ voltage))[at]) * internal["baseMVA"] * 1000.0
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_who_is_not_connected_loses_nothing_and_moves_nothing() -> None:
    network = electric_case("bus15")
    power = np.array([40.0, 500.0])
    made = losses_of(network, [4, None], power)
    assert made.caused_kw == pytest.approx(losses_of(network, [4], power[:1]).caused_kw, abs=1e-9)
    for rule in (along_ray, z_bus, marginal):
        assert rule(made).loss_kw(power)[1] == 0.0


def test_at_the_slack_nothing_flows() -> None:
    made = losses_of(two_buses(), [0], np.array([50.0]))
    assert made.caused_kw == pytest.approx(0.0, abs=1e-9)
    for rule in (along_ray, z_bus, marginal):
        assert rule(made).loss_kw(made.injection_kw) == pytest.approx([0.0], abs=1e-9)


def test_where_nobody_injects_nothing_is_shared_out() -> None:
    made = losses_of(two_buses(), [1], np.array([0.0]), np.array([-5.0]))
    assert pro_rata(made).loss_kw(made.injection_kw).tolist() == [0.0]


def test_without_a_solution_nothing_is_allocated() -> None:
    with pytest.raises(NotSolved):
        losses_of_heavy().slope_at(1.0)


def test_admittances_without_a_way_to_a_slack_are_no_solution() -> None:
    made = losses_of(two_buses(), [1], np.array([-1.0]))
    internal = made.flow.net._ppc["internal"]
    made.flow.net._ppc["internal"] = {**internal, "Ybus": internal["Ybus"] * 0.0}
    with pytest.raises(NotSolved):
        z_bus_slope(made.flow.net, [1])


def losses_of_heavy() -> IntervalLosses:
    made = losses_of(two_buses(), [1], np.array([-1.0]))
    return replace(made, injection_kw=np.array([-5000.0]))


EVENING_KW = np.array([-39.511, -0.181, 8.225, -35.804, -3.958])
"""What A to E of network1 inject at 19:00 in a day-ahead market; the other loads stand at 0.85 of their peak."""
AT_BUSES: list[int | None] = [12, 4, 6, 9, 14]
WITH_PROPORTIONAL_KVAR = [2.997, 0.012, -0.476, 1.555, 0.261]
"""Known from a program of its own, with reactive powers in proportion at the power factor of 0.95; 4.348 kW in all."""


def test_known_parts_of_an_evening_on_bus15() -> None:
    reactive = np.tan(np.arccos(0.95)) * EVENING_KW
    made = losses_of(electric_case("bus15"), AT_BUSES, EVENING_KW, reactive, background=0.85)
    assert made.caused_kw == pytest.approx(4.348, abs=1e-3)
    np.testing.assert_allclose(along_ray(made).loss_kw(EVENING_KW), WITH_PROPORTIONAL_KVAR, atol=1e-3)
    assert marginal(made).loss_kw(EVENING_KW).sum() == pytest.approx(4.618, abs=1e-3)


class Cubic:
    """A network whose loss is (x1 + 2 x2)^3 + q1^2, by formula."""

    injection_kw = np.array([1.0, 0.5])
    reactive_kvar = np.array([3.0, 0.0])
    caused_kw = 8.0 + 9.0

    def slope_at(self, share: float) -> LossSlope:
        steep = 3.0 * (2.0 * share) ** 2
        return LossSlope(per_kw=steep * np.array([1.0, 2.0]), per_kvar=np.array([6.0 * share, 0.0]))

    def through_resistances(self) -> LossSlope:
        raise NotSolved


def test_the_ray_is_a_mean_over_the_way() -> None:
    """Whatever the network: by the protocol alone."""
    found: Allocation = along_ray(Cubic())
    np.testing.assert_allclose(found.per_kw, [4.0, 8.0])
    np.testing.assert_allclose(found.reactive_kw, [9.0, 0.0])
    assert found.loss_kw(Cubic.injection_kw).sum() == pytest.approx(Cubic.caused_kw)
