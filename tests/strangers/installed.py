"""A stranger's module as a test finds it: a file that Python can import, or a package that pip has installed."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def lay(folder: Path, module: str, text: str | None = None) -> None:
    """The module, as it stands beside this file or with another text, in a folder."""
    if text is None:
        shutil.copy(HERE / f"{module}.py", folder)
    else:
        (folder / f"{module}.py").write_text(text, encoding="utf-8")


def install(folder: Path, group: str, entries: dict[str, str], *, package: str = "strangers-kinds") -> None:
    """What pip leaves of a package with entry points: its metadata."""
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


@contextmanager
def found(folder: Path, *modules: str) -> Iterator[None]:
    """The folder on Python's path; afterwards its modules are forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            for module in modules:
                sys.modules.pop(module, None)
