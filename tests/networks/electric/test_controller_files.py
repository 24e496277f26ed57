"""Everything that a controller in a user's net can hold is used, or refused by name; nothing of it is run."""

import copy
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest
from pandapower import pandapowerNet
from pandapower.control import ConstControl, ContinuousTapControl, DiscreteTapControl
from pandapower.control.controller.DERController import (
    DERController,
    PQAreaPOLYGON,
    PQVArea4105,
    PQVArea4130V1,
    QModelConstQ,
    QModelCosphiPQ,
    QModelCosphiSn,
    QModelQVCurve,
    QVCurve,
)

from column_lists import unlisted
from controlled_nets import CONTROLLERS, QV, alone, controlled, uncontrolled
from feeder_scenarios import Scenarios, scenario
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import examine, load
from mosaik_p2p.networks.electric.network import electric_file, electric_net, electric_sheets
from mosaik_p2p.networks.files.column_uses import Use
from mosaik_p2p.networks.files.electric.control_objects import AREAS, CLASSES, CURVES, MODELS, text_with_models
from mosaik_p2p.networks.files.electric.control_objects import CONTROLLERS as KNOWN
from mosaik_p2p.networks.files.electric.control_rules import RULES
from mosaik_p2p.networks.files.electric.control_sense import control_faults
from mosaik_p2p.networks.files.electric.control_uses import CONTROL_USES
from mosaik_p2p.results.inventory import inventory_lines

pytestmark = pytest.mark.once

__all__ = ["scenario"]

TABLE = "table controller"
NO_PARAMETERS = {"self", "net", "container", "args", "kwargs"}


def objects(value: Any) -> Iterator[Any]:
    """The object and those in it that are of a class known here."""
    if type(value) in CLASSES.values():
        yield value
        for inner in vars(value).values():
            yield from objects(inner)


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """By class: the parameters of its constructors, those that it hands on to included, and what objects of it hold
    that were made and those that have run."""
    found = {kind.__name__: {*parameters(kind)} for kind in (*KNOWN, *MODELS, *CURVES, *AREAS)}
    net = controlled(*CONTROLLERS)
    DERController(net, [0], q_model=QV, pqv_area=PQVArea4130V1())
    for cell in [*net.controller["object"], *map(after_a_run, ("taps at once", "continuous", "reactive first"))]:
        for one in objects(cell):
            if type(one).__name__ in found:
                found[type(one).__name__] |= vars(one).keys()
    return found


def parameters(kind: type) -> Iterator[str]:
    """Of the class, and of those to which it hands on what it does not know."""
    for base in kind.__mro__:
        names = inspect.signature(base.__init__).parameters
        yield from names.keys() - NO_PARAMETERS
        if "kwargs" not in names:
            return


def after_a_run(name: str) -> Any:
    return alone(controlled(name), (1.0, 1.0, 0.0)).controller["object"].iloc[0]


def test_the_use_of_everything_that_a_controller_can_hold_is_stated(known: dict[str, set[str]]) -> None:
    assert unlisted(known, CONTROL_USES) == []
    assert known.keys() == CONTROL_USES.keys()
    for kind in CONTROL_USES:
        for name in known[kind]:
            fewer = {**CONTROL_USES, kind: {key: use for key, use in CONTROL_USES[kind].items() if key != name}}
            assert unlisted({kind: known[kind]}, fewer) == [f"{kind}.{name}"]


def test_what_is_used_has_a_rule() -> None:
    of_tables = {"bus", "sn_mva"}
    """Compared with the table of generators."""
    for kind, uses in CONTROL_USES.items():
        used = {name for name, use in uses.items() if use.use is Use.USED}
        if CLASSES[kind] in AREAS and kind != "PQAreaSTATCOM":
            assert kind not in RULES
        else:
            assert RULES[kind].keys() == used - of_tables, kind


def faults_of(net: pandapowerNet) -> str:
    """Of the controllers, as the net stands."""
    faults = control_faults(Path("made"), net)
    assert all(fault.place and fault.problem and fault.remedy for fault in faults)
    return "\n".join(map(str, faults))


def refusal_of(net: pandapowerNet) -> str:
    """All that is said of the net."""
    with pytest.raises(BadInput) as caught:
        electric_net(net, "made", "")
    return str(caught.value)


def with_controller(make: Callable[[pandapowerNet], object], **held: Any) -> pandapowerNet:
    net = uncontrolled()
    make(net)
    vars(net.controller["object"].iloc[0]).update(held)
    return net


@pytest.mark.parametrize("name", ["taps at once", "continuous", "reactive first"])
def test_a_value_that_cannot_be_is_told_by_its_name(name: str) -> None:
    make = CONTROLLERS[name]
    kind = type(with_controller(make).controller["object"].iloc[0]).__name__
    net = with_controller(make, **{key: {"a": 1} for key in RULES[kind]})
    told = faults_of(net)
    for parameter in RULES[kind]:
        assert f"{kind}.{parameter} = {{'a': 1}}: is no " in told, parameter


def spoilt(model: Any, **held: Any) -> Any:
    changed = copy.deepcopy(model)
    vars(changed).update(held)
    return changed


def test_a_model_that_cannot_be_is_told() -> None:
    curve = spoilt(QVCurve([0.9, 1.1], [0.1, -0.1]), vm_points_pu=[1.1, 0.9])
    longer = spoilt(curve, vm_points_pu=[0.9, 1.0, 1.1])
    for model, told in (
        (spoilt(QV, qv_curve=curve), "QVCurve.vm_points_pu = [1.1, 0.9]: is no list"),
        (spoilt(QV, qv_curve=longer), "QVCurve = 3 and 2: has lists of unequal length"),
        (spoilt(QV, qv_curve=None), "QModelQVCurve.qv_curve = None: is no curve"),
        (spoilt(QModelConstQ(0.1), q_pu=np.nan), "QModelConstQ.q_pu = nan"),
        (spoilt(QModelCosphiPQ(0.9), cosphi=0.0), "QModelCosphiPQ.cosphi = 0.0"),
        (spoilt(QV, slope=3), "QModelQVCurve.slope = 3: no QModelQVCurve of pandapower has it"),
        (QModelConstQ([0.1, 0.2, 0.3]), "q_pu = [0.1, 0.2, 0.3]: has 3 values for 2 elements"),
        ("QModelQVCurve", "q_model = 'QModelQVCurve': is only a name"),
        (np.nan, "q_model = nan"),
    ):
        assert told in faults_of(with_controller(lambda net: DERController(net, [0, 1]), q_model=model)), told


def test_an_area_is_one_of_the_library_s_or_refused() -> None:
    area = PQVArea4105(1)
    area.qv_area.vm_points_pu = (0.9, 0.95, 1.2, 1.1, 1.05, 0.9, 0.9)
    for one, told in (
        (area, "PQVArea4105 = (its values): holds what no PQVArea4105 of pandapower does"),
        (PQAreaPOLYGON((0.0, 1.0, 1.0), (0.0, -0.3, 0.3)), "is no area"),
    ):
        assert told in faults_of(with_controller(lambda net: DERController(net, [0], q_model=QV), pqv_area=one))
    bounded = with_controller(lambda net: DERController(net, [0], q_model=QModelCosphiSn(), saturate_sn_mva=0.05))
    assert "cannot be bounded" in faults_of(bounded)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"p_series_mw": pd.Series([0.01])}, "p_series_mw"),
        ({"data_source": "profiles"}, "data_source"),
        ({"p_profile": ["roof"]}, "p_profile"),
        ({"initial_run": False}, "initial_run"),
        ({"ramp": 0.1}, "ramp = 0.1: no DERController of pandapower has it"),
        ({"element": "load"}, "element = 'load': is no text of 'sgen'"),
        ({"element_index": [0, 7]}, "element_index = [7]: is no index of the table sgen"),
        ({"element_index": [1, 1]}, "names an element twice"),
        ({"sn_mva": pd.Series([0.2])}, "sn_mva = [0.2]: sn_mva differs from that of the table sgen, [0.07]"),
        ({"damping_coef": 0.4}, "damping_coef = 0.4"),
    ],
)
def test_what_an_inverter_may_not_hold_is_refused_by_name(held: dict[str, Any], told: str) -> None:
    assert told in faults_of(with_controller(lambda net: DERController(net, [0], q_model=QV), **held))


def test_a_controller_needs_what_it_moves() -> None:
    for column, value in (("tap_step_percent", 0.0), ("tap_max", np.nan), ("tap_pos", np.nan), ("tap_side", None)):
        net = controlled("taps at once")
        net.trafo[column] = pd.Series([value, net.trafo[column].iloc[1]], dtype=object)
        assert f"{column} is n" in faults_of(net)
    for column, value in (("sn_mva", np.nan), ("p_mw", -0.01)):
        net = controlled("Q(V)")
        net.sgen.loc[0, column] = value
        assert f"roof (index 0): {column} is " in faults_of(net)
    assert "leaves no band" in faults_of(with_controller(CONTROLLERS["one tap"], vm_lower_pu=1.1))
    table = controlled("one tap")
    table.controller["initial_run"], table.controller["level"] = False, None
    told = refusal_of(table)
    assert "initial_run asks for no power flow" in told
    assert "level = None: is no number" in told


class Stranger(DiscreteTapControl):  # type: ignore[misc]
    """A class of the user's own."""


def test_another_controller_is_refused_with_its_class(tmp_path: Path) -> None:
    constant, own, out = uncontrolled(), uncontrolled(), uncontrolled()
    ConstControl(constant, "load", "p_mw", 0)
    Stranger(own, 0, 0.98, 1.02)
    ConstControl(out, "load", "p_mw", 0, in_service=False)
    for net, kind in ((constant, "ConstControl"), (own, "Stranger"), (out, "ConstControl")):
        told = refusal_of(net)
        assert kind in told
        assert "DiscreteTapControl, ContinuousTapControl, DERController run here" in told
    pandapower.to_json(constant, str(tmp_path / "net.json"))
    with pytest.raises(BadInput, match=r"ConstControl at 'controller'.*of controllers only DiscreteTapControl"):
        electric_file(tmp_path / "net.json")


def test_the_library_s_own_file_lacks_curves_and_ours_has_them(tmp_path: Path) -> None:
    net, path = controlled("Q(V) in an area"), tmp_path / "net.json"
    pandapower.to_json(net, str(path))
    with pytest.raises(BadInput, match=r"'PQVArea4105': is only a name: pandapower.to_json writes neither") as caught:
        electric_file(path)
    assert "text_with_models" in str(caught.value)
    path.write_text(text_with_models(net))
    (again,) = electric_file(path).net.controller["object"]
    assert isinstance(again.q_model, QModelQVCurve)
    assert again.pqv_area.qv_area.q_points_pu == PQVArea4105(2).qv_area.q_points_pu


def test_nothing_that_a_controller_of_a_file_names_is_run(tmp_path: Path) -> None:
    """Each of its values becomes an object that would leave a mark, as an object and as a text of one."""
    marker, path = tmp_path / "executed", tmp_path / "net.json"
    entries = json.loads(text_with_models(controlled("Q(V) in an area")))
    frame = json.loads(entries["_object"]["controller"]["_object"])
    state = json.loads(frame["data"][0][0]["_object"])
    call = {"_module": "os", "_class": "mkdir", "_object": str(marker)}
    for name in ("q_model", "element_index", "matching_params", "p_mw", "unheard"):
        for hostile in (
            call,
            json.dumps(call),
            [call],
            {"a": call},
            {**state["q_model"], "_object": {"qv_curve": call}},
        ):
            frame["data"][0][0]["_object"] = json.dumps({**state, name: hostile})
            entries["_object"]["controller"]["_object"] = json.dumps(frame)
            path.write_text(json.dumps({**entries, "_object": {**entries["_object"], "std_types": {}}}))
            with pytest.raises(BadInput):
                electric_file(path)
            assert not marker.exists()


def test_a_controller_stands_in_its_table_only(tmp_path: Path) -> None:
    entries = json.loads(text_with_models(controlled("one tap")))
    cell = json.loads(entries["_object"]["controller"]["_object"])["data"][0][0]
    entries["_object"]["note"] = cell
    (tmp_path / "net.json").write_text(json.dumps(entries))
    with pytest.raises(BadInput, match="has a DiscreteTapControl at 'note', where none belongs"):
        electric_file(tmp_path / "net.json")


def test_sheets_with_controllers_are_refused(tmp_path: Path) -> None:
    sheets = pandapower.io_utils.to_dict_of_dfs(controlled("one tap"), include_empty_tables=False)
    with pd.ExcelWriter(tmp_path / "net.xlsx", engine="openpyxl") as writer:
        for name, sheet in sheets.items():
            sheet.to_excel(writer, sheet_name=name)
    with pytest.raises(BadInput, match=r"column object of the sheet 'controller'.*JSON files may hold controllers"):
        electric_sheets(tmp_path / "net.xlsx")


# In a scenario


def test_the_inventory_names_them(scenario: Scenarios) -> None:
    told = examine(scenario(controlled("taps at once", "Q(V)", "one tap"))).inventory
    controls = told["electricity"]["tables"]["controller"]["controls"]
    assert controls == {
        "DiscreteTapControl": ["trafo T1, T2", "trafo T2"],
        "DERController with QModelQVCurve": ["sgen roof, shed, barn"],
    }
    text = "\n".join(inventory_lines(told))
    assert "controller (3): settle in the first round of every interval and hold through it" in text
    assert "    DERController with QModelQVCurve: sgen roof, shed, barn" in text


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda tree: tree["networks"]["electricity"].update(generation="drop"), ["DiscreteTapControl"]),
        (lambda tree: tree["networks"]["electricity"].update(generation="half"), ["DiscreteTapControl", [0, 2]]),
        (lambda tree: tree["prosumers"][0].update(replaces_generator="roof"), ["DiscreteTapControl", [2]]),
    ],
)
def test_a_generator_takes_its_controller_with_it(
    change: Callable[[dict[str, Any]], object], left: list[Any], scenario: Scenarios
) -> None:
    case = load(scenario(controlled("one tap", "Q(V) in an area"), change))
    assert case.electric is not None
    found = [getattr(one, "element_index", None) for one in case.electric.net.controller["object"]]
    assert found[1:] == left[1:]
    told = [warning for warning in case.warnings if "take their controllers with them" in warning.problem]
    assert len(told) == (0 if left[1:] == [[0, 2]] else 1)


def test_controllers_that_do_not_rest_are_a_warning(scenario: Scenarios) -> None:
    def hunting(net: pandapowerNet) -> pandapowerNet:
        ContinuousTapControl(net, 0, 1.0)
        DiscreteTapControl(net, 0, 0.9999, 1.0001)
        return net

    (told,) = [warning for warning in load(scenario(hunting(uncontrolled()))).warnings if warning.value == TABLE]
    assert "no solution in the first interval: controllers do not come to rest: ContinuousTapControl of" in told.problem
