"""Maps of the networks, from the files of a result folder."""

import math
from pathlib import Path

import networkx as nx
import pandapipes
import pandapower
import pytest

from made_nets import NORTH, write_feeder
from made_results import SMALL
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.heat.choice import heat_case
from mosaik_p2p.networks.heat.network import HeatSettings
from mosaik_p2p.results.figures.networks.net_map import NetMap, electric_map, heat_map
from mosaik_p2p.results.figures.networks.sheet import fitting_names
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


def test_a_plant_behind_a_valve_feeds_what_lies_behind_it(folder: Path) -> None:
    """The plant's own junction has no pipe; a shut valve parts a branch off, at a junction and at a pipe."""
    net = pandapipes.create_empty_network(fluid="water")
    names = ["plant", "S1", "S2", "S3", "R1", "back", "S4"]
    at = {name: pandapipes.create_junction(net, 5.0, 350.0, name=name) for name in names}
    for start, end in (("S1", "S2"), ("S2", "S3"), ("R1", "back"), ("S2", "S4")):
        ends = at[start], at[end]
        pandapipes.create_pipe_from_parameters(net, *ends, 0.1, inner_diameter_mm=50, name=f"{start}-{end}")
    pandapipes.create_valve(net, at["plant"], at["S1"], "ju", 200.0, opened=True, name="open")
    pandapipes.create_valve(net, at["S2"], 3, "pi", 200.0, opened=False, name="shut at S2-S4")
    pandapipes.create_circ_pump_const_pressure(net, at["back"], at["plant"], 6.0, 1.5, t_flow_k=348.0, name="gives")
    pandapipes.to_json(net, str(folder / HEAT_NET_FILE))
    found = heat_map(folder)
    assert found is not None
    assert set(found.y) == {"plant", "S1", "S2", "S3"}
    assert found.x_km["S3"] == pytest.approx(0.2, abs=0.03)
    back = heat_map(folder, "return")
    assert back is not None
    assert set(back.y) == {"back", "R1"}


def test_places_of_the_file_are_those_of_the_map(tmp_path: Path) -> None:
    """Degrees east shrink with the latitude, so that the drawing has the shape of the ground."""
    found = electric_map(write_feeder(tmp_path, SMALL))
    assert found is not None
    assert found.has_places
    across, up = (found.at("5")[k] - found.at("1")[k] for k in (0, 1))
    assert across / up == pytest.approx(math.cos(math.radians(NORTH)), rel=1e-3)


def test_where_one_place_is_missing_the_map_follows_the_way(tmp_path: Path) -> None:
    found = electric_map(write_feeder(tmp_path, SMALL, is_placed=False))
    assert found is not None
    assert not found.has_places
    assert found.at("3") == (pytest.approx(1.0), 0.0)


def test_names_are_written_where_they_fit() -> None:
    """Of two nodes that lie on top of each other one has its name, and the one with a prosumer before the other."""
    places = {"1": (0.5, 0.5), "2": (0.5001, 0.5), "3": (0.0, 0.0), "a name too long for its place": (1.0, 1.0)}
    net = NetMap(dict.fromkeys(places, 0.0), dict.fromkeys(places, 0.0), (), {"2": ("Anna",)}, places)
    assert fitting_names(net, list(places)) == {"2": "<b>2 · Anna</b>", "3": "3"}
    assert fitting_names(net, list(places), ["1"]) == {"1": "1", "3": "3"}
