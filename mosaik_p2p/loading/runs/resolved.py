"""A scenario as far as its own text goes, without networks and profiles: to tell runs apart before any is loaded."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading.runs.inputs import files_of
from mosaik_p2p.loading.source import scenario_path
from mosaik_p2p.loading.validate import reading_of
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.scenario.write import toml_of, with_files

ID_DIGITS = 16
MISSING = "missing"


@dataclass(frozen=True)
class Resolved:
    """A scenario with overrides, houses and templates worked in."""

    scenario: Scenario
    files: tuple[Path, ...]
    """The scenario file and every file that it names."""

    @property
    def identity(self) -> str:
        """Of what it says and of what its files hold, wherever they lie."""
        held = with_files(self.scenario, _content)
        parts = [version("mosaik_p2p"), toml_of(held), *(_content(str(file)) for file in self.files[1:])]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:ID_DIGITS]


def resolved(source: str | Path, overrides: Sequence[str] = (), *, allow_code: bool = False) -> Resolved:
    """Raises BadInput with the faults of the text; those of networks and profiles are found when it is loaded."""
    path = scenario_path(source)
    reading = reading_of(path, overrides, allow_code=allow_code)
    if reading.faults:
        raise BadInput(reading.faults)
    return Resolved(reading.scenario, files_of(reading.scenario, path, overrides))


def _content(file: str) -> str:
    """Stands for the file in an identity."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return f"{MISSING} {os.path.basename(file)}"  # noqa: PTH119 (as text: a path may be of another system)
