"""The files that a run is made from."""

from collections.abc import Sequence
from pathlib import Path

from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.houses import KEY as HOUSES_KEY
from mosaik_p2p.loading.source import scenario_tables
from mosaik_p2p.scenario.overrides import overridden, parsed
from mosaik_p2p.scenario.tree import placed
from mosaik_p2p.scenario.write import with_files


def input_files(case: Case, overrides: Sequence[str] = ()) -> tuple[Path, ...]:
    """The scenario file and every file that it names, after its overrides."""
    named: list[str] = []

    def note(file: str) -> str:
        named.append(file)
        return file

    with_files(case.scenario, note)
    general = [override for override in parsed(overrides)[0] if not override.of_prosumers]
    tree, _ = overridden(placed(dict(scenario_tables(case.path))), general)
    houses = tree.get(HOUSES_KEY)
    folder = case.path.parent
    return (case.path, *(folder / file for file in [*named, *([houses] if isinstance(houses, str) and houses else [])]))
