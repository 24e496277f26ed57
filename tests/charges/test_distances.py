"""Thevenin and power-transfer distances beside closed forms and pandapower's own matrices."""

import warnings
from copy import deepcopy
from dataclasses import replace
from functools import cache

import networkx as nx
import numpy as np
import pandapower
import pandapower.networks
import pytest
from pandapower.pypower.makePTDF import makePTDF

from charge_views import of_all_buses, view_at
from mosaik_p2p.charges.base import NetworkView
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.kinds.electrical_distance import ElectricalDistance
from mosaik_p2p.charges.kinds.power_transfer_distance import PowerTransferDistance
from mosaik_p2p.charges.kinds.thevenin_distance import TheveninDistance
from mosaik_p2p.networks.electric.files import as_meant
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case, electric_graph, electric_net
from mosaik_p2p.units import FloatArray

pytestmark = pytest.mark.once

RADIAL = ("bus15", "bus33", "bus69", "schutterwald")
MESHED = ("case14", "case39")
MOST_PLACES = 40
SAME = 1e-9
AS_PRINTED = 5e-7


@cache
def network(name: str) -> ElectricNetwork:
    if name in RADIAL:
        return electric_case(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return electric_net(getattr(pandapower.networks, name)(), name, "pandapower")


@cache
def view(name: str) -> NetworkView:
    """Prosumers all over the network, few enough to go through every pair."""
    everywhere = of_all_buses(network(name))
    some = everywhere.element[:: -(-len(everywhere.element) // MOST_PLACES)]
    return view_at(network(name), some.tolist())


def charged(kind: type, view: NetworkView, **keys: object) -> FloatArray:
    mechanism = kind.model_validate({"mechanism": "x", "rate": 1.0, "payer": "seller", **keys})
    assert not [*mechanism.faults(view)]
    return np.asarray(mechanism.parts(view).pair.total)


def along(graph: PathGraph, lengths: FloatArray, nodes: list[int]) -> FloatArray:
    """Sums along the only way, by another library."""
    found = nx.Graph()
    for a, b, length in zip(graph.from_node.tolist(), graph.to_node.tolist(), lengths.tolist(), strict=True):
        found.add_edge(a, b, length=length)
    ways = [nx.single_source_dijkstra_path_length(found, a, weight="length") for a in nodes]
    return np.array([[way[b] for b in nodes] for way in ways])


@pytest.mark.parametrize("name", RADIAL)
def test_on_radial_networks_both_have_closed_forms(name: str) -> None:
    graph, nodes = view(name).graph, view(name).place.tolist()
    r, x, hops = (along(graph, values, nodes) for values in (graph.r_ohm, graph.x_ohm, np.ones(len(graph.length))))
    np.testing.assert_allclose(charged(TheveninDistance, view(name)), np.hypot(r, x), atol=SAME)
    np.testing.assert_allclose(charged(PowerTransferDistance, view(name)), hops, atol=SAME)


@pytest.mark.parametrize("name", ["bus33", "mv_oberrhein"])
def test_the_number_of_branches_is_what_the_power_flow_moves(name: str) -> None:
    """mv_oberrhein has two slacks, which makePTDF cannot take out."""
    flows = view(name).transfer()
    moved = np.abs(flows[:, :, None] - flows[:, None, :]).sum(axis=0)
    np.testing.assert_allclose(charged(PowerTransferDistance, view(name)), moved, atol=SAME)
    assert moved.max() > 10.0


def test_figures_of_the_33_bus_feeder() -> None:
    feeder = network("bus33")
    at = {str(name): int(bus) for bus, name in feeder.net.bus["name"].items()}
    four = view_at(feeder, [at[name] for name in ("18", "33", "22", "25")])
    for kind, first, second in (
        (ElectricalDistance, 18.175864, 7.438032),
        (TheveninDistance, 17.820148, 7.382817),
        (PowerTransferDistance, 20.0, 8.0),
    ):
        found = charged(kind, four)
        assert found[0, 1] == pytest.approx(first, abs=AS_PRINTED)
        assert found[2, 3] == pytest.approx(second, abs=AS_PRINTED)


@pytest.mark.filterwarnings("ignore:tap_dependency_table:DeprecationWarning")
@pytest.mark.parametrize(("name", "largest"), [("case14", 5.666972), ("case39", 11.401270)])
def test_meshed_networks_move_what_pandapower_says(name: str, largest: float) -> None:
    solved = deepcopy(network(name).net)
    pandapower.rundcpp(solved)
    internal = solved._ppc["internal"]
    theirs = makePTDF(internal["baseMVA"], internal["bus"], internal["branch"])
    theirs = theirs[:, solved._pd2ppc_lookups["bus"][view(name).element]]
    expected = np.abs(theirs[:, :, None] - theirs[:, None, :]).sum(axis=0)
    found = charged(PowerTransferDistance, view(name))
    np.testing.assert_allclose(found, expected, atol=SAME)
    assert found.max() == pytest.approx(largest, abs=AS_PRINTED)


def test_two_buses_of_the_39_bus_network() -> None:
    by_bus = view_at(network("case39"), [29, 32])
    assert charged(PowerTransferDistance, by_bus)[0, 1] == pytest.approx(8.254717, abs=AS_PRINTED)


@pytest.mark.parametrize("name", MESHED)
def test_the_thevenin_impedance_of_meshed_networks_is_that_of_a_dense_inverse(name: str) -> None:
    graph, nodes = view(name).graph, view(name).place
    admittance = np.zeros((len(graph.node_names),) * 2, dtype=complex)
    for a, b, y in zip(graph.from_node, graph.to_node, 1.0 / (graph.r_ohm + 1j * graph.x_ohm), strict=True):
        admittance[a, a] += y
        admittance[b, b] += y
        admittance[a, b] -= y
        admittance[b, a] -= y
    z = np.linalg.pinv(admittance)[np.ix_(nodes, nodes)]
    expected = np.abs(np.diag(z)[:, None] + np.diag(z)[None, :] - z - z.T)
    np.testing.assert_allclose(charged(TheveninDistance, view(name)), expected, rtol=1e-8, atol=1e-12)
    assert expected.max() < 0.6 * charged(ElectricalDistance, view(name)).max()  # ways side by side count together


def test_ohms_go_with_the_square_of_their_base() -> None:
    assert view("case14").graph.base_kv == pytest.approx(0.208)
    for kind in (ElectricalDistance, TheveninDistance):
        own, on_base = (charged(kind, view("case14"), **keys) for keys in ({}, {"base_kv": 135.0}))
        np.testing.assert_allclose(on_base, own * (135.0 / 0.208) ** 2, rtol=1e-12)
        units = [kind(mechanism="x", rate=1.0, base_kv=base).rate_unit(view("case14")) for base in (None, 135.0)]
        assert units == ["kWh and ohm at 0.208 kV", "kWh and ohm at 135 kV"]


def test_places_joined_by_closed_switches_are_one_and_who_is_nowhere_pays_nothing() -> None:
    net = two_ways(x_ohm_per_km=0.1)
    pandapower.create_switch(net, 2, pandapower.create_bus(net, 20.0, name="beside"), et="b")
    ring = electric_net(net, "ring", "test")
    by_bus = view_at(ring, [0, 2, 4, None])
    for kind in (TheveninDistance, PowerTransferDistance):
        found = charged(kind, by_bus)
        assert found[1, 2] == 0.0
        assert found[0, 1] == pytest.approx(found[0, 2])
        assert found[0, 1] > 0.0
        assert not found[3].any()


def two_ways(x_ohm_per_km: float) -> pandapower.pandapowerNet:
    """A ring of four buses."""
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, 20.0, name=f"b{i}") for i in range(4)]
    pandapower.create_ext_grid(net, buses[0])
    for i in range(4):
        x = x_ohm_per_km if i == 1 else 0.1
        pandapower.create_line_from_parameters(net, buses[i], buses[i - 3], 1.0, 0.1, x, 0.0, 1.0, name=f"l{i}")
    return as_meant(net)


def test_without_reactance_a_meshed_network_is_refused_by_the_name_of_the_line() -> None:
    ring = view_at(electric_net(two_ways(x_ohm_per_km=0.0), "ring", "test"), [0, 2])
    with pytest.raises(ValueError, match="no reactance: line l1"):
        charged(PowerTransferDistance, ring)
    assert charged(TheveninDistance, ring)[0, 1] > 0.0


def test_a_connection_without_impedance_joins_places() -> None:
    graph = electric_graph(network("bus15"))
    shorted = replace(graph, r_ohm=graph.r_ohm * 0.0, x_ohm=graph.x_ohm * 0.0)
    by_bus = replace(view("bus15"), measured=lambda: shorted)
    assert not charged(TheveninDistance, by_bus).any()
