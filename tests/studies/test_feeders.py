"""Which feeders a network has, and who stands on which."""

import pandapower
from pandapower import pandapowerNet

from mosaik_p2p.networks.empty_nets import empty_electric_net
from mosaik_p2p.studies.hosting.feeders import Feeder, feeders_of

LV = 0.4


def two_levels() -> pandapowerNet:
    """A substation, a medium-voltage feeder with two stations, and at each low-voltage busbar what is asked for.

    Bus 0 (110 kV), 1 (20 kV busbar), 2 and 3 (20 kV stations), 4 and 5 (their busbars).
    """
    net = empty_electric_net()
    for kv, name in ((110, "hv"), (20, "mv"), (20, "s1"), (20, "s2"), (LV, "lv1"), (LV, "lv2")):
        pandapower.create_bus(net, kv, name=name)
    pandapower.create_ext_grid(net, 0)
    for hv, lv, kv in ((0, 1, (110, 20)), (2, 4, (20, LV)), (3, 5, (20, LV))):
        pandapower.create_transformer_from_parameters(net, hv, lv, 0.4, *kv, 1.4, 6.0, 0.0, 0.0, name=f"t{lv}")
    line(net, 1, 2, "ring a")
    line(net, 2, 3, "between")
    return net


def line(net: pandapowerNet, start: int, end: int, name: str) -> None:
    pandapower.create_line_from_parameters(net, start, end, 0.1, 0.3, 0.1, 0.0, 0.2, name=name)


def house(net: pandapowerNet, start: int, name: str) -> int:
    bus = int(pandapower.create_bus(net, LV, name=f"bus of {name}"))
    line(net, start, bus, name)
    return bus


def named(net: pandapowerNet) -> dict[str, Feeder]:
    return {feeder.name: feeder for feeder in feeders_of(net)}


def test_a_feeder_is_what_hangs_below_its_nearest_transformer() -> None:
    net = two_levels()
    first = house(net, 4, "north")
    last = house(net, first, "north end")
    other = house(net, 4, "south")
    assert {name: (feeder.busbars, set(feeder.buses)) for name, feeder in named(net).items()} == {
        "ring a": (("mv",), {2, 3}),
        "north": (("lv1",), {first, last}),
        "south": (("lv1",), {other}),
        "at hv": (("hv",), {0}),
        "at mv": (("mv",), {1}),
        "at lv1": (("lv1",), {4}),
        "at lv2": (("lv2",), {5}),
    }


def test_a_ring_is_one_feeder_of_both_its_branches_until_a_switch_opens_it() -> None:
    net = two_levels()
    north, south, west = (house(net, 4, name) for name in ("north", "south", "west"))
    line(net, north, south, "tie")
    pandapower.create_switch(net, north, len(net.line) - 1, et="l", closed=False)
    assert {"north", "south", "west"} <= set(named(net))
    net.switch["closed"] = True
    closed = named(net)["north, south"]
    assert closed.buses == {north, south}
    line(net, south, west, "second tie")
    assert named(net)["north, south and 1 more"].buses == {north, south, west}


def test_a_feeder_between_two_stations_has_both_as_busbars() -> None:
    net = two_levels()
    middle = house(net, 4, "from one")
    line(net, middle, 5, "to the other")
    assert named(net)["from one, to the other"].busbars == ("lv1", "lv2")


def test_buses_that_a_switch_joins_to_a_busbar_belong_to_it_and_what_nothing_feeds_to_none() -> None:
    net = two_levels()
    section = int(pandapower.create_bus(net, LV, name="section"))
    pandapower.create_switch(net, 4, section, et="b", closed=True)
    beyond = house(net, section, "east")
    island = int(pandapower.create_bus(net, LV, name="island"))
    found = named(net)
    assert found["at lv1"].buses == {4, section}
    assert (found["east"].busbars, found["east"].buses) == (("lv1",), {beyond})
    assert not any(island in feeder.buses for feeder in found.values())
