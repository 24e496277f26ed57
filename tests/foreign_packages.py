"""Packages of others: a module and the metadata with its entry points, in a folder on the path."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mosaik_p2p.devices.registry import device_kinds

GROUP = "mosaik_p2p.devices"
STRANGERS = Path(__file__).parent / "strangers"


def install(folder: Path, module: str, source: str, **points: str) -> Path:
    """A package `module` with this source in the folder, and an entry point for each name; returns the folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The packages in a folder are there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        device_kinds.cache_clear()
        yield
    device_kinds.cache_clear()
