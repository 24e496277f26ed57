"""What `check` says of a scenario without faults, and the folder and the report of its run."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feeder_scenarios import Scenarios, feeder, scenario, with_houses
from mosaik_p2p import cli, cosim
from mosaik_p2p.loading import examine
from mosaik_p2p.results.inventory import inventory_lines

__all__ = ["scenario"]


def furnished(tree: dict[str, Any]) -> None:
    """PV and a battery for A, which stands for the pump; the slack's voltage is the scenario's."""
    tree["networks"]["electricity"] |= {"slack_voltage_pu": 1.01, "background": "half"}
    tree["scale"] = {"pv": 2.0}
    tree["prosumers"][0]["replaces_load"] = "pump"
    tree["prosumers"][0]["devices"] += [
        {"type": "pv", "profile": "half", "peak_kw": 4.0},
        {"type": "battery", "power_kw": 3.0, "energy_kwh": {"max": 9.0, "initial": 4.0}},
    ]


def test_counts_and_sizes(scenario: Scenarios) -> None:
    net = with_houses()
    net.bus["in_service"] = True
    found = examine(scenario(net, furnished)).inventory
    assert (found["prosumers"], found["pv_kwp"], found["storages"], found["storage_kwh"]) == (2, 8.0, 1, 9.0)
    assert found["peak_load_kw"] == {"electricity": 10.0, "heat": 0.0}
    assert found["heat"] is None
    electricity = found["electricity"]
    assert (electricity["buses"], electricity["slacks"], electricity["places"]) == (3, 1, 2)


def test_what_of_the_file_is_used_overridden_and_dropped(scenario: Scenarios) -> None:
    net = with_houses()
    net.line["max_loading_percent"], net.line["colour"] = 80.0, "red"
    net.measurement.loc[0, "name"] = "meter"
    net["substation"] = net.bus[["name"]]
    path = scenario(net, furnished)
    told = examine(path).inventory["electricity"]
    tables = told["tables"]
    assert tables["ext_grid"]["columns"]["overridden by networks.electricity.slack_voltage_pu"] == ["vm_pu"]
    assert "max_loading_percent" in tables["line"]["columns"]["used"]
    assert tables["line"]["columns"]["unknown"] == ["colour"]
    assert tables["motor"]["counts"].startswith("times networks.electricity.background = 'half', 1 of them replaced")
    assert told["left_out"].keys() == {"measurement", "substation"}
    text = "\n".join(inventory_lines(examine(path).inventory))
    assert "overridden by networks.electricity.slack_voltage_pu: vm_pu" in text
    dropped = examine(scenario(net)).inventory["electricity"]["tables"]
    assert {name for name, rows in dropped.items() if rows["counts"].startswith("dropped")} == {
        *("load", "asymmetric_load", "motor", "ward", "storage")
    }
    assert "vm_pu" in dropped["ext_grid"]["columns"]["used"]


def check(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.app(["check", *arguments])
    return int(str(ended.value.code)), capsys.readouterr().out


def test_check_tells_warnings_and_ends_well(scenario: Scenarios, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(scenario(feeder()))
    code, text = check(path, capsys=capsys)
    assert code == 0
    assert re.search(r"1 warning:\n  1\. scenario\.toml:\d+: time\.horizon_steps = 1", text), text
    assert "Network of electricity: net.json, 3 buses, 1 slack," in text
    code, text = check(path, "--json", capsys=capsys)
    told = json.loads(text)
    assert (code, told["faults"], told["inventory"]["prosumers"]) == (0, [], 2)
    assert [warning["place"] for warning in told["warnings"]] == ["time.horizon_steps"]
    code, text = check(path, "--json", "--set", "time.horizon_steps=24", capsys=capsys)
    assert (code, json.loads(text)["warnings"]) == (0, [])
    code, text = check(path, "--json", "--set", 'prosumers.A.bus="x"', capsys=capsys)
    told = json.loads(text)
    assert (code, len(told["faults"]), told["inventory"]) == (2, 1, {})


def test_folder_and_report_tell_it_too(scenario: Scenarios, tmp_path: Path) -> None:
    net = feeder()
    net.trafo["tap_side"], net.trafo["max_loading_percent"] = "hv", np.nan
    path = scenario(net)
    folder = cosim.run(path, out=tmp_path / "out", steps=1, progress=False).folder
    kept = json.loads((folder / "inventory.json").read_text())
    found = examine(path)
    assert kept["inventory"] == found.inventory
    assert [warning["place"] for warning in kept["warnings"]] == [warning.place for warning in found.warnings]
    page = (folder / "report.html").read_text()
    assert "What was read" in page
    assert "trafo (1): used" in page
    assert "the look-ahead is 1 h" in page


def test_limits_of_single_elements_override_columns_of_the_file_too(scenario: Scenarios) -> None:
    """What one element is said to be limited by takes the place of the file's value: no longer is it only used."""

    def limited(*elements: dict[str, Any]) -> Any:
        def change(tree: dict[str, Any]) -> None:
            tree["networks"]["electricity"]["limits"] = {"element": list(elements)}

        return change

    net = feeder()
    net.line["name"] = [f"L{index}" for index in net.line.index]
    net.line["max_loading_percent"], net.line["max_p_mw"] = 80.0, 0.5
    net.bus["min_vm_pu"] = 0.9
    bus = str(net.bus["name"].iloc[-1])
    keys = "overridden by networks.electricity.limits.element"

    def told(*elements: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
        tables = examine(scenario(net, limited(*elements))).inventory["electricity"]["tables"]
        return {name: tables[name]["columns"] for name in ("line", "bus")}

    free = told()
    assert {"max_loading_percent", "max_p_mw"} <= set(free["line"]["used"])
    assert "min_vm_pu" in free["bus"]["used"]
    rated = told({"table": "line", "name": "L0", "max_kw": 100.0})
    assert rated["line"][f"{keys}[line].max_kw"] == ["max_p_mw"]
    assert "max_loading_percent" in rated["line"]["used"]
    both = told(
        {"table": "line", "name": "L0", "loading_percent": 50.0},
        {"table": "bus", "name": bus, "voltage_pu": {"min": 0.92, "max": 1.05}},
    )
    assert both["line"][f"{keys}[line].loading_percent"] == ["max_loading_percent"]
    assert both["bus"][f"{keys}[bus].voltage_pu.min"] == ["min_vm_pu"]
    assert "max_p_mw" in both["line"]["used"]
