"""What the network simulators answer to a dispatch: rows for the market, solutions used again, and divergence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes
import pandapower
import pytest

from mosaik_p2p.cosim import ExitCode, run
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.flow import HeatFlow
from mosaik_p2p.results.measures.unsolved import unsolved_sentences
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.sims import electric_grid, heat_grid

HOUR = 3600
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=3", "time.horizon_steps=6")
TIGHT = (
    *NOON,
    "networks.electricity.limits.voltage_pu.min=0.999",
    "networks.heat.limits.velocity_m_per_s=0.01",
    "networks.heat.limits.plant_heat_max_kw=1",
    "networks.heat.limits.pump_head_max_bar=1",
)
MOVE_KW = 2.0
CURVED = 0.03
"""Relative: what the networks are more than linear over `MOVE_KW`, and the tolerance of delivered heat over it."""
SAME_PU = 1e-8
SAME_KW = 0.1
"""Two prosumers, each with the tolerance of 0.05 kW."""

Inputs = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network1", TIGHT)


def grid_of(module: Any, case: Case, **params: Any) -> Any:
    grid = module.Simulator()
    grid.init("grid", time_resolution=1.0)
    grid.create(1, "Grid", scenario=case, **params)
    grid.setup_done()
    return grid


def electric_inputs(case: Case, **injection_kw: float) -> Inputs:
    """Every prosumer sends, from a market called `market`."""
    inputs: Inputs = {"Grid": {"load_scaling[1]": {"profiles.Background": 0.5}}}
    for prosumer in case.prosumers:
        p_mw = injection_kw.get(prosumer.name, 0.0) / 1000.0
        powers = inputs.setdefault(f"Bus-{prosumer.bus}", {"P_gen[MW]": {}, "P_load[MW]": {}, "Q_load[MVar]": {}})
        source = f"market.Prosumer-{prosumer.name}"
        powers["P_gen[MW]"][source], powers["P_load[MW]"][source] = max(p_mw, 0.0), max(-p_mw, 0.0)
        powers["Q_load[MVar]"][source] = 0.0
    return inputs


def heat_inputs(case: Case, **draw_kw: float) -> Inputs:
    connected = [prosumer.name for prosumer in case.prosumers if prosumer.junctions is not None]
    return {
        f"Consumer-{name}": {"Q_heat[kW]": {f"market.Prosumer-{name}": draw_kw.get(name, 0.0)}} for name in connected
    }


def answer(grid: Any, time: int, inputs: Inputs, round_number: int = 0) -> dict[str, Any]:
    stated = {**inputs, "Grid": {**inputs.get("Grid", {}), "round": {"market.Market": round_number}}}
    grid.step(time, stated, 0)
    sent: dict[str, Any] = grid.get_data({"Grid": ["violations"]})["Grid"]["violations"]
    return sent


def by_key(rows: list[dict[str, Any]]) -> dict[tuple[str, str, bool], dict[str, Any]]:
    return {(row["element"], row["quantity"], row["upper"]): row for row in rows}


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Calls of `owner.name` from here on."""
    calls: list[Any] = []
    original: Callable[..., Any] = getattr(owner, name)

    def counting(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counting)
    return calls


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A run whose market halves the electricity alone in every interval, and how often both networks were solved."""
    folder = tmp_path_factory.mktemp("runs") / "halved"
    halving = {"market": {"python": "halving_market:HalvesElectricity"}}
    with pytest.MonkeyPatch.context() as patched:
        powers, heats = counted(patched, PowerFlow, "solve"), counted(patched, HeatFlow, "solve")
        load("network1", TIGHT)
        tried = len(powers), len(heats)
        market_only = (*TIGHT, "settlement.through_networks=[]")
        run("network1", out=folder, overrides=market_only, progress=False, simulators=halving)
    # Without the trial of both networks when the scenario is loaded.
    return folder, len(powers) - 2 * tried[0], len(heats) - 2 * tried[1]


class TestRows:
    @pytest.mark.parametrize(
        ("module", "inputs", "sign"), [(electric_grid, electric_inputs, 1.0), (heat_grid, heat_inputs, -1.0)]
    )
    def test_a_row_foretells_the_next_round(self, case: Case, module: Any, inputs: Any, sign: float) -> None:
        """In the units in which the market speaks: kW into the network, by the name of its entity."""
        grid = grid_of(module, case, limit_rows=True)
        powers = {"A": 12.0, "B": 15.0, "C": 20.0, "D": 10.0, "E": 8.0}
        first = answer(grid, 0, inputs(case, **powers))
        moved = {**powers, "D": powers["D"] + sign * MOVE_KW}
        then = by_key(answer(grid, 0, inputs(case, **moved), 1)["rows"])
        assert json.loads(json.dumps(first)) == first
        rows = by_key(first["rows"])
        assert {name for row in rows.values() for name in row["per_kw"]} <= {f"Prosumer-{name}" for name in powers}
        for quantity in {key[1] for key in rows} - {"pump_head_bar"}:
            chosen = [key for key in rows if key[1] == quantity]
            foretold = np.array([MOVE_KW * rows[key]["per_kw"].get("Prosumer-D", 0.0) for key in chosen])
            came = np.array([then[key]["value"] - rows[key]["value"] for key in chosen])
            assert np.abs(foretold).max() > 0.0
            np.testing.assert_allclose(came, foretold, rtol=0, atol=CURVED * np.abs(foretold).max(), err_msg=quantity)

    def test_nobody_pays_who_does_not_ask(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        responses = counted(monkeypatch, PowerFlow, "response")
        sent = answer(grid_of(electric_grid, case), 0, electric_inputs(case, A=-50.0))
        assert set(sent) == {"round", "status", "items"}
        assert {item["prosumers_can_influence"] for item in sent["items"]} == {None}
        assert responses == []

    def test_who_can_influence_what_is_told_with_the_violation(self, case: Case) -> None:
        electric = grid_of(electric_grid, case, limit_rows=True)
        sent = answer(electric, 0, electric_inputs(case, A=-50.0))
        assert {item["prosumers_can_influence"] for item in sent["items"]} == {True}
        tables = electric.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        assert set(tables["violations"]["prosumers_can_influence"]) == {True}
        sent = answer(grid_of(heat_grid, case, limit_rows=True), 0, heat_inputs(case, A=20.0, D=20.0))
        told = {(item["quantity"], item["prosumers_can_influence"]) for item in sent["items"]}
        # Where nobody draws beyond a pipe, what flows there is a bypass's.
        still = {("velocity_m_per_s", False)}
        assert told - still == {("velocity_m_per_s", True), ("plant_heat_kw", True), ("pump_head_bar", False)}
        head = by_key(sent["rows"])["plant", "pump_head_bar", True]
        assert (head["per_kw"], head["value"]) == ({}, 1.5)

    def test_what_the_slack_gives_goes_along(self, case: Case) -> None:
        sent = answer(grid_of(electric_grid, case, limit_rows=True), 0, electric_inputs(case, A=-50.0))
        assert set(sent["slack"]["per_kw"]) == {f"Prosumer-{prosumer.name}" for prosumer in case.prosumers}
        # An injection saves itself and part of the losses, which are up to a tenth at the margin of this feeder.
        assert all(-1.2 < per_kw < -0.9 for per_kw in sent["slack"]["per_kw"].values())

    def test_a_row_stays_for_the_rest_of_the_instant(self) -> None:
        case = load("network1", [*NOON, "networks.electricity.limits.voltage_pu.min=0.975"])
        grid = grid_of(electric_grid, case, limit_rows=True)
        broken = set(by_key(answer(grid, 0, electric_inputs(case, A=-400.0))["rows"]))
        eased = electric_inputs(case, A=-100.0)
        alone = set(by_key(answer(grid_of(electric_grid, case, limit_rows=True), 0, eased)["rows"]))
        assert broken - alone
        assert alone
        assert set(by_key(answer(grid, 0, eased, 1)["rows"])) == broken | alone
        assert set(by_key(answer(grid, 0, eased, 2)["rows"])) == broken | alone
        assert set(by_key(answer(grid, HOUR, eased)["rows"])) == alone

    def test_sources_are_named_so_that_they_can_be_told_apart(self, case: Case) -> None:
        """Equal names of two simulators in full; who feeds two buses has no one response."""
        grid = grid_of(electric_grid, case, limit_rows=True)
        load = {"P_load[MW]": {"north.Load-0": 0.02, "south.Load-1": 0.01}}
        other = {"P_load[MW]": {"south.Load-0": 0.02, "south.Load-1": 0.01, "south.Load-2": 0.01}}
        rows = answer(grid, 0, {"Bus-4": load, "Bus-6": other})["rows"]
        assert {name for row in rows for name in row["per_kw"]} == {"north.Load-0", "south.Load-0", "Load-2"}

    def test_rows_follow_the_scenarios_negotiation(self, case: Case) -> None:
        assert not case.scenario.negotiation.enabled
        assert not grid_of(electric_grid, case)._limit_rows
        negotiation = case.scenario.negotiation.model_copy(update={"enabled": True})
        grid = electric_grid.Simulator()
        negotiating = case.scenario.model_copy(update={"negotiation": negotiation})
        grid._use_limit_rows(None, Case(**{**vars(case), "scenario": negotiating}))
        assert grid._limit_rows


class TestSolvingOnce:
    def test_a_round_that_changes_nothing_is_answered_without_solving(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs, pipeflows = counted(monkeypatch, pandapower, "runpp"), counted(monkeypatch, pandapipes, "pipeflow")
        electric = grid_of(electric_grid, case, limit_rows=True)
        heat = grid_of(heat_grid, case, limit_rows=True)
        for grid, inputs in ((electric, electric_inputs(case, A=-50.0)), (heat, heat_inputs(case, A=20.0))):
            first = answer(grid, 0, inputs)
            calls = len(runs), len(pipeflows)
            again = answer(grid, 0, inputs, 1)
            assert (len(runs), len(pipeflows)) == calls
            assert again == {**first, "round": 1}
        # From nothing, at rest, and once beside the power flow that starts there.
        assert len(runs) == 3

    def test_what_changes_is_solved(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        solves = counted(monkeypatch, PowerFlow, "solve")
        grid = grid_of(electric_grid, case)
        inputs = electric_inputs(case, A=-50.0)
        for change in (
            lambda: None,
            lambda: inputs["Grid"].update({"load_scaling[1]": {"profiles.Background": 0.6}}),
            lambda: grid.disable_elements(["Load-0"]),
            lambda: grid.enable_elements(["Load-0"]),
            lambda: grid.get_net().ext_grid.loc.__setitem__((0, "vm_pu"), 1.01),
            lambda: inputs["Bus-4"]["P_load[MW]"].update({"other.Load": 0.001}),
        ):
            before = len(solves)
            change()
            answer(grid, 0, inputs)
            answer(grid, 0, inputs)
            assert len(solves) == before + 1

    def test_in_a_run_only_the_carrier_that_changed_is_solved_again(self, halved: tuple[Path, int, int]) -> None:
        folder, powers, heats = halved
        assert (powers, heats) == (2 * 3, 3)
        flows = read_table(folder, "flows")
        assert sorted(set(zip(flows["network"], flows["round"], strict=True))) == [
            ("electricity", 0),
            ("electricity", 1),
            ("heat", 0),
            ("heat", 1),
        ]
        heat = flows[flows["network"] == "heat"]
        pairs = heat.pivot(index="time", columns="round", values="slack_kw")
        np.testing.assert_array_equal(pairs[0], pairs[1])


class TestDivergence:
    """One interval without a solution is recorded as such, and the next is that of a grid that never diverged."""

    def test_electric(self, case: Case) -> None:
        grid, fresh = (grid_of(electric_grid, case, limit_rows=True) for _ in range(2))
        good, bad = electric_inputs(case, A=-30.0, B=5.0), electric_inputs(case, A=-1e7)
        assert answer(grid, 0, good)["status"] == "ok"
        lost = answer(grid, HOUR, bad)
        assert (lost["status"], lost["items"], lost["rows"]) == ("not_converged", [], [])
        tables = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        assert tables["flows"]["status"] == ["not_converged"]
        assert not any(tables["buses"].values())
        right, expected = answer(grid, 2 * HOUR, good), answer(fresh, 2 * HOUR, good)
        assert right["status"] == "ok"
        assert set(by_key(right["rows"])) == set(by_key(expected["rows"]))
        for key, row in by_key(expected["rows"]).items():
            assert by_key(right["rows"])[key]["value"] == pytest.approx(row["value"], abs=SAME_PU)

    @pytest.mark.parametrize("planted_kw", [1e12, float("nan")])
    def test_heat(self, case: Case, planted_kw: float) -> None:
        grid, fresh = (grid_of(heat_grid, case, limit_rows=True) for _ in range(2))
        good, bad = heat_inputs(case, A=20.0, D=-5.0), heat_inputs(case, A=planted_kw)
        assert answer(grid, 0, good)["status"] == "ok"
        lost = answer(grid, HOUR, bad)
        assert (lost["status"], lost["items"], lost["rows"]) == ("not_converged", [], [])
        tables = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        assert tables["flows"]["status"] == ["not_converged"]
        assert not any(tables["pipes"].values())
        assert answer(grid, 2 * HOUR, good)["status"] == "ok"
        right = grid.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        answer(fresh, 2 * HOUR, good)
        expected = fresh.get_data({"Grid": ["tables"]})["Grid"]["tables"]["tables"]
        assert right["flows"]["slack_kw"] == pytest.approx(expected["flows"]["slack_kw"], abs=SAME_KW)
        np.testing.assert_allclose(right["pipes"]["velocity_m_per_s"], expected["pipes"]["velocity_m_per_s"], atol=1e-3)

    @pytest.mark.once
    def test_a_run_goes_on_after_it(self, tmp_path: Path, halved: tuple[Path, int, int]) -> None:
        """A market that asks for the impossible of both networks in the second interval."""
        asking = {"market": {"python": "halving_market:AsksTooMuch"}}
        outcome = run("network1", out=tmp_path / "bad", overrides=TIGHT, progress=False, simulators=asking)
        assert outcome.exit_code is ExitCode.NO_SOLUTION
        electric, heat = unsolved_sentences(outcome.summary)
        assert electric.startswith(
            "Electricity: no power flow solution in 1 of 3 hours (first Tue 28 Mar 12:00): power "
        )
        assert heat.startswith("Heat: no heat flow solution in 1 of 3 hours (first Tue 28 Mar 12:00): ")
        assert heat.endswith("largest draw 1,000,000,000,000 kW of A")
        bad, good = (read_table(folder, "flows") for folder in (tmp_path / "bad", halved[0]))
        for network in ("electricity", "heat"):
            ours = bad[bad["network"] == network]
            assert list(ours["round"]) == [0, 0, 1, 0]
            assert list(ours["status"]) == ["ok", "ok", "not_converged", "ok"]
            theirs = good[(good["network"] == network) & (good["round"] == 0)]
            found = ours.loc[ours["round"] == 0, "slack_kw"]
            np.testing.assert_allclose(found, theirs["slack_kw"], atol=SAME_KW)
