"""The direction of imports, and what the market core may not import."""

import ast
import importlib.util
from pathlib import Path

import pytest

from whereabouts import TESTS

ORDER = [
    "former_places", "units", "errors", "files", "tabular", "jit", "sections", "prosumers", "devices", "limits",
    "charges", "market", "single_period", "settlement", "scenario", "results", "networks", "loading", "sims",
    "cosim", "api", "cli",
]  # fmt: skip
NETWORK_LIBRARIES = {"mosaik", "mosaik_api_v3", "pandapower", "pandapipes"}
FREE_OF_NETWORKS = set(ORDER[: ORDER.index("networks")])


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
