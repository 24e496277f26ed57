"""A network without a solution says why, as far as that is determined, in each place where a planner looks."""

import contextlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest

from made_results import Made, meta, write_tables
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.choice import HeatSettings, heat_case
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.results.measures.unsolved import unsolved_sentences
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.summary import summarise, write_summary

pytestmark = pytest.mark.once

SETTINGS = {"t_supply_c": 75.0, "t_return_c": 45.0, "t_feed_c": 75.0, "t_ground_c": 10.0}
SMALL = Made()
STEP = 1 / 32


@pytest.fixture(scope="module")
def bus15() -> ElectricNetwork:
    return electric_case("bus15")


def cause_of_draw(network: ElectricNetwork, draw_kw: float) -> str:
    flow = PowerFlow(network, prosumer_buses=[14])
    return str(flow.solve({14: (-draw_kw, 0.0)}, background_scaling=0.0).cause)


def test_power_beyond_the_network_is_told_with_the_share_that_it_carries(bus15: ElectricNetwork) -> None:
    """The border found by halving is that which pandapower shows by itself."""
    net = deepcopy(bus15.net)
    net.load["in_service"] = False
    load = pandapower.create_load(net, 14, p_mw=0.0)
    carried = []
    for share in np.arange(STEP, 1.0, STEP):
        net.load.loc[load, "p_mw"] = 8.0 * share
        with contextlib.suppress(pandapower.LoadflowNotConverged), np.errstate(all="ignore"):
            pandapower.runpp(net)
            carried.append(share)
    told = cause_of_draw(bus15, 8_000.0)
    assert told.startswith("power is beyond what the network can carry: ")
    assert f"a solution is found up to {100 * max(carried):.0f} % of it, with 0." in told
    assert told.endswith(" p.u. at bus 15; largest draw 8,000 kW at bus 15")


def test_powers_of_the_networks_own_elements_count_too(bus15: ElectricNetwork) -> None:
    told = str(PowerFlow(bus15).solve({}, background_scaling=50.0).cause)
    largest = 50.0 * bus15.net.load.groupby("bus")["p_mw"].sum().max() * 1000.0
    assert f"largest draw {largest:,.0f} kW at bus " in told
    assert "not even found for 3 % of it" in str(PowerFlow(bus15).solve({}, background_scaling=5e4).cause)


def test_power_that_is_no_number_is_named(bus15: ElectricNetwork) -> None:
    assert cause_of_draw(bus15, float("nan")) == "a power is no number: bus 15"


def test_what_no_slack_feeds_is_named(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    net.line.loc[net.line["to_bus"].isin([14]), "in_service"] = False
    told = PowerFlow(ElectricNetwork("cut", net, "")).solve({}, background_scaling=1.0).cause
    assert told == "no slack feeds a part of the network: bus 15"


def test_what_has_no_solution_at_rest_is_no_ones_power(bus15: ElectricNetwork) -> None:
    net = deepcopy(bus15.net)
    pandapower.create_gen(net, 14, p_mw=-1e4)
    told = str(PowerFlow(ElectricNetwork("odd", net, "")).solve({}, background_scaling=1.0).cause)
    assert told.startswith("cause not determined: ")


def test_looking_for_the_cause_leaves_no_trace(bus15: ElectricNetwork) -> None:
    flow, fresh = (PowerFlow(bus15, prosumer_buses=[14]) for _ in range(2))
    flow.solve({14: (-8e3, 0.0)}, background_scaling=1.0)
    assert not np.isfinite(flow.net.res_bus["vm_pu"].to_numpy(dtype=float)).any()
    with pytest.raises(ValueError, match="no solution"):
        flow.response([14])
    found, expected = (entry.solve({14: (50.0, 0.0)}, background_scaling=1.0) for entry in (flow, fresh))
    assert found.slack_kw == pytest.approx(expected.slack_kw, abs=1e-5)


def heat_flow(**changed: float) -> HeatFlow:
    network = heat_case("heat8", HeatSettings(**{**SETTINGS, **changed}))
    index = {name: number for number, name in network.net.junction["name"].items()}
    places = {"A": 4, "B": 6}
    return HeatFlow(
        network,
        [
            HeatConnection(prosumer=name, supply=index[f"S{node}"], return_=index[f"R{node}"])
            for name, node in places.items()
        ],
    )


def test_heat_without_a_solution_says_what_was_not_found_and_who_asks_for_most() -> None:
    told = str(heat_flow().solve(np.array([2e12, 1.0])).cause)
    found, _, rest = told.partition(": ")
    assert found in ("flows and pressures are not found", "temperatures are not found")
    assert rest == "a solution is not even found for 3 % of the heat; largest draw 2,000,000,000,000 kW of A"


def test_heat_that_has_no_solution_at_rest_either_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = heat_flow()
    monkeypatch.setattr("mosaik_p2p.networks.heat.hydraulics.pipeflow.MAX_NEWTON_STEPS", 0)
    told = str(flow.solve(np.array([30.0, 0.0])).cause)
    assert told == "flows and pressures are not found: nor is there a solution with all prosumers at rest"


def test_heat_that_is_no_number_is_named() -> None:
    assert heat_flow().solve(np.array([1.0, np.nan])).cause == "heat is no number: B"


def test_who_gets_no_heat_is_named_with_the_temperatures_of_the_water() -> None:
    result = heat_flow(t_supply_c=44.0, t_feed_c=44.0).solve(np.array([0.0, 10.0]))
    assert result.status is Status.NOT_DELIVERABLE
    head, _, told = str(result.cause).partition(": ")
    assert head == "heat cannot be exchanged"
    assert told.startswith("B (water comes at ")
    came_c = float(told.split(" at ")[1].split()[0])
    assert 10.0 < came_c <= 44.0
    assert told.endswith("to leave at 45.0 °C)")


def failing(tables: dict[str, Any], k: int) -> None:
    """Two hours of each network, of two kinds on the electric side; the last of them without a word."""
    causes = {2: "too much: 50 %", 3: "too much: 40 %", 4: "odd", 5: None}
    for flow in tables["flows"]:
        if flow["network"] == "electricity" and k in causes:
            flow |= {"status": "not_converged", "cause": causes[k]}
            for table in ("buses", "lines", "transformers"):
                tables[table].clear()
    alone = {**tables["flows"][0], "case": "alone", "status": "not_converged" if k else "ok", "cause": "late"}
    tables["flows_without_market"] = [alone, {**alone, "case": "nobody", "status": "ok"}]


def test_summary_terminal_and_report_tell_networks_hours_and_causes(tmp_path: Path) -> None:
    folder = write_tables(tmp_path, SMALL, failing)
    (tmp_path / "scenario.toml").write_text(
        'name = "made"\n[networks.electricity]\ncase = "x"\n[networks.heat]\ncase = "y"\n'
    )
    summary = summarise(folder, meta(SMALL))
    told = unsolved_sentences(summary)
    assert [sentence.partition(" (first")[0] for sentence in told] == [
        "Electricity: no power flow solution in 2 of 6 hours",
        "Electricity: no power flow solution in 1 of 6 hours",
        "Electricity: no power flow solution in 1 of 6 hours",
        "Electricity, without trade: no power flow solution in 5 of 6 hours",
        "Heat: no heat flow solution in 1 of 6 hours",
    ]
    assert [entry["cause"] for entry in summary["without_solution"]] == [
        "too much: 50 %",
        "odd",
        "cause not determined",
        "late",
        "cause not determined",
    ]
    times = read_table(folder, "flows")["time"].drop_duplicates().sort_values().tolist()
    assert pd.Timestamp(summary["without_solution"][0]["first"]) == times[2]
    for sentence in told:
        assert sentence in " ".join(render(summary).split())
    write_summary(folder, summary)
    page = build_report(folder).read_text(encoding="utf-8")
    for sentence in told:
        assert f"<p>{sentence}.</p>" in page


def test_nothing_is_said_where_all_is_solved(tmp_path: Path) -> None:
    def mend(tables: dict[str, Any], k: int) -> None:  # noqa: ARG001
        for flow in tables["flows"]:
            flow["status"] = "ok"

    assert summarise(write_tables(tmp_path, SMALL, mend), meta(SMALL))["without_solution"] == []
