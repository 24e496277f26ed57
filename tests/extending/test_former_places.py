"""Places in Python that README, docs and examples once named: each leads to the new one, and says so."""

import ast
import importlib
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

import pytest

from mosaik_p2p.former_places import MODULES, NAMES, FormerPlaces, install, new_place
from whereabouts import DOCS, ROOT

PACKAGE = Path(importlib.import_module("mosaik_p2p").__path__[0])
EACH_NAME = [
    (former, name, new) for former, homes in NAMES.items() for new, names in homes.items() for name in names.split()
]
GONE = ("mosaik_p2p.prosumers.blocks", "mosaik_p2p.prosumers.devices")
"""Modules of which only names are left, each elsewhere."""
TOLD = r"^mosaik_p2p\.\S+ is mosaik_p2p\.\S+ now$"
AS_PRINTED = {
    "from mosaik_p2p.feasibility import violation, checked": "mosaik_p2p.limits",
    "import mosaik_p2p.feasibility.checked": "mosaik_p2p.limits.checking",
    "from mosaik_p2p.market.case import MarketCase": "mosaik_p2p.market.over_time.case",
    "from mosaik_p2p.market.iteration import Algorithm, Sides, Start, State": "mosaik_p2p.market.iteration.driver",
    "from mosaik_p2p.networks.electric import text_with_models": "mosaik_p2p.networks.electric.network",
    "from mosaik_p2p.networks.heat import HeatSettings, heat_case": "mosaik_p2p.networks.heat.choice",
    "from mosaik_p2p.networks.heat_flow import HeatConnection": "mosaik_p2p.networks.heat.flow",
    "from mosaik_p2p.networks.heat_screen import HeatScreen": "mosaik_p2p.networks.heat.radial.screen",
    "from mosaik_p2p.plain.clearing import clear_plain": "mosaik_p2p.single_period",
    "from mosaik_p2p.prosumers.blocks import Window, prosumer_model": "mosaik_p2p.prosumers.window",
    "from mosaik_p2p.prosumers.devices import Contract, FixedLoad, Prosumer, Pv": "mosaik_p2p.devices.kinds.pv",
    "from mosaik_p2p.results.store import read_table": "mosaik_p2p.results.store.parts",
    "from mosaik_p2p.sections.uses import GENERATION, Use": "mosaik_p2p.sections.profile_references",
    "from mosaik_p2p.sims.wiring import ELECTRIC_DISPATCH, event_driven": "mosaik_p2p.sims.world.wiring",
}
"""Lines as they could be read once, and a place that the warnings must name."""


@pytest.fixture(autouse=True)
def _as_if_nobody_had_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning comes when a module is first asked for."""
    for name in list(sys.modules):
        if new_place(name) or name in GONE:
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(("former", "new"), MODULES.items())
def test_a_module_is_the_same_under_its_former_name(former: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"^{re.escape(former)} is {re.escape(new)} now$") as told:
        found = importlib.import_module(former)
    assert found is importlib.import_module(new)
    assert found.__name__ == new
    assert len(told) == 1


@pytest.mark.parametrize(("former", "name", "new"), EACH_NAME)
def test_a_name_is_the_same_where_it_was(former: str, name: str, new: str) -> None:
    module = importlib.import_module(former)
    with pytest.warns(DeprecationWarning, match=rf"{re.escape(former)}\.{name} is {re.escape(new)}\.{name} now"):
        found = getattr(module, name)
    assert found is getattr(importlib.import_module(new), name)


@pytest.mark.parametrize(("line", "new"), AS_PRINTED.items())
def test_lines_of_former_docs_run(line: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=TOLD) as told:
        exec(line, {})
    assert any(f" is {new}" in str(warning.message) for warning in told)


def test_the_warning_is_of_the_line_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asks.py").write_text(
        "import mosaik_p2p.prosumers.state\nimport mosaik_p2p.plain\nmosaik_p2p.prosumers.state.initial_state\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(DeprecationWarning, match=TOLD) as told:
        importlib.import_module("asks")
    assert [(Path(warning.filename).name, warning.lineno) for warning in told] == [("asks.py", 2), ("asks.py", 3)]


def test_what_lies_below_is_loaded_once() -> None:
    """Under both names it is one module: as two its classes would not be the same."""
    with pytest.warns(DeprecationWarning, match=TOLD):
        former = importlib.import_module("mosaik_p2p.plain.tables")
    assert former is importlib.import_module("mosaik_p2p.single_period.tables")
    assert not isinstance(former.__spec__.loader, FormerPlaces)  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore:mosaik_p2p.plain:DeprecationWarning")
@pytest.mark.parametrize("name", ["mosaik_p2p.plain.nothing", "mosaik_p2p.networks.electric.nothing"])
def test_a_module_that_never_was_is_not_found(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        importlib.import_module(name)


@pytest.mark.parametrize("former", NAMES)
def test_a_name_that_never_was_raises(former: str) -> None:
    module: ModuleType = importlib.import_module(former)
    with pytest.raises(AttributeError, match=f"module '{former}' has no attribute 'nothing'"):
        _ = module.nothing


def test_the_finder_stands_once_before_pythons_own() -> None:
    install()
    (place,) = [n for n, finder in enumerate(sys.meta_path) if isinstance(finder, FormerPlaces)]
    assert place < sys.meta_path.index(PathFinder)


def test_nobody_here_uses_a_former_place() -> None:
    former = {*GONE, *(f"{module}.{name}" for module, name, _ in EACH_NAME)}
    for path in [*PACKAGE.rglob("*.py"), *_others()]:
        for name in _asked_for(path):
            assert not new_place(name), f"{path} imports {name}"
            assert name not in former, f"{path} imports {name}"


@pytest.mark.skipif(not DOCS.is_dir(), reason="the tests lie beside no checkout")
def test_no_page_names_a_former_place() -> None:
    former = [*MODULES, *GONE, *(f"{module}.{name}" for module, name, _ in EACH_NAME)]
    pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in former))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")]:
        assert pattern.findall(page.read_text(encoding="utf-8")) == [], page


def _others() -> list[Path]:
    return [path for name in ("networks", "scenarios", "sims") for path in _folder(name).rglob("*.py")]


def _folder(name: str) -> Path:
    return Path(importlib.import_module(f"mosaik_p2p.{name}").__path__[0])


def _asked_for(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found
