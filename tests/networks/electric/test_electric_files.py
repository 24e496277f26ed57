"""Users' electric network files: names, faults, and files that would run code."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest
from pandapower import pandapowerNet

from mosaik_p2p.errors import BadInput
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case, electric_file, electric_graph
from mosaik_p2p.networks.files.electric.from_json import electric_net


@pytest.fixture(scope="module")
def bus15() -> ElectricNetwork:
    return electric_case("bus15")


def written(net: pandapowerNet, folder: Path) -> Path:
    path = folder / "grid.json"
    pandapower.to_json(net, str(path))
    return path


def test_users_file(bus15: ElectricNetwork, tmp_path: Path) -> None:
    net = deepcopy(bus15.net)
    net.bus["name"] = None
    net.line["name"] = "line"
    network = electric_file(written(net, tmp_path))
    assert network.name == "grid"
    assert network.net.bus["name"].tolist() == [str(index) for index in range(15)]
    assert network.net.line["name"].tolist()[:2] == ["line_0", "line_1"]
    assert electric_graph(network).length == pytest.approx(electric_graph(bus15).length)


def problems(path: Path) -> list[str]:
    with pytest.raises(BadInput) as caught:
        electric_file(path)
    return [fault.problem for fault in caught.value.faults]


def test_users_file_that_is_no_net(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "absent.json")[0]
    path = tmp_path / "grid.json"
    for content, problem in (
        ("grid", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1, 2]", "no net that pandapower can load"),
        ('{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {"bus": 3}}', "is no table"),
    ):
        path.write_text(content)
        assert problem in problems(path)[0]
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not JSON" in problems(path)[0]


def test_every_fault_of_a_file_is_reported(bus15: ElectricNetwork, tmp_path: Path) -> None:
    net = deepcopy(bus15.net)
    net.line.loc[13, "in_service"] = False
    pandapower.create_gen(net, 3, p_mw=0.1, slack=True)
    pandapower.create_dcline(net, 3, 4, p_mw=0.0, loss_percent=0, loss_mw=0, vm_from_pu=1, vm_to_pu=1)
    net.bus.loc[14, "name"] = "end"
    found = problems(written(net, tmp_path))
    assert found == [
        "cannot be checked here",
        "slack makes a generator the slack, which is not supported here",
        "no path leads from there to an ext_grid",
    ]
    net.ext_grid["in_service"] = False
    assert "there is no slack in service" in problems(written(net, tmp_path))


@pytest.mark.parametrize("rating", [np.nan, 0.0, -0.1, np.inf])
@pytest.mark.parametrize(("table", "column"), [("line", "max_i_ka"), ("trafo", "sn_mva"), ("line", "df")])
def test_an_element_without_rating_would_keep_every_limit(
    table: str, column: str, rating: float, bus15: ElectricNetwork, tmp_path: Path
) -> None:
    net = deepcopy(bus15.net) if table == "line" else pandapower.networks.create_cigre_network_mv()
    net[table].loc[1, column] = rating
    with pytest.raises(BadInput) as caught:
        electric_file(written(net, tmp_path))
    (fault,) = caught.value.faults
    assert fault.place.endswith(f"table {table}")
    assert fault.value == f"{net[table].at[1, 'name']} (index 1)"
    assert "1 in service" in fault.problem
    assert ("max_i_ka" if table == "line" else "sn_mva") in fault.remedy


def test_of_many_elements_without_rating_the_first_are_named(bus15: ElectricNetwork, tmp_path: Path) -> None:
    net = deepcopy(bus15.net)
    net.line["max_i_ka"] = np.nan
    lines = len(net.line)
    with pytest.raises(BadInput, match=f"and {lines - 5} more: {lines} in service"):
        electric_file(written(net, tmp_path))


UNSOUND: list[tuple[str, str, Any]] = [
    *(("line", "length_km", value) for value in (np.nan, np.inf, 0.0, -1.0)),
    *(("line", column, np.nan) for column in ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km")),
    *(("trafo", column, np.nan) for column in ("vk_percent", "vkr_percent", "vn_lv_kv", "i0_percent")),
    *(("load", column, np.nan) for column in ("p_mw", "q_mvar", "scaling")),
    ("sgen", "p_mw", np.inf),
    ("bus", "vn_kv", 0.0),
    ("ext_grid", "vm_pu", np.nan),
]


@pytest.mark.parametrize(("table", "column", "value"), UNSOUND)
def test_an_element_without_sound_numbers_is_named(table: str, column: str, value: float, tmp_path: Path) -> None:
    net = pandapower.networks.create_cigre_network_mv(with_der="pv_wind")
    first = net[table].index[0]
    net[table].loc[first, column] = value
    with pytest.raises(BadInput) as caught:
        electric_file(written(net, tmp_path))
    (fault,) = caught.value.faults
    assert fault.place.endswith(f"table {table}")
    assert f"(index {first})" in fault.value
    assert column in fault.problem
    assert column in fault.remedy


def test_a_line_without_impedance_is_named(bus15: ElectricNetwork, tmp_path: Path) -> None:
    net = deepcopy(bus15.net)
    net.line.loc[2, ["r_ohm_per_km", "x_ohm_per_km"]] = 0.0
    assert problems(written(net, tmp_path)) == ["r_ohm_per_km and x_ohm_per_km are both 0"]


@pytest.mark.parametrize("key", ["f_hz", "sn_mva"])
@pytest.mark.parametrize("value", ["x", 0, -1.0, True, None])
def test_general_numbers_of_a_net(key: str, value: Any, bus15: ElectricNetwork, tmp_path: Path) -> None:
    net = json.loads(pandapower.to_json(bus15.net))
    net["_object"][key] = value
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(net))
    with pytest.raises(BadInput) as caught:
        electric_file(path)
    (fault,) = caught.value.faults
    assert key in fault.place
    assert key in fault.remedy


def test_an_element_out_of_service_needs_no_rating(tmp_path: Path) -> None:
    net = pandapower.networks.create_cigre_network_mv()
    net.line.loc[net.line.index[-1], ["in_service", "max_i_ka"]] = [False, np.nan]
    assert electric_file(written(net, tmp_path)).name == "grid"


HOSTILE = {"_module": "builtins", "_class": "exec", "_object": "open({!r}, 'w')"}


@pytest.mark.parametrize("way", ["plain", "in_a_string", "escaped", "in_a_cell", "lenient"])
def test_a_file_that_would_run_code_is_refused_unread(way: str, bus15: ElectricNetwork, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    hostile: Any = {**HOSTILE, "_object": HOSTILE["_object"].format(str(marker))}
    table = json.dumps({"columns": ["name"], "index": [0], "data": [[hostile]]})
    if way == "in_a_string":
        hostile = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": json.dumps(hostile)}
    elif way == "in_a_cell":
        hostile = {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": table, "orient": "split"}
    elif way == "lenient":
        raw = table.replace("name", "na\tme")
        hostile = {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": raw, "orient": "split"}
    net = json.loads(pandapower.to_json(bus15.net))
    net["_object"]["extra"] = hostile
    text = json.dumps(net)
    if way == "escaped":
        text = text.replace('"_module": "builtins"', '"\\u005fmodule": "buil\\u0074ins"')
    path = tmp_path / "grid.json"
    path.write_text(text)
    assert "would have classes called" in problems(path)[0]
    assert not marker.exists()


def test_what_pandapower_writes_is_let_through() -> None:
    net = pandapower.networks.case145()
    net["factor"], net["nothing"], net["pair"] = np.float64(1.5), np.float64("nan"), (1, np.array([1, 2]))
    read, faults = electric_net(pandapower.to_json(net), "grid.json")
    assert read is not None
    assert faults == []
    assert read.factor == 1.5
    assert np.isnan(read.nothing)
    assert read.pair[1].tolist() == [1, 2]
