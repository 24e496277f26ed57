"""Many intervals at once: what each of them has on its own, and each on its own where something is amiss."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandapower
import pytest

from mosaik_p2p.networks.electric.counted import Asked, Factors
from mosaik_p2p.networks.electric.many import Together
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.networks.electric.newton import tables, together
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult

POWER_KW, VOLTAGE_PU, ANGLE_DEGREE, SLOPE = 1e-4, 1e-8, 1e-6, 1e-8
"""An interval on its own is left at a mismatch of 1e-9 MVA at each bus, one of many at a hundredth of that."""
HOURS = 30
"""More than one is controlled."""


def with_much(network: ElectricNetwork) -> ElectricNetwork:
    """Elements that feed in, a storage, two lines side by side, and one out of service."""
    net = deepcopy(network.net)
    pandapower.create_sgen(net, 9, p_mw=0.05, q_mvar=-0.01, name="feeds")
    pandapower.create_storage(net, 9, p_mw=0.05, max_e_mwh=1.0, name="stores")
    net.line.loc[net.line.index[1], "parallel"] = 2
    pandapower.create_line_from_parameters(net, 3, 12, 1.0, 0.3, 0.3, 0.0, 0.2, in_service=False, name="open")
    return replace(network, net=net)


NETWORKS: dict[str, Callable[[], ElectricNetwork]] = {
    "bus33": lambda: electric_case("bus33"),
    "much": lambda: with_much(electric_case("bus15")),
    "schutterwald": lambda: electric_case("schutterwald"),
}


def buses_of(network: ElectricNetwork) -> list[int]:
    slack = int(network.net.ext_grid["bus"].iloc[0])
    return [slack, *(int(bus) for bus in network.net.load["bus"].drop_duplicates().iloc[:5])]


def asked_of(network: ElectricNetwork, hours: int = HOURS) -> list[Asked]:
    replaced = frozenset({("load", int(network.net.load.index[0]))})
    rng, found = np.random.default_rng(4), []
    for hour in range(hours):
        powers = rng.uniform(-30.0, 40.0, (len(buses_of(network)), 2)) * (1.0, 0.3)
        injections = {bus: (float(p), float(q)) for bus, (p, q) in zip(buses_of(network), powers, strict=True)}
        found.append(Asked(injections=injections, factors=Factors(0.2 + 0.02 * hour, 0.5 + 0.01 * hour, replaced)))
    return found


def alone(flow: PowerFlow, asked: Asked) -> PowerFlowResult:
    return flow.solve(
        asked.injections,
        background_scaling=asked.factors.background,
        generation_scaling=asked.factors.generation,
        replaced_loads=asked.factors.replaced,
    )


def together_of(network: ElectricNetwork) -> tuple[PowerFlow, Together]:
    flow = PowerFlow(network, prosumer_buses=buses_of(network))
    alone(flow, asked_of(network, 1)[0])
    found = flow.together()
    assert found is not None
    return flow, found


@pytest.mark.parametrize("case", NETWORKS)
def test_each_interval_is_as_on_its_own(case: str) -> None:
    network = NETWORKS[case]()
    asked = asked_of(network)
    flow, many = together_of(network)
    found = many.results(asked)
    assert not flow._flows.guard.off
    for each, ours in zip(asked, found, strict=True):
        theirs = alone(flow, each)
        assert ours is not None
        assert (ours.status, ours.cause) == (theirs.status, theirs.cause)
        assert ours.slack_kw == pytest.approx(theirs.slack_kw, abs=POWER_KW)
        assert ours.loss_kw == pytest.approx(theirs.loss_kw, abs=POWER_KW)
        for name in ("buses", "lines", "transformers"):
            check_same(getattr(ours, name), getattr(theirs, name))


def check_same(ours: dict[str, list[object]], theirs: dict[str, list[object]]) -> None:
    assert list(ours) == list(theirs)
    for column, values in theirs.items():
        if column in ("bus", "element"):
            assert ours[column] == values
            continue
        tolerance = {"vm_pu": VOLTAGE_PU, "va_degree": ANGLE_DEGREE}.get(column, POWER_KW)
        first, second = (np.array(each, dtype=float) for each in (ours[column], values))
        np.testing.assert_allclose(first, second, rtol=0.0, atol=tolerance, err_msg=column)


@pytest.mark.parametrize("case", NETWORKS)
def test_slopes_are_those_of_each_on_its_own(case: str) -> None:
    network = NETWORKS[case]()
    asked, buses = asked_of(network), buses_of(network)
    flow, many = together_of(network)
    found = many.loss_slopes(asked, buses)
    assert not flow._flows.guard.off
    for each, ours in zip(asked, found, strict=True):
        assert alone(flow, each).loss_kw is not None
        theirs = flow.loss_slope(buses)
        assert ours is not None
        np.testing.assert_allclose(ours.per_kw, theirs.per_kw, rtol=0.0, atol=SLOPE)
        np.testing.assert_allclose(ours.per_kvar, theirs.per_kvar, rtol=0.0, atol=SLOPE)


def test_an_interval_without_a_solution_is_left_out() -> None:
    network = electric_case("bus33")
    asked = asked_of(network, 4)
    far = buses_of(network)[-1]
    asked[2] = replace(asked[2], injections={far: (-1e6, 0.0)})
    _, many = together_of(network)
    assert [result is None for result in many.results(asked)] == [False, False, True, False]
    assert [slope is None for slope in many.loss_slopes(asked, [far])] == [False, False, True, False]


@pytest.mark.parametrize("wrong", ["voltages", "tables"])
def test_what_pandapower_does_not_confirm_is_left_out(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = electric_case("bus33")
    flow, many = together_of(network)
    if wrong == "voltages":
        monkeypatch.setattr(together, "TOLERANCE_MVA", 1e-2)
    else:
        lines = tables._lines
        monkeypatch.setattr(tables, "_lines", lambda *given: {k: 1.001 * v for k, v in lines(*given).items()})
    asked = asked_of(network, 5)
    assert many.results(asked) == [None] * 5
    assert flow._flows.guard.off
    assert flow.together() is None
    assert many.loss_slopes(asked, buses_of(network)) == [None] * 5


def test_generators_that_hold_a_voltage_are_left_to_pandapower() -> None:
    network = electric_case("bus15")
    net = deepcopy(network.net)
    pandapower.create_gen(net, 7, p_mw=0.1, vm_pu=1.0, name="holds")
    _, many = together_of(replace(network, net=net))
    assert many.results(asked_of(network, 3)) == [None] * 3
