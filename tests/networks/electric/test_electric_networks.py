"""Electric network cases, the village's houses, and the graph for path charges."""

import warnings
from copy import deepcopy
from importlib.resources import files
from typing import Any

import networkx
import numpy as np
import pandapipes.networks
import pandapower
import pandapower.networks
import pandas as pd
import pytest
from pandapower import pandapowerNet

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.errors import BadInput
from mosaik_p2p.networks.electric.cases.schutterwald_houses import houses_table, match_houses
from mosaik_p2p.networks.electric.network import (
    ELECTRIC_CASES,
    ElectricNetwork,
    bus_index,
    electric_case,
    electric_graph,
    unsupplied_buses,
)
from mosaik_p2p.networks.files.names import unique_names

SAME_TRANSFORMER = 1e-4
"""pandapower's T model folds the magnetising branch into the series impedance."""


@pytest.fixture(scope="module")
def bus15() -> ElectricNetwork:
    return electric_case("bus15")


@pytest.fixture(scope="module")
def village() -> ElectricNetwork:
    return electric_case("schutterwald")


def as_network(net: pandapowerNet) -> ElectricNetwork:
    return ElectricNetwork("test", net, "")


def edges_of(graph: PathGraph) -> dict[frozenset[str], list[float]]:
    edges: dict[frozenset[str], list[float]] = {}
    for start, end, length in zip(graph.from_node, graph.to_node, graph.length, strict=True):
        edges.setdefault(frozenset({graph.node_names[start], graph.node_names[end]}), []).append(float(length))
    return edges


def test_bus15_has_the_published_losses(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    pandapower.runpp(net)
    assert net.res_line["pl_mw"].sum() * 1000 == pytest.approx(61.79, abs=0.005)
    assert net.res_bus["vm_pu"].min() == pytest.approx(0.9445, abs=5e-5)


def test_bus15_names_and_declared_ratings(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    pandapower.runpp(net)
    assert sorted(net.bus["name"], key=int) == [str(number) for number in range(1, 16)]
    assert net.line["name"].iloc[0] == "1-2"
    assert 60.0 < net.res_line["loading_percent"].iloc[0] < 80.0
    assert net.res_line["loading_percent"].max() < 80.0
    assert "ratings" in bus15.provenance


def test_bus15_graph_is_the_table_of_impedances(bus15: ElectricNetwork) -> None:
    edges = edges_of(electric_graph(bus15))
    assert len(edges) == 14
    assert edges[frozenset({"1", "2"})] == pytest.approx([abs(1.35309 + 1.32349j)])
    assert edges[frozenset({"4", "15"})] == pytest.approx([abs(1.19702 + 0.8074j)])


def test_buses_by_name_and_index(bus15: ElectricNetwork) -> None:
    assert bus_index(bus15, "13") == bus15.net.bus.index[bus15.net.bus["name"] == "13"][0] == 12
    assert bus_index(bus15, 13) == 13
    assert bus_index(bus15, "16") is None
    assert bus_index(bus15, 15) is None


def test_unsupplied_buses(bus15: ElectricNetwork) -> None:
    assert unsupplied_buses(bus15) == set()
    net = deepcopy(bus15.net)
    pandapower.create_switch(net, bus=11, element=11, et="l", closed=False)
    assert unsupplied_buses(as_network(net)) == {12}


def test_unknown_case() -> None:
    with pytest.raises(BadInput, match="bus15, bus33, bus69, schutterwald"):
        electric_case("bus16")
    assert set(ELECTRIC_CASES) == {"bus15", "bus33", "bus69", "schutterwald"}


def mixed_net() -> pandapowerNet:
    """Two slacks at 20 kV, a transformer to 0.4 kV, and every way in which a connection can be there or not."""
    net = pandapower.create_empty_network()
    upper, other, middle = (pandapower.create_bus(net, 20.0, name=name) for name in ("upper", "other", "middle"))
    low, joined, far, away, off = (
        pandapower.create_bus(net, 0.4, name=name) for name in ("low", "joined", "far", "away", "off")
    )
    net.bus.loc[off, "in_service"] = False
    for bus in (upper, other):
        pandapower.create_ext_grid(net, bus)
    line: dict[str, Any] = {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.4, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    pandapower.create_line_from_parameters(net, other, middle, 2.0, **line)
    pandapower.create_transformer_from_parameters(
        net,
        middle,
        low,
        sn_mva=0.4,
        vn_hv_kv=20.0,
        vn_lv_kv=0.4,
        vkr_percent=1.0,
        vk_percent=4.0,
        pfe_kw=0,
        i0_percent=0,
    )
    pandapower.create_switch(net, low, joined, et="b", closed=True)
    pandapower.create_line_from_parameters(net, joined, far, 0.1, parallel=2, **line)
    opened = pandapower.create_line_from_parameters(net, low, far, 0.1, **line)
    pandapower.create_switch(net, low, opened, et="l", closed=False)
    pandapower.create_line_from_parameters(net, low, far, 0.1, in_service=False, **line)
    pandapower.create_line_from_parameters(net, far, away, 0.2, **line)
    pandapower.create_line_from_parameters(net, far, away, 0.4, **line)
    pandapower.create_switch(net, far, off, et="b", closed=False)
    return net


def test_graph_of_a_mixed_net() -> None:
    net = mixed_net()
    before = deepcopy(net)
    graph = electric_graph(as_network(net))
    assert graph.node_names == ("upper", "middle", "low", "far", "away")
    edges = edges_of(graph)
    assert edges.keys() == {
        frozenset(pair) for pair in (("upper", "middle"), ("middle", "low"), ("low", "far"), ("far", "away"))
    }
    # 0.5 ohm per km; at 20 kV referred to 0.4 kV by the square of the ratio.
    assert edges[frozenset({"upper", "middle"})] == pytest.approx([1.0 * 0.02**2])
    assert edges[frozenset({"middle", "low"})] == pytest.approx([0.04 * 0.4**2 / 0.4], rel=SAME_TRANSFORMER)
    assert edges[frozenset({"low", "far"})] == pytest.approx([0.025])
    # Side by side: 0.1 and 0.2 ohm together.
    assert edges[frozenset({"far", "away"})] == pytest.approx([0.2 / 3.0])
    assert graph.node_of == {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4}
    assert set(before) == set(net)
    pd.testing.assert_frame_equal(net.line, before.line)


def test_village_is_six_grids_in_one_net(village: ElectricNetwork) -> None:
    net = deepcopy(village.net)
    assert (len(net.bus), len(net.line), len(net.trafo), len(net.load)) == (1226, 1228, 6, 618)
    assert net.ext_grid["vm_pu"].tolist() == [1.025] * 6
    for table in ("bus", "line", "trafo", "load"):
        assert net[table]["name"].is_unique
    assert unsupplied_buses(village) == set()
    pandapower.runpp(net)
    assert net.res_bus["vm_pu"].min() == pytest.approx(0.957, abs=5e-4)
    net.load[["p_mw", "q_mvar"]] = 0.0
    pandapower.runpp(net)
    assert net.res_bus.loc[net.bus["vn_kv"] < 1, "vm_pu"].to_numpy() == pytest.approx(1.0, abs=2e-3)


@pytest.mark.slow
def test_village_is_what_the_source_separates(village: ElectricNetwork) -> None:
    with warnings.catch_warnings():
        # The shipped table of transformers is older than a column that pandapower now looks for.
        warnings.simplefilter("ignore", DeprecationWarning)
        grids = pandapower.networks.lv_schutterwald(separation_by_sub=True)[1:7]
    for table in ("bus", "line", "trafo", "load", "ext_grid", "switch"):
        assert set(village.net[table].index) == {index for grid in grids for index in grid[table].index}


def test_village_graph_is_a_tree_below_one_upstream_node(village: ElectricNetwork) -> None:
    graph = electric_graph(village)
    assert len({graph.node_of[bus] for bus in village.net.ext_grid["bus"]}) == 1
    assert len(graph.length) == len(graph.node_names) - 1
    tree = networkx.Graph(zip(graph.from_node.tolist(), graph.to_node.tolist(), strict=True))
    assert networkx.is_connected(tree)
    assert graph.node_of.keys() == set(village.net.bus.index)
    trafo = village.net.trafo.iloc[0]
    pair = frozenset(village.net.bus["name"].loc[[trafo["hv_bus"], trafo["lv_bus"]]])
    upstream = graph.node_names[graph.node_of[int(trafo["hv_bus"])]]
    lower = next(iter(pair - {village.net.bus["name"].at[trafo["hv_bus"]]}))
    expected = trafo["vk_percent"] / 100 * 0.4**2 / trafo["sn_mva"]
    assert edges_of(graph)[frozenset({upstream, lower})] == pytest.approx([expected], rel=SAME_TRANSFORMER)


def test_houses_are_matched_one_to_one(village: ElectricNetwork) -> None:
    houses = match_houses()
    assert houses["name"].tolist() == [f"H{number:02d}" for number in range(1, 45)]
    for column in ("bus", "junction_supply", "junction_return", "replaces_load"):
        assert houses[column].is_unique
    assert houses["distance_m"].median() == pytest.approx(20.4, abs=0.5)
    assert houses["distance_m"].max() == pytest.approx(75.6, abs=0.5)
    load_bus = village.net.load.set_index("name")["bus"].loc[houses["replaces_load"]]
    assert village.net.bus["name"].loc[load_bus].tolist() == houses["bus"].tolist()
    heat = pandapipes.networks.schutterwald_heat()
    for column, end in (("junction_supply", "from_junction"), ("junction_return", "to_junction")):
        assert heat.junction["name"].loc[heat.heat_consumer[end]].tolist() == houses[column].tolist()


def test_houses_file_equals_the_matching() -> None:
    shipped = pd.read_csv(
        str(files("mosaik_p2p.scenarios") / "schutterwald_houses.csv"), dtype=str, keep_default_na=False
    )
    pd.testing.assert_frame_equal(shipped, houses_table())
    assert shipped["template"].value_counts().min() >= 8


def test_names_become_unique() -> None:
    elements = pd.DataFrame({"name": ["a", "a", None, np.nan, "a_1", "", 7]}, index=[0, 1, 2, 3, 4, 5, 6])
    assert unique_names(elements) == ["a_0", "a_1_", "2", "3", "a_1", "5", "7"]
    assert unique_names(elements.drop(columns="name")) == [str(index) for index in elements.index]
