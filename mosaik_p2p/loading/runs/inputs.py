"""The files that a run is made from."""

from collections.abc import Sequence
from pathlib import Path

from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.prosumers.houses import KEY as HOUSES_KEY
from mosaik_p2p.loading.prosumers.partner_file import KEY as PARTNERS_KEY
from mosaik_p2p.loading.prosumers.preference_file import KEY as PREFERENCES_KEY
from mosaik_p2p.loading.source import scenario_tables
from mosaik_p2p.scenario.overrides import overridden, parsed
from mosaik_p2p.scenario.placed_tables import placed
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.scenario.write import with_files


def input_files(case: Case, overrides: Sequence[str] = ()) -> tuple[Path, ...]:
    """The scenario file and every file that it names, after its overrides."""
    return files_of(case.scenario, case.path, overrides)


def files_of(scenario: Scenario, path: Path, overrides: Sequence[str] = ()) -> tuple[Path, ...]:
    """The same of a scenario from the file `path` of which no more than the text was read."""
    named: list[str] = []

    def note(file: str) -> str:
        named.append(file)
        return file

    with_files(scenario, note)
    general = [override for override in parsed(overrides)[0] if not override.of_prosumers]
    tree, _ = overridden(placed(dict(scenario_tables(path))), general)
    market = tree.get("market")
    of_market = [market.get(key) for key in (PARTNERS_KEY, PREFERENCES_KEY)] if isinstance(market, dict) else []
    tables = [tree.get(HOUSES_KEY), *of_market]
    named += [file for file in tables if isinstance(file, str) and file]
    return (path, *(path.parent / file for file in named))
