"""A user's heat file is taken at its word: temperatures, stored options, states, consumers, names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandapipes as pp
import pandas as pd
import pytest
from pandapipes.pf.pipeflow_setup import default_options

from heat_streets import SETTINGS, at, flow_of, of_house, read, solved, street
from mosaik_p2p.errors import BadInput, InputWarning, Status
from mosaik_p2p.limits.response import SLACK
from mosaik_p2p.loading import check, load
from mosaik_p2p.networks.heat import flow as heat_flow
from mosaik_p2p.networks.heat.choice import junction_index
from mosaik_p2p.networks.heat.options import AMBIENT, FRICTION, OF_THE_SOLVER, ONLY_AT
from mosaik_p2p.units import kelvin

DRAWS = {"2": 40.0, "3": 20.0}
WIDE = 50.0
"""Inner diameter in mm."""
SCENARIO = """
schema = 1
name = "street"
[time]
start = 2024-01-10T00:00:00+01:00
steps = 1
horizon_steps = 1
[networks.heat]
file = "net.json"
t_return_c = 45.0
[profiles.much]
source = "constant"
value = 18.0
[profiles.little]
source = "constant"
value = 10.0
[tariffs.district]
carrier = "heat"
import_per_kwh = 0.10
import_max_kw = 500
[[prosumers]]
name = "A"
PLACE_A
tariffs = ["district"]
devices = [{ type = "fixed_load", carrier = "heat", profile = "much" }]
[[prosumers]]
name = "B"
PLACE_B
tariffs = ["district"]
devices = [{ type = "fixed_load", carrier = "heat", profile = "little" }]
"""
AT_2 = 'junction = { supply = "S2", return = "R2" }'
AT_3 = 'junction = { supply = "S3", return = "R3" }'


def scenario(folder: Path, net: pp.pandapipesNet, a: str = AT_2, b: str = AT_3) -> Path:
    """The scenario beside the file, with the places of both prosumers as given."""
    pp.to_json(net, str(folder / "net.json"))
    path = folder / "street.toml"
    path.write_text(SCENARIO.replace("PLACE_A", a).replace("PLACE_B", b), encoding="utf-8")
    return path


def test_the_plant_of_a_file_keeps_its_temperature(tmp_path: Path) -> None:
    """Closed form: 85.9 degC and 0.234 kg/s, 83.7 degC and 0.123 kg/s."""
    result = solved(read(street(t_plant_c=90.0, inner_diameter_mm=WIDE), tmp_path), DRAWS)
    assert of_house(result, "2")["t_supply_c"] == pytest.approx(85.9, abs=0.1)
    assert of_house(result, "2")["mdot_kg_per_s"] == pytest.approx(0.234, abs=0.001)
    assert of_house(result, "3")["t_supply_c"] == pytest.approx(83.7, abs=0.1)
    assert result.plants["t_supply_c"] == [90.0]


@pytest.mark.parametrize("name", [None, np.nan, "", "(no column)"])
def test_plants_without_a_name_are_numbered(name: object, tmp_path: Path) -> None:
    net = street()
    net.circ_pump_pressure["name"] = pd.Series([name], dtype=object)
    if name == "(no column)":
        del net.circ_pump_pressure["name"]
    assert [plant.name for plant in read(net, tmp_path).plants] == ["plant 0"]


@pytest.mark.parametrize(
    ("keys", "t_plant_c"),
    [("", 90.0), ("t_supply_c = 80.0", 80.0), ("plant_t_supply_c = { plant = 70.0 }", 70.0)],
)
def test_a_key_of_the_scenario_overrides_it(keys: str, t_plant_c: float, tmp_path: Path) -> None:
    path = scenario(tmp_path, street(t_plant_c=90.0, inner_diameter_mm=WIDE))
    path.write_text(path.read_text().replace("t_return_c", f"{keys}\nt_return_c"))
    heat = load(path).heat
    assert heat is not None
    assert [plant.t_supply_c for plant in heat.plants] == [t_plant_c]
    assert solved(heat, DRAWS).plants["t_supply_c"] == [t_plant_c]


def two_plants() -> pp.pandapipesNet:
    net = street(t_plant_c=90.0, inner_diameter_mm=WIDE)
    pp.create_circ_pump_const_pressure(net, at(net, "R3"), at(net, "S3"), 6.0, 2.0, t_flow_k=kelvin(85.0), name="east")
    return net


def test_plants_may_have_different_temperatures(tmp_path: Path) -> None:
    network = read(two_plants(), tmp_path, replace(SETTINGS, plant_shares={"east": 0.4}))
    result = solved(network, {"2": 40.0, "1": 10.0})
    assert result.plants["t_supply_c"] == [90.0, 85.0]
    assert result.plants["heat_kw"][1] == pytest.approx(20.0, abs=0.05)
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    assert (t_c["S0"], t_c["S3"]) == pytest.approx((90.0, 85.0), abs=0.01)
    assert 80.0 < t_c["S1"] < 90.0
    assert result.slack_kw == pytest.approx(50.0 + (result.loss_kw or 0.0), abs=0.1)


def test_whoever_feeds_in_does_so_as_the_plant_that_balances(tmp_path: Path) -> None:
    result = solved(read(street(t_plant_c=90.0, inner_diameter_mm=WIDE), tmp_path), {"2": 40.0, "3": -10.0})
    assert of_house(result, "3")["t_supply_c"] == 90.0


@pytest.mark.parametrize(
    ("t_plant_c", "said"),
    [(40.0, "not above t_return_c = 45"), (150.0, "not between 0 and 130"), (58.0, "cannot be met")],
)
def test_a_temperature_that_cannot_be_meant_is_named(t_plant_c: float, said: str, tmp_path: Path) -> None:
    faults = check(scenario(tmp_path, street(t_plant_c=t_plant_c)))
    assert any(said in str(fault) for fault in faults)


def test_a_name_that_no_plant_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no plant has this name"):
        read(street(), tmp_path, replace(SETTINGS, plant_t_supply_c={"west": 80.0}))


@pytest.mark.parametrize("stored", [None, "nikuradse", "colebrook", "swamee-jain"])
@pytest.mark.parametrize("wanted", [None, "nikuradse"])
def test_the_stored_friction_is_honoured_unless_a_key_says_otherwise(
    stored: str | None, wanted: str | None, tmp_path: Path
) -> None:
    net = street()
    if stored is not None:
        pp.set_user_pf_options(net, friction_model=stored)
    network = read(net, tmp_path, replace(SETTINGS, friction=wanted))
    assert network.friction == (wanted or stored or "colebrook")


def test_the_stored_ambient_temperature_is_the_ground_of_pipes_without_one(tmp_path: Path) -> None:
    """Of the others it is not; and None is no number of theirs."""
    warm, cold = street(), street()
    for net in (warm, cold):
        net.pipe["text_k"] = [kelvin(10.0), *[None] * (len(net.pipe) - 1)]
    pp.set_user_pf_options(warm, ambient_temperature=kelvin(20.0))
    losses = [solved(read(net, tmp_path), DRAWS).loss_kw or 0.0 for net in (warm, cold)]
    assert 0.7 < losses[0] / losses[1] < 0.9
    assert losses[1] == pytest.approx(solved(read(street(), tmp_path), DRAWS).loss_kw)


@pytest.mark.parametrize(
    ("option", "value"),
    [(FRICTION, "moody"), (AMBIENT, 12.0), ("transient", True), ("rerun", False), ("viscosity", 1.0)],
)
def test_what_cannot_be_honoured_is_refused_by_name(option: str, value: object, tmp_path: Path) -> None:
    net = street()
    net["user_pf_options"] = {option: value}
    with pytest.raises(BadInput) as caught:
        read(net, tmp_path)
    (fault,) = caught.value.faults
    assert option in fault.value


def test_every_option_of_the_library_has_its_place() -> None:
    assert set(default_options) - {FRICTION, AMBIENT, *ONLY_AT, *OF_THE_SOLVER} == set()


def test_options_of_the_solver_change_nothing(tmp_path: Path) -> None:
    net = street()
    pp.set_user_pf_options(net, mode="hydraulics", max_iter_hyd=1, tol_p=10.0, check_connectivity=False)
    assert solved(read(net, tmp_path), DRAWS) == solved(read(street(), tmp_path), DRAWS)


def controlled() -> pp.pandapipesNet:
    """A valve that holds 5.2 bar before S2 and S3."""
    net = street(inner_diameter_mm=WIDE)
    low = pp.create_junction(net, 6.0, kelvin(60.0), name="low")
    net.pipe.loc[net.pipe["name"].isin(["S1-S2", "S1-S3"]), "from_junction"] = low
    pp.create_pressure_control(net, at(net, "S1"), low, low, 5.2)
    return net


def test_a_pressure_control_runs(tmp_path: Path) -> None:
    result = solved(read(controlled(), tmp_path), DRAWS)
    pressures = dict(zip(result.junctions["junction"], result.junctions["p_bar"], strict=True))
    assert result.status is Status.OK
    assert pressures["low"] == pytest.approx(5.2, abs=1e-4)
    assert pressures["S1"] > 5.9
    assert of_house(result, "2")["delivered_kw"] == pytest.approx(40.0, abs=0.05)


def test_responses_behind_a_pressure_control(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Against differences: what is drawn behind it moves pressures before it, but not its own."""
    monkeypatch.setattr(heat_flow, "TOLERANCE_KW", 1e-4)
    flow = flow_of(read(controlled(), tmp_path), DRAWS)
    draws = np.array(list(DRAWS.values()))
    more, less = (flow.solve(draws - np.array([0.5 * sign, 0.0])) for sign in (1.0, -1.0))
    flow.solve(draws)
    found = flow.response(["2"])
    for quantity, column in (("pressure_bar", "junctions.p_bar"), (SLACK, "slack_kw")):
        table, _, name = column.partition(".")
        after, before = (getattr(r, table)[name] if name else [getattr(r, table)] for r in (more, less))
        theirs = np.array(after) - np.array(before)
        np.testing.assert_allclose(found[quantity].per_kw[:, 0], theirs, atol=0.01 * np.abs(theirs).max())
    held = found["pressure_bar"].elements.index("low")
    assert found["pressure_bar"].per_kw[held, 0] == pytest.approx(0.0, abs=1e-9)


LIFTS = {"compressor": {"pressure_ratio": 1.2}, "pump": {"std_type": "P1"}}


@pytest.mark.parametrize("table", LIFTS)
def test_responses_behind_what_lifts_the_water(table: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Against differences: what is drawn behind it moves the water before it."""
    monkeypatch.setattr(heat_flow, "TOLERANCE_KW", 1e-4)
    net = street(inner_diameter_mm=WIDE)
    middle = pp.create_junction(net, 6.0, kelvin(60.0), name="middle")
    net.pipe.loc[net.pipe["name"] == "S1-S2", "from_junction"] = middle
    getattr(pp, f"create_{table}")(net, at(net, "S1"), middle, **LIFTS[table])
    flow = flow_of(read(net, tmp_path), DRAWS)
    draws = np.array(list(DRAWS.values()))
    more, less = (flow.solve(draws + np.array([0.5 * sign, 0.0])).pipes for sign in (1.0, -1.0))
    flow.solve(draws)
    found = flow.response(["2"])["velocity_m_per_s"]
    theirs = np.abs(more["velocity_m_per_s"]) - np.abs(less["velocity_m_per_s"])
    np.testing.assert_allclose(-found.per_kw[:, 0], theirs, atol=0.01 * theirs.max())
    assert theirs[list(more["pipe"]).index("S0-S1")] > 0.0


def test_a_pressure_control_against_the_flow_leads_nowhere(tmp_path: Path) -> None:
    """The library does not search through it backwards: neither do we."""
    net = controlled()
    net.press_control[["from_junction", "to_junction"]] = net.press_control[["to_junction", "from_junction"]].to_numpy()
    with pytest.raises(BadInput, match="no path leads from there to a plant"):
        read(net, tmp_path)


CONSUMERS: list[dict[str, float]] = [
    {"qext_w": 8_000.0, "treturn_k": kelvin(45.0)},
    {"qext_w": 8_000.0, "deltat_k": 25.0},
    {"qext_w": 8_000.0, "controlled_mdot_kg_per_s": 0.08},
    {"controlled_mdot_kg_per_s": 0.08, "treturn_k": kelvin(45.0)},
]
IDS = ["heat and return", "heat and difference", "heat and flow", "flow and return"]


def with_consumers(count: int, consumer: dict[str, float], *nodes: str) -> pp.pandapipesNet:
    net = street(inner_diameter_mm=WIDE)
    for number in range(count):
        node = nodes[number % len(nodes)]
        pp.create_heat_consumer(net, at(net, f"S{node}"), at(net, f"R{node}"), **consumer, name=f"house {number}")
    return net


@pytest.mark.parametrize("consumer", CONSUMERS, ids=IDS)
def test_consumers_at_junctions_out_of_service_are_left_out(consumer: dict[str, float], tmp_path: Path) -> None:
    """With the pipes that lead there."""
    net = with_consumers(1, consumer, "3")
    net.junction.loc[[at(net, "S3"), at(net, "R3")], "in_service"] = False
    network = read(net, tmp_path)
    result = solved(network, {"2": 40.0})
    assert (network.file_consumers, network.consumers) == ((), ())
    assert result.status is Status.OK
    assert result.slack_kw == pytest.approx(40.0 + (result.loss_kw or 0.0), abs=0.1)
    assert "S1-S3" not in result.pipes["pipe"]


@pytest.mark.parametrize("consumer", CONSUMERS, ids=IDS)
def test_a_network_whose_own_consumers_draw_is_not_idle(consumer: dict[str, float], tmp_path: Path) -> None:
    assert solved(read(with_consumers(1, consumer, "3"), tmp_path), {"2": 0.0}).status is Status.OK
    assert solved(read(street(), tmp_path), {"2": 0.0}).status is Status.IDLE


@pytest.mark.parametrize("consumer", CONSUMERS[:3], ids=IDS[:3])
def test_consumers_that_prosumers_stand_for_are_not_counted_twice(consumer: dict[str, float], tmp_path: Path) -> None:
    """Ten of 8 kW beside prosumers of 28 kW: 108 kW, and 28 kW where each of them is replaced."""
    net = with_consumers(10, consumer, "2", "3")
    beside = load(scenario(tmp_path, net)).heat
    assert beside is not None
    served = {"2": 18.0, "3": 10.0}
    both = solved(beside, served)
    assert both.slack_kw == pytest.approx(108.0 + (both.loss_kw or 0.0), abs=0.6)
    replaced = beside.without_consumers(range(10))
    alone = solved(replaced, served)
    assert alone.slack_kw == pytest.approx(28.0 + (alone.loss_kw or 0.0), abs=0.1)
    assert replaced.file_consumers == ()


def test_a_consumer_of_given_flow_and_outlet_can_be_replaced_too(tmp_path: Path) -> None:
    """It is a pump in the net that is solved."""
    beside = read(with_consumers(2, CONSUMERS[3], "2", "3"), tmp_path)
    assert len(beside.net.circ_pump_mass) == 2
    alone = solved(beside.without_consumers([0, 1]), {"2": 18.0})
    assert alone.slack_kw == pytest.approx(18.0 + (alone.loss_kw or 0.0), abs=0.1)


@pytest.mark.parametrize("wanted", ['"house 1"', "1"])
def test_the_key_that_replaces_a_consumer_places_the_prosumer_too(wanted: str, tmp_path: Path) -> None:
    net = with_consumers(2, CONSUMERS[0], "2", "3")
    case = load(scenario(tmp_path, net, b=f"replaces_consumer = {wanted}"))
    assert case.heat is not None
    assert case.prosumers[1].junctions == (at(net, "S3"), at(net, "R3"))
    assert [consumer.name for consumer in case.heat.file_consumers] == ["house 0"]
    assert [consumer.name for consumer in case.heat.consumers] == ["house 0"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (AT_2, 'replaces_consumer = "house 7"', "no such heat consumer"),
        (AT_2, "replaces_consumer = 7", "no such heat consumer"),
        ("replaces_consumer = 0", 'replaces_consumer = "house 0"', "2 prosumers replace this consumer"),
    ],
)
def test_a_consumer_that_cannot_be_replaced_is_named(a: str, b: str, said: str, tmp_path: Path) -> None:
    faults = check(scenario(tmp_path, with_consumers(1, CONSUMERS[0], "3"), a=a, b=b))
    assert [fault for fault in faults if said in fault.problem]


def told(path: Path, about: str) -> list[InputWarning]:
    """The warnings with this in their place."""
    return [warning for warning in load(path).warnings if about in warning.place]


def test_consumers_that_count_beside_prosumers_are_told(tmp_path: Path) -> None:
    (fault,) = told(scenario(tmp_path, with_consumers(10, CONSUMERS[0], "2", "3")), "networks.heat")
    assert "10 heat consumers" in fault.value
    assert "80.0 kW" in fault.problem
    assert "A at 'house 0'" in fault.problem
    assert "replaces_consumer" in fault.remedy
    all_replaced = scenario(tmp_path, with_consumers(1, CONSUMERS[0], "3"), b="replaces_consumer = 0")
    assert told(all_replaced, "networks.heat") == []


def test_what_consumers_draw_is_a_lower_bound_where_it_follows_from_their_flow(tmp_path: Path) -> None:
    (warning,) = told(scenario(tmp_path, with_consumers(1, CONSUMERS[3], "3")), "networks.heat")
    assert "at least 0.0 kW" in warning.problem


def test_a_bare_number_that_another_consumer_bears_is_told(tmp_path: Path) -> None:
    net = with_consumers(2, CONSUMERS[0], "2", "3")
    net.heat_consumer["name"] = ["1", "0"]
    (warning,) = told(scenario(tmp_path, net, b="replaces_consumer = 1"), "replaces_consumer")
    assert "index, of '0'" in warning.problem


def numbered() -> pp.pandapipesNet:
    """Junctions "1", "2", ... at the indices 0, 1, ...: S0 to S3, then R0 to R3."""
    net = street()
    net.junction["name"] = [str(index + 1) for index in net.junction.index]
    return net


def test_a_bare_number_is_the_index(tmp_path: Path) -> None:
    network = read(numbered(), tmp_path)
    assert junction_index(network.net, 4) == 4
    assert junction_index(network.net, "4") == 3
    assert junction_index(network.net, 8) is None
    assert junction_index(network.net, "0") is None


def test_a_bare_number_that_is_a_name_elsewhere_is_told(tmp_path: Path) -> None:
    a, b = "junction = { supply = 2, return = 6 }", 'junction = { supply = "4", return = "8" }'
    by_index = scenario(tmp_path, numbered(), a=a, b=b)
    assert load(by_index).prosumers[0].junctions == (2, 6)
    assert load(by_index).prosumers[1].junctions == (3, 7)
    supply, return_ = told(by_index, "junction")
    assert (supply.place, supply.value) == ("prosumers.A.junction.supply", "2")
    assert "'3'" in supply.problem
    assert return_.place == "prosumers.A.junction.return"
    assert told(scenario(tmp_path, street()), "junction") == []


def test_a_run_of_its_own_file_gives_the_same_net(tmp_path: Path) -> None:
    """What is written as solved can be read, and is solved, by the same rules."""
    flow = flow_of(read(street(), tmp_path, replace(SETTINGS, friction="nikuradse")), DRAWS)
    flow.solve(np.array(list(DRAWS.values())))
    assert flow.net_as_solved().user_pf_options[FRICTION] == "nikuradse"
