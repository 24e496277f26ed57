"""What is installed is what the checkout holds: every package, every file beside the code, types for others."""

import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from whereabouts import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETTINGS["package-dir"]
PACKAGE = "mosaik_p2p"
IS_CHECKOUT = (ROOT / PACKAGE).is_dir()
of_checkout = pytest.mark.skipif(not IS_CHECKOUT, reason="the tests lie beside no checkout")
TOP = [name for name in FOLDERS if name.count(".") == 1]
"""The packages whose folder stands beside the library's."""


def _folder(package: str) -> Path:
    """Where the sources of a package lie in the checkout."""
    if package in FOLDERS:
        return ROOT / FOLDERS[package]
    parent, _, name = package.rpartition(".")
    return _folder(parent) / name


def _packages_of(name: str, folder: Path) -> Iterator[str]:
    """The packages in a folder and below it, links left aside."""
    if any(folder.glob("*.py")):
        yield name
        for inner in sorted(folder.iterdir()):
            if inner.is_dir() and not inner.is_symlink():
                yield from _packages_of(f"{name}.{inner.name}", inner)


@of_checkout
def test_every_package_is_listed() -> None:
    found = [package for name in (PACKAGE, *TOP) for package in _packages_of(name, _folder(name))]
    assert sorted(SETTINGS["packages"]) == sorted(found), "pyproject.toml, [tool.setuptools] packages"
    for package in found:
        assert (_folder(package) / "__init__.py").is_file(), package


@of_checkout
def test_every_file_beside_the_code_is_listed() -> None:
    for package in SETTINGS["packages"]:
        folder = _folder(package)
        globs = SETTINGS["package-data"].get(package, [])
        listed = {path for pattern in globs for path in folder.glob(pattern)}
        assert all(any(folder.glob(pattern)) for pattern in globs), f"{package}: a pattern that fits no file"
        assert set(_data(folder)) == listed, f"pyproject.toml, [tool.setuptools.package-data] of {package}"


def _data(folder: Path) -> Iterator[Path]:
    """The files of a package that are no code, those of folders without code included."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path
        if path.is_dir() and not path.is_symlink() and path.name != "__pycache__" and not any(path.glob("*.py")):
            yield from _data(path)


@pytest.mark.parametrize("package", SETTINGS["packages"])
def test_every_package_is_installed(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    for pattern in SETTINGS["package-data"].get(package, []):
        assert any(Path(spec.origin).parent.glob(pattern)), f"{package}: no file {pattern}"


@of_checkout
@pytest.mark.parametrize("package", TOP)
def test_type_checkers_and_editors_find_the_folders_beside(package: str) -> None:
    """They look below `mosaik_p2p/`, where a link leads to the folder; Python, too, takes the file through the link."""
    link = ROOT.joinpath(*package.split("."))
    if link.is_file():
        pytest.skip("this checkout has no symbolic links; see CONTRIBUTING.md")
    assert link.is_symlink()
    assert link.resolve() == _folder(package).resolve()
