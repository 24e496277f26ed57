"""Several sources of one input, at steps of their own: the last value of each counts, and late ones are told."""

import warnings
from pathlib import Path
from typing import Any

import mosaik
import pandapower.networks
import pandas as pd
import pytest

from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.sims import electric_grid, heat_grid, market
from mosaik_p2p.sims.expected import Expected, LateValue
from mosaik_p2p.sims.world.wiring import ELECTRIC_DISPATCH

HOUR, QUARTER = 3600, 900
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=2", "time.horizon_steps=4")
STATION_MW = [0.010, 0.010, 0.020, 0.020, 0.010, 0.010, 0.010, 0.010]
EXACT = 1e-9
SOLVER = 1e-6
"""MW; pandapower's Newton method stops at 1e-8 MVA."""


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network1_electric", NOON)


def grid_of(case: Case, *, heat: bool = False) -> Any:
    simulator: Any = heat_grid.Simulator() if heat else electric_grid.Simulator()
    simulator.init("grid", step_size=QUARTER)
    simulator.create(1, "Grid", scenario=case)
    simulator.setup_done()
    return simulator


class TestGrids:
    @pytest.mark.parametrize(
        ("attribute", "shown", "sign"),
        [
            ("P_load[MW]", "P[MW]", 1),
            ("P_gen[MW]", "P[MW]", -1),
            ("Q_load[MVar]", "Q[MVar]", 1),
            ("Q_gen[MVar]", "Q[MVar]", -1),
        ],
    )
    def test_a_bus_draws_what_its_sources_said_last(self, case: Case, attribute: str, shown: str, sign: int) -> None:
        grid, found = grid_of(case), []
        said = [{"a": 0.010, "b": 0.005}, {"a": 0.020}, {"b": 0.0}, {}, {"c": 0.001, "a": 0.0}]
        for k, sources in enumerate(said):
            grid.step(k * QUARTER, {"Bus-7": {attribute: sources}} if sources else {}, 0)
            found.append(sign * grid.get_data({"Bus-7": [shown]})["Bus-7"][shown])
        assert found == pytest.approx([0.015, 0.025, 0.020, 0.020, 0.001], abs=SOLVER)

    def test_a_consumer_draws_what_its_sources_said_last(self) -> None:
        grid = grid_of(load("network1", NOON), heat=True)
        drawn = []
        for k, sources in enumerate([{"a": 3.0, "b": 5.0}, {"b": 1.0}, {"a": -2.0}]):
            grid.step(k * QUARTER, {"Consumer-C": {"Q_heat[kW]": sources}}, 0)
            tables = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]["heat_exchanges"]
            drawn.append(tables["cleared_kw"][tables["prosumer"].index("C")])
        assert drawn == pytest.approx([8.0, 4.0, -1.0], abs=EXACT)

    def test_powers_of_other_elements_add_up_too(self) -> None:
        grid: Any = electric_grid.Simulator()
        grid.init("grid", step_size=QUARTER)
        grid.create(1, "Grid", network_function="create_cigre_network_mv")
        generator = grid.create(1, "ControlledGen", bus=5)[0]["eid"]
        grid.setup_done()
        for k, sources in enumerate([{"a": 0.1, "b": 0.3}, {"a": 0.2}]):
            grid.step(k * QUARTER, {generator: {"P[MW]": sources}}, 0)
        assert grid.get_net().gen.at[int(generator.split("-")[1]), "p_mw"] == pytest.approx(0.5, abs=EXACT)

    def test_a_tap_has_one_position(self) -> None:
        grid: Any = electric_grid.Simulator()
        grid.init("grid", step_size=QUARTER)
        grid.create(1, "Grid", net=pandapower.networks.simple_mv_open_ring_net())
        grid.setup_done()
        for k, sources in enumerate([{"a": -1}, {"b": -2}, {"a": 1, "b": 1}]):
            grid.step(k * QUARTER, {"Transformer-0": {"tap_set[1]": sources}}, 0)
            shown = grid.get_data({"Transformer-0": ["tap[1]"]})["Transformer-0"]["tap[1]"]
            assert shown == list(sources.values())[-1]
        with pytest.raises(ValueError, match="several sources disagree"):
            grid.step(HOUR, {"Transformer-0": {"tap_set[1]": {"a": 1, "b": 2}}}, 0)


NAMES = {"Prosumer-A": "A"}


class TestExpected:
    def said(self, expected: Expected, interval: int) -> dict[str, list[float]]:
        found = expected.forecasts(interval, NAMES).get("A", {})
        return {attribute: list(values) for attribute, values in found.items()}

    def take(self, expected: Expected, interval: int, **sources: Any) -> None:
        names = {"P": "P_realised[kW]", "F": "P_forecast[kW]"}
        given: dict[str, dict[str, Any]] = {}
        for key, value in sources.items():
            given.setdefault(names[key[0]], {})[key[1:]] = value
        expected.take({"Prosumer-A": given}, interval=interval)

    def test_what_turned_out_holds_until_its_source_says_something_else(self) -> None:
        expected = Expected()
        self.take(expected, 0, Px=5.0, Py=2.0)
        assert self.said(expected, 0) == {"P_realised[kW]": [7.0]}
        self.take(expected, 1, Px=6.0)
        assert self.said(expected, 1) == {"P_realised[kW]": [8.0]}
        self.take(expected, 2, Py=None)
        assert self.said(expected, 2) == {"P_realised[kW]": [6.0]}

    def test_a_forecast_counts_from_the_interval_in_which_it_came(self) -> None:
        expected = Expected()
        self.take(expected, 0, Fx=[1.0, 2.0, 3.0], Fy=[10.0, 20.0])
        assert self.said(expected, 0) == {"P_forecast[kW]": [11.0, 22.0]}
        assert self.said(expected, 1) == {"P_forecast[kW]": [22.0]}
        # What one of them says no longer is not known of the sum: the scenario's own stands in.
        assert self.said(expected, 2) == {}

    @pytest.mark.parametrize("wrong", ["5.0", ["5.0"], [1.0, None], [[1.0]], {"kw": 1.0}])
    def test_what_is_no_number_is_refused(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="is no number"):
            self.take(Expected(), 0, Fx=wrong)

    def test_what_comes_late_counts_for_the_next_interval_and_is_told_once(self) -> None:
        expected = Expected()
        self.take(expected, 0, Px=5.0)
        same, other = ({"Prosumer-A": {"P_realised[kW]": {"x": kw}}} for kw in (5.0, 45.0))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected.take_late(same, interval=0, when="15 min after")
            expected.take_late({"Prosumer-A": {"P_forecast[kW]": {"x": [1.0]}}}, interval=0, when="15 min after")
        with pytest.warns(LateValue, match=r"P_realised\[kW\] = 45.0 of x comes 15 min after.*cleared .* with 5\b"):
            expected.take_late(other, interval=0, when="15 min after")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected.take_late(same, interval=0, when="30 min after")
        assert self.said(expected, 1)["P_realised[kW]"] == [5.0]


SIMULATORS: Any = {
    "market": {"python": "mosaik_p2p.sims.market:Simulator"},
    "grid": {"python": "mosaik_p2p.sims.electric_grid:Simulator"},
    "recorder": {"python": "mosaik_p2p.sims.recorder:Simulator"},
    "collector": {"python": "mosaik_p2p.scenarios.examples.collector:Simulator"},
    "source": {"python": "quarter_source:Simulator"},
}


def run_through(case: Case, folder: Path, source: dict[str, Any], *, at_bus: bool) -> pd.DataFrame:
    """Prosumer B's bus and what B feeds in, with a source that steps four times an hour at the bus or at B itself."""
    with mosaik.World(SIMULATORS, skip_greetings=True, configure_logging=False) as world:
        other = world.start("source", step_s=QUARTER, **source).Source()
        with world.group("market and grid"):
            sellers = world.start("market").Market(scenario=case)
            grid = world.start("grid", step_size=QUARTER).Grid(scenario=case)
            recorder = world.start("recorder").Recorder(scenario=case, folder=str(folder))
        buses = {child.eid: child for child in grid.children if child.type == "Bus"}
        for prosumer in sellers.children:
            world.connect(prosumer, buses[f"Bus-{prosumer.extra_info['bus']}"], *ELECTRIC_DISPATCH)
        workshop = next(child for child in sellers.children if child.eid == "Prosumer-B")
        bus = buses[f"Bus-{workshop.extra_info['bus']}"]
        world.connect(other, bus if at_bus else workshop, source["attribute"])
        world.connect(sellers, grid, "round")
        world.connect(grid, sellers, ("violations", "violations_electricity"), weak=True)
        for told in (sellers, grid):
            world.connect(told, recorder, "tables")
        collector = world.start("collector")
        sink = collector.Collector()
        world.connect(bus, sink, "P[MW]")
        world.connect(workshop, sink, "P_net[MW]")
        world.run(until=2 * HOUR, print_progress=False)
        rows: pd.DataFrame = collector.rows()
    rows["value"] = rows["value"].astype(float)
    return rows.groupby(["attribute", "time"])["value"].last()


@pytest.mark.parametrize("events", [True, False])
def test_a_prosumer_and_a_charging_station_at_one_bus(case: Case, tmp_path: Path, events: bool) -> None:
    source = {"attribute": "P_load[MW]", "values": STATION_MW, "events": events}
    with pytest.warns(LateValue, match="while an interval runs"):
        rows = run_through(case, tmp_path, source, at_bus=True)
    for quarter, station_mw in enumerate(STATION_MW):
        time = quarter * QUARTER
        right_mw = station_mw - rows["P_net[MW]", time - time % HOUR]
        assert rows["P[MW]", time] == pytest.approx(right_mw, abs=SOLVER)
    # The folder holds each hour once, as it stands at its begin.
    buses = read_table(tmp_path, "buses")
    assert not buses.duplicated(["time", "bus"]).any()
    drawn_kw = -buses[buses["bus"] == case.electric.net.bus.at[7, "name"]]["p_injection_kw"] if case.electric else []
    assert len(drawn_kw) == 2
    assert (read_table(tmp_path, "flows")["round"] == 0).all()


def test_a_quarter_hourly_profile_of_an_hourly_market_is_told(case: Case, tmp_path: Path) -> None:
    source = {"attribute": "P_realised[kW]", "values": [5.0, 45.0, 45.0, 45.0], "events": False}
    with pytest.warns(LateValue, match=r"Prosumer-B: P_realised\[kW\] = 45.0 of .* comes 15 min after"):
        run_through(case, tmp_path, source, at_bus=False)
    # 35 kW, the mean, are not known at the full hour: 5 kW count there, and 45 kW in the next one.
    inputs = read_table(tmp_path, "inputs")
    loads = inputs[(inputs["prosumer"] == "B") & inputs["device"].str.contains("load")]
    demand_kw = loads.groupby("time")["realised"].sum()
    assert list(demand_kw)[:2] == pytest.approx([5.0, 45.0], abs=EXACT)


def test_a_change_inside_an_interval_does_not_reopen_it(case: Case) -> None:
    """A grid that answers because somebody else moved says nothing about the dispatch as it was cleared."""
    asked = []

    class Curious(market.Simulator):
        def respond(self, violations: Any) -> Any:
            asked.append(violations)

    simulator: Any = Curious()
    simulator.init("market", time_resolution=1.0)
    simulator.create(1, "Market", scenario=case)
    simulator.step(0, {}, 0)
    answer = {"round": 0, "status": "ok", "items": []}
    for time in (0, QUARTER):
        simulator.step(time, {"Market": {"violations_electricity": {"grid": answer}}}, 0)
    assert len(asked) == 1
