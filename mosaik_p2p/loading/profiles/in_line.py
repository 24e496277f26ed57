"""Profiles that a scenario uses without a table of their own: `loads.csv:H1`, or a column of its `profiles_file`.

Each that is used becomes a table of `profiles`, so that nothing behind this knows how it was written, and the resolved
scenario says in full where every series comes from.
"""

import re
from dataclasses import replace
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profile_references import uses
from mosaik_p2p.loading.profiles.files import TIME, read_profile_table
from mosaik_p2p.scenario.parts.profiles import FileProfile
from mosaik_p2p.scenario.read import Reading

KEY = "profiles_file"
_IN_A_LINE = re.compile(r"(?P<file>.+?\.(?:csv|csv\.gz|parquet|pq)):(?P<column>.+)", re.IGNORECASE)


def with_mentioned(reading: Reading, folder: Path) -> tuple[Reading, tuple[Fault, ...]]:
    """The reading with a table for every profile that it uses in this way, and what is wrong with its `profiles_file`.

    A table of its own goes before a column of the same name.
    """
    scenario = reading.scenario
    unknown = dict.fromkeys(use.profile for use in uses(scenario) if use.profile not in scenario.profiles)
    columns, faults = _columns(scenario.profiles_file, folder)
    found: dict[str, FileProfile] = {}
    for name in unknown:
        parts = _IN_A_LINE.fullmatch(name)
        if name in columns:
            found[name] = FileProfile(file=str(scenario.profiles_file), column=name)
        elif parts is not None:
            found[name] = FileProfile(file=parts["file"], column=parts["column"])
    # Of a file that cannot be read nobody knows which profiles it has.
    lost = [f"profiles.{name}" for name in unknown if faults and name not in found]
    complete = scenario.model_copy(update={"profiles": {**scenario.profiles, **found}})
    dropped = reading.dropped.union(lost)
    return replace(reading, scenario=complete, dropped=dropped, columns=columns), faults


def _columns(file: str | None, folder: Path) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """The columns of the file, all but its times."""
    if file is None:
        return (), ()
    try:
        table = read_profile_table(folder / file)
    except BadInput as bad:
        return (), tuple(replace(fault, place=fault.place.replace("file", KEY, 1)) for fault in bad.faults)
    return tuple(str(name) for name in table.frame.columns if name != TIME), ()
