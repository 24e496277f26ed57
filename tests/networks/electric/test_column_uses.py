"""The use of every column that the installed pandapower knows is stated, and holds."""

import copy
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandapower
import pandapower.network_schema
import pandas as pd
import pytest
from pandapower import pandapowerNet
from pandapower.control import DiscreteTapControl

import hostile_nets as nets
from column_lists import unlisted
from mosaik_p2p.networks.electric.files import as_meant
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.empty_nets import empty_electric_net
from mosaik_p2p.networks.files.column_uses import Use, columns_by_use, refused_faults
from mosaik_p2p.networks.files.electric.columns import COMPUTED, REFUSED
from mosaik_p2p.networks.files.electric.uses import ELECTRIC_USES, ENTRIES, table_use


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """By table of the library's empty net and of its schema, all columns."""
    net = empty_electric_net()
    found = {name: list(table.columns) for name, table in net.items() if isinstance(table, pd.DataFrame)}
    for module in pkgutil.iter_modules(pandapower.network_schema.__path__):
        name = module.name
        schema = getattr(importlib.import_module(f"pandapower.network_schema.{name}"), f"{name}_schema", None)
        if schema is not None:
            found[name] = [*dict.fromkeys([*found.get(name, ()), *schema.columns])]
    return found


def test_the_use_of_every_column_is_stated(known: Mapping[str, list[str]]) -> None:
    assert len(known) > 20
    assert [table for table in known if table_use(table) is None] == []
    assert unlisted({table: columns for table, columns in known.items() if table in ELECTRIC_USES}, ELECTRIC_USES) == []
    entries = [name for name in empty_electric_net() if name not in known and not name.startswith("_")]
    assert [name for name in entries if name not in ENTRIES] == []


def test_a_column_or_table_that_is_not_stated_is_missed(known: Mapping[str, list[str]]) -> None:
    for table, uses in ELECTRIC_USES.items():
        for column in known[table]:
            fewer = {**ELECTRIC_USES, table: {name: use for name, use in uses.items() if name != column}}
            assert unlisted({table: known[table]}, fewer) == [f"{table}.{column}"]
    assert table_use("superconductor") is None


def test_tables_that_are_computed_are_those_whose_columns_are_used() -> None:
    assert set(ELECTRIC_USES) == {*COMPUTED, "controller"}
    assert not set(ELECTRIC_USES) & set(REFUSED)


def net_of_all() -> pandapowerNet:
    """One element, at least, of every table that is computed, with values in whatever counts."""
    net = nets.electric_base()
    net.load["const_z_p_percent"], net.load["const_i_q_percent"], net.load["q_mvar"] = 20.0, 30.0, 0.004
    net.load["const_i_p_percent"], net.load["const_z_q_percent"] = 10.0, 15.0
    net.line[["c_nf_per_km", "g_us_per_km"]] = [200.0, 10.0]
    medium = pandapower.create_bus(net, vn_kv=20.0, name="M0")
    pandapower.create_transformer(net, medium, 0, std_type="0.4 MVA 20/0.4 kV", tap_pos=1)
    net.trafo["tap_changer_type"], net.trafo["tap_step_degree"] = "Ratio", 5.0
    pandapower.create_sgen(net, 1, p_mw=0.01, q_mvar=0.002)
    pandapower.create_gen(net, 2, p_mw=0.01, vm_pu=1.0, max_q_mvar=0.001, min_q_mvar=-0.001)
    pandapower.create_storage(net, 1, p_mw=0.003, q_mvar=0.001, max_e_mwh=0.1)
    pandapower.create_shunt(net, 1, q_mvar=0.001, p_mw=0.001)
    pandapower.create_ward(net, 1, ps_mw=0.002, qs_mvar=0.001, pz_mw=0.003, qz_mvar=0.001)
    pandapower.create_xward(net, 1, 0.002, 0.001, 0.002, 0.001, r_ohm=2.0, x_ohm=2.0, vm_pu=1.01)
    pandapower.create_impedance(net, 1, 2, rft_pu=2.0, xft_pu=2.0, sn_mva=1.0, gf_pu=0.001, bf_pu=0.001)
    pandapower.create_motor(net, 1, pn_mech_mw=0.002, cos_phi=0.9, efficiency_percent=90.0, loading_percent=80.0)
    pandapower.create_asymmetric_load(net, 1, *[0.001] * 6)
    pandapower.create_asymmetric_sgen(net, 1, *[0.001] * 6)
    end = pandapower.create_bus(net, 0.4, name="end")
    pandapower.create_switch(net, 2, end, et="b", z_ohm=0.01)
    pandapower.create_loads(net, [end, medium], 0.002)
    return net


def voltages(net: pandapowerNet) -> list[float]:
    """Magnitudes and angles, and what the slack feeds in."""
    result = PowerFlow(ElectricNetwork("made", as_meant(copy.deepcopy(net)), "")).solve({}, background_scaling=1.0)
    assert result.slack_kw is not None
    return [*result.buses["vm_pu"], *result.buses["va_degree"], result.slack_kw]


MOVING = {
    "bus": ["vn_kv"],
    "line": ["length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "g_us_per_km", "parallel"],
    "trafo": ["vk_percent", "vkr_percent", "pfe_kw", "i0_percent", "tap_pos", "tap_step_percent", "tap_step_degree"],
    "load": ["p_mw", "q_mvar", "scaling", "const_z_p_percent", "const_i_p_percent", "const_z_q_percent"],
    "sgen": ["p_mw", "q_mvar", "scaling"],
    "gen": ["p_mw", "max_q_mvar", "scaling"],
    "ext_grid": ["vm_pu", "va_degree"],
    "storage": ["p_mw", "q_mvar", "scaling"],
    "shunt": ["p_mw", "q_mvar", "vn_kv", "step"],
    "ward": ["ps_mw", "qs_mvar", "pz_mw", "qz_mvar"],
    "xward": ["ps_mw", "qs_mvar", "pz_mw", "qz_mvar", "r_ohm", "x_ohm", "vm_pu"],
    "impedance": ["rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "gf_pu", "bf_pu", "gt_pu", "bt_pu", "sn_mva"],
    "switch": ["z_ohm"],
    "motor": ["pn_mech_mw", "cos_phi", "efficiency_percent", "loading_percent", "scaling"],
    "asymmetric_load": ["p_a_mw", "q_c_mvar", "scaling"],
    "asymmetric_sgen": ["p_b_mw", "q_a_mvar", "scaling"],
    "controller": [],
}
"""Numbers that decide on the solution."""


def test_a_column_said_to_be_used_moves_the_solution_and_an_irrelevant_one_does_not() -> None:
    """All numbers of a table that are said to be irrelevant change at once, those that are used one by one."""
    net = net_of_all()
    before = voltages(net)
    for table, uses in ELECTRIC_USES.items():
        for column in MOVING[table]:
            assert uses[column].use in (Use.USED, Use.OVERRIDDEN), (table, column)
        idle = copy.deepcopy(net)
        for column, use in uses.items():
            is_number = column in idle[table] and pd.api.types.is_float_dtype(idle[table][column].dtype)
            if use.use is Use.IRRELEVANT and is_number:
                idle[table][column] = 7.0
        assert voltages(idle) == before, table


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("table", [table for table in MOVING if table != "bus"])
def test_every_number_said_to_be_used_moves_the_solution(table: str) -> None:
    net = net_of_all()
    before = np.array(voltages(net))
    for column in MOVING[table]:
        moved = copy.deepcopy(net)
        values = moved[table][column]
        moved[table][column] = values * (2 if column in ("parallel", "step") else 1.03) + 1e-3 * (values == 0.0)
        assert np.abs(np.array(voltages(moved)) - before).max() > 1e-9, (table, column)


def test_refused_columns_are_refused_where_they_say_something() -> None:
    net = net_of_all()
    DiscreteTapControl(net, 0, 0.97, 1.03)
    assert refused_faults(Path("net.json"), net, ELECTRIC_USES) == []
    for table, uses in ELECTRIC_USES.items():
        for column in [name for name, use in uses.items() if use.use is Use.REFUSED]:
            value = True not in uses[column].harmless
            said = {**net, table: net[table].assign(**{column: value})}
            (fault,) = refused_faults(Path("net.json"), said, ELECTRIC_USES)
            assert fault.place == f"net.json, table {table}"
            assert fault.problem.startswith(column)
            silent = {**net, table: net[table].assign(**{column: value}, in_service=False)}
            assert refused_faults(Path("net.json"), silent, ELECTRIC_USES) == []


def test_columns_with_values_are_told_by_their_use() -> None:
    net = net_of_all()
    net.line["max_loading_percent"], net.line["colour"] = 80.0, "red"
    found = columns_by_use(net, ELECTRIC_USES, lambda key: key.endswith("line_loading_percent"))["line"]
    assert found["overridden by networks.electricity.limits.line_loading_percent"] == ["max_loading_percent"]
    assert found["unknown"] == ["colour"]
    assert "length_km" in found["used"]
    assert "max_loading_percent" in columns_by_use(net, ELECTRIC_USES, lambda _: False)["line"]["used"]
