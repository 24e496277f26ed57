"""Maps of the networks, from the files of a result folder."""

from pathlib import Path

import networkx as nx
import pandapipes
import pandapower
import pytest

from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.heat.choice import heat_case
from mosaik_p2p.networks.heat.network import HeatSettings
from mosaik_p2p.results.figures.networks.net_map import electric_map, heat_map
from mosaik_p2p.results.store.folder import ELECTRIC_NET_FILE, HEAT_NET_FILE, SCENARIO_FILE

SCENARIO = """
[[prosumers]]
name = "A"
bus = "13"
[[prosumers]]
name = "B"
bus = 4
[[prosumers]]
name = "C"
bus = "13"
"""
SETTINGS = HeatSettings(
    t_supply_c=75.0,
    t_return_c=45.0,
    t_feed_c=75.0,
    t_ground_c=10.0,
    bypass_nodes=(),
    bypass_mdot_kg_per_s=0.0,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / SCENARIO_FILE).write_text(SCENARIO)
    return tmp_path


@pytest.mark.parametrize("case", ["bus15", "bus69"])
def test_every_bus_lies_as_far_across_as_its_way_is_long(folder: Path, case: str) -> None:
    net = electric_case(case).net
    pandapower.to_json(net, str(folder / ELECTRIC_NET_FILE))
    found = electric_map(folder)
    assert found is not None
    graph = nx.Graph()
    for line in net.line.itertuples():
        graph.add_edge(net.bus.name[line.from_bus], net.bus.name[line.to_bus], km=line.length_km)
    root = net.bus.name[net.ext_grid.bus.iloc[0]]
    assert found.x_km == pytest.approx(nx.single_source_dijkstra_path_length(graph, root, weight="km"))
    assert len(found.edges) == len(net.line)


def test_ends_of_branches_have_rows_of_their_own(folder: Path) -> None:
    net = electric_case("bus15").net
    pandapower.to_json(net, str(folder / ELECTRIC_NET_FILE))
    found = electric_map(folder)
    assert found is not None
    ends = [bus for bus in found.y if sum(bus in edge[2:] for edge in found.edges) == 1 and bus != "1"]
    assert sorted(found.y[bus] for bus in ends) == list(range(len(ends)))


def test_prosumers_stand_at_their_buses(folder: Path) -> None:
    net = electric_case("bus15").net
    pandapower.to_json(net, str(folder / ELECTRIC_NET_FILE))
    found = electric_map(folder)
    assert found is not None
    assert found.prosumers == {"13": ("A", "C"), net.bus.name[4]: ("B",)}


@pytest.mark.parametrize("case", ["heat8", "barry32"])
def test_the_supply_side_is_drawn_whole(folder: Path, case: str) -> None:
    network = heat_case(case, SETTINGS)
    net = network.net
    plant = next(iter(network.nodes.values()))
    pandapipes.create_circ_pump_const_pressure(net, plant[1], plant[0], 6.0, 1.5, t_flow_k=348.15, name="plant gives")
    pandapipes.to_json(net, str(folder / HEAT_NET_FILE))
    found = heat_map(folder)
    assert found is not None
    assert set(found.y) == {net.junction.name[supply] for supply, _ in network.nodes.values()}
    assert len(found.edges) * 2 == len(net.pipe)


def test_without_files_there_are_no_maps(folder: Path) -> None:
    assert electric_map(folder) is None
    assert heat_map(folder) is None


@pytest.mark.parametrize("at_far_end", [False, True])
def test_ways_lead_through_no_line_or_transformer_with_an_open_switch(folder: Path, at_far_end: bool) -> None:
    """A ring of three buses behind a transformer: with the short line open, the third bus lies behind the long ones."""
    net = pandapower.create_empty_network()
    feed, *ring = (pandapower.create_bus(net, 20.0 if name == "feed" else 0.4, name=name) for name in ("feed", *"abc"))
    pandapower.create_ext_grid(net, feed)
    for transformer in ("open", "closed"):
        pandapower.create_transformer(net, feed, ring[0], "0.25 MVA 20/0.4 kV", name=transformer)
    pandapower.create_switch(net, feed, 0, et="t", closed=False)
    pandapower.create_switch(net, feed, 1, et="t", closed=True)
    for start, end, km in ((0, 1, 1.0), (1, 2, 1.0), (0, 2, 0.1)):
        ends = ring[start], ring[end]
        pandapower.create_line(net, *ends, km, "NAYY 4x150 SE", name=f"{start}-{end}")
    pandapower.create_switch(net, ring[2 if at_far_end else 0], 2, et="l", closed=False)
    pandapower.create_switch(net, ring[0], 0, et="l", closed=True)
    pandapower.to_json(net, str(folder / ELECTRIC_NET_FILE))
    found = electric_map(folder)
    assert found is not None
    assert found.x_km["c"] - found.x_km["a"] == pytest.approx(2.0)
    assert {name for _, name, _, _ in found.edges} == {"closed", "0-1", "1-2"}
