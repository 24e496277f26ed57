"""Power flows whose work is kept: what whole runs of pandapower find, and whole runs where something is amiss."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandapower
import pytest

from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.networks.electric.newton import again, kept
from mosaik_p2p.networks.electric.power_flow import PowerFlow

SAME = 1e-9
"""Both have voltages of one and the same mismatch; what is computed of them differs by rounding."""
HOURS = 6


class Runs:
    """Counts whole runs of pandapower."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        whole = again.converges

        def counted(*given: object) -> bool:
            self.count += 1
            return whole(*given)  # type: ignore[arg-type]

        patch.setattr(again, "converges", counted)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


def network_of(case: str) -> ElectricNetwork:
    """`gen`: with a generator that holds a voltage, a storage and a line out of service beside all else."""
    if case != "gen":
        return electric_case(case)
    network = electric_case("bus15")
    net = deepcopy(network.net)
    pandapower.create_gen(net, 7, p_mw=0.1, vm_pu=1.0, name="holds")
    pandapower.create_storage(net, 9, p_mw=0.05, max_e_mwh=1.0, name="stores")
    pandapower.create_line_from_parameters(net, 3, 12, 1.0, 0.3, 0.3, 0.0, 0.2, in_service=False, name="open")
    return replace(network, net=net)


def solved(flow: PowerFlow, hour: int, buses: list[int]) -> list[np.ndarray]:
    powers = np.random.default_rng(hour).uniform(-30.0, 30.0, (len(buses), 2))
    injected = {bus: (float(p), float(q) / 3.0) for bus, (p, q) in zip(buses, powers, strict=True)}
    flow.solve(injected, background_scaling=0.4 + 0.05 * hour)
    return kept.results(flow.net)


@pytest.mark.parametrize("case", ["bus15", "gen", "schutterwald"])
def test_results_are_those_of_whole_runs(case: str, runs: Runs) -> None:
    network = network_of(case)
    buses = [int(bus) for bus in network.net.load["bus"].iloc[:4]]
    flow, whole = (PowerFlow(network, prosumer_buses=buses) for _ in range(2))
    whole._flows.guard.off = True
    found = [solved(flow, hour, buses) for hour in range(HOURS)]
    # The first, the net at rest, and the control of the first with kept work.
    assert runs.count == 3
    for hour in range(HOURS):
        expected = solved(whole, hour, buses)
        assert len(expected) == len(found[hour]) > 3
        for ours, theirs in zip(found[hour], expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=SAME, atol=SAME)


def test_no_digit_depends_on_when_it_was_controlled(monkeypatch: pytest.MonkeyPatch) -> None:
    network, found = network_of("bus15"), []
    for every in (2, 1000):
        monkeypatch.setattr(kept, "CONTROLLED_EVERY", every)
        flow = PowerFlow(network, prosumer_buses=[4])
        found.append([table.tolist() for hour in range(HOURS) for table in solved(flow, hour, [4])])
    np.testing.assert_equal(*found)


@pytest.mark.parametrize("case", ["bus33", "gen"])
def test_a_flow_that_forgets_has_the_digits_of_a_new_one(case: str, runs: Runs) -> None:
    """Without a run from nothing each time, far from rest: 33 buses lose 9 % of their voltage."""
    network = network_of(case)
    flow, new = (PowerFlow(network, prosumer_buses=[4]) for _ in range(2))
    for hour in range(3):
        solved(flow, hour, [4])
    before = runs.count
    assert flow.forget()
    ours = [solved(flow, hour, [4]) for hour in range(12, 15)]
    assert runs.count == before
    np.testing.assert_equal(ours, [solved(new, hour, [4]) for hour in range(12, 15)])


def test_nor_does_a_digit_depend_on_an_interval_without_solution() -> None:
    network, found = network_of("bus15"), []
    for scaling in (0.5, 100.0):
        flow = PowerFlow(network, prosumer_buses=[4])
        solved(flow, 0, [4])
        is_solved = flow.solve({4: (0.0, 0.0)}, background_scaling=scaling).status is Status.OK
        assert is_solved == (scaling == 0.5)
        assert flow.forget()
        found.append([solved(flow, hour, [4]) for hour in range(3)])
    np.testing.assert_equal(*found)


def test_the_net_at_rest_leaves_powers_as_they_were_written() -> None:
    """Also those of a storage, which its owner may set; what has been written counts in the run itself."""
    flow = PowerFlow(network_of("gen"), prosumer_buses=[4])
    solved(flow, 2, [4])
    net, tables = flow.net, ("load", "sgen", "storage")
    before = {name: net[name][["p_mw", "q_mvar"]].copy() for name in tables}
    with flow._counted.resting():
        assert all((net[name][["p_mw", "q_mvar"]] == 0.0).all(axis=None) for name in tables)
    for name in tables:
        np.testing.assert_array_equal(net[name][["p_mw", "q_mvar"]], before[name])
    assert before["storage"].to_numpy().any()


def test_where_the_two_differ_whole_runs_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "warn_once", lambda _: None)
    show = kept._show

    def wrong(net: pandapower.pandapowerNet, *rest: object) -> None:
        show(net, *rest)  # type: ignore[arg-type]
        net.res_line["p_from_mw"] *= 1.001

    network = network_of("bus15")
    whole = PowerFlow(network, prosumer_buses=[4])
    whole._flows.guard.off = True
    expected = [solved(whole, hour, [4]) for hour in range(3)]
    monkeypatch.setattr(kept, "_show", wrong)
    flow = PowerFlow(network, prosumer_buses=[4])
    for hour in range(3):
        for ours, theirs in zip(solved(flow, hour, [4]), expected[hour], strict=True):
            # From another start: within the tolerance of the mismatch.
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-7)
    assert flow._flows.guard.off


def test_voltages_that_do_not_fit_the_powers_are_refused() -> None:
    flow = PowerFlow(network_of("bus15"), prosumer_buses=[4])
    solved(flow, 0, [4])
    net, outside = flow.net, flow._flows.outside
    assert outside is not None
    voltage, powers = np.array(net._ppc["internal"]["V"]), kept.powers_now(net, outside)
    assert kept.solved_at(net, voltage, powers)
    # By 1e-7 MVA at one bus: ten times pandapower's tolerance.
    off = np.eye(len(powers))[5] * 1e-7 / net._ppc["internal"]["baseMVA"]
    assert not kept.solved_at(net, voltage, powers + off)
    assert not kept.solved_at(net, voltage, powers + 1j * off)


def test_elements_with_more_to_do_get_whole_runs(runs: Runs) -> None:
    network = network_of("bus15")
    net = deepcopy(network.net)
    pandapower.create_shunt(net, 6, q_mvar=-0.05, name="compensates")
    flow = PowerFlow(replace(network, net=net), prosumer_buses=[4])
    for hour in range(3):
        solved(flow, hour, [4])
    assert runs.count == 3
    plain = deepcopy(flow.net)
    pandapower.runpp(plain)
    np.testing.assert_allclose(flow.net.res_bus["vm_pu"], plain.res_bus["vm_pu"], rtol=0, atol=1e-8)
