"""The simulators one by one: their attributes and entities, their rounds, and what they refuse."""

import copy
import warnings
from pathlib import Path
from typing import Any

import mosaik
import numpy as np
import pandapower.networks
import pandas as pd
import pytest

from mosaik_p2p.devices.registry import stems
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.networks.file_limits import with_file_limits
from mosaik_p2p.market.over_time.forecasts import forecast_attributes
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.solutions import flow_row
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.scenario.parts.grids import ElectricitySpec
from mosaik_p2p.scenario.parts.limits import HeatLimitsSpec
from mosaik_p2p.sims import electric_grid, heat_grid, market, profiles, recorder

HOUR = 3600
SHORT = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=3", "time.horizon_steps=6")
SOLVER, RELATIVE = 1e-7, 1e-8
"""Two runs of pandapower's Newton method, which stops at 1e-8, agree within this in p.u. and percent."""
EXACT = 1e-12
"""Only the change of unit lies between the two numbers."""


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network1", SHORT)


def started(simulator: Any, **params: Any) -> Any:
    simulator.init("sim", time_resolution=1.0, **params)
    return simulator


def electric(**source: Any) -> Any:
    grid = started(electric_grid.Simulator(), step_size=HOUR)
    grid.create(1, "Grid", **source)
    grid.setup_done()
    return grid


def dispatch(inputs: dict[str, dict[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Inputs as mosaik hands them over, all from one source."""
    return {eid: {name: {"source": value} for name, value in values.items()} for eid, values in inputs.items()}


LOSING = {"Line", "Transformer"}
LOADS = {"Bus-4": {"P_load[MW]": 0.05, "Q_load[MVar]": 0.02}, "Bus-6": {"P_gen[MW]": 0.3, "Q_gen[MVar]": 0.01}}


class TestElectricGrid:
    """The simulator on its own, and beside the adapter that it can replace."""

    def theirs(self) -> Any:
        module = pytest.importorskip("mosaik_components.pandapower.simulator")
        return started(module.Simulator(), step_size=HOUR)

    def both(self, **source: Any) -> tuple[Any, Any]:
        theirs = self.theirs()
        theirs.create(1, "Grid", **source)
        theirs.setup_done()
        return electric(**source), theirs

    def assert_alike(self, ours: Any, theirs: Any) -> None:
        models = theirs.meta["models"]
        wanted = {
            eid: [name for name in models[eid.split("-")[0]]["attrs"] if name in _outputs(ours, eid)]
            for eid in theirs.get_extra_info()
        }
        mine, expected = ours.get_data(wanted), theirs.get_data(wanted)
        for eid, values in expected.items():
            for name, value in values.items():
                assert mine[eid][name] == pytest.approx(value, rel=RELATIVE, abs=SOLVER), (eid, name)

    def test_knows_everything_that_the_adapter_knows(self) -> None:
        ours, theirs = electric_grid.Simulator().meta, self.theirs().meta
        for name, model in theirs["models"].items():
            assert set(model["attrs"]) <= set(ours["models"][name]["attrs"]), name
            assert set(model["params"]) <= set(ours["models"][name]["params"]), name
            assert model["public"] == ours["models"][name]["public"], name
        assert set(theirs["extra_methods"]) <= set(ours["extra_methods"])

    def test_has_the_adapters_entities(self) -> None:
        theirs, ours = self.theirs(), started(electric_grid.Simulator())
        expected = theirs.create(1, "Grid", network_function="create_cigre_network_mv")[0]
        entity = ours.create(1, "Grid", network_function="create_cigre_network_mv")[0]
        found = {child["eid"]: child for child in entity["children"]}
        for child in expected["children"]:
            assert found[child["eid"]]["rel"] == child["rel"]
            # Names are the exception: ours are unique, and text.
            keys = set(child["extra_info"]) - {"name"}
            assert {key: found[child["eid"]]["extra_info"][key] for key in keys} == {
                key: child["extra_info"][key] for key in keys
            }
        assert {eid.split("-")[0] for eid in set(found) - {c["eid"] for c in expected["children"]}} == {"Transformer"}

    def test_computes_what_the_adapter_computes(self) -> None:
        ours, theirs = self.both(network_function="create_cigre_network_mv")
        for time, loads in ((0, LOADS), (HOUR, {"Bus-4": {"P_load[MW]": 0.2}})):
            # The second step leaves inputs out: both keep what they were given before.
            assert ours.step(time, dispatch(loads), time) == theirs.step(time, dispatch(loads), time)
            self.assert_alike(ours, theirs)

    def test_switches_elements_as_the_adapter_does(self) -> None:
        ours, theirs = self.both(network_function="create_cigre_network_mv")
        for time, (method, eid) in enumerate([("disable_elements", "Load-0"), ("enable_elements", "Load-0")]):
            for grid in (ours, theirs):
                getattr(grid, method)([eid])
                grid.step(time * HOUR, dispatch(LOADS), 0)
            self.assert_alike(ours, theirs)
        with pytest.raises(ValueError, match="only loads, generators and storages"):
            ours.disable_elements(["Line-0"])

    def test_a_controlled_generator_feeds_in(self) -> None:
        theirs = self.theirs()
        ours = started(electric_grid.Simulator(), step_size=HOUR)
        for grid in (ours, theirs):
            grid.create(1, "Grid", network_function="create_cigre_network_mv")
            generator = grid.create(1, "ControlledGen", bus=5)[0]
            grid.setup_done()
            for time, power in ((0, 0.1), (HOUR, 0.4)):
                grid.step(time, dispatch({generator["eid"]: {"P[MW]": power}}), 0)
        self.assert_alike(ours, theirs)

    @pytest.mark.parametrize(
        "source",
        [{}, {"json": "grid.json", "network_function": "case4gs"}, {"net": "no net"}, {"network_function": "no"}],
    )
    def test_needs_one_good_source(self, source: dict[str, Any]) -> None:
        with pytest.raises(BadInput):
            electric(**source)

    def test_reads_a_file(self, tmp_path: Path) -> None:
        pandapower.to_json(pandapower.networks.case33bw(), str(tmp_path / "grid.json"))
        grid = electric(json=str(tmp_path / "grid.json"))
        grid.step(0, {}, 0)
        # The published minimum of the 33-bus network at its own loads.
        lowest = min(values["Vm[pu]"] for values in grid.get_data({f"Bus-{n}": ["Vm[pu]"] for n in range(33)}).values())
        assert lowest == pytest.approx(0.9131, abs=5e-5)

    def test_answers_every_dispatch_with_its_round(self, case: Case) -> None:
        grid = electric(scenario=case)
        for stated in (0, 1, 7):
            grid.step(0, dispatch({"Grid": {"round": stated}, "Bus-4": {"P_load[MW]": 0.01}}), 0)
            events = grid.get_data({"Grid": ["violations", "tables"]})["Grid"]
            assert events["violations"] == {"round": stated, "status": "ok", "items": []}
            assert events["tables"]["round"] == stated

    def test_counts_rounds_of_an_instant_where_nobody_states_them(self, case: Case) -> None:
        grid, rounds = electric(scenario=case), []
        for time in (0, 0, 0, HOUR, HOUR):
            grid.step(time, dispatch({"Bus-4": {"P_load[MW]": 0.01}}), 0)
            rounds.append(grid.get_data({"Grid": ["violations"]})["Grid"]["violations"]["round"])
        assert rounds == [0, 1, 2, 0, 1]

    def test_a_step_without_dispatch_answers_nobody(self, case: Case) -> None:
        grid = electric(scenario=case)
        grid.step(0, dispatch({"Bus-4": {"P_load[MW]": 0.5}}), 0)
        before = grid.get_data({"Bus-4": ["Vm[pu]"]})
        grid.step(HOUR, dispatch({"Grid": {"load_scaling[1]": 0.5}}), 0)
        assert grid.get_data({"Grid": ["violations", "tables"]}) == {"Grid": {}}
        # The attributes move on: the last dispatch with the new background.
        assert grid.get_data({"Bus-4": ["Vm[pu]"]}) != before

    def test_reports_broken_limits(self, case: Case) -> None:
        grid = electric(scenario=case)
        grid.step(0, dispatch({"Bus-12": {"P_load[MW]": 1.0}}), 0)
        items = grid.get_data({"Grid": ["violations"]})["Grid"]["violations"]["items"]
        assert {item["quantity"] for item in items} >= {"voltage_pu"}
        columns = {"element", "quantity", "value", "limit", "unit", "excess", "prosumers_can_influence"}
        assert all(set(item) == columns and item["prosumers_can_influence"] is None for item in items)

    def test_shows_nothing_where_there_is_no_solution(self, case: Case) -> None:
        grid = electric(scenario=case)
        grid.step(0, dispatch({"Bus-4": {"P_load[MW]": 1e6}}), 0)
        data = grid.get_data({"Grid": ["violations"], "Bus-4": ["Vm[pu]"], "Line-0": ["loading[%]"]})
        assert data["Grid"]["violations"]["status"] == "not_converged"
        assert data["Bus-4"] == {"Vm[pu]": None}
        assert data["Line-0"] == {"loading[%]": None}

    def test_power_and_loss_at_both_ends(self) -> None:
        grid = electric(network_function="create_cigre_network_mv")
        grid.step(0, dispatch(LOADS), 0)
        for kind, ends in (("Line", ("from", "to")), ("Transformer", ("hv", "lv"))):
            names = [*(f"P_{end}[MW]" for end in ends), "loss[MW]"]
            eids = [eid for eid in grid.get_extra_info() if eid.startswith(kind)]
            for eid, values in grid.get_data(dict.fromkeys(eids, names)).items():
                entering = sum(values[name] for name in names[:2])
                assert values["loss[MW]"] == pytest.approx(entering, abs=SOLVER), eid
        every = grid.get_data({eid: ["loss[MW]"] for eid in grid.get_extra_info() if eid.split("-")[0] in LOSING})
        total = grid.get_data({"Grid": ["loss[MW]", "P_slack[MW]"]})["Grid"]
        assert total["loss[MW]"] == pytest.approx(sum(values["loss[MW]"] for values in every.values()), abs=EXACT)
        assert total["P_slack[MW]"] == -grid.get_data({"Bus-0": ["P[MW]"]})["Bus-0"]["P[MW]"]

    def with_storage(self) -> Any:
        net = pandapower.networks.simple_mv_open_ring_net()
        pandapower.create_storage(net, bus=3, p_mw=0.0, max_e_mwh=2.0, soc_percent=40.0)
        return net

    def test_a_storage_draws_what_it_is_told_and_shows_its_charge(self) -> None:
        grid, plain = electric(net=self.with_storage()), electric(net=self.with_storage())
        grid.step(0, dispatch({"Storage-0": {"P_set[MW]": 0.5, "Q_set[MVar]": 0.1, "soc_set[%]": 55.0}}), 0)
        plain.step(0, dispatch({"Bus-3": {"P_load[MW]": 0.5, "Q_load[MVar]": 0.1}}), 0)
        shown = grid.get_data({"Storage-0": ["P[MW]", "Q[MVar]", "soc[%]"]})["Storage-0"]
        assert shown == {"P[MW]": 0.5, "Q[MVar]": 0.1, "soc[%]": 55.0}
        wanted = {"Bus-3": ["Vm[pu]"], "Grid": ["loss[MW]"]}
        for eid, values in grid.get_data(wanted).items():
            assert values == pytest.approx(plain.get_data(wanted)[eid], abs=SOLVER)
        grid.disable_elements(["Storage-0"])
        grid.step(HOUR, {}, 0)
        assert grid.get_data({"Storage-0": ["P[MW]"]})["Storage-0"]["P[MW]"] == 0.0

    def test_a_tap_moves_the_voltage(self) -> None:
        grid = electric(net=self.with_storage())
        grid.step(0, {}, 0)
        wanted = {"Transformer-0": ["tap[1]"], "Bus-1": ["Vm[pu]"]}
        before = grid.get_data(wanted)
        tap = before["Transformer-0"]["tap[1]"]
        grid.step(HOUR, dispatch({"Transformer-0": {"tap_set[1]": tap - 2}}), 0)
        after = grid.get_data(wanted)
        assert after["Transformer-0"]["tap[1]"] == tap - 2
        # Two steps of 1.5 % on the high-voltage side, less what the network draws the more for it.
        assert after["Bus-1"]["Vm[pu]"] / before["Bus-1"]["Vm[pu]"] == pytest.approx(1.03, abs=0.003)
        for impossible in (40, 0.5):
            with pytest.raises(ValueError, match="none of its taps"):
                grid.step(2 * HOUR, dispatch({"Transformer-0": {"tap_set[1]": impossible}}), 0)

    def test_leaves_the_scenarios_network_as_it_was(self, case: Case) -> None:
        assert case.electric is not None
        before = copy.deepcopy(case.electric.net.load)
        grid = electric(scenario=case)
        grid.disable_elements(["Load-0"])
        grid.step(0, dispatch({"Grid": {"load_scaling[1]": 0.1}, "Bus-4": {"P_load[MW]": 0.1}}), 0)
        pd.testing.assert_frame_equal(case.electric.net.load, before)


def _outputs(grid: Any, eid: str) -> list[str]:
    kind = eid.split("-")[0]
    model = grid.meta["models"][kind]
    return [name for name in model["attrs"] if name not in model["trigger"]]


class TestHeatGrid:
    def grid(self, case: Case) -> Any:
        grid = started(heat_grid.Simulator())
        grid.create(1, "Grid", scenario=case)
        grid.setup_done()
        return grid

    def test_has_a_consumer_per_connected_prosumer(self, case: Case) -> None:
        grid = started(heat_grid.Simulator())
        kinds = [child["eid"].split("-") for child in grid.create(1, "Grid", scenario=case)[0]["children"]]
        connected = [prosumer.name for prosumer in case.prosumers if prosumer.junctions is not None]
        assert [name for kind, name in kinds if kind == "Consumer"] == connected
        assert {kind for kind, _ in kinds} == {"Consumer", "Junction", "Pipe", "Plant"}

    def test_delivers_what_is_drawn(self, case: Case) -> None:
        grid = self.grid(case)
        assert grid.step(0, dispatch({"Grid": {"round": 2}, "Consumer-C": {"Q_heat[kW]": 8.0}}), 0) == HOUR
        data = grid.get_data(
            {"Grid": ["violations"], "Consumer-C": ["Q_delivered[kW]", "T_supply[degC]", "mdot[kg/s]"]}
        )
        assert data["Grid"]["violations"]["round"] == 2
        assert data["Grid"]["violations"]["status"] == "ok"
        values = data["Consumer-C"]
        # The loop over the mass flow stops within 0.05 kW.
        assert values["Q_delivered[kW]"] == pytest.approx(8.0, abs=0.05)
        assert 45.0 < values["T_supply[degC]"] < 75.0
        assert values["mdot[kg/s]"] > 0

    def test_several_sources_of_one_consumer_add_up(self, case: Case) -> None:
        grid = self.grid(case)
        grid.step(0, {"Consumer-C": {"Q_heat[kW]": {"a": 3.0, "b": 5.0}}}, 0)
        tables = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        at = tables["heat_exchanges"]["prosumer"].index("C")
        assert tables["heat_exchanges"]["cleared_kw"][at] == 8.0

    def test_its_elements_show_the_tables(self, case: Case) -> None:
        grid = self.grid(case)
        grid.step(0, dispatch({"Consumer-A": {"Q_heat[kW]": -6.0}, "Consumer-D": {"Q_heat[kW]": 5.0}}), 0)
        pipes = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]["pipes"]
        pipe = grid.get_data({"Pipe-0": ["mdot[kg/s]", "v[m/s]", "loss[kW]"]})["Pipe-0"]
        row = pipes["pipe"].index(grid.get_extra_info()["Pipe-0"]["name"])
        assert pipe == {
            "mdot[kg/s]": pipes["mdot_kg_per_s"][row],
            "v[m/s]": pipes["velocity_m_per_s"][row],
            "loss[kW]": pipes["loss_kw"][row],
        }

    def test_its_heat_is_balanced(self, case: Case) -> None:
        grid = self.grid(case)
        before = grid.get_data({"Grid": ["loss[kW]"], "Plant-0": ["Q[kW]"]})
        assert before == {"Grid": {"loss[kW]": None}, "Plant-0": {"Q[kW]": None}}
        grid.step(0, dispatch({"Consumer-C": {"Q_heat[kW]": 8.0}}), 0)
        pipes = {eid: ["loss[kW]"] for eid in grid.get_extra_info() if eid.startswith("Pipe")}
        data = grid.get_data({"Grid": ["loss[kW]", "Q_slack[kW]"], "Plant-0": ["Q[kW]"], **pipes})
        lost = sum(data[eid]["loss[kW]"] for eid in pipes)
        assert data["Grid"]["loss[kW]"] == pytest.approx(lost, rel=EXACT)
        assert data["Grid"]["Q_slack[kW]"] == data["Plant-0"]["Q[kW]"]
        # The loop over the mass flow stops within 0.05 kW.
        assert data["Plant-0"]["Q[kW]"] == pytest.approx(8.0 + lost, abs=0.06)

    def test_needs_one_source(self) -> None:
        with pytest.raises(BadInput):
            started(heat_grid.Simulator()).create(1, "Grid")


class TestMarket:
    def market(self, case: Case) -> Any:
        simulator = started(market.Simulator())
        simulator.create(1, "Market", scenario=case)
        return simulator

    def test_children_know_their_places(self, case: Case) -> None:
        children = started(market.Simulator()).create(1, "Market", scenario=case)[0]["children"]
        for child, prosumer in zip(children, case.prosumers, strict=True):
            assert child["eid"] == f"Prosumer-{prosumer.name}"
            assert child["extra_info"]["bus"] == prosumer.bus
            expected = None if prosumer.junctions is None else list(prosumer.junctions)
            assert child["extra_info"]["junction"] == expected

    def test_a_source_that_says_nothing_leaves_the_word_to_the_others(self, case: Case) -> None:
        """None beside a forecast is no forecast; None alone leaves the scenario's own."""
        told: list[dict[str, Any]] = []
        forecast, silence = [9.0] * 6, {"silent": None}
        for given in ({"one": forecast}, {**silence, "one": forecast}, silence, {}):
            simulator = self.market(case)
            realised = {name: 9.0 if value else None for name, value in given.items()}
            inputs = {"P_forecast[kW]": given, "P_realised[kW]": realised}
            simulator.step(0, {"Prosumer-B": inputs} if given else {}, 0)
            told.append(simulator.get_data({"Market": ["tables"]})["Market"]["tables"]["tables"]["inputs"])
        assert told[0] == told[1] != told[2] == told[3]

    def test_every_prosumer_is_dispatched_as_the_tables_say(self, case: Case) -> None:
        simulator = self.market(case)
        assert simulator.step(0, {}, 0) == HOUR
        attributes = [*market.DISPATCH, *market.STATE]
        data = simulator.get_data({f"Prosumer-{p.name}": attributes for p in case.prosumers} | {"Market": ["tables"]})
        table = pd.DataFrame(data["Market"]["tables"]["tables"]["prosumers"]).set_index(["prosumer", "carrier"])
        for prosumer in case.prosumers:
            values, row = data[f"Prosumer-{prosumer.name}"], table.loc[(prosumer.name, "electricity")]
            assert 0.0 in (values["P_load[MW]"], values["P_gen[MW]"])
            injection = 1000 * (values["P_gen[MW]"] - values["P_load[MW]"])
            assert injection == pytest.approx(row["injection_kw"], rel=EXACT)
            assert 1000 * values["P_net[MW]"] == pytest.approx(row["injection_kw"], rel=EXACT)
            assert -1000 * values["Q_load[MVar]"] == pytest.approx(row["q_injection_kvar"], rel=EXACT)
            price = values["price_electricity[EUR/MWh]"]
            assert price == pytest.approx(1000 * row["marginal_price_per_kwh"], rel=EXACT)
            assert values["Q_heat_net[kW]"] == -values["Q_heat[kW]"]

    def test_accepting_emits_nothing_and_keeps_the_state(self, case: Case) -> None:
        simulator = self.market(case)
        simulator.step(0, {}, 0)
        wanted = {"Market": ["round", "tables"], "Prosumer-A": ["P_load[MW]", "P_net[MW]"]}
        before = simulator.get_data(wanted)
        assert before["Market"]["round"] == 0
        answer = {"round": 0, "status": "ok", "items": []}
        simulator.step(0, {"Market": {"violations_electricity": {"grid": answer}}}, 0)
        assert simulator.get_data(wanted) == {
            "Market": {},
            "Prosumer-A": {"P_net[MW]": before["Prosumer-A"]["P_net[MW]"]},
        }

    def test_an_answer_to_an_earlier_round_is_no_answer(self, case: Case) -> None:
        asked = []

        class Curious(market.Simulator):
            def respond(self, violations: Any) -> Any:
                asked.append({network: found.status for network, found in violations.items()})
                return self.outcome if len(asked) == 1 else None

        simulator = started(Curious())
        simulator.create(1, "Market", scenario=case)
        simulator.step(0, {}, 0)
        for stated in (0, 0, 1):
            answer = {"round": stated, "status": "ok", "items": []}
            simulator.step(0, {"Market": {"violations_heat": {"grid": answer}}}, 0)
        assert asked == [{"heat": "ok"}, {"heat": "ok"}]
        assert simulator.round == 1

    def test_the_state_moves_on_with_time_only(self, case: Case) -> None:
        once, twice = self.market(case), self.market(case)
        for time in (0, HOUR):
            once.step(time, {}, 0)
        for time in (0, 0, 0, HOUR, HOUR):
            twice.step(time, {}, 0)
        assert once.outcome.tables["devices"] == twice.outcome.tables["devices"]

    def test_uses_the_forecasts_that_it_is_given(self, case: Case) -> None:
        simulator = self.market(case)
        dark = {"PV_forecast[kW]": {"weather": [0.0] * 6}, "PV_realised[kW]": {"weather": 0.0}}
        simulator.step(0, {"Prosumer-A": dark}, 0)
        power_kw = pd.DataFrame(simulator.outcome.tables["devices"]).groupby(["prosumer", "type"])["el_kw"].sum()
        assert power_kw[("A", "pv")] == 0.0
        assert power_kw[("C", "pv")] > 0.0

    def test_an_interval_has_to_be_a_whole_number_of_steps(self, case: Case) -> None:
        simulator = market.Simulator()
        simulator.init("market", time_resolution=7.0)
        with pytest.raises(BadInput, match="whole number"):
            simulator.create(1, "Market", scenario=case)


class TestProfiles:
    def test_sums_the_devices_of_a_kind(self, case: Case) -> None:
        simulator = started(profiles.Simulator())
        entity = simulator.create(1, "Profiles", scenario=case)[0]
        simulator.step(HOUR, {}, 0)
        for prosumer in case.prosumers:
            eid = f"Prosumer-{prosumer.name}"
            values = simulator.get_data({eid: list(forecast_attributes())})[eid]
            owned = profiles.series_by_kind(prosumer)
            for kind in stems():
                if kind not in owned:
                    assert values[f"{kind}_forecast[kW]"] is None
                    continue
                expected = sum(series.forecast[1:7] for series in owned[kind])
                np.testing.assert_allclose(values[f"{kind}_forecast[kW]"], expected, rtol=EXACT)
                realised = sum(series.realised[1] for series in owned[kind])
                assert values[f"{kind}_realised[kW]"] == pytest.approx(realised, rel=EXACT)
        assert len(entity["children"]) == len(case.prosumers) + 1
        assert case.background is not None
        assert simulator.get_data({"Background": ["load_scaling[1]"]})["Background"] == {
            "load_scaling[1]": case.background[1]
        }


FLOW = flow_row("electricity", Status.OK, cause=None, iterations=2, slack_kw=1.0, loss_kw=0.1, pump_kw=None)


class TestRecorder:
    def test_only_the_last_round_binds(self, case: Case, tmp_path: Path) -> None:
        simulator, source = started(recorder.Simulator()), started(market.Simulator())
        source.create(1, "Market", scenario=case)
        source.step(0, {}, 0)
        tables = source.get_data({"Market": ["tables"]})["Market"]["tables"]["tables"]
        simulator.create(1, "Recorder", scenario=case, folder=tmp_path)
        for number in (0, 1):
            message = {"round": number, "wall_s": 0.5, "tables": tables}
            simulator.step(0, {"Recorder": {"tables": {"market.Market": message}}}, 0)
        assert read_table(tmp_path, "clearing").empty
        simulator.finalize()
        clearing = read_table(tmp_path, "clearing")
        assert list(zip(clearing["round"], clearing["binding"], strict=True)) == [(0, False), (1, True)]
        assert len(read_table(tmp_path, "prosumers")) == len(tables["prosumers"]["prosumer"])
        assert simulator.wall_s() == {"market": 1.0}

    @pytest.mark.parametrize(("reached", "rows"), [(HOUR - 1, 0), (HOUR, 1)])
    def test_an_interval_that_nobody_went_beyond_is_dropped(
        self, case: Case, tmp_path: Path, reached: int, rows: int
    ) -> None:
        simulator = started(recorder.Simulator())
        simulator.create(1, "Recorder", scenario=case, folder=tmp_path)
        message = {"round": 0, "wall_s": 0.0, "tables": {"flows": FLOW}}
        simulator.step(0, {"Recorder": {"tables": {"grid.Grid": message}}}, 0)
        simulator.drop_unfinished(reached)
        simulator.finalize()
        assert len(read_table(tmp_path, "flows")) == rows


def test_the_market_runs_against_the_usual_adapter(case: Case) -> None:
    """`mosaik-pandapower-2` in place of our grid, without a loop: the same voltages as our own power flow."""
    pytest.importorskip("mosaik_components.pandapower")
    assert case.electric is not None
    assert case.background is not None
    net = copy.deepcopy(case.electric.net)
    net.load[["p_mw", "q_mvar"]] *= case.background[0]
    config: Any = {
        "market": {"python": "mosaik_p2p.sims.market:Simulator"},
        "grid": {"python": "mosaik_components.pandapower.simulator:Simulator"},
    }
    with mosaik.World(config, skip_greetings=True, configure_logging=False) as world:
        entity = world.start("market").Market(scenario=case)
        grid = world.start("grid", step_size=HOUR)
        buses = {child.eid: child for child in grid.Grid(net=net).children}
        with warnings.catch_warnings():
            # mosaik warns that the adapter, stepping by the clock, could miss events; here there is one per interval.
            warnings.simplefilter("ignore", UserWarning)
            for child in entity.children:
                attributes = ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]")
                world.connect(child, buses[f"Bus-{child.extra_info['bus']}"], *attributes)
        world.run(until=HOUR, print_progress=False)
        solved = grid.get_net()

    simulator = started(market.Simulator())
    simulator.create(1, "Market", scenario=case)
    simulator.step(0, {}, 0)
    dispatched = zip(case.prosumers, simulator.outcome.dispatch, strict=True)
    injections = {prosumer.bus: (sent.injection_kw, sent.q_injection_kvar) for prosumer, sent in dispatched}
    flow = PowerFlow(case.electric, slack_voltage_pu=None, prosumer_buses=injections)
    result = flow.solve(injections, background_scaling=float(case.background[0]), replaced_loads=case.replaced_loads)
    np.testing.assert_allclose(solved.res_bus["vm_pu"], result.buses["vm_pu"], atol=SOLVER)


def test_grids_without_a_scenario_have_the_limits_of_one_that_states_none() -> None:
    stated = with_file_limits(ElectricitySpec(case="bus15"), None).limits
    limits = electric(network_function="case4gs")._opened.limits
    assert limits.of_all == {of.key: stated.stated(of.all_key) for of in stated.quantities() if of.all_key}
    heat = {of.key: HeatLimitsSpec().stated(of.all_key) for of in HeatLimitsSpec.quantities()}
    assert heat_grid.DEFAULT_LIMITS.of_all == {key: limit for key, limit in heat.items() if limit is not None}
    assert (limits.of_all["voltage_min"], heat["t_supply"]) == (0.95, 60.0)
