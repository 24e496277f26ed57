"""Every surface by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz import surfaces_code, surfaces_input, surfaces_plain
from fuzz.findings import Finding

Try = Callable[[Random, Path], list[Finding]]


@dataclass(frozen=True)
class Surface:
    """A way in: what is tried, and the seconds that one try may take."""

    attempt: Try
    about: str
    limit_s: float = 20.0


SURFACES: dict[str, Surface] = {
    "scenario": Surface(surfaces_input.scenario, "changed scenario files through check"),
    "override": Surface(surfaces_input.override, "--set of anything through check"),
    "nonsense": Surface(surfaces_input.nonsense, "values that no district can mean through check"),
    "profile": Surface(surfaces_input.profile, "profiles as CSV, packed, Parquet or no file through check"),
    "houses": Surface(surfaces_input.houses, "tables of houses through check"),
    "network": Surface(surfaces_input.network, "network files through check"),
    "place": Surface(surfaces_input.place, "names, places and file names through check"),
    "code": Surface(surfaces_code.network, "network files that would run code"),
    "workbook": Surface(surfaces_code.workbook, "workbooks that would run code"),
    "tables": Surface(surfaces_plain.tables, "changed CSV tables through clear"),
    "stressed": Surface(surfaces_plain.stressed, "sound plain markets under stress, recomputed"),
}
