"""The summary, recomputed from the made-up tables by hand, and the text for the terminal."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_results import (
    BROKEN_OFF,
    ELECTRIC_ONLY,
    INITIAL_KWH,
    SMALL,
    VILLAGE,
    Made,
    columns,
    interval,
    meta,
    write_made,
    write_tables,
)
from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.labels.numbers import least_compared, plain, share_of_change, signed
from mosaik_p2p.results.measures.verdicts import overall_of_interval, overall_of_run
from mosaik_p2p.results.report.sentences import negotiation_sentence, verdict_sentence
from mosaik_p2p.results.report.terminal import WIDTH, render
from mosaik_p2p.results.store.parts import ResultStore, read_table
from mosaik_p2p.results.summary import NOT_ENDED, package_versions, read_summary, summarise, write_summary

MONEY_TOLERANCE = 1e-9
"""Sums of a few dozen products in double precision."""
MOST_LINES = 42


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("small"), SMALL)


def close(value: float) -> object:
    return pytest.approx(value, abs=MONEY_TOLERANCE)


def test_verdicts_come_from_flows_and_violations(small: Path):
    summary = read_summary(small)
    # Made so: the heat flow of the second interval has no solution, the voltage of the last is too low.
    assert summary["verdict_counts"] == {"feasible": 4, "infeasible": 1, "unknown": 1}
    assert summary["verdict"] == "infeasible"
    assert summary["status_counts"]["heat"] == {"ok": 5, "idle": 0, "not_deliverable": 0, "not_converged": 1}
    assert summary["clearing_status_counts"]["ok"] == 6
    assert summary["complete"] is True


def test_broken_limits_are_counted_with_their_worst_amount(small: Path):
    found = read_summary(small)["violations"]
    assert found["without_charges"] is None
    assert found["negotiated"] is None
    rows = [row for k in range(SMALL.steps) for row in interval(SMALL, k)["violations"]]
    worst = max(rows, key=lambda row: row["excess"])
    assert found["with_charges"]["hours"] == len({row["time"] for row in rows})
    assert found["with_charges"]["worst"]["voltage_pu"]["element"] == worst["element"]
    assert found["with_charges"]["worst"]["voltage_pu"]["excess"] == close(worst["excess"])


def test_energy_and_money_are_sums_over_the_tables(small: Path):
    summary = read_summary(small)
    every = [interval(SMALL, k) for k in range(SMALL.steps)]
    sold = sum(row["power_kw"] for tables in every for row in tables["trades"] if row["carrier"] == "electricity")
    assert summary["traded_kwh"]["electricity"] == close(sold)
    for case in ("alone", "in_market"):
        received = sum(
            row["money"]
            for tables in every
            for row in tables["settlement"]
            if (row["party"], row["case"]) == ("P2", case)
        )
        assert summary["cost"]["P2"][case] == close(-received)
    assert summary["cost_total"]["alone"] == close(sum(entry["alone"] for entry in summary["cost"].values()))
    operator = [row["money"] for tables in every for row in tables["settlement"] if row["party"] == "operator"]
    assert summary["operator"]["balance"] == close(sum(operator))
    assert summary["operator"]["revenue"] == close(sum(money for money in operator if money > 0))


def test_money_of_each_case_and_interval_sums_to_zero_in_the_made_tables(small: Path):
    balance = read_table(small, "settlement").groupby(["case", "time"])["money"].sum()
    assert balance.abs().max() < MONEY_TOLERANCE


def test_stored_energy_stands_beside_the_cost(small: Path):
    cost = read_summary(small)["cost"]
    assert cost["P1"]["stored_start_kwh"] == INITIAL_KWH
    assert cost["P1"]["stored_end_kwh"] == 21.0 + SMALL.steps - 1
    assert cost["P2"]["stored_end_kwh"] is None


def test_worst_values_carry_element_time_and_limit(small: Path):
    worst = read_summary(small)["worst"]
    voltage = min((row["vm_pu"], row["bus"]) for row in interval(SMALL, SMALL.steps - 1)["buses"])
    assert (worst["voltage_min"]["value"], worst["voltage_min"]["element"]) == voltage
    assert worst["voltage_min"]["time"] == "2017-03-21T11:00:00+01:00"
    assert worst["voltage_min"]["limit"] == 0.95
    assert worst["velocity"]["value"] == pytest.approx(0.4), "the direction of flow does not matter"
    assert worst["t_supply"]["element"] != "P1", "who feeds in is promised no supply temperature"


def with_own_voltage_limit(folder: Path, bus: str, least: float) -> dict[str, Any]:
    """The summary where one bus has a least voltage of its own."""
    write_made(folder, SMALL)
    with (folder / "scenario.toml").open("a") as scenario:
        own = f'table = "bus"\nname = "{bus}"\nvoltage_pu = {{ min = {least} }}\n'
        scenario.write(f"[[networks.electricity.limits.element]]\n{own}")
    return summarise(folder, meta(SMALL))


def test_an_element_with_more_room_than_the_others_is_not_the_worst(tmp_path: Path):
    worst = with_own_voltage_limit(tmp_path, "5", 0.9)["worst"]["voltage_min"]
    # Bus 5 has the lowest voltage, 4 the lowest of those that have to keep 0.95.
    assert (worst["element"], worst["limit"]) == ("4", 0.95)


def test_the_worst_voltage_is_the_one_that_breaks_its_own_limit_by_most(tmp_path: Path):
    summary = with_own_voltage_limit(tmp_path, "2", 0.999)
    worst = summary["worst"]["voltage_min"]
    lowest = min(row["vm_pu"] for k in range(SMALL.steps) for row in interval(SMALL, k)["buses"] if row["bus"] == "2")
    assert (worst["element"], worst["limit"], worst["value"]) == ("2", 0.999, lowest)
    assert worst["excess"] == close(0.999 - lowest)
    # Bus 5 is lower: the label does not call this one the lowest.
    assert "\n! Worst voltage " in render(summary)


def test_a_limit_is_shown_as_it_was_set(tmp_path: Path):
    own = '[[networks.heat.limits.element]]\ntable = "pipe"\nname = "pipe 1"\nvelocity_m_per_s = 0.135\n'
    folder = write_made(tmp_path, SMALL)
    path = folder / "scenario.toml"
    path.write_text(path.read_text().replace("[market]", f"{own}[market]"))
    text = render(summarise(folder, meta(SMALL)))
    assert re.search(r"^! Worst velocity +0\.300 +0\.135 +m/s +pipe 1 ", text, flags=re.MULTILINE)


def test_a_negative_difference_of_pressure_is_worse_than_none(tmp_path: Path):
    def reverse(tables: dict[str, Any], k: int) -> None:
        if k == 2:
            tables["heat_exchanges"][1]["dp_bar"] = -0.9

    worst = summarise(write_tables(tmp_path, SMALL, reverse), meta(SMALL))["worst"]["differential_pressure"]
    assert (worst["element"], worst["value"]) == ("P2", -0.9)


def test_undelivered_heat_and_pressure_below_zero_have_lines_when_they_happen(tmp_path: Path, small: Path):
    text = render(read_summary(small))
    assert "Heat delivered" not in text
    assert "Lowest pressure" not in text

    def fail(tables: dict[str, Any], k: int) -> None:
        about = {"time": tables["clearing"][0]["time"], "round": 0, "network": "heat"}
        shown = {"value": 5.0 - k, "limit": 5.5, "unit": "kW", "excess": 0.5 + k}
        tables["violations"] += [
            {**about, "element": "P3", "quantity": "delivered_kw", **shown},
            {**about, "element": "S4", "quantity": "pressure_bar", "value": -0.3, "limit": 0.0, "excess": 0.3},
        ]

    summary = summarise(write_tables(tmp_path, SMALL, fail), meta(SMALL))
    assert (summary["worst"]["delivered"]["value"], summary["worst"]["delivered"]["limit"]) == (0.0, 5.5)
    text = render(summary)
    assert re.search(r"^! Heat delivered of cleared +0\.00 +5\.50 +kW +prosumer P3 ", text, flags=re.MULTILINE)
    assert re.search(r"^! Lowest pressure +-0\.30 +0\.00 +bar +junction S4 ", text, flags=re.MULTILINE)


def test_broken_limits_of_plants_have_lines_when_they_happen(tmp_path: Path, small: Path):
    assert "plant" not in render(read_summary(small))

    def fail(tables: dict[str, Any], k: int) -> None:
        about = {"time": tables["clearing"][0]["time"], "round": 0, "network": "heat", "element": "plant"}
        tables["violations"] += [
            {**about, "quantity": "plant_heat_kw", "value": 25.0 + k, "limit": 0.001, "excess": 24.999 + k},
            {**about, "quantity": "pump_head_bar", "value": 1.5, "limit": 0.01, "excess": 1.49},
        ]

    text = render(summarise(write_tables(tmp_path, SMALL, fail), meta(SMALL)))
    # A limit is never shown as the zero that it is not.
    assert re.search(r"^! Highest heat of a plant +\d+\.0+ +0\.001 +kW +plant ", text, flags=re.MULTILINE)
    assert re.search(r"^! Highest pump head +1\.50 +0\.01 +bar +plant ", text, flags=re.MULTILINE)


def test_limits_beyond_negotiation_are_said_to_be_so(tmp_path: Path, small: Path):
    assert read_summary(small)["negotiation"] is None

    def fail(tables: dict[str, Any], _: int) -> None:
        about = {"time": tables["clearing"][0]["time"], "round": 0, "network": "heat", "element": "plant"}
        broken = {**about, "quantity": "pump_head_bar", "value": 1.5, "limit": 1.0, "excess": 0.5}
        tables["violations"] = [{**broken, "prosumers_can_influence": False}]

    summary = summarise(write_tables(tmp_path, SMALL, fail), meta(SMALL))
    assert (summary["negotiation"]["intervals"], summary["negotiation"]["rounds"]) == (0, None)
    hours = f"{SMALL.steps:g} h"
    assert f"Nothing to negotiate: violated limits in {hours} are beyond the prosumers' influence" in render(summary)


def lack(tables: dict[str, Any], k: int) -> None:
    """P2 lacks 2 and then 3 kW, half more alone; what P3 lacks is rounding, what P1 has too much is no lack."""
    missing = {"P1": 4.0, "P2": {1: -2.0, 3: -3.0}.get(k, 0.0), "P3": -5e-4}
    for row in tables["prosumers"]:
        if row["carrier"] == "electricity":
            row["imbalance_kw"] = missing[row["prosumer"]]
    for name, power in missing.items():
        time, imbalance = tables["clearing"][0]["time"], min(1.5 * power, 0.0)
        row = {"time": time, "prosumer": name, "carrier": "electricity", "imbalance_kw": imbalance}
        tables.setdefault("alone", []).append(row)


def test_energy_that_was_not_served_is_told(tmp_path: Path, small: Path):
    whole = read_summary(small)
    assert whole["unserved_kwh"] == whole["unserved_alone_kwh"] == {"electricity": 0.0, "heat": 0.0}
    assert "Not served" not in render(whole)

    summary = summarise(write_tables(tmp_path, SMALL, lack), meta(SMALL))
    assert summary["unserved_kwh"] == {"electricity": 5.0, "heat": 0.0}
    assert summary["unserved_alone_kwh"] == {"electricity": 7.5, "heat": 0.0}
    assert {name: entry["unserved_kwh"] for name, entry in summary["cost"].items()} == {
        "P1": {},
        "P2": {"electricity": 5.0},
        "P3": {},
    }
    assert summary["cost"]["P2"]["unserved_alone_kwh"] == {"electricity": 7.5}
    worst = summary["unserved_worst"]["electricity"]
    assert (worst["prosumer"], worst["power_kw"]) == ("P2", 3.0)
    told = "Not served: 5.0 kWh electricity at P2 (7.5 kWh without trade), most at P2 on Tue 21 Mar 08:00: 3 kW"
    assert told in " ".join(render(summary).split())


def test_energy_that_missed_its_deadline_is_told(tmp_path: Path, small: Path):
    """P1 and P2 lack something at two deadlines; what is rounding, and what was taken too much, is no miss."""
    whole = read_summary(small)
    assert whole["missed_kwh"] == whole["missed_alone_kwh"] == 0.0
    assert "Not had in time" not in render(whole)

    def miss(tables: dict[str, Any], k: int) -> None:
        late = {"P1": 3.0 if k == 2 else None, "P2": [5e-4, -2.0, None, None, 1.5, 0.25][k], "P3": None}
        for row in tables["devices"]:
            row["missed_kwh"] = late[row["prosumer"]]
        time = tables["clearing"][0]["time"]
        row = {"time": time, "prosumer": "P1", "carrier": "electricity", "missed_kwh": 4.0 if k == 2 else 0.0}
        tables.setdefault("alone", []).append(row)

    summary = summarise(write_tables(tmp_path, SMALL, miss), meta(SMALL))
    assert summary["missed_kwh"] == pytest.approx(4.75)
    assert summary["missed_alone_kwh"] == pytest.approx(4.0)
    assert {name: entry["missed_kwh"] for name, entry in summary["cost"].items()} == {
        "P1": {"battery": 3.0},
        "P2": {"pv": 1.75},
        "P3": {},
    }
    assert "  Not had in time: 4.8 kWh at P1 (battery), P2 (pv) (4.0 kWh without trade)" in render(summary).splitlines()
    assert "4.8 kWh missed their deadline" in render(summary)


def test_what_only_those_alone_lack_is_told_too(tmp_path: Path):
    def lack_alone(tables: dict[str, Any], k: int) -> None:
        lack(tables, k)
        for row in tables["prosumers"]:
            row["imbalance_kw"] = 0.0

    summary = summarise(write_tables(tmp_path, SMALL, lack_alone), meta(SMALL))
    assert "  Not served: 0.0 kWh electricity (7.5 kWh without trade at P2)" in render(summary).splitlines()


@pytest.mark.parametrize(
    ("alone", "market", "share"),
    [
        *[(1e-12, 13.1, ""), (0.009, 0.5, ""), (-4.0, -5.0, ""), (8.0, 7.0, "-12.5 %"), (64.0, 64.0 - 1e-9, "0.0 %")],
        *[(4.99, 9.0, ""), (5.0, 9.0, "+80.0 %")],
    ],
)
def test_a_share_of_next_to_nothing_is_not_printed(alone: float, market: float, share: str):
    """Next to nothing is what is below a twentieth of the median of all costs without trade, whatever their sign."""
    others = [100.0, -100.0, 2.0, 400.0, 60.0] if share != "-12.5 %" and share != "0.0 %" else [20.0]
    least = least_compared({str(n): {"alone": cost} for n, cost in enumerate(others)})
    assert share_of_change(alone, market, least) == share


def test_a_zero_has_no_minus():
    assert (plain(-0.001), signed(-0.001), signed(0.0), signed(-1.0), plain(-1234.5)) == (
        "0.00",
        "0.00",
        "0.00",
        "-1.00",
        "-1,234.50",
    )


def test_no_line_of_the_terminal_shows_a_negative_zero_or_a_share_of_nothing(small: Path):
    summary = read_summary(small)
    tiny = {"alone": 1e-12, "in_market": 1.3}
    entries = {name: {**entry, **tiny} for name, entry in summary["cost"].items()}
    entries["P1"] = {**entries["P1"], "alone": 5.0, "in_market": 5.0 - 1e-9}
    text = render({**summary, "cost": entries, "cost_total": tiny})
    money = text[text.index("Cost in") :]
    assert money.count("%") == 1
    assert "-0.0" not in money


def test_without_heat_nothing_speaks_of_heat(tmp_path: Path):
    summary = read_summary(write_made(tmp_path, ELECTRIC_ONLY))
    assert set(summary["status_counts"]) == {"electricity"}
    assert set(summary["traded_kwh"]) == {"electricity"}
    assert "t_supply" not in summary["worst"]
    assert "temperature" not in render(summary)


def test_a_run_that_broke_off_is_never_complete_and_never_feasible(tmp_path: Path):
    summary = read_summary(write_made(tmp_path, BROKEN_OFF))
    assert summary["complete"] is False
    assert summary["verdict"] == Verdict.UNKNOWN
    assert (summary["steps_computed"], summary["steps"]) == (4, 6)
    assert sum(summary["verdict_counts"].values()) == 6
    assert "incomplete" in verdict_sentence(summary)


def test_an_empty_folder_has_a_summary_too(tmp_path: Path):
    summary = read_summary(tmp_path)
    assert summary["complete"] is False
    json.dumps(summary, allow_nan=False)
    assert render(summary)


@pytest.mark.parametrize("table", ["clearing", "flows"])
def test_an_interval_that_is_missing_in_one_table_makes_the_run_incomplete(tmp_path: Path, table: str):
    store = ResultStore(tmp_path)
    for k in range(SMALL.steps):
        for name, rows in interval(SMALL, k).items():
            if (name, k) != (table, 3):
                store.append(name, columns(name, rows))
    store.close()
    summary = summarise(tmp_path, meta(SMALL))
    assert summary["complete"] is False
    assert summary["verdict_counts"]["unknown"] == 2


def test_a_market_that_was_not_cleared_leaves_the_interval_unknown(tmp_path: Path):
    store = ResultStore(tmp_path)
    for k in range(SMALL.steps):
        tables = interval(SMALL, k)
        if k == 0:
            tables["clearing"][0]["status"] = "not_converged"
        for name, rows in tables.items():
            store.append(name, columns(name, rows))
    store.close()
    assert summarise(tmp_path, meta(SMALL))["verdict_counts"]["unknown"] == 2


def test_only_the_binding_round_is_judged(tmp_path: Path):
    """Round 0 breaks a limit in the last interval, round 1 binds and breaks none."""
    store = ResultStore(tmp_path)
    for k in range(SMALL.steps):
        tables = interval(SMALL, k)
        last = {**tables["clearing"][0], "round": 1}
        tables["clearing"] = [{**tables["clearing"][0], "binding": False}, last]
        tables["flows"] += [{**row, "round": 1} for row in tables["flows"]]
        for name, rows in tables.items():
            store.append(name, columns(name, rows))
    store.close()
    summary = summarise(tmp_path, meta(SMALL))
    assert summary["complete"] is True
    assert summary["verdict_counts"] == {"feasible": 5, "infeasible": 0, "unknown": 1}
    assert summary["violations"]["with_charges"]["hours"] == 1.0
    by_network = {"electricity": 0.0, "heat": 0.0}
    assert summary["violations"]["negotiated"] == {"hours": 0.0, "hours_by_network": by_network, "worst": {}}


def test_one_interval_and_the_whole_run_rank_verdicts_differently():
    feasible, infeasible, unknown = Verdict.FEASIBLE, Verdict.INFEASIBLE, Verdict.UNKNOWN
    assert overall_of_interval([feasible, infeasible, unknown]) is unknown
    assert overall_of_interval([feasible, infeasible]) is infeasible
    assert overall_of_interval([]) is feasible
    assert overall_of_run({"feasible": 5, "infeasible": 1, "unknown": 1}) is infeasible
    assert overall_of_run({"feasible": 5, "infeasible": 0, "unknown": 1}) is unknown


def test_a_number_that_is_not_finite_is_never_written(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_summary(tmp_path, {"verdict": float("nan")})
    assert list(tmp_path.glob("summary.json")) == []


def test_versions_name_the_packages():
    assert {"python", "pandas", "mosaik-p2p"} <= set(package_versions())


def test_who_pays_more_than_alone_is_named(tmp_path: Path):
    store = ResultStore(tmp_path)
    for k in range(SMALL.steps):
        tables = interval(SMALL, k)
        fee = {"time": tables["clearing"][0]["time"], "case": "in_market", "carrier": "electricity", "item": "charge"}
        tables["settlement"] += [
            {**fee, "party": "P2", "counterparty": "operator", "money": -10.0},
            {**fee, "party": "operator", "counterparty": "P2", "money": 10.0},
        ]
        for name, rows in tables.items():
            store.append(name, columns(name, rows))
    store.close()
    summary = summarise(tmp_path, meta(SMALL))
    assert summary["worse_off"] == ["P2"]
    assert "Worse off than without trade: P2\n" in render(summary)
    cost = {**summary["cost"], "P2": {**summary["cost"]["P2"], "stored_end_kwh": 5.4, "stored_end_alone_kwh": 2.0}}
    stored = {**summary, "cost": cost}
    assert "Worse off than without trade: P2 (3.4 kWh more stored at the end)\n" in render(stored)


@pytest.mark.parametrize(
    "made", [SMALL, ELECTRIC_ONLY, BROKEN_OFF, VILLAGE], ids=["small", "electric", "broken", "village"]
)
def test_the_terminal_text_fits_a_terminal(tmp_path: Path, made: Made):
    lines = render(read_summary(write_made(tmp_path, made))).splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert len(lines) <= MOST_LINES


def test_the_terminal_text_says_what_a_planner_asks(small: Path):
    text = render(read_summary(small))
    assert "The market is not feasible: limits are violated in 1 of 6 intervals; 1 interval has no solution." in text
    assert "4 of 6 intervals of 60 min feasible" in text
    for line in ("! Lowest voltage", "  Highest line loading", "  Lowest supply temperature", "  Highest velocity"):
        assert f"\n{line}" in text
    assert "Electricity traded" in text
    assert "CNY" in text


def test_a_feasible_run_says_so(tmp_path: Path):
    made = replace(ELECTRIC_ONLY, steps=3, steps_computed=3, buses=2)
    summary = read_summary(write_made(tmp_path, made))
    assert summary["verdict"] == "feasible"
    assert verdict_sentence(summary) == "The market stays feasible: every limit is kept in all 3 intervals."


def killed(folder: Path, table: str, *, left: int) -> Path:
    """The folder of a run that was killed when only the first parts of a table had been written."""
    write_made(folder, BROKEN_OFF)
    for part in sorted((folder / f"{table}.parquet").iterdir())[left:]:
        part.unlink()
    return folder


@pytest.mark.parametrize("table", ["clearing", "prosumers", "flows"])
def test_after_a_kill_only_intervals_count_that_every_table_has(tmp_path: Path, table: str):
    summary = read_summary(killed(tmp_path, table, left=2))
    assert summary["steps_computed"] == 2
    sold = [row["power_kw"] for k in range(2) for row in interval(SMALL, k)["trades"] if row["carrier"] == "heat"]
    assert summary["traded_kwh"]["heat"] == close(sum(sold))


def test_the_note_of_the_start_never_stands_for_the_result_of_a_killed_run(tmp_path: Path):
    killed(tmp_path, "flows", left=3)
    (tmp_path / "empty").mkdir()
    begun = {**summarise(tmp_path / "empty", meta(BROKEN_OFF)), "cause": NOT_ENDED}
    write_summary(tmp_path, begun)
    summary = read_summary(tmp_path)
    assert (begun["steps_computed"], summary["steps_computed"]) == (0, 3)
    assert (summary["complete"], summary["cause"]) == (False, NOT_ENDED)
    assert summary["scenario_hash"] == begun["scenario_hash"]


def test_a_first_clearing_that_failed_is_no_computed_interval(tmp_path: Path):
    write_made(tmp_path, replace(BROKEN_OFF, steps_computed=0))
    row = {**interval(SMALL, 0)["clearing"][0], "status": "not_converged", "cause": "too hard"}
    store = ResultStore(tmp_path)
    store.append("clearing", columns("clearing", [row]))
    store.flush()
    summary = read_summary(tmp_path)
    assert summary["steps_computed"] == 0
    assert summary["clearing_status_counts"]["not_converged"] == 1
    text = render(summary)
    assert "The run is incomplete: 0 of 6 intervals were computed.\n" in text
    assert "6 not computed" in text
    assert "Market" not in text
    assert "Cost" not in text


@pytest.mark.parametrize("table", ["buses", "pipes"])
def test_a_network_without_its_elements_is_not_judged(tmp_path: Path, table: str):
    write_tables(tmp_path, SMALL, lambda tables, _: tables.pop(table, None))
    counts = summarise(tmp_path, meta(SMALL))["verdict_counts"]
    assert counts == {"feasible": 0, "infeasible": 0, "unknown": 6}


def test_of_intervals_that_cannot_be_judged_no_broken_limits_are_counted(tmp_path: Path):
    write_made(tmp_path, BROKEN_OFF)
    for part in (tmp_path / "buses.parquet").iterdir():
        part.unlink()
    assert verdict_sentence(read_summary(tmp_path)) == "The run is incomplete: 4 of 6 intervals were computed."


def test_energy_not_served_is_in_the_verdict(tmp_path: Path):
    made = replace(ELECTRIC_ONLY, steps=3, steps_computed=3, buses=2)
    summary = summarise(write_tables(tmp_path, made, lack), meta(made))
    assert summary["verdict"] == "infeasible"
    assert summary["infeasible_intervals"]["limits"] == 0
    told = (
        "The market is not feasible: loads are not served in 1 of 3 intervals (2.0 kWh: P2 electricity), "
        "and 12.0 kWh found no taker."
    )
    assert verdict_sentence(summary) == told
    shown = " ".join(render(summary).split())
    assert told in shown
    assert "No taker: 12.0 kWh electricity at P1" in shown


@pytest.mark.parametrize(("shortage_kw", "expected"), [(-0.5, "infeasible"), (-5e-4, "feasible"), (0.5, "feasible")])
@pytest.mark.parametrize("carrier", ["electricity", "heat"])
def test_only_a_load_that_is_not_served_makes_an_interval_infeasible(
    carrier: str, shortage_kw: float, expected: str, tmp_path: Path
):
    def change(tables: dict[str, Any], k: int) -> None:
        for row in tables["prosumers"]:
            row["imbalance_kw"] = shortage_kw if (k, row["carrier"], row["prosumer"]) == (0, carrier, "P2") else 0.0

    made = replace(SMALL, steps=2, steps_computed=2)
    summary = summarise(write_tables(tmp_path, made, change), meta(made))
    unserved = expected == "infeasible"
    assert summary["infeasible_intervals"]["loads"] == int(unserved)
    assert summary["verdict_counts"]["infeasible"] == summary["infeasible_intervals"]["limits"] + int(unserved)
    assert ("loads are not served in 1 of 2" in verdict_sentence(summary)) == unserved
    assert ("found no taker" in verdict_sentence(summary)) == (shortage_kw > 0)


@pytest.mark.parametrize(("family", "counted"), [("load", 1), ("vehicle", 0), ("storage", 0)])
def test_what_a_flexible_load_is_owed_at_the_end_of_its_day_was_not_served(family: str, counted: int, tmp_path: Path):
    def change(tables: dict[str, Any], k: int) -> None:
        if k == 1:
            tables["devices"][0] |= {"family": family, "missed_kwh": 3.0}

    made = replace(ELECTRIC_ONLY, steps=3, steps_computed=3, buses=2)
    summary = summarise(write_tables(tmp_path, made, change), meta(made))
    assert summary["infeasible_intervals"] == {"limits": 0, "loads": counted}
    assert summary["verdict"] == ("infeasible" if counted else "feasible")
    assert "3.0 kWh missed their deadline" in verdict_sentence(summary)


def test_a_gap_that_stayed_open_is_told_and_is_no_failure(tmp_path: Path, small: Path):
    def leave_open(tables: dict[str, Any], k: int) -> None:
        if k < 2:
            tables["clearing"][0] |= {"status": "gap_open", "cause": "one direction", "relative_gap": 0.004 + 0.01 * k}

    assert read_summary(small)["gap_open"] == {"intervals": 0, "relative_gap": None}
    summary = summarise(write_tables(tmp_path, SMALL, leave_open), meta(SMALL))
    assert summary["gap_open"] == {"intervals": 2, "relative_gap": 0.014}
    assert summary["clearing_status_counts"]["gap_open"] == 2
    assert summary["not_converged"]["intervals"] == read_summary(small)["not_converged"]["intervals"]
    assert "others might save up to 1.4 % of the cost" in " ".join(render(summary).split())


def test_a_market_that_did_not_converge_is_told_with_its_cause(tmp_path: Path, small: Path):
    def fail(tables: dict[str, Any], k: int) -> None:
        tables["clearing"][0] |= {"status": "not_converged", "cause": "too hard" if k else "harder"}

    assert "converge" not in render(read_summary(small))
    summary = summarise(write_tables(tmp_path, SMALL, fail), meta(SMALL))
    assert summary["not_converged"] == {"intervals": 6, "cause": "too hard"}
    text = render(summary)
    assert "  The market did not converge in 6 intervals: too hard\n" in text
    assert "no solution" not in text


def test_places_say_what_they_are(small: Path):
    worst = read_summary(small)["worst"]
    assert worst["voltage_min"]["where"] == "bus 5"
    assert worst["velocity"]["where"] == worst["velocity"]["element"], "a name that says it already"
    assert re.search(r"^  Highest line loading .* line 1-2 ", render(read_summary(small)), flags=re.MULTILINE)


def test_who_has_no_storage_has_none_at_any_time(tmp_path: Path):
    known = replace(meta(SMALL), initial_stored_kwh={"P1": INITIAL_KWH, "P2": 0.0})
    entry = summarise(write_made(tmp_path, SMALL), known)["cost"]["P2"]
    assert {entry[f"stored_{when}_kwh"] for when in ("start", "end", "end_alone")} == {None}


def test_hours_before_the_negotiation_are_those_of_the_run_without_it_where_there_is_one():
    found = {"intervals": 3, "rounds": {"mean": 1.5, "max": 2.0}, "beyond_influence_hours": 0.0}
    told = {
        "currency": "CNY",
        "negotiation": {**found, "welfare_cost": 4.0, "welfare_cost_uncertain": 0.5},
        "violations": {"with_charges": {"hours": 2.0}, "negotiated": {"hours": 0.0}},
        "cost_total": {"in_market": 10.0},
    }
    assert "a violated limit from 2 to 0; welfare cost 4.00 CNY (known to 0.50)" in str(negotiation_sentence(told))
    compared = {**told, "cost_total": {**told["cost_total"], "without_negotiation": 8.0}}
    assert "a violated limit from 2 without negotiation to 0; " in str(negotiation_sentence(compared))


def test_where_limits_ahead_are_held_no_sum_of_welfare_is_told():
    """A limit of a later hour costs in the clearing of every hour before it."""
    found = {"intervals": 3, "rounds": {"mean": 1.5, "max": 2.0}, "beyond_influence_hours": 0.0}
    told = {
        "currency": "CNY",
        "negotiation": {**found, "welfare_cost": None, "welfare_cost_uncertain": None},
        "violations": {"with_charges": {"hours": 2.0}, "negotiated": {"hours": 0.0}},
        "cost_total": {"in_market": 10.0},
    }
    assert str(negotiation_sentence(told)).endswith("a violated limit from 2 to 0")
