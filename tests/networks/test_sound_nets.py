"""Sound network files are read as pandapower and pandapipes read them: equal tables, and the same flow."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes as pp
import pandapipes.networks
import pandapower
import pandapower.networks
import pandas as pd
import pytest
from pandapower.io_utils import to_dict_of_dfs

from mosaik_p2p.networks.files.electric.excel import electric_net_of_sheets
from mosaik_p2p.networks.files.electric.from_json import electric_net
from mosaik_p2p.networks.files.heat.from_json import heat_net

ELECTRIC = (
    "case4gs",
    "case9",
    "case14",
    "case33bw",
    "case39",
    "create_cigre_network_lv",
    "create_cigre_network_mv",
    "create_kerber_landnetz_kabel_1",
    "example_multivoltage",
    "example_simple",
    "kb_extrem_landnetz_freileitung",
    "mv_oberrhein",
    "panda_four_load_branch",
    "simple_four_bus_system",
    "simple_mv_open_ring_net",
)
EXCEL = (
    "case14",
    "create_cigre_network_lv",
    "create_cigre_network_mv",
    "example_multivoltage",
    "simple_four_bus_system",
)
"""Writing and reading sheets takes long; these have every kind of column."""
HEAT = (
    "heat_transfer_delta",
    "heat_transfer_heights",
    "heat_transfer_one_pipe",
    "heat_transfer_one_source",
    "heat_transfer_section_variation",
    "heat_transfer_t_cross",
    "heat_transfer_two_pipes",
    "schutterwald_heat",
    "water_combined_mixed",
    "water_meshed_2valves",
    "water_meshed_pumps",
    "water_one_pipe1",
    "water_strand_net_2pumps",
    "water_tcross_valves",
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The libraries warn about their own networks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def assert_alike(ours: Any, theirs: Any) -> None:
    """Equal entries, but for what only the library keeps between runs."""
    assert {key for key in ours if not key.startswith("_")} == {key for key in theirs if not key.startswith("_")}
    for key, value in theirs.items():
        if key.startswith("_"):
            continue
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(ours[key], value)
        elif isinstance(value, str | int | float | bool | list):
            assert ours[key] == value, key
    for kind, types in theirs["std_types"].items():
        for name, described in types.items():
            ours_described = ours["std_types"][kind][name]
            assert str(vars(described) if hasattr(described, "__dict__") else described) == str(
                vars(ours_described) if hasattr(ours_described, "__dict__") else ours_described
            )


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("name", ELECTRIC)
def test_electric_json(name: str) -> None:
    net = getattr(pandapower.networks, name)()
    text = str(pandapower.to_json(net))
    ours, faults = electric_net(text, "net.json")
    theirs = pandapower.from_json_string(text, convert=True)
    assert faults == []
    assert_alike(ours, theirs)
    for read in (ours, theirs):
        pandapower.runpp(read)
    pd.testing.assert_frame_equal(ours.res_bus, theirs.res_bus)
    pd.testing.assert_frame_equal(ours.res_line, theirs.res_line)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("name", EXCEL)
def test_electric_excel(name: str, tmp_path: Path) -> None:
    net = getattr(pandapower.networks, name)()
    path = tmp_path / "net.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for sheet, table in to_dict_of_dfs(net, include_empty_tables=False).items():
            table.to_excel(writer, sheet_name=sheet)
    ours, faults = electric_net_of_sheets(path.read_bytes(), "net.xlsx")
    theirs = pandapower.from_excel(str(path))
    assert faults == []
    assert_alike(ours, theirs)
    for read in (ours, net):
        pandapower.runpp(read)
    assert ours is not None
    np.testing.assert_allclose(ours.res_bus.to_numpy(), net.res_bus.to_numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("name", HEAT)
def test_heat_json(name: str) -> None:
    text = str(pp.to_json(getattr(pandapipes.networks, name)()))
    ours, faults = heat_net(text, "net.json")
    theirs = pp.from_json_string(text, convert=True)
    assert faults == []
    assert_alike(ours, theirs)
    for read in (ours, theirs):
        pp.pipeflow(read, use_numba=False, max_iter_hyd=100)
    assert ours is not None
    pd.testing.assert_frame_equal(ours.res_junction, theirs.res_junction)
    pd.testing.assert_frame_equal(ours.res_pipe, theirs.res_pipe)


def test_numbers_are_read_to_the_last_digit() -> None:
    lengths = [0.007637746189766, 0.893317042557635, 3.0589983e-08]
    net = pandapower.create_empty_network()
    for _ in range(4):
        pandapower.create_bus(net, vn_kv=0.4)
    for number, length_km in enumerate(lengths):
        pandapower.create_line(net, number, number + 1, length_km=length_km, std_type="NAYY 4x50 SE")
    ours, _ = electric_net(str(pandapower.to_json(net)), "net.json")
    assert ours is not None
    assert ours.line["length_km"].tolist() == lengths


def test_files_of_the_first_versions_are_read() -> None:
    """Plain tables of columns, without classes, as pandapower 1 wrote them."""
    text = """{
        "name": "old", "f_hz": 50, "sn_mva": 1.0, "version": "2.0.0",
        "bus": {"name": {"0": "A", "1": "B"}, "vn_kv": {"0": 0.4, "1": 0.4}, "type": {"0": "b", "1": "b"},
                "zone": {"0": null, "1": null}, "in_service": {"0": true, "1": true}},
        "line": {"name": {"0": "l"}, "from_bus": {"0": 0}, "to_bus": {"0": 1}, "length_km": {"0": 0.1},
                 "r_ohm_per_km": {"0": 0.6}, "x_ohm_per_km": {"0": 0.08}, "c_nf_per_km": {"0": 210.0},
                 "g_us_per_km": {"0": 0.0}, "max_i_ka": {"0": 0.14}, "df": {"0": 1.0}, "parallel": {"0": 1},
                 "std_type": {"0": null}, "type": {"0": "cs"}, "in_service": {"0": true}},
        "ext_grid": {"name": {"0": "grid"}, "bus": {"0": 0}, "vm_pu": {"0": 1.0}, "va_degree": {"0": 0.0},
                     "in_service": {"0": true}}
    }"""
    net, faults = electric_net(text, "net.json")
    assert faults == []
    assert net is not None
    pandapower.runpp(net)
    assert net.res_bus["vm_pu"].tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
