"""Zones on the way: known answers, another way to count them, and one market in all forms."""

from collections.abc import Sequence
from dataclasses import replace

import networkx as nx
import numpy as np
import pandapower
import pytest

import markets
from charge_views import of_all_buses, view_at
from mosaik_p2p.charges.base import NetworkView
from mosaik_p2p.charges.kinds.zonal import Zonal
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.networks.electric.files import as_meant
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case, electric_net

pytestmark = pytest.mark.once

FEEDER = electric_case("bus33")
AT = {str(name): int(bus) for bus, name in FEEDER.net.bus["name"].items()}
LATERALS = {
    "main": [str(k) for k in range(1, 19)],
    "first": ["19", "20", "21", "22"],
    "second": ["23", "24", "25"],
    "third": [str(k) for k in range(26, 34)],
}
RATE = 0.02
COST = 1e-6
GAP = 2e-7


def zonal(**keys: object) -> Zonal:
    return Zonal.model_validate({"mechanism": "zonal", "rate": 1.0, "payer": "seller", **keys})


def charged(mechanism: Zonal, view: NetworkView) -> Charges:
    assert not [*mechanism.faults(view)]
    charges = mechanism.parts(view).pair
    assert charges is not None
    return charges


def feeder_at(names: Sequence[str]) -> NetworkView:
    return view_at(FEEDER, [AT[name] for name in names])


def test_a_trade_that_passes_a_third_zone_pays_three() -> None:
    found = np.asarray(charged(zonal(zones=LATERALS), feeder_at(["22", "25", "2", "24", "33"])).total)
    assert found[0].tolist()[1:] == [3.0, 2.0, 3.0, 3.0]
    assert found[1, 3] == 1.0  # within a zone, one
    assert found[2, 4] == 2.0


def test_two_at_one_place_pay_for_their_zone() -> None:
    for zones, is_tree in ((LATERALS, True), ({**LATERALS, "main": ["1", "18"], "x": LATERALS["main"][1:-1]}, False)):
        charges = charged(zonal(zones=zones), feeder_at(["22", "22", "18", "1"]))
        assert (charges.tree is not None) == is_tree
        assert charges.total[0, 1] == 1.0


def counted(view: NetworkView, zone_of: dict[str, str]) -> np.ndarray:
    graph = view.graph
    found = nx.Graph()
    for a, b, length in zip(graph.from_node.tolist(), graph.to_node.tolist(), graph.length.tolist(), strict=True):
        found.add_edge(a, b, weight=length)
    ways = [nx.single_source_dijkstra_path(found, a) for a in view.place.tolist()]
    zones = [[{zone_of[graph.node_names[node]] for node in way[b]} for b in view.place.tolist()] for way in ways]
    return np.array([[len(passed) for passed in row] for row in zones])


@pytest.mark.parametrize("seed", range(6))
def test_random_zones_are_counted_as_by_hand(seed: int) -> None:
    """Zones that are strewn about, and come back on many ways: with prosumers everywhere, and at a few places."""
    random = np.random.default_rng(seed)
    zone_of = {name: f"z{random.integers(0, 4)}" for name in AT}
    zones = {zone: [name for name, own in zone_of.items() if own == zone] for zone in set(zone_of.values())}
    names = list(AT) if seed % 2 else random.choice(list(AT), 5, replace=False).tolist()
    found = np.asarray(charged(zonal(zones=zones), feeder_at(names)).total)
    apart = ~np.eye(len(names), dtype=bool)
    np.testing.assert_array_equal(found[apart], counted(feeder_at(names), zone_of)[apart])


def test_where_a_way_comes_back_into_a_zone_pairs_are_charged_by_themselves() -> None:
    """Bus 3 lies on the way from 2 to 18 and is made a part of another lateral's zone."""
    back = {**LATERALS, "main": [k for k in LATERALS["main"] if k != "3"], "first": [*LATERALS["first"], "3"]}
    for zones, form in ((LATERALS, "network"), (back, "partners")):
        charges = charged(zonal(zones=zones), feeder_at(["2", "18", "22", "25", "33"]))
        problem = markets.random_market(5, 1, horizon=2)
        assert choose_form(replace(problem, charges=(charges, problem.charges[1])), "auto").name == form
    assert charges.total[0, 1] == 2.0  # main, first and main again: two zones
    assert charges.total[0, 2] == 2.0
    # Where nobody stands beyond bus 3, no way comes back.
    assert charged(zonal(zones=back), feeder_at(["2", "22", "1"])).tree is not None


@pytest.mark.slow
def test_all_forms_of_the_market_agree() -> None:
    names = ["18", "22", "25", "33", "2", "14"]
    problem = markets.random_market(len(names), 3, horizon=4, first_hour=10)
    charges = charged(zonal(zones=LATERALS, rate=RATE, payer="both"), feeder_at(names))
    assert charges.tree is not None
    table = Charges(np.asarray(charges.posted), 1.0, 1.0)

    def with_charges(charges: Charges) -> MarketProblem:
        return replace(problem, charges=(charges, problem.charges[1]))

    central = solve_central(with_imbalance_priced(with_charges(table)))
    for form in ("network", "partners", "bilateral"):
        cleared = clear(with_charges(charges), Settings(form=form, relative_gap=GAP))
        assert cleared.status is Status.OK
        assert cleared.cost == pytest.approx(central.cost, rel=COST)
    half = solve_central(with_imbalance_priced(with_charges(replace(table, seller_share=0.0))))
    assert half.cost < central.cost * (1 - 100 * COST)  # the charge matters


# -- zones by rules ------------------------------------------------------------------------------------------------


def three_levels(zone: str | None = None) -> ElectricNetwork:
    """A substation with two feeders, a transformer in each, and two houses behind each of them."""
    net = pandapower.create_empty_network()
    busbar = pandapower.create_bus(net, 20.0, name="busbar")
    pandapower.create_ext_grid(net, busbar)
    for feeder in "ab":
        high, low = (pandapower.create_bus(net, kv, name=f"{feeder}{kv}") for kv in (20.0, 0.4))
        pandapower.create_line(net, busbar, high, 1.0, "NA2XS2Y 1x185 RM/25 12/20 kV")
        pandapower.create_transformer(net, high, low, "0.4 MVA 20/0.4 kV")
        for n in range(2):
            house = pandapower.create_bus(net, 0.4, name=f"house {feeder}{n}")
            pandapower.create_line(net, low, house, 0.1, "NAYY 4x150 SE")
    net.bus["zone"] = zone
    return electric_net(as_meant(net), "levels", "test")


def at(network: ElectricNetwork, *names: str) -> NetworkView:
    index = {name: bus for bus, name in network.net.bus["name"].items()}
    return view_at(network, [index[name] for name in names])


def test_levels_of_voltage_and_feeders() -> None:
    houses = at(three_levels(), "house a0", "house a1", "house b0", "a20.0", "busbar")
    by_level = np.asarray(charged(zonal(by="voltage_level"), houses).total)
    assert by_level[0].tolist()[1:] == [1.0, 3.0, 2.0, 2.0]
    by_feeder = np.asarray(charged(zonal(by="feeder"), houses).total)
    assert by_feeder[0].tolist()[1:] == [1.0, 3.0, 1.0, 2.0]


def test_zones_of_the_file_count_and_empty_ones_are_refused() -> None:
    network = three_levels()
    empty = [*zonal(by="bus_zone").faults(at(network, "house a0", "house b0"))]
    assert [fault.place for fault in empty] == ["by"]
    assert "busbar" in empty[0].value
    network.net.bus["zone"] = [1.0 if "a" in name else 2.0 for name in network.net.bus["name"]]
    found = charged(zonal(by="bus_zone"), at(network, "house a0", "house b0", "house a1")).total
    assert (found[0, 1], found[0, 2]) == (2.0, 1.0)


def test_zones_of_the_39_bus_network_are_those_of_its_file() -> None:
    import pandapower.networks

    network = electric_net(pandapower.networks.case39(), "case39", "pandapower")
    view = of_all_buses(network)
    zone_of = {
        name: str(int(zone)) for name, zone in zip(network.net.bus["name"], network.net.bus["zone"], strict=True)
    }
    found = np.asarray(charged(zonal(by="bus_zone"), view).total)
    np.testing.assert_array_equal(found, counted(view, zone_of))
    assert found.max() > 2.0


def test_zones_that_do_not_fit_are_all_told() -> None:
    zones = {"a": ["18", "55"], "b": ["18", AT["17"]], "c": [99]}
    faults = [*zonal(zones=zones).faults(feeder_at(["18", "16"]))]
    assert [(fault.place, fault.value) for fault in faults] == [
        ("zones.a", "'55'"),
        ("zones.c", "99"),
        ("zones", "'18'"),
        ("zones", "16"),
    ]
