"""The command `export`: a run's results for spreadsheets, for other programs and for maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.files import reason_of, target_faults
from mosaik_p2p.results.export.csv_files import csv_names, write_csv
from mosaik_p2p.results.export.excel import write_excel
from mosaik_p2p.results.export.geojson import write_geojson
from mosaik_p2p.results.in_hand.run_results import RunResults, read
from mosaik_p2p.results.store.mark import read_mark
from mosaik_p2p.results.tables.thinning import thinned_sentences
from mosaik_p2p.sections.names import did_you_mean

PLACE = "--out"
ANOTHER = "Name another place with --out"


@dataclass(frozen=True)
class Format:
    """One of the formats: how its file or folder ends by default, which files it writes, and what writes them."""

    ending: str
    files: Callable[[RunResults, Path], Sequence[Path]]
    write: Callable[[RunResults, Path], Sequence[str]]
    """Returns what is to be said of it."""


@dataclass(frozen=True)
class Exported:
    """Where the results went, and what is to be said of them."""

    path: Path
    remarks: tuple[str, ...]


def _itself(_results: RunResults, path: Path) -> Sequence[Path]:
    return [path]


def _csv_files(results: RunResults, path: Path) -> Sequence[Path]:
    return [path / name for name in csv_names(results)]


def _excel(results: RunResults, path: Path) -> Sequence[str]:
    write_excel(results, path)
    return thinned_sentences(results.thinned)


def _csv(results: RunResults, path: Path) -> Sequence[str]:
    write_csv(results, path)
    return thinned_sentences(results.thinned)


FORMATS = {
    "xlsx": Format(".xlsx", _itself, _excel),
    "csv": Format("-csv", _csv_files, _csv),
    "geojson": Format(".geojson", _itself, write_geojson),
}


def export(folder: str | Path, to: str, *, out: str | Path | None = None, overwrite: bool = False) -> Exported:
    """Write the results in `folder` in the format `to`: `xlsx`, `csv` (a folder of files) or `geojson`.

    `out` is the file, or the folder of CSV files; by default it lies beside the result folder and is named after it.
    Raises BadInput where there are no results, one of them was changed or does not fit into the format, or where files
    are there already (unless `overwrite`: these files are then replaced, and no others).
    """
    if to not in FORMATS:
        raise BadInput([Fault("--to", shown(to), "is no format", did_you_mean(to, FORMATS, what="formats"))])
    chosen, results = FORMATS[to], read(folder)
    beside = Path(folder).resolve()
    path = beside.with_name(beside.name + chosen.ending) if out is None else Path(out)
    _refuse(path, chosen.files(results, path), overwrite=overwrite)
    try:
        remarks = chosen.write(results, path)
    except OSError as error:
        problem = f"cannot be written: {reason_of(error)}"
        raise BadInput([Fault(PLACE, str(path), problem, "Make room, or " + ANOTHER.lower())]) from error
    incomplete = [] if results.complete else [f"The run is incomplete ({results.cause}): what it computed is there."]
    return Exported(path, (*incomplete, *remarks))


def _refuse(path: Path, files: Sequence[Path], *, overwrite: bool) -> None:
    """BadInput where the files cannot be written, or are not to be."""
    faults = target_faults(PLACE, path) if files == [path] else target_faults(PLACE, path / "file") * path.exists()
    try:
        inside = [above for above in path.resolve().parents if read_mark(above) is not None]
        there = [str(file) for file in files if file.exists()]
    except (OSError, ValueError) as error:
        raise BadInput([*faults, Fault(PLACE, str(path), f"cannot be used: {reason_of(error)}", ANOTHER)]) from error
    if inside or (path.is_dir() and read_mark(path) is not None):
        faults = [Fault(PLACE, str(path), "lies in a result folder, which holds what its run wrote", ANOTHER)]
    elif there and not overwrite and not faults:
        faults = [Fault(PLACE, there[0], "is there already", f"{ANOTHER}, or allow --overwrite")]
    if faults:
        raise BadInput(faults)
