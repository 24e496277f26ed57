"""The direction of imports, and what the market core may not import."""

import ast
import importlib.util
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from whereabouts import TESTS

ORDER = [
    "former_places", "units", "errors", "files", "tabular", "jit", "sections", "prosumers", "devices", "limits",
    "charges", "market", "single_period", "settlement", "scenario", "results", "networks", "loading", "sims",
    "cosim", "studies", "drafts", "api", "cli",
]  # fmt: skip
NETWORK_LIBRARIES = {"mosaik", "mosaik_api_v3", "pandapower", "pandapipes"}
FREE_OF_NETWORKS = set(ORDER[: ORDER.index("networks")])


MOST_FILES = 15
"""Code files of different kinds in one folder; folders of one kind may have more."""


def _modules() -> list[tuple[str | None, Path]]:
    """Every module with its layer: the folder or file right below the package, or the sibling folder."""
    roots = {
        name: Path(importlib.util.find_spec(f"mosaik_p2p{dot}{name}").origin).parent  # type: ignore[union-attr, arg-type]
        for dot, name in (("", ""), (".", "sims"), (".", "networks"))
    }
    return [
        (name or _top(path.relative_to(root)), path)
        for name, root in roots.items()
        for path in sorted(root.rglob("*.py"))
    ]


def _top(path: Path) -> str | None:
    top = path.parts[0].removesuffix(".py")
    return top if top in ORDER else None


@cache
def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "mosaik_p2p":
                names |= {f"mosaik_p2p.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("layer", "path"), _modules(), ids=str)
def test_imports_point_one_way(layer: str | None, path: Path) -> None:
    if layer is None:
        return
    rank = ORDER.index(layer)
    for name in _imported(path):
        parts = name.split(".")
        if parts[0] == "mosaik_p2p" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= rank, f"{path} ({layer}) imports {name}"
        assert parts[0] not in ("sims", "networks", "scenarios"), f"{path} imports {name}: the same file twice"
        if layer in FREE_OF_NETWORKS:
            assert parts[0] not in NETWORK_LIBRARIES, f"{path} ({layer}) imports {name}"


@pytest.mark.parametrize(("layer", "path"), _modules(), ids=str)
def test_kinds_of_devices_are_known_to_their_registry_only(layer: str | None, path: Path) -> None:
    # An example builds the devices that it wants, as a user's program does.
    if layer != "devices" and "scenarios" not in path.parts:
        named = {name for name in _imported(path) if name.startswith("mosaik_p2p.devices.kinds")}
        assert not named, f"{path} asks for a kind by name: {named}"


def test_tests_share_by_way_of_support_alone() -> None:
    names = {path.stem for path in TESTS.rglob("test_*.py")}
    named = {path.name: _imported(path) & names for path in TESTS.rglob("*.py")}
    assert {name: others for name, others in named.items() if others} == {}, "move what they share to tests/support"


@cache
def _by_name() -> dict[str, Path]:
    """Every module by its dotted name."""
    found: dict[str, Path] = {}
    for name in ("mosaik_p2p", "mosaik_p2p.networks", "mosaik_p2p.sims", "mosaik_p2p.scenarios"):
        root = Path(importlib.util.find_spec(name).origin).parent  # type: ignore[union-attr, arg-type]
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join((name, *(part for part in parts if part != "__init__")))] = path
    return found


PACKAGES = [name for name, path in _by_name().items() if path.name == "__init__.py"]


@cache
def _asked_for(module: str) -> frozenset[str]:
    """The modules of ours from which a module imports names."""
    nodes = ast.walk(ast.parse(_by_name()[module].read_text(encoding="utf-8")))
    named = [
        (node.module, f"{node.module}.{alias.name}")
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    return frozenset(name if name in _by_name() else source for source, name in named)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_between_the_files_and_folders_of_a_folder(package: str) -> None:
    below: dict[str, set[str]] = {}
    for module in _by_name():
        if module.startswith(f"{package}."):
            others = {_child(package, name) for name in _asked_for(module) if name.startswith(f"{package}.")}
            below.setdefault(_child(package, module), set()).update(others - {_child(package, module)})
    # Raises CycleError, which names the circle.
    assert set(TopologicalSorter(below).static_order()) >= set(below)


def _child(package: str, module: str) -> str:
    """The file or folder right in `package` that holds the module."""
    return ".".join(module.split(".")[: package.count(".") + 2])


@pytest.mark.parametrize("package", [name for name in PACKAGES if not name.endswith(".kinds")])
def test_a_folder_can_be_looked_over(package: str) -> None:
    files = [path for path in _by_name()[package].parent.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES, f"{package}: sub-folders that say what they hold"
