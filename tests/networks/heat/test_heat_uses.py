"""What is said of each column of a heat file is so: what is used moves a result, what is irrelevant moves none."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes as pp
import pandas as pd
import pytest
from pandapipes.component_models.abstract_models.base_component import Component

from column_lists import unlisted
from heat_streets import SETTINGS, at, flow_of, read, street
from mosaik_p2p.errors import BadInput
from mosaik_p2p.networks.files.column_uses import Use
from mosaik_p2p.networks.files.heat import uses as heat_uses
from mosaik_p2p.networks.files.heat.uses import HEAT_ENTRIES, HEAT_USES
from mosaik_p2p.networks.heat.choice import HeatSettings
from mosaik_p2p.units import kelvin

pytestmark = pytest.mark.once

DRAWS = {"2": 20.0, "3": 10.0}
NOISE = 1e-6
"""Of results that a solver reaches from elsewhere, relative."""


def components(kind: Any = Component) -> Iterator[Any]:
    """All components of the library that have a table, abstract ones aside."""
    for component in kind.__subclasses__():
        yield from components(component)
        with suppress(NotImplementedError):
            component.table_name()
            yield component


def of_the_library() -> dict[str, list[str]]:
    """Columns by table: those of the components, and those that the create functions write."""
    inputs = {c.table_name(): [name for name, _ in c.get_component_input()] for c in components()}
    made = everything()
    return {table: sorted({*columns, *made[table].columns}) for table, columns in inputs.items()}


def test_every_column_of_the_library_has_its_use() -> None:
    known = of_the_library()
    assert len(known) >= 15
    assert unlisted(known, HEAT_USES) == []
    assert {t: set(uses) - set(known[t]) for t, uses in HEAT_USES.items() if set(uses) - set(known[t])} == {}


def test_a_column_that_is_not_listed_is_missed() -> None:
    """The walk finds what is taken out of the table."""
    without = {**HEAT_USES, "pipe": {name: use for name, use in HEAT_USES["pipe"].items() if name != "k_mm"}}
    assert unlisted(of_the_library(), without) == ["pipe.k_mm"]


def test_every_entry_of_the_librarys_nets_has_its_use() -> None:
    net = everything()
    tables = {component.table_name() for component in components()}
    made = {key for key in {*net, *tables} if not key.startswith(("_", "res_"))}
    assert made - set(HEAT_ENTRIES) == set()
    assert set(HEAT_USES) == tables


@pytest.mark.parametrize("table", [t for t, use in HEAT_ENTRIES.items() if use.use is Use.REFUSED and t in HEAT_USES])
def test_refused_tables_are_refused_where_they_are_in_service(table: str, tmp_path: Path) -> None:
    net = everything()
    assert len(net[table]) == 1
    read(net, tmp_path)
    net[table]["in_service"] = True
    with pytest.raises(BadInput, match="closed network") as caught:
        read(net, tmp_path)
    assert caught.value.faults[0].place.endswith(f"table {table}")


def everything() -> pp.pandapipesNet:
    """A street with an element of every kind; those that would be refused are out of service."""
    net = street(inner_diameter_mm=50.0, u_w_per_m2k=3.0)
    net.pipe.loc[0, "loss_coefficient"] = 2.0
    for number, (pipe, start) in enumerate((("S0-S1", "S0"), ("S1-S2", "S1"), ("S1-S3", "S1"), ("R1-R0", "R1"))):
        middle = pp.create_junction(net, 6.0, kelvin(60.0), name=f"M{number}")
        net.pipe.loc[net.pipe["name"] == pipe, "from_junction"] = middle
        _BETWEEN[number](net, at(net, start), middle)
    pipe = int(net.pipe.index[net.pipe["name"] == "R2-R1"][0])
    pp.create_valve(net, at(net, "R2"), pipe, et="pi", inner_diameter_mm=40.0, loss_coefficient=3.0)
    middle = pp.create_junction(net, 6.0, kelvin(60.0), name="M4")
    net.pipe.loc[net.pipe["name"] == "R3-R1", "from_junction"] = middle
    pp.create_pressure_control(net, at(net, "R3"), middle, middle, 4.0, control_active=False, loss_coefficient=1e4)
    _across(net, at(net, "S3"), at(net, "R3"))
    for node in (at(net, "S2"),):
        pp.create_sink(net, node, 0.1, in_service=False)
        pp.create_source(net, node, 0.1, in_service=False)
        pp.create_mass_storage(net, node, 0.1, in_service=False)
        pp.create_ext_grid(net, node, 6.0, 350.0, in_service=False)
    pp.set_user_pf_options(net, max_iter_hyd=50)
    return net


_BETWEEN = (
    lambda net, a, b: pp.create_valve(net, a, b, et="ju", inner_diameter_mm=30.0, loss_coefficient=5.0),
    lambda net, a, b: pp.create_pump(net, a, b, std_type="P1"),
    lambda net, a, b: pp.create_pressure_control(net, a, b, b, 5.0),
    lambda net, a, b: pp.create_compressor(net, a, b, 1.1),
)


def _across(net: pp.pandapipesNet, supply: int, return_: int) -> None:
    """What leads from supply to return."""
    pp.create_flow_control(net, supply, return_, 0.05)
    pp.create_circ_pump_const_mass_flow(net, return_, supply, None, 0.02, kelvin(70.0), type="t", name="solar")
    for givens in (
        {"qext_w": 2000.0, "controlled_mdot_kg_per_s": 0.03},
        {"qext_w": 2000.0, "deltat_k": 20.0},
        {"controlled_mdot_kg_per_s": 0.02, "treturn_k": kelvin(45.0)},
        {"qext_w": 2000.0, "treturn_k": kelvin(45.0)},
    ):
        pp.create_heat_consumer(net, supply, return_, **givens, name=f"house {len(net.heat_consumer)}")


def grids() -> pp.pandapipesNet:
    """A street between two external grids, with a heat exchanger at its end."""
    net = street(inner_diameter_mm=50.0)
    pp.create_heat_exchanger(net, at(net, "S3"), at(net, "R3"), 500.0, inner_diameter_mm=20.0, loss_coefficient=1e4)
    net["circ_pump_pressure"] = net["circ_pump_pressure"].iloc[:0]
    pp.create_ext_grid(net, at(net, "S0"), 6.0, kelvin(80.0), type="pt", name="hot")
    pp.create_ext_grid(net, at(net, "R0"), 4.0, kelvin(45.0), type="pt", name="cold")
    return net


def outcome(net: pp.pandapipesNet, folder: Path, settings: HeatSettings = SETTINGS) -> dict[str, list[Any]] | str:
    """All results, or what is refused."""
    try:
        network = read(net, folder, settings)
    except BadInput as error:
        return str(error)
    result = flow_of(network, DRAWS).solve(np.array(list(DRAWS.values())))
    tables = {key: value for key, value in asdict(result).items() if isinstance(value, dict)}
    columns = {f"{table}.{column}": list(v) for table, values in tables.items() for column, v in values.items()}
    consumers = [(consumer.name, consumer.supply, consumer.return_) for consumer in network.file_consumers]
    return {**columns, "status": [str(result.status)], "slack_kw": [result.slack_kw], "consumers": consumers}


def same(one: dict[str, list[Any]] | str, other: dict[str, list[Any]] | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if {key: len(values) for key, values in one.items()} != {key: len(values) for key, values in other.items()}:
        return False
    return all(_equal(one[key], other[key]) for key in one)


def _equal(one: list[Any], other: list[Any]) -> bool:
    try:
        a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    except (ValueError, TypeError):
        return one == other
    return np.allclose(a, b, rtol=NOISE, atol=NOISE, equal_nan=True)


ROWS = {
    ("press_control", "loss_coefficient"): 1,
    ("heat_consumer", "deltat_k"): 1,
    ("heat_consumer", "treturn_k"): 2,
    ("junction", "in_service"): 3,
    ("junction", "height_m"): 2,
}
"""The element whose value counts, where that is not the first: a control that is not active, a consumer that has it."""
OTHER = {"et": "pi", "std_type": "P2"}


def with_another(net: pp.pandapipesNet, table: str, column: str) -> pp.pandapipesNet:
    """A copy with another value in one element."""
    net = net.deepcopy()
    row = net[table].index[ROWS.get((table, column), 0)]
    value = net[table].at[row, column]
    new: Any
    if isinstance(value, bool | np.bool_):
        new = not value
    elif isinstance(value, int | float | np.number) and not pd.isna(value):
        new = type(value)(value + 1) if isinstance(value, int | np.integer) or value == 0.0 else value * 1.02
    elif column in ("p_flow_bar", "outer_diameter_mm"):
        new = 60.0
    else:
        new = OTHER.get(column, "another")
    net[table] = net[table].astype({column: object}) if isinstance(new, str) else net[table]
    net[table].loc[row, column] = new
    return net


def columns(*kinds: Use) -> list[tuple[str, str]]:
    """Table and column; those that say where an element stands are left to the tests of topology."""
    return [
        (table, column)
        for table, uses in HEAT_USES.items()
        for column, use in uses.items()
        if use.use in kinds and column not in ("junction", "element") and not column.endswith("_junction")
    ]


Sound = dict[str, tuple[pp.pandapipesNet, dict[str, list[Any]]]]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """The nets, and what comes of them as they are."""
    folder, found = tmp_path_factory.mktemp("sound"), {}
    for name, net in (("street", everything()), ("grids", grids())):
        results = outcome(net, folder)
        assert not isinstance(results, str), results
        assert results["status"] == ["ok"]
        found[name] = net, results
    return found


def of(sound: Sound, table: str) -> tuple[pp.pandapipesNet, dict[str, list[Any]]]:
    return sound["grids" if table in ("ext_grid", "heat_exchanger") else "street"]


@pytest.mark.once
@pytest.mark.slow
def test_what_is_used_moves_a_result(sound: Sound, tmp_path: Path) -> None:
    idle = []
    for table, column in columns(Use.USED, Use.OVERRIDDEN):
        net, before = of(sound, table)
        if same(before, outcome(with_another(net, table, column), tmp_path)):
            idle.append(f"{table}.{column}")
    assert idle == []


def test_what_is_irrelevant_moves_nothing(sound: Sound, tmp_path: Path) -> None:
    nets = {name: net for name, (net, _) in sound.items()}
    for table, column in columns(Use.IRRELEVANT):
        nets = {name: with_another(net, table, column) if len(net[table]) else net for name, net in nets.items()}
    for name, net in nets.items():
        assert same(sound[name][1], outcome(net, tmp_path)), name


def test_the_key_takes_the_place_of_what_is_overridden(tmp_path: Path) -> None:
    hot, told = street(t_plant_c=90.0), replace(SETTINGS, t_supply_c=80.0)
    assert same(outcome(street(), tmp_path, told), outcome(hot, tmp_path, told))
    net = grids()
    assert same(outcome(net, tmp_path, told), outcome(with_another(net, "ext_grid", "t_k"), tmp_path, told))
    shares = replace(SETTINGS, plant_shares={"east": 0.4})
    net = street(inner_diameter_mm=50.0)
    pp.create_circ_pump_const_pressure(net, at(net, "R3"), at(net, "S3"), 6.0, 2.0, t_flow_k=kelvin(75.0), name="east")
    other = net.deepcopy()
    other.circ_pump_pressure.loc[1, ["p_flow_bar", "plift_bar"]] = [5.0, 1.0]
    assert same(outcome(net, tmp_path, shares), outcome(other, tmp_path, shares))


@pytest.mark.parametrize(
    ("table", "type_", "said"),
    [
        ("circ_pump_pressure", "t", "with the type 't' it holds no pressure"),
        ("circ_pump_pressure", None, "holds no pressure"),
        ("circ_pump_mass", "pt", "does not hold a temperature alone"),
        ("circ_pump_mass", None, "does not hold a temperature alone"),
    ],
)
def test_pumps_that_hold_something_else_are_named(table: str, type_: str | None, said: str, tmp_path: Path) -> None:
    """The library itself finds no solution with two pressures, or takes the start for a temperature."""
    net = everything()
    net[table]["type"] = type_
    found = outcome(net, tmp_path)
    assert isinstance(found, str)
    assert said in found
    assert f"table {table}" in found


@pytest.mark.parametrize(
    "givens",
    [
        {"qext_w": 8000.0},
        {"qext_w": 8000.0, "deltat_k": 25.0, "treturn_k": 318.0},
        {"deltat_k": 25.0, "treturn_k": 318.0},
    ],
    ids=["one", "three", "two temperatures"],
)
def test_consumers_without_two_givens_are_named(givens: dict[str, float], tmp_path: Path) -> None:
    """With one the library draws nothing, and says nothing."""
    net = street()
    pp.create_heat_consumer(net, at(net, "S3"), at(net, "R3"), qext_w=8000.0, deltat_k=25.0, name="house")
    for column in ("qext_w", "controlled_mdot_kg_per_s", "deltat_k", "treturn_k"):
        net.heat_consumer[column] = givens.get(column, np.nan)
    found = outcome(net, tmp_path)
    assert isinstance(found, str)
    assert "house (index 0)" in found
    assert "not two of qext_w" in found
    net.heat_consumer["in_service"] = False
    assert not isinstance(outcome(net, tmp_path), str)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("junction", "height_m", np.nan),
        ("valve", "inner_diameter_mm", np.nan),
        ("circ_pump_mass", "t_flow_k", np.nan),
        ("circ_pump_mass", "mdot_flow_kg_per_s", -0.1),
    ],
)
def test_values_with_which_no_hour_has_a_solution_are_named(
    table: str, column: str, value: float, tmp_path: Path
) -> None:
    net = everything()
    net[table].loc[net[table].index[0], column] = value
    found = outcome(net, tmp_path)
    assert isinstance(found, str)
    assert f"table {table}" in found
    assert column in found


def test_tables_are_refused_from_the_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the list calls refused is, and nothing else."""
    net = everything()
    net.sink["in_service"] = True
    monkeypatch.setattr(heat_uses, "HEAT_ENTRIES", {**HEAT_ENTRIES, "sink": HEAT_ENTRIES["pump"]})
    assert not any(fault.place.endswith("sink") for fault in heat_uses.refused_tables(tmp_path, net))
