"""A copy of the checkout in which faults are planted, laid out as installed, so that it comes before what is installed.

numba keeps compiled code by the place and text of its source. A copy therefore has a cache of its own, which the faults
in plain Python share; a fault in code that is compiled, or that compiled code takes in, starts with an empty one.
"""

import ast
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = "mosaik_p2p"
COMPILER = f"{PACKAGE}.jit.modes"
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
APART_S = 10
"""Python tells old byte code by the second in which its source was written."""


def installed_folders() -> dict[str, Path]:
    """Where the checkout's folders lie when installed: parts of the path by the folder."""
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    return {folder: Path(*name.split(".")) for name, folder in settings["tool"]["setuptools"]["package-dir"].items()}


class Copy:
    """A copy in `folder`, which is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source, target in installed_folders().items():
            shutil.copytree(CHECKOUT / source, folder / target, ignore=NOT_COPIED, dirs_exist_ok=True)
        for name in ("tests", "docs"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=NOT_COPIED)
        for path in CHECKOUT.iterdir():
            if path.is_file():
                shutil.copy(path, folder)
        self._planted = 0

    def environment(self, cache: Path | None = None) -> dict[str, str]:
        """For a process that is to run the copy, with the copy's own or another cache of compiled code."""
        paths = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "NUMBA_CACHE_DIR": str(cache or self.folder / "compiled"),
        }

    @contextmanager
    def planted(self, file: str, text: str) -> Iterator[dict[str, str]]:
        """Have `file` (of the checkout) read `text` for a while; yields the environment to run it in."""
        path = self.folder / installed_path(file)
        sound, age = path.read_bytes(), path.stat().st_mtime_ns
        self._planted += 1
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(age, age + self._planted * APART_S * 10**9))
        try:
            with tempfile.TemporaryDirectory() as empty:
                yield self.environment(Path(empty) if file in compiled_files() else None)
        finally:
            path.write_bytes(sound)
            os.utime(path, ns=(age, age))


def installed_path(file: str) -> Path:
    """Where a file of the checkout, such as `sims/market.py`, lies when installed."""
    first, *rest = Path(file).parts
    return installed_folders()[first].joinpath(*rest)


def compiled_files() -> set[str]:
    """Files of the checkout that compiled code is made of, those included whose constants it takes in."""
    imports = {file: imports_of(CHECKOUT / file) for file in source_files()}
    compiled = {file for file, names in imports.items() if COMPILER in names}
    taken = {name for file in compiled for name in imports[file]}
    return compiled | {file for file in imports if ".".join(installed_path(file).with_suffix("").parts) in taken}


def source_files() -> list[str]:
    """All Python files of the package, by their path in the checkout."""
    paths = {path for folder in installed_folders() for path in (CHECKOUT / folder).rglob("*.py")}
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in paths)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Modules that a file names in `from ... import`, and what it takes from them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)
