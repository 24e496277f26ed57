"""Every surface by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz import surfaces_code, surfaces_folder, surfaces_input, surfaces_plain, surfaces_process, surfaces_run
from fuzz.findings import Finding

LONG_S = 900.0
"""For tries that wait for processes, which have limits of their own."""
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
    "run": Surface(surfaces_run.accepted, "changed input of all kinds through run --steps 2"),
    "grids": Surface(surfaces_run.network, "changed network files through run --steps 2"),
    "market": Surface(surfaces_run.market, "sound scenarios under stress through run --steps 2, recomputed"),
    "notebook": Surface(surfaces_run.notebook, "a run inside a running event loop"),
    "sabotage": Surface(surfaces_run.sabotage, "a result folder that changes under the run", limit_s=40.0),
    "foreign": Surface(surfaces_folder.foreign, "foreign files and links in and around result folders"),
    "damage": Surface(surfaces_folder.damage, "damaged result folders through report"),
    "outcome": Surface(surfaces_folder.outcome_file, "clear --json onto files that are there"),
    "child": Surface(surfaces_process.child, "kills of simulators that are processes of their own", limit_s=LONG_S),
    "signalled": Surface(surfaces_process.signalled, "interrupts and kills of the run itself", limit_s=LONG_S),
    "loop": Surface(surfaces_process.loop, "an interrupt in a loop of runs", limit_s=LONG_S),
    "both": Surface(surfaces_process.both, "two runs on one folder", limit_s=LONG_S),
    "disk": Surface(surfaces_process.disk, "a full disk, closed outputs, a compiler switched off", limit_s=LONG_S),
}
