"""The heat cases that ship, users' files, and how networks hang together."""

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandapipes as pp
import pytest

from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.networks.heat.cases.schutterwald import INNER_DIAMETER_MM, RETURN_PREFIX
from mosaik_p2p.networks.heat.choice import (
    STRAND_ENDS,
    HeatNetwork,
    HeatSettings,
    heat_case,
    heat_file,
    heat_graph,
    junction_index,
    junction_sides,
    schutterwald_consumers,
    unconnected_junctions,
)
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow

SETTINGS = HeatSettings(t_supply_c=75.0, t_return_c=45.0, t_feed_c=75.0, t_ground_c=10.0)


def with_bypasses(*nodes: str) -> HeatSettings:
    return HeatSettings(
        t_supply_c=75.0,
        t_return_c=45.0,
        t_feed_c=75.0,
        t_ground_c=10.0,
        bypass_nodes=nodes,
        bypass_mdot_kg_per_s=0.08,
    )


def test_heat8_is_the_declared_tree() -> None:
    network = heat_case("heat8", SETTINGS)
    assert sorted(network.nodes) == [str(node) for node in range(1, 9)]
    names = network.net.junction["name"]
    assert all((names[s], names[r]) == (f"S{node}", f"R{node}") for node, (s, r) in network.nodes.items())
    assert (network.plants[0].supply, network.plants[0].return_) == network.nodes["1"]
    graph = heat_graph(network)
    assert graph.length.sum() == pytest.approx(1.3)
    edges = {frozenset(pair) for pair in zip(graph.from_node.tolist(), graph.to_node.tolist(), strict=True)}
    place = {node: graph.node_of[supply] for node, (supply, _) in network.nodes.items()}
    assert {frozenset((place["7"], place["1"])), frozenset((place["1"], place["2"]))} <= edges
    assert graph.node_names[place["7"]] == "S7"
    assert network.nodes["7"][1] not in graph.node_of


def test_village_pairs_every_supply_junction_with_a_return_junction() -> None:
    network = heat_case("schutterwald_heat", SETTINGS)
    sides = junction_sides(network.net, network.plants)
    assert len(network.nodes) == 244
    assert len({junction for pair in network.nodes.values() for junction in pair}) == 488 == len(sides)
    assert {(sides[s], sides[r]) for s, r in network.nodes.values()} == {("supply", "return")}
    # The pipes of both sides are laid in the same order: a second road to the same pairs.
    pipe = network.net.pipe
    supply = pipe[[sides[int(j)] == "supply" for j in pipe["from_junction"]]]
    return_ = pipe[[sides[int(j)] == "return" for j in pipe["from_junction"]]]
    pairs = set(network.nodes.values())
    for ours, theirs in zip(supply.itertuples(), return_.itertuples(), strict=True):
        assert {(ours.from_junction, theirs.from_junction), (ours.to_junction, theirs.to_junction)} <= pairs
    assert set(pipe["inner_diameter_mm"]) == {INNER_DIAMETER_MM}
    assert pipe["name"].is_unique
    assert network.net.heat_consumer.empty


def test_village_consumers_stand_at_nodes() -> None:
    consumers = schutterwald_consumers()
    nodes = heat_case("schutterwald_heat", SETTINGS).nodes
    assert len(consumers) == 44
    assert [nodes[node] for node in consumers["node"]] == list(
        zip(consumers["supply"], consumers["return"], strict=True)
    )
    assert consumers["longitude"].between(7.8, 7.9).all()
    assert consumers["latitude"].between(48.4, 48.5).all()
    assert RETURN_PREFIX + consumers["node"][0] in set(heat_case("schutterwald_heat", SETTINGS).net.junction["name"])


@pytest.mark.parametrize(("case", "ends"), [("heat8", 4), ("schutterwald_heat", 13)])
def test_strand_ends_stand_for_all_dead_ends(case: str, ends: int) -> None:
    network = heat_case(case, with_bypasses(STRAND_ENDS))
    assert len(network.bypasses) == ends
    assert set(network.bypasses) <= set(network.nodes.values())


def test_unknown_names_are_faults() -> None:
    with pytest.raises(BadInput, match="heat9"):
        heat_case("heat9", SETTINGS)
    with pytest.raises(BadInput, match="nowhere") as caught:
        heat_case("heat8", with_bypasses("4", "nowhere", "12"))
    assert [fault.value for fault in caught.value.faults] == ["'nowhere'", "'12'"]


def user_net(*, plant: bool = True) -> pp.pandapipesNet:
    """Plant, two pipes in a row on either side, and a consumer of its own at the end."""
    net = pp.create_empty_network(fluid="water")
    supply = [pp.create_junction(net, 6.0, 340.0, name=f"hot {n}") for n in range(3)]
    return_ = [pp.create_junction(net, 4.0, 320.0, name="cold") for n in range(3)]
    for junctions in (supply, return_):
        for start, end in pairwise(junctions):
            pp.create_pipe_from_parameters(
                net, start, end, 0.2, 80.0, k_mm=0.1, u_w_per_m2k=1.0, text_k=281.0, sections=5
            )
    pp.create_heat_consumer(net, supply[2], return_[2], qext_w=20_000.0, controlled_mdot_kg_per_s=0.2)
    if plant:
        pp.create_circ_pump_const_pressure(net, return_[0], supply[0], 6.0, 2.0, 350.0, name="works")
    return net


def written(net: pp.pandapipesNet, folder: Path) -> Path:
    path = folder / "net.json"
    pp.to_json(net, str(path))
    return path


def test_file_keeps_its_consumers_and_lends_its_pump_to_the_plant(tmp_path: Path) -> None:
    network = heat_file(written(user_net(), tmp_path), SETTINGS)
    assert network.plants[0].name == "works"
    assert network.plants[0].lift_bar == 2.0
    assert network.net.circ_pump_pressure.empty
    assert len(network.net.heat_consumer) == 1
    assert list(network.net.junction["name"]) == ["hot 0", "hot 1", "hot 2", "cold_3", "cold_4", "cold_5"]
    assert set(network.net.pipe["sections"]) == {1}
    assert unconnected_junctions(network) == set()
    assert junction_index(network.net, "hot 1") == junction_index(network.net, 1) == 1
    assert junction_index(network.net, "lukewarm") is None
    assert set(heat_graph(network).node_of) == {0, 1, 2}


def test_file_with_two_external_grids_has_a_plant_too(tmp_path: Path) -> None:
    net = user_net(plant=False)
    pp.create_ext_grid(net, 3, p_bar=4.0, t_k=320.0)
    pp.create_ext_grid(net, 0, p_bar=6.5, t_k=350.0)
    plant = heat_file(written(net, tmp_path), SETTINGS).plants[0]
    assert (plant.supply, plant.return_, plant.p_supply_bar, plant.lift_bar) == (0, 3, 6.5, 2.5)


@pytest.mark.parametrize("house_kw", [10.0, -5.0, -60.0])
def test_background_of_a_file_counts_in_the_balance(tmp_path: Path, house_kw: float) -> None:
    """The file's consumer takes 20 kW of fixed heat; feeding in more than that turns the plant round."""
    network: HeatNetwork = heat_file(written(user_net(), tmp_path), SETTINGS)
    flow = HeatFlow(network, [HeatConnection(prosumer="H", supply=1, return_=4)])
    result = flow.solve(np.array([house_kw]))
    assert result.status is Status.OK
    assert result.heat_exchanges["delivered_kw"] == [pytest.approx(house_kw, abs=0.05)]
    assert result.slack_kw == pytest.approx(house_kw + 20.0 + result.loss_kw, abs=1e-3 * (abs(house_kw) + 20.0))
    assert (result.slack_kw > 0.0) == (house_kw > -20.0)


def test_every_fault_of_a_file_is_named(tmp_path: Path) -> None:
    net = user_net()
    pp.create_junction(net, 6.0, 340.0, name="lonely")
    pp.create_sink(net, 2, 0.1)
    with pytest.raises(BadInput) as caught:
        heat_file(written(net, tmp_path), with_bypasses("hot 2"))
    problems = " ".join(str(fault) for fault in caught.value.faults)
    assert len(caught.value.faults) == 3
    assert all(word in problems for word in ("lonely", "sink", "bypass"))


def test_file_without_plant(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no plant"):
        heat_file(written(user_net(plant=False), tmp_path), SETTINGS)


def test_file_with_two_plants_that_hold_one_pressure(tmp_path: Path) -> None:
    net = user_net()
    pp.create_circ_pump_const_pressure(net, 5, 2, 6.0, 2.0, 350.0, name="second works")
    with pytest.raises(BadInput, match="several plants"):
        heat_file(written(net, tmp_path), SETTINGS)


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"_module": "pandapipes.pandapipes_net", "_class": "x"}'])
def test_file_that_is_no_net(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"net\.json"):
        heat_file(path, SETTINGS)
    with pytest.raises(BadInput, match="cannot be read"):
        heat_file(tmp_path / "missing.json", SETTINGS)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("pipe", "length_km", 0.0),
        ("pipe", "length_km", np.nan),
        ("pipe", "inner_diameter_mm", -80.0),
        ("pipe", "u_w_per_m2k", np.nan),
        ("circ_pump_pressure", "plift_bar", 0.0),
    ],
)
def test_file_with_an_element_without_sound_numbers(table: str, column: str, value: float, tmp_path: Path) -> None:
    net = user_net()
    net[table].loc[0, column] = value
    with pytest.raises(BadInput) as caught:
        heat_file(written(net, tmp_path), SETTINGS)
    (fault,) = caught.value.faults
    assert fault.place.endswith(f"table {table}")
    assert "(index 0)" in fault.value
    assert column in fault.problem


def test_file_that_names_foreign_code_is_not_loaded(tmp_path: Path) -> None:
    path = written(user_net(), tmp_path)
    trap = '{"_module": "os", "_class": "system", "_object": "true"}'
    path.write_text(path.read_text().replace('"_object": {', f'"_object": {{ "trap": {trap},', 1))
    with pytest.raises(BadInput, match=r"os\.system"):
        heat_file(path, SETTINGS)


def test_solved_net_can_be_written_and_solved_again(tmp_path: Path) -> None:
    """By the library alone, with nothing of ours: what `heat_net.json` is for."""
    network = heat_case("heat8", with_bypasses("4", "5", "8"))
    supply, return_ = network.nodes["7"]
    flow = HeatFlow(network, [HeatConnection(prosumer="A", supply=supply, return_=return_)])
    result = flow.solve(np.array([25.0]))
    with warnings.catch_warnings():
        # Reading converts formats, which pandapipes comments on.
        warnings.simplefilter("ignore")
        net = pp.from_json(str(written(flow.net_as_solved(), tmp_path)))
        pp.pipeflow(net)
    pumps = net.circ_pump_mass.set_index("name")
    assert pumps["mdot_flow_kg_per_s"]["A draws"] == pytest.approx(result.heat_exchanges["mdot_kg_per_s"][0])
    # It starts from the temperatures found, and knows no law of its own for laminar flow.
    assert net.res_junction["p_bar"].tolist() == pytest.approx(result.junctions["p_bar"], abs=1e-4)
    assert net.res_junction["t_k"].tolist() == pytest.approx(flow.net_as_solved().res_junction["t_k"], abs=2e-3)


@pytest.mark.slow
@pytest.mark.once
def test_a_file_without_a_column_loads_or_has_the_column_named(tmp_path: Path) -> None:
    whole, unnamed = user_net(), []
    for table in ("junction", "pipe", "heat_consumer", "circ_pump_pressure"):
        for column in whole[table].columns:
            net = user_net()
            net[table] = net[table].drop(columns=column)
            try:
                heat_file(written(net, tmp_path), SETTINGS)
            except BadInput as bad:
                if f"the table has no column {column}" not in str(bad):
                    unnamed.append(f"{table}.{column}: {bad}")
    assert not unnamed
