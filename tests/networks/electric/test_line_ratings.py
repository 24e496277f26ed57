"""Ratings of lines in kW beside the rated current: the check, the rows of a negotiation, a run and its report."""

from pathlib import Path
from typing import Any

import pandapower
import pytest

import made_scenario
from limit_tables import check_electric, electric_checks
from limit_tables import limits as held
from mosaik_p2p import run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.loading import check, load
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.sims import limit_check

LINES = {
    "element": ["a", "b", "c"],
    "loading_percent": [10.0, 10.0, None],
    "p_from_kw": [50.0, -41.0, None],
    "p_to_kw": [-49.0, 42.0, None],
}
EMPTY: dict[str, Any] = {"bus": [], "vm_pu": []}
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=2", "time.horizon_steps=4")


def rated(**powers_kw: float) -> NetworkLimits:
    return held(*(ElementLimit("line_power", n, kw) for n, kw in powers_kw.items()))


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ({"a": 50.0, "b": 42.0}, {}),
        ({"a": 49.5}, {"a": (50.0, 49.5)}),
        ({"b": 41.5, "c": 1.0}, {"b": (42.0, 41.5)}),
    ],
)
def test_the_larger_end_counts_in_either_direction(limits: dict[str, float], broken: dict[str, Any]) -> None:
    none = {"element": [], "loading_percent": []}
    found = check_electric(EMPTY, LINES, none, rated(**limits))
    assert {v.element: (v.value, v.limit) for v in found} == broken
    assert all((v.quantity, v.unit) == ("line_power_kw", "kW") for v in found)


def test_without_a_rating_nothing_is_asked_of_the_tables() -> None:
    lines = {name: LINES[name] for name in ("element", "loading_percent")}
    none = {"element": [], "loading_percent": []}
    usual = held(voltage_min=0.95, voltage_max=1.05, line_loading=100.0, transformer_loading=100.0)
    assert len(electric_checks(EMPTY, lines, none, usual)) == 4


def test_a_file_may_rate_its_lines(tmp_path: Path) -> None:
    net = electric_case("bus15").net
    net.line["max_p_mw"] = float("nan")
    names = list(net.line["name"])
    net.line.loc[net.line["name"].isin(names[:4]), "max_p_mw"] = [0.4, 0.3, -0.2, 0.0]
    pandapower.to_json(net, str(tmp_path / "grid.json"))

    def edit(tables: dict[str, Any]) -> None:
        limits = {"element": [{"table": "line", "name": names[1], "max_kw": 250.0}]}
        tables["networks"]["electricity"] = {"file": "grid.json", "limits": limits}

    case = load(made_scenario.write(tmp_path, edit))
    assert case.electric_limits is not None
    found = {limit.name: limit.value for limit in case.electric_limits.elements if limit.key == "line_power"}
    # What the scenario states comes before what the file says.
    assert found == {names[0]: pytest.approx(400.0), names[1]: 250.0}
    assert sum("max_p_mw" in f"{told}" for told in case.warnings) >= 1


@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ('{table="line", name="12-13", max_kw=-1}', "max_kw"),
        ('{table="bus", name="13", max_kw=5}', "limit `voltage_pu` and no other"),
        ('{table="transformer", name="13", max_kw=5}', "limit `loading_percent` and no other"),
        ('{table="line", name="12-13"}', "limit `loading_percent` or `max_kw`"),
        ('{table="line", name="12-13", max_kw=5}, {table="line", name="12-13", max_kw=50}', "is a duplicate"),
        ('{table="line", name="1-99", max_kw=5}', "no line of this name"),
    ],
)
def test_what_is_no_rating_is_refused(element: str, problem: str) -> None:
    faults = check("network1_electric", (f"networks.electricity.limits.element=[{element}]",))
    assert any(problem in f"{fault.place} {fault.problem}" for fault in faults)


def limit(kw: float) -> str:
    return f'networks.electricity.limits.element=[{{table="line", name="12-13", max_kw={kw}}}]'


@pytest.fixture(scope="module")
def free_kw(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What goes over the line to bus 13 in the first hour, without a rating."""
    folder = run(
        "network1_electric", out=tmp_path_factory.mktemp("free"), overrides=NOON, progress=False, report=False
    ).folder
    lines = read_table(folder, "lines")
    first = lines[(lines["element"] == "12-13") & (lines["time"] == lines["time"].min())]
    return float(first[["p_from_kw", "p_to_kw"]].abs().max(axis=1).iloc[0])


def test_a_broken_rating_stands_in_the_verdict_and_the_report(tmp_path: Path, free_kw: float) -> None:
    outcome = run("network1_electric", out=tmp_path / "out", overrides=(*NOON, limit(0.9 * free_kw)), progress=False)
    broken = read_table(outcome.folder, "violations")
    broken = broken[broken["quantity"] == "line_power_kw"]
    assert broken["value"].iloc[0] == pytest.approx(free_kw, rel=1e-6)
    assert broken["limit"].iloc[0] == pytest.approx(0.9 * free_kw)
    assert outcome.summary["verdict"] == "infeasible"
    worst = outcome.summary["worst"]["line_power"]
    assert (worst["where"], worst["unit"]) == ("line 12-13", "kW")
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert "Highest power of a line" in page
    assert "line power" in page


def test_a_negotiation_keeps_it(tmp_path: Path, free_kw: float) -> None:
    overrides = (*NOON, "time.steps=1", limit(0.9 * free_kw), "negotiation.enabled=true")
    outcome = run("network1_electric", out=tmp_path / "out", overrides=overrides, progress=False)
    lines = read_table(outcome.folder, "lines")
    kept = lines[lines["element"] == "12-13"][["p_from_kw", "p_to_kw"]].abs().max(axis=1)
    assert float(kept.iloc[0]) <= 0.9 * free_kw * (1 + 1e-6)
    rows = read_table(outcome.folder, "negotiation")
    assert "line_power_kw" in set(rows["quantity"])
    assert outcome.summary["verdict"] == "feasible"


def test_a_check_that_sees_no_power_does_not_pretend() -> None:
    simulator: Any = limit_check.Simulator()
    simulator.init("check")
    with pytest.raises(BadInput, match=r"12-13.*in kW"):
        simulator.create(1, "LimitCheck", scenario=load("network1_electric", (limit(10.0),)))


def test_a_rating_answers_to_injections_whichever_way_the_power_goes() -> None:
    """Central differences of the solver, with a plant at bus 13 that turns the flow of its line."""
    network = electric_case("bus15")
    bus = int(network.net.bus.index[network.net.bus["name"] == "13"][0])
    flow = PowerFlow(network, prosumer_buses=[bus])

    def power_kw(injected_kw: float) -> float:
        lines = flow.solve({bus: (injected_kw, 0.0)}, background_scaling=0.5).lines
        at = lines["element"].index("12-13")
        return max(abs(lines["p_from_kw"][at]), abs(lines["p_to_kw"][at]))

    for injected_kw, direction in ((-100.0, -1.0), (400.0, 1.0)):
        slope = (power_kw(injected_kw + 0.5) - power_kw(injected_kw - 0.5)) / 1.0
        power_kw(injected_kw)
        response = flow.response([bus])["line_power_kw"]
        ours = float(response.per_kw[list(response.elements).index("12-13"), 0])
        assert ours == pytest.approx(slope, abs=1e-4)
        assert ours * direction > 0.9
