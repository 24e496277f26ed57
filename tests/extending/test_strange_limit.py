"""A limited quantity of somebody else's, the current of lines in kA: one file of code, and everything knows of it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from pydantic import create_model

from limit_tables import made_quantity
from mosaik_p2p.limits import registry
from mosaik_p2p.limits.base import Stored, UnknownColumn
from mosaik_p2p.limits.checking import checks
from mosaik_p2p.limits.registry import GROUP, limited_quantities, problems_of
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.loading.networks.limit_faults import limit_faults
from mosaik_p2p.scenario.parts.limits import ElementLimits, general_fields, own_fields
from mosaik_p2p.sections import entry_points
from strangers.installed import HERE, install, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

EXAMPLE = HERE / "line_current.py"
PAGE = DOCS / "extending.md"
LINE = "12-13"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a fresh Python tells that has the example installed: the schema is made where the package is imported."""
    folder = tmp_path_factory.mktemp("stranger")
    lay(folder, EXAMPLE.stem)
    install(folder, GROUP, {"line_current": "line_current:LINE_CURRENT"})
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    found = subprocess.run(
        [sys.executable, str(HERE / "limited_run.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.slow
def test_schema_and_reference_page_know_its_keys(told: Any) -> None:
    assert (
        "| `limits.line_current_ka` | none | Largest current of lines, kA; left out: not checked. 1e-6 to"
        in told["page"]
    )
    assert "| `limits.element[].current_ka` | none | Of a line: largest current, kA." in told["page"]
    assert "line_current_ka" in told["keys"]


@pytest.mark.slow
def test_faults_name_it(told: Any) -> None:
    (negative,) = told["faults"]["negative"]
    assert negative.startswith("networks.electricity.limits.line_current_ka = -1.0")
    (of_a_bus,) = told["faults"]["of_a_bus"]
    assert "a limit `voltage_pu` and no other" in of_a_bus
    (spelling,) = told["faults"]["spelling"]
    assert "Did you mean 'line_current_ka'?" in spelling
    assert told["faults"]["fine"] == []


@pytest.mark.slow
def test_its_response_is_the_solvers_own_slope(told: Any) -> None:
    stated, found = (np.array(part) for part in told["slopes"])
    assert np.abs(found).max() > 1e-5
    np.testing.assert_allclose(stated, found, rtol=1e-4, atol=1e-4 * np.abs(found).max())


@pytest.mark.slow
def test_a_broken_one_stands_in_violations_worst_values_and_report(told: Any) -> None:
    checked, limit_ka = told["checked"], told["limit_ka"]
    assert checked["broken"] == [[0, LINE, "line_current_ka", "kA", None]]
    assert checked["verdict"] == "infeasible"
    worst = checked["worst"]
    assert (worst["where"], worst["limit"], worst["unit"]) == (f"line {LINE}", limit_ka, "kA")
    assert worst["value"] == checked["current_ka"] > limit_ka
    assert f"current_ka = {limit_ka}" in checked["resolved"]
    assert "Line current" in checked["panels"]
    # Other lines carry more: the worst value is that against the own limit.
    assert "Worst line current" in checked["report"]
    assert re.search(r"line 12-13</td>\s*<td>line current", checked["report"])


@pytest.mark.slow
def test_a_negotiation_keeps_it_and_knows_what_it_costs(told: Any) -> None:
    kept = told["kept"]
    assert kept["verdict"] == "feasible"
    assert kept["current_ka"] <= told["limit_ka"] * (1 + 1e-6) < told["checked"]["current_ka"]
    assert kept["negotiated"] == ["line_current_ka"]
    assert kept["broken"][0] == [0, LINE, "line_current_ka", "kA", True]
    (cost,) = kept["limit_costs"]
    assert (cost["element"], cost["quantity"]) == (LINE, "line_current_ka")
    assert cost["cost"] is not None, "there was no run without the limit"


def test_the_page_shows_the_example_as_it_runs() -> None:
    if not PAGE.exists():
        pytest.skip("docs/ is not part of the installed package")
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```" in PAGE.read_text(encoding="utf-8")


# -- half done ------------------------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers what it is given for the time of a test."""

    def register(offered: Any) -> tuple[Any, ...]:
        point = EntryPoint("made", "somewhere:MADE", GROUP)
        monkeypatch.setattr(EntryPoint, "load", lambda _: offered() if callable(offered) else offered)
        monkeypatch.setattr(entry_points, "points_of", lambda group: (point,) if group == GROUP else ())
        registry._registered.cache_clear()
        return registry._registered()

    yield register
    monkeypatch.undo()
    registry._registered.cache_clear()


def broken_import() -> None:
    raise ImportError("no such module")


@pytest.mark.parametrize(
    ("offered", "problem"),
    [
        (broken_import, "cannot be loaded (ImportError: no such module)"),
        ("not a quantity", "is no LimitedQuantity"),
        ((), "is no LimitedQuantity"),
        (made_quantity(meaning=""), "the key 'made_u' has no meaning"),
        (made_quantity(all_key=""), "has neither all_key nor own_key"),
        (made_quantity(key="velocity"), "the key is taken"),
        (made_quantity(quantity="voltage_pu"), "the quantity 'voltage_pu' has this side already, voltage_max"),
        (made_quantity(all_key="line_loading_percent"), "is that of line_loading"),
        (made_quantity(all_key="voltage_pu"), "is that of voltage_min"),
        (made_quantity(own_key="max_kw", least=0.0), "is that of line_power"),
        (made_quantity(element="wire"), "network 'electricity' has no element 'wire'"),
        (made_quantity(columns=("p_from_kw", "p_to_kw")), "has 2 columns, and no value"),
        (made_quantity(least=3.0, most=2.0), "is empty"),
        (made_quantity(most=float("inf")), "has no ends"),
        (made_quantity(own_key="own_u"), "the key 'own_u' has no own_meaning"),
        (made_quantity(all_key="made_u.min"), "is no key, nor KEY.max"),
        (made_quantity(all_key="element"), "the key 'element' is taken"),
        (made_quantity(quantity="voltage_pu", is_upper=True, unit="V"), "is another one's, voltage_min"),
        (made_quantity(network="heat", element="pipe", stored=Stored(column="max", least=0.0, most=1.0)), "only files"),
    ],
)
def test_what_is_half_done_is_a_fault_and_not_a_quantity(made: Any, offered: Any, problem: str) -> None:
    quantities, faults = made(offered)
    assert quantities == registry.OWN
    assert any(problem in fault.problem for fault in faults), faults
    assert {fault.place for fault in faults} == {f"entry point {GROUP}: made"}


def test_what_is_whole_stands_behind_the_packages_own(made: Any) -> None:
    quantities, faults = made((made_quantity(), made_quantity(key="least", is_upper=False, all_key="least_u")))
    assert faults == ()
    assert [of.key for of in quantities[len(registry.OWN) :]] == ["made", "least"]


def test_our_own_quantities_are_whole() -> None:
    for place, of in enumerate(registry.OWN):
        assert list(problems_of(of, registry.OWN[:place])) == []
        assert of.response is not None


def test_a_limit_without_a_response_is_refused_where_someone_negotiates(made: Any) -> None:
    made(made_quantity(own_key="own_u", own_meaning="Of a line, u."))
    general = NetworkLimits({"made": 5.0})
    (fault,) = limit_faults(general, "electricity", keeps_limits=True)
    assert fault.place == "networks.electricity.limits.made_u"
    assert "nothing says how q answers" in fault.problem
    (fault,) = limit_faults(NetworkLimits({}, (ElementLimit("made", "a", 5.0),)), "electricity", keeps_limits=True)
    assert fault.place == "networks.electricity.limits.element[].own_u (line 'a')"
    assert list(limit_faults(general, "electricity", keeps_limits=False)) == []
    assert list(limit_faults(NetworkLimits(), "electricity", keeps_limits=True)) == []
    made(made_quantity(all_key="", fixed=3.0))
    (fault,) = limit_faults(NetworkLimits(), "electricity", keeps_limits=True)
    assert (fault.place, fault.value) == ("limited quantity 'made'", "3")


def test_a_column_that_is_not_there_is_told(made: Any) -> None:
    of = made_quantity(columns=("i_kaa",))
    made(of)
    (fault,) = limit_faults(None, "electricity", keeps_limits=False)
    assert fault.problem == "is measured in lines.i_kaa, which no result table has"
    with pytest.raises(UnknownColumn, match=r"lines\.i_kaa"):
        checks([of], {"lines": {"element": ["a"], "i_ka": [1.0]}}, NetworkLimits({"made": 5.0}))
    assert list(limit_faults(None, "heat", keeps_limits=True)) == []


def test_a_sum_of_columns_and_the_rows_that_count_are_the_quantitys_own() -> None:
    of = replace(
        made_quantity(columns=("a", "b"), beside=("mode",)),
        value=lambda a, b: a + b,
        counts=lambda columns: columns["mode"] == "on",
    )
    table = {"element": ["x", "y", "z"], "a": [1.0, 2.0, None], "b": [10.0, 20.0, 30.0], "mode": ["on", "off", "on"]}
    (check,) = checks([of], {"lines": table}, NetworkLimits({"made": 5.0}))
    assert (check.names, check.values) == (["x", "z"], [11.0, None])
    assert limited_quantities("electricity") == registry.OWN[:5]


def test_a_band_of_single_elements_only_is_a_table_too(made: Any) -> None:
    low = made_quantity(key="low", is_upper=False, all_key="", own_key="span.min", own_meaning="Least made, u.")
    high = made_quantity(key="high", own_key="span.max", own_meaning="Largest made, u.", usual=7.0)
    assert made((low, high))[1] == ()
    general, own = general_fields((low, high)), own_fields(limited_quantities("electricity"))
    assert (list(general), general["made_u"][1].default) == (["made_u"], 7.0)
    table = create_model("Made", __base__=ElementLimits, **own)
    table.of_network = "electricity"
    stated = table.model_validate({"table": "line", "name": "a", "span": {"min": 1.0, "max": 3.0}})
    assert [(of.key, value) for of, value in stated.limits()] == [("low", 1.0), ("high", 3.0)]
    with pytest.raises(ValueError, match="is not below max = 3"):
        table.model_validate({"table": "line", "name": "a", "span": {"min": 4.0, "max": 3.0}})
    with pytest.raises(ValueError, match="less than or equal to 100"):
        table.model_validate({"table": "line", "name": "a", "span": {"max": 300.0}})
