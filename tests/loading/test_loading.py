"""From a scenario file to a case: places, profiles, prices, houses, and the resolved scenario."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes
import pandapower
import pytest
from pandapower import networks as pandapower_networks

import made_scenario as made
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.devices.kinds.solar_collector import SolarCollector
from mosaik_p2p.errors import BadInput
from mosaik_p2p.limits.stated import ElementLimit
from mosaik_p2p.loading import Case, check, load, shipped_scenarios
from mosaik_p2p.loading.profiles.span import span_of
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.scenario import resolved_toml
from mosaik_p2p.scenario.parts.grids import BYPASS_KG_PER_S
from mosaik_p2p.scenario.parts.houses import drawn
from mosaik_p2p.scenario.parts.tariffs import Tariff
from mosaik_p2p.sections.clock import minutes_of_day
from mosaik_p2p.sections.prices import price_per_kwh
from mosaik_p2p.sections.time import Time

ROUNDING = 1e-12
"""Relative; a profile is multiplied by up to three factors, in whichever order."""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return load(made.write(tmp_path))


def prosumer(case: Case, name: str) -> Prosumer:
    return next(entry for entry in case.prosumers if entry.name == name)


def same(one: Any, other: Any) -> bool:
    """Whether two loaded values hold the same, arrays bit for bit."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(*pair) for pair in pairs)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


def test_the_span_begins_at_the_start_and_days_follow_its_offset() -> None:
    time = Time.model_validate({"start": made.tables()["time"]["start"], "steps": 20, "horizon_steps": 10})
    span = span_of(time)
    assert len(span.times) == 29
    assert span.times[0].isoformat() == "2017-03-20T23:00:00+00:00"
    assert span.day.tolist() == [0] * 24 + [1] * 5
    assert minutes_of_day(span.own_times)[:3].tolist() == [0, 60, 120]


def test_devices_are_on_the_span_and_in_their_units(case: Case) -> None:
    load_a, pv, battery, heating, collector, heat_pump = prosumer(case, "A").devices
    assert isinstance(load_a, FlexibleLoad)
    np.testing.assert_array_equal(load_a.demand.realised, 10.0 + np.arange(made.SPAN))
    assert isinstance(pv, Pv)
    assert pv.available.realised.shape == (made.SPAN,)
    assert isinstance(battery, Battery)
    assert (battery.charge_max_kw, battery.energy_final_kwh) == (12.0, 20.0)
    assert isinstance(heating, FlexibleLoad)
    np.testing.assert_array_equal(heating.demand.forecast - heating.demand.realised, np.ones(made.SPAN))
    assert isinstance(collector, SolarCollector)
    assert 0.0 < collector.available.realised.max() < 60.0 * 0.9 * 1.4
    assert isinstance(heat_pump, HeatPump)
    np.testing.assert_array_equal(heat_pump.cop, np.full(made.SPAN, 3.0))


def test_places_are_found_by_name_and_by_index(case: Case) -> None:
    assert case.electric is not None
    assert case.heat is not None
    a, b = case.prosumers
    assert case.electric.net.bus.at[a.bus, "name"] == "13"
    assert b.bus == 4
    assert a.junctions is not None
    assert [case.heat.net.junction.at[junction, "name"] for junction in a.junctions] == ["S7", "R7"]
    assert b.junctions is None
    assert case.replaced_loads == frozenset()


def test_prices_follow_the_scenarios_own_clock(case: Case) -> None:
    grid, district = prosumer(case, "A").contracts
    assert grid.import_price_per_kwh[[0, 6, 7]].tolist() == [0.443, 0.443, 0.728]
    assert (grid.export_max_kw, district.export_max_kw) == (200.0, 0.0)
    assert district.export_price_per_kwh is None
    assert [contract.name for contract in prosumer(case, "B").contracts] == ["grid"]


def test_a_price_that_changes_within_an_interval_counts_by_its_minutes() -> None:
    steps = [{"from": "00:00", "to": "00:15", "price": 1.0}, {"from": "00:15", "to": "24:00", "price": 2.0}]
    tariff = Tariff.model_validate({"carrier": "heat", "import_per_kwh": steps, "import_max_kw": 1.0})
    span = span_of(Time.model_validate({"start": made.tables()["time"]["start"], "steps": 2, "horizon_steps": 1}))
    prices = price_per_kwh(tariff.import_per_kwh, {}, span)
    assert prices is not None
    assert prices.tolist() == [1.75, 2.0]


def test_limits_and_background(case: Case) -> None:
    assert case.electric_limits is not None
    assert case.heat_limits is not None
    assert (case.electric_limits.of_all["voltage_min"], case.heat_limits.of_all["t_supply"]) == (0.95, 60.0)
    named = {(limit.name, limit.key): limit.value for limit in case.electric_limits.elements}
    assert named == {("3-4", "line_loading"): 80, ("13", "voltage_min"): 0.96, ("13", "voltage_max"): 1.04}
    np.testing.assert_array_equal(case.background, 0.5 + 0.01 * np.arange(made.SPAN))


def test_ratings_of_plants(tmp_path: Path, case: Case) -> None:
    def rated(scenario: dict[str, Any]) -> None:
        scenario["networks"]["heat"]["limits"] |= {
            "plant_heat_max_kw": 400.0,
            "element": [{"table": "plant", "name": "plant", "pump_head_max_bar": 2.0}],
        }

    assert case.heat_limits is not None
    assert not {"plant_heat", "pump_head"} & case.heat_limits.of_all.keys()
    limits = load(made.write(tmp_path, rated)).heat_limits
    assert limits is not None
    assert (limits.of_all["plant_heat"], limits.of_all.get("pump_head")) == (400.0, None)
    assert limits.elements == (ElementLimit("pump_head", "plant", 2.0),)


def test_scales_multiply_loads_and_plants(tmp_path: Path, case: Case) -> None:
    path = made.write(tmp_path)
    scaled = load(path, ["scale.load=2", "scale.heat_load=1.2", "scale.pv=0.5", "prosumers.B.scale=1.5"])
    for name, device, factor in (("A", 0, 2.0), ("A", 3, 1.2), ("B", 0, 3.0)):
        before = prosumer(case, name).devices[device].demand.forecast  # type: ignore[union-attr]
        after = prosumer(scaled, name).devices[device].demand.forecast  # type: ignore[union-attr]
        np.testing.assert_allclose(after, factor * before, rtol=ROUNDING)
    for device, factor in ((1, 0.5), (4, 1.0)):
        before = prosumer(case, "A").devices[device].available.realised  # type: ignore[union-attr]
        after = prosumer(scaled, "A").devices[device].available.realised  # type: ignore[union-attr]
        np.testing.assert_allclose(after, factor * before, rtol=ROUNDING)


def test_a_shift_moves_a_prosumers_loads_later(tmp_path: Path, case: Case) -> None:
    later = load(made.write(tmp_path), ["prosumers.B.shift_minutes=60"])
    before, after = (entry.prosumers[1].devices[0] for entry in (case, later))
    assert isinstance(before, FixedLoad)
    assert isinstance(after, FixedLoad)
    np.testing.assert_array_equal(after.demand.realised[1:], before.demand.realised[:-1])
    np.testing.assert_array_equal(
        prosumer(later, "A").devices[0].demand.realised,  # type: ignore[union-attr]
        prosumer(case, "A").devices[0].demand.realised,  # type: ignore[union-attr]
    )


def test_without_a_heat_network_the_rest_stays_as_it_is(tmp_path: Path) -> None:
    def no_heat(scenario: dict[str, Any]) -> None:
        del scenario["networks"]["heat"]

    case = load(made.write(tmp_path, no_heat))
    assert case.heat is None
    assert case.heat_limits is None
    assert [entry.junctions for entry in case.prosumers] == [None, None]
    assert [device.name for device in case.prosumers[0].devices][3:] == ["heating", "solar_collector", "heat_pump"]


def test_the_resolved_scenario_gives_the_same_case(tmp_path: Path) -> None:
    with_houses(tmp_path)
    path = made.write(tmp_path, use_houses)
    case = load(path, ["scale.load=1.1", "prosumers.H1.battery.power_kw=3"])
    out = tmp_path / "results" / "deep"
    out.mkdir(parents=True)
    again = out / "scenario.toml"
    again.write_text(resolved_toml(case.scenario, out), encoding="utf-8")
    assert str(tmp_path) not in again.read_text(encoding="utf-8")
    resolved = load(again)
    assert same(resolved.prosumers, case.prosumers)
    assert resolved.scenario == case.scenario
    assert np.array_equal(resolved.day, case.day)
    assert resolved.times.equals(case.times)
    assert resolved_toml(resolved.scenario, out) == again.read_text(encoding="utf-8")


HOUSES = """name,bus,junction_supply,junction_return,replaces_load,template,scale,shift_minutes
H1,5,S4,R4,,house,1.5,60
H2,#6,8,,,house,random,random
H3,,,,{load},house,,
"""


def with_houses(folder: Path, *, load_name: str = "7", rows: str = "") -> None:
    text = HOUSES.replace("{load}", load_name) + rows
    (folder / "houses.csv").write_text(text, encoding="utf-8")


def use_houses(scenario: dict[str, Any]) -> None:
    scenario["prosumers_file"] = "houses.csv"
    scenario["templates"]["house"] = {
        "power_factor": 0.9,
        "tariffs": ["grid"],
        "devices": [{"type": "fixed_load", "profile": "load_a"}, {"type": "battery", "template": "cl"}],
    }


def test_houses_from_a_file(tmp_path: Path) -> None:
    with_houses(tmp_path)
    case = load(made.write(tmp_path, use_houses))
    assert case.electric is not None
    h1, h2, h3 = case.prosumers[2:]
    draw = drawn(seed=1, name="H2", step_minutes=60)
    names = case.electric.net.bus["name"]
    assert (names[h1.bus], h2.bus, names[h3.bus]) == ("5", 6, "7")
    assert case.heat is not None
    assert h2.junctions == case.heat.nodes["8"]
    assert len(case.replaced_loads) == 1
    base = case.prosumers[1].devices[0]
    assert isinstance(base, FixedLoad)
    assert isinstance(h1.devices[0], FixedLoad)
    np.testing.assert_allclose(h1.devices[0].demand.realised[1:], 1.5 * base.demand.realised[:-1], rtol=ROUNDING)
    spec = case.scenario.prosumers[3]
    assert (spec.scale, spec.shift_minutes) == (draw.scale, draw.shift_minutes)
    spec = case.scenario.prosumers[4]
    assert (spec.scale, spec.shift_minutes) == (1.0, 0), "nothing is random but where it is asked for"
    assert case.prosumers[4].power_factor == 0.9


def test_what_is_drawn_depends_on_neither_order_nor_neighbours(tmp_path: Path) -> None:
    with_houses(tmp_path)
    first = load(made.write(tmp_path, use_houses))
    with_houses(tmp_path, rows="H4,5,,,,house,random,random\n")
    more = load(tmp_path / "made.toml")
    assert more.scenario.prosumers[:-1] == first.scenario.prosumers
    other_seed = load(tmp_path / "made.toml", ["seed=2"])
    assert other_seed.scenario.prosumers[3] != first.scenario.prosumers[3]
    assert other_seed.scenario.prosumers[2] == first.scenario.prosumers[2]


def test_a_users_own_electric_network(tmp_path: Path) -> None:
    net = pandapower_networks.create_cigre_network_mv()
    pandapower.to_json(net, str(tmp_path / "grid.json"))

    def own(scenario: dict[str, Any]) -> None:
        scenario["networks"]["electricity"] = {"file": "grid.json", "background": "day"}
        made.prosumer(scenario, "A")["bus"] = "Bus 7"
        made.prosumer(scenario, "B")["replaces_load"] = 2

    case = load(made.write(tmp_path, own))
    assert case.electric is not None
    assert case.electric.net.bus.at[case.prosumers[0].bus, "name"] == "Bus 7"
    assert case.replaced_loads == frozenset({("load", 2)})


def own_heat_network(folder: Path, *, prefixes: tuple[str, ...] = ("",)) -> None:
    """For each prefix a network that stands alone: a plant and one street, supply above return."""
    net = pandapipes.create_empty_network(fluid="water")
    for prefix in prefixes:
        _street(net, prefix)
    pandapipes.to_json(net, str(folder / "heat.json"))


def _street(net: pandapipes.pandapipesNet, prefix: str) -> None:
    junctions = {
        name: pandapipes.create_junction(net, pn_bar=6.0, tfluid_k=350.0, name=prefix + name)
        for name in ("supply_plant", "supply_end", "return_plant", "return_end")
    }
    for side in ("supply", "return"):
        ends = junctions[f"{side}_plant"], junctions[f"{side}_end"]
        pandapipes.create_pipe_from_parameters(net, *ends, length_km=0.1, inner_diameter_mm=80.0, name=prefix + side)
    pandapipes.create_circ_pump_const_pressure(
        net, junctions["return_plant"], junctions["supply_plant"], p_flow_bar=6.0, plift_bar=2.0, t_flow_k=348.15
    )


def test_a_users_own_heat_network(tmp_path: Path) -> None:
    own_heat_network(tmp_path)

    def own(scenario: dict[str, Any]) -> None:
        scenario["networks"]["heat"] = {"file": "heat.json"}
        made.prosumer(scenario, "A")["junction"] = {"supply": "supply_end", "return": 3}

    case = load(made.write(tmp_path, own))
    assert case.prosumers[0].junctions == (1, 3)
    swapped = check(tmp_path / "made.toml", ['prosumers.A.junction={ supply = 3, return = "supply_end" }'])
    assert [fault.place for fault in swapped] == ["prosumers.A.junction.supply", "prosumers.A.junction.return"]
    node = check(tmp_path / "made.toml", ['prosumers.A.junction="7"'])
    assert "supply = ..." in node[0].remedy


def test_heat_is_not_traded_between_networks_that_nothing_connects(tmp_path: Path) -> None:
    own_heat_network(tmp_path, prefixes=("east_", "west_"))

    def own(scenario: dict[str, Any]) -> None:
        scenario["networks"]["heat"] = {"file": "heat.json"}
        scenario["charges"]["heat"] = {"mechanism": "uniform", "rate": 0.01}
        for name, side in (("A", "east_"), ("B", "west_")):
            pair = {"supply": f"{side}supply_end", "return": f"{side}return_end"}
            made.prosumer(scenario, name)["junction"] = pair

    (fault,) = check(made.write(tmp_path, own))
    assert fault.place == "networks.heat.file"
    assert fault.value == "prosumers A | B"
    assert "not connected" in fault.problem
    together = 'prosumers.B.junction={ supply = "east_supply_plant", return = "east_return_plant" }'
    assert check(tmp_path / "made.toml", [together]) == ()
    (fault,) = check(tmp_path / "made.toml", ['prosumers.B.junction.supply="east_supply_end"'])
    assert fault.place == "prosumers.B.junction"


def test_bypasses_have_a_flow_unless_the_scenario_gives_it(tmp_path: Path) -> None:
    case = load(made.write(tmp_path), ['networks.heat.bypass={ nodes = ["4"] }'])
    assert case.heat is not None
    assert case.heat.settings.bypass_mdot_kg_per_s == BYPASS_KG_PER_S


def test_the_resolved_scenario_of_own_networks_can_be_loaded(tmp_path: Path) -> None:
    own_heat_network(tmp_path)

    def own(scenario: dict[str, Any]) -> None:
        scenario["networks"]["heat"] = {"file": "heat.json"}
        del made.prosumer(scenario, "A")["junction"]
        made.prosumer(scenario, "A")["tariffs"] = ["grid"]

    case = load(made.write(tmp_path, own))
    again = tmp_path / "again.toml"
    again.write_text(resolved_toml(case.scenario, tmp_path), encoding="utf-8")
    assert load(again).scenario == case.scenario


def test_a_shipped_scenario_is_found_by_its_name() -> None:
    assert "network1" in shipped_scenarios()
    case = load("network1", ["time.steps=2"])
    assert case.path == shipped_scenarios()["network1"]
    assert [entry.name for entry in case.prosumers] == ["A", "B", "C", "D", "E"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_every_shipped_scenario_has_no_fault(name: str) -> None:
    assert check(name) == ()


def test_an_unknown_scenario_is_refused_with_the_nearest_that_ships() -> None:
    with pytest.raises(BadInput, match="Did you mean 'network1'"):
        load("netwrk1")


def test_a_scenario_without_name_takes_that_of_its_file(tmp_path: Path) -> None:
    def nameless(scenario: dict[str, Any]) -> None:
        del scenario["name"]

    assert load(made.write(tmp_path, nameless)).scenario.name == "made"
