"""The examples in `scenarios/examples`: each does what it says, with these numbers."""

import pkgutil
import signal
import subprocess
from math import prod
from pathlib import Path
from typing import Any

import mosaik
import pandas as pd
import pytest

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.scenarios import examples
from mosaik_p2p.scenarios.examples import (
    agents,
    attributes,
    either_grid,
    files,
    market_alone,
    overnight,
    own_world,
    processes,
    refused_grid,
    usual_grid,
)
from mosaik_p2p.sims import limit_check
from mosaik_p2p.sims.world.wiring import event_driven
from mosaik_p2p.studies.sweep.axes import parsed_axes
from mosaik_p2p.studies.sweep.command import Sweep
from mosaik_p2p.studies.sweep.plan import Wanted, planned

SAME_GRID = 1e-6
"""Two runs of pandapower's Newton method, which stops at 1e-8 MVA, in p.u., kA, degrees, MW and percent."""
CLEARED = 2e-3
"""Relative: markets are cleared to a gap of 1e-3, so that a dispatch may differ by as much."""
BY_HAND = 5e-5
"""Pinned values are printed with four digits."""
HELPERS = {"agent_process", "collector"}


def test_every_example_is_tested_here() -> None:
    found = {module.name for module in pkgutil.iter_modules(examples.__path__)}
    tested = {name for name, value in globals().items() if getattr(value, "__package__", None) == examples.__name__}
    assert found - HELPERS == tested - {"examples"}
    for name in found - HELPERS:
        assert f"`{name}`" in (examples.__doc__ or "")


def test_fifty_futures_are_planned_and_the_scripts_ask_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def noted(scenario: str, **options: Any) -> Sweep:
        asked.update(options, scenario=scenario)
        return Sweep(options["out"], pd.DataFrame(), (), ExitCode.COMPLETE)

    monkeypatch.setattr(overnight, "sweep", noted)
    assert overnight.main(["--part", "2/10", "--steps", "1"]) == 0
    axes, _ = parsed_axes(asked["vary"])
    assert prod(len(axis.values) for axis in axes) == 50
    assert (asked["part"], asked["steps"]) == ("2/10", 1)
    first = planned(Wanted(asked["scenario"], asked["vary"], sample=1, overrides=asked["overrides"]))
    assert not first[0].faults
    for script in Path(overnight.__file__).parent.glob("overnight_*.sh"):
        subprocess.run(["bash", "-n", str(script)], check=True)
        assert f"-m {overnight.__name__} " in script.read_text(encoding="utf-8")


def test_a_market_built_by_hand_costs_what_paper_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Anna's surplus of 0, 3, 5 and -1 kW against Bert's 2, 1, 1 and 3: what Bert needs of it pays two charges."""
    bought, exported, traded = (2 + 2) + 0 + 0 + (1 + 3), 2 + 4, 1 + 1
    own = market_alone.IMPORT_PRICE * bought - market_alone.EXPORT_PRICE * exported + 2 * market_alone.CHARGE * traded
    assert market_alone.cleared().cost == pytest.approx(own, rel=1e-6)
    market_alone.main()
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("status ok, cost 1.96,")
    assert told[1:] == [f"hour {hour}: Anna sells 1.00 kW to Bert at 0.090 per kWh" for hour in (1, 2)]


class TestUsualGrid:
    def test_every_dispatch_is_answered(self) -> None:
        pytest.importorskip("mosaik_components.pandapower")
        table = usual_grid.answers()
        assert list(table["hour"]) == [0, 1, 2]
        assert list(table["round"]) == [0, 0, 0]
        assert set(table["status"]) == {"ok"}
        assert list(table["lowest"]) == pytest.approx([0.9784, 0.9786, 0.9777], abs=2e-4)
        assert (table["violations"] > 0).all()

    def test_a_corrected_dispatch_is_checked_in_the_same_instant(self) -> None:
        pytest.importorskip("mosaik_components.pandapower")
        theirs = usual_grid.answers(market="halving_market:Simulator")
        assert list(theirs["round"]) == [0, 1] * 3
        ours = usual_grid.answers(market="halving_market:Simulator", grid=either_grid.OURS)
        pd.testing.assert_frame_equal(theirs, ours, check_exact=False, rtol=0.0, atol=SAME_GRID)
        posted, halved = (theirs.loc[theirs["round"] == number, "lowest"].to_numpy() for number in (0, 1))
        assert (abs(posted - halved) > SAME_GRID).all()

    def test_by_the_clock_it_is_refused(self) -> None:
        pytest.importorskip("mosaik_components.pandapower")
        config: Any = {"grid": {"python": usual_grid.USUAL_GRID}}
        with mosaik.World(config, skip_greetings=True, configure_logging=False) as world:
            with pytest.raises(BadInput, match="time-based"):
                event_driven("grid", world.start("grid"))
            assert event_driven("grid", world.start("grid", step_size=None)).type == "event-based"


class TestLimitCheck:
    def check(self, **params: Any) -> Any:
        simulator = limit_check.Simulator()
        simulator.init("check")
        simulator.create(1, "LimitCheck", **params)
        return simulator

    def answer(self, simulator: Any, **values: dict[str, Any]) -> Any:
        attributes = {"voltage": "Vm[pu]", "loading": "loading[%]", "round": "round"}
        simulator.step(0, {"LimitCheck": {attributes[name]: given for name, given in values.items()}}, 0)
        return simulator.get_data({"LimitCheck": ["violations"]})["LimitCheck"].get("violations")

    def test_tells_what_is_broken(self) -> None:
        voltage, loading = {"g.Bus-3": 0.93, "g.Bus-4": 1.0}, {"g.Line-0": 120.0, "g.Transformer-0": 90.0}
        answer = self.answer(self.check(), voltage=voltage, loading=loading, round={"m.Market": 4})
        assert (answer["round"], answer["status"]) == (4, "ok")
        broken = {item["element"]: (item["quantity"], item["limit"]) for item in answer["items"]}
        assert broken == {"Bus-3": ("voltage_pu", 0.95), "Line-0": ("line_loading_percent", 100.0)}

    def test_knows_the_scenarios_limits_and_names(self) -> None:
        case = load("network1_electric", ["networks.electricity.limits.voltage_pu.min=0.99"])
        answer = self.answer(self.check(scenario=case), voltage={"g.Bus-3": 0.98}, round={"m.Market": 0})
        assert case.electric is not None
        assert [item["element"] for item in answer["items"]] == [case.electric.net.bus.at[3, "name"]]

    def test_takes_the_keys_of_the_scenario_and_the_former_ones(self) -> None:
        with pytest.warns(DeprecationWarning, match=r"voltage_pu\.min"):
            former = self.check(limits={"voltage_min_pu": 0.97})
        for simulator in (former, self.check(limits={"voltage_pu.min": 0.97})):
            answer = self.answer(simulator, voltage={"g.Bus-3": 0.96}, round={"m.Market": 0})
            assert [item["limit"] for item in answer["items"]] == [0.97]

    def test_without_a_dispatch_there_is_no_answer(self) -> None:
        assert self.answer(self.check(), voltage={"g.Bus-3": 0.5}) is None

    @pytest.mark.parametrize("voltage", [{}, {"g.Bus-3": None}, {"g.Bus-3": float("nan")}])
    def test_no_value_is_no_solution(self, voltage: dict[str, Any]) -> None:
        answer = self.answer(self.check(), voltage=voltage, round={"m.Market": 0})
        assert answer == {"round": 0, "status": "not_converged", "items": []}

    def test_refuses_limits_that_it_does_not_know(self) -> None:
        with pytest.raises(BadInput, match=r"voltage_pu\.min"):
            self.check(limits={"voltage": 0.95})
        with pytest.raises(BadInput, match="given twice"):
            self.check(scenario="network1_electric", limits={})


def test_either_grid_gives_the_same() -> None:
    pytest.importorskip("mosaik_components.pandapower")
    pytest.importorskip("mosaik_csv")
    compared = either_grid.comparison()
    assert compared["max"].max() < SAME_GRID
    kinds = {"P[MW]": 15 + 18 + 1, "Vm[pu]": 15, "loading[%]": 15}
    assert {name: compared["size"][name] for name in kinds} == {
        name: count * either_grid.QUARTERS for name, count in kinds.items()
    }


def test_what_either_grid_shows() -> None:
    pytest.importorskip("mosaik_csv")
    values = either_grid.results(either_grid.OURS)
    for quarter, voltage in ((0, 0.9906), (3, 0.9934)):
        assert values[(quarter * 900, "Bus-11", "Vm[pu]")] == pytest.approx(voltage, abs=BY_HAND)


@pytest.mark.slow
def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    one, three = processes.in_one_process(tmp_path / "one"), processes.in_three_processes(tmp_path / "three")
    for name in TABLES:
        whole, parts = (read_table(tmp_path / folder, name) for folder in ("one", "three"))
        pd.testing.assert_frame_equal(whole, parts, check_exact=True, obj=name)
    pd.testing.assert_frame_equal(one, three, check_exact=True)
    assert (tmp_path / "three" / "heat_net.json").stat().st_size > 0
    assert one.loc["electricity", "slack_kw"] == pytest.approx(905.3, rel=CLEARED)
    assert one.loc["heat", "loss_kw"] == pytest.approx(23.83, rel=CLEARED)


def test_the_refusal_says_why(tmp_path: Path) -> None:
    pytest.importorskip("mosaik_components.pandapower")
    told = refused_grid.explanation(tmp_path)
    assert "simulators.electric_grid" in told
    assert "would check only the first dispatch of an interval" in told
    assert "Use a hybrid or event-based simulator" in told


def test_an_own_world_ends_with_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own_world.main()
    told = capsys.readouterr().out
    assert told.startswith("52.1 kWh traded in 1 h, verdict feasible")
    assert (tmp_path / told.rpartition("Report: ")[2].strip()).stat().st_size > 0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("mosaik_csv")
    pytest.importorskip("mosaik_hdf5")
    return files.run_market(tmp_path_factory.mktemp("files"))


class TestFiles:
    def test_the_market_sells_what_was_measured(self, written: tuple[Path, Path]) -> None:
        table = files.from_csv(written[0])
        assert list(table.index) == [f"2017-03-28 {hour}:00:00" for hour in (11, 12, 13, 14)]
        net_kw = 1000 * table["market.Prosumer-B-P_net[MW]"]
        assert list(net_kw) == pytest.approx([-22.4, -26.1, -24.1, -21.4], abs=0.1)
        loss_kw = 1000 * table["grid.Grid-loss[MW]"]
        assert list(loss_kw) == pytest.approx([33.82, 34.64, 33.63, 30.26], rel=CLEARED)

    def test_both_files_say_the_same(self, written: tuple[Path, Path]) -> None:
        table = files.from_csv(written[0])
        assert len(table.columns) == 5 * len(files.KEPT) + 15 + 1
        for column in table.columns:
            entity, attribute = column.rsplit("-", 1)
            # pandas reads decimals a little less exactly than they are written.
            assert files.from_hdf5(written[1], entity, attribute) == pytest.approx(list(table[column]), rel=1e-14), (
                column
            )


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    pytest.importorskip("mosaik_csv")
    return attributes.results()


class TestAttributes:
    def test_a_storage_is_seen_at_the_transformer(self, table: pd.DataFrame) -> None:
        assert list(table["Storage-0", "P[MW]"]) == [0.0, 2.0, -2.0, 0.0]
        assert list(table["Storage-0", "soc[%]"]) == [50.0, 50.0, 70.0, 50.0]
        assert list(table["Transformer-0", "P_hv[MW]"]) == pytest.approx([5.0262, 7.0417, 3.0186, 5.0263], abs=BY_HAND)

    def test_a_tap_changes_the_losses(self, table: pd.DataFrame) -> None:
        assert list(table["Transformer-0", "tap[1]"]) == [0.0, 0.0, 0.0, -2.0]
        assert list(table["Transformer-0", "loss[MW]"]) == pytest.approx([0.0182, 0.0222, 0.0155, 0.0188], abs=BY_HAND)

    def test_losses_add_up(self, table: pd.DataFrame) -> None:
        losses = table.xs("loss[MW]", axis=1, level="attribute")
        parts = losses.drop(columns="electric.Grid").sum(axis=1)
        assert list(parts) == pytest.approx(list(losses["electric.Grid"]), abs=1e-12)
        pipes = table.xs("loss[kW]", axis=1, level="attribute")
        assert list(pipes.drop(columns="heat.Grid").sum(axis=1)) == pytest.approx(list(pipes["heat.Grid"]), abs=1e-9)

    def test_the_plant_covers_draw_and_loss(self, table: pd.DataFrame) -> None:
        given, lost = table["Plant-0", "Q[kW]"], table["heat.Grid", "loss[kW]"]
        # The loop over the mass flow stops within 0.05 kW.
        assert list(given - lost) == pytest.approx([10.0, 10.0, 20.0, 20.0], abs=0.06)
        assert list(lost) == pytest.approx([25.32, 25.32, 25.35, 25.35], abs=0.01)


@pytest.mark.slow
@pytest.mark.once
class TestAgents:
    """Five prosumers in five processes, three hours."""

    def test_they_pay_what_the_usual_market_pays(self, tmp_path: Path) -> None:
        found = agents.traded(tmp_path)
        usual = RollingMarket(market_case(load("network1", [*agents.MORNING, f"time.steps={agents.HOURS}"])))
        assert list(found.intervals["status"]) == ["ok"] * agents.HOURS
        for k in range(agents.HOURS):
            cost = sum(own[k] for own in found.costs.values()) + found.intervals["charges"][k]
            assert cost == pytest.approx(usual.clear(k).tables["clearing"]["cost"][0], rel=CLEARED)
            usual.commit()
        assert not any(found.intervals[what].map(len).any() for what in ("late", "lost", "absent"))

    def test_one_that_dies_and_one_that_is_late_leave_the_others_trading(self, tmp_path: Path) -> None:
        """In the second hour C dies, and B keeps silent for a while."""

        def disturb(k: int, exchange: int, links: dict[str, agents.Link]) -> None:
            if (k, exchange) == (1, 2):
                links["C"].process.kill()
            if k == 1 and exchange in (2, 4):
                links["B"].process.send_signal(signal.SIGSTOP if exchange == 2 else signal.SIGCONT)

        found = agents.traded(tmp_path, answer_limit_s=5.0, watch=disturb)
        assert [list(row) for row in found.intervals["lost"]] == [[], ["C"], []]
        assert [list(row) for row in found.intervals["late"]] == [[], ["B"], []]
        assert [list(row) for row in found.intervals["absent"]] == [[], [], ["C"]]
        # Who was late has its last offer for the hour, and is there again in the next one.
        assert {name: len(costs) for name, costs in found.costs.items()} == {**dict.fromkeys("ABDE", 3), "C": 1}
        last = found.trades.query("interval == 2")
        assert len(last) > 0
        assert "C" not in {*last["seller"], *last["buyer"]}
        # Its last offer stood: the others were promised its sun, and it does not take part in keeping the promise.
        assert "C" in set(found.trades.query("interval == 1")["seller"])
