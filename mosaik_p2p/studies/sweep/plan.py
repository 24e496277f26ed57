"""The rows of a sweep: which keys take which values, and the run that each row is."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.files import reason_of
from mosaik_p2p.loading.runs.resolved import resolved
from mosaik_p2p.scenario.overrides import parsed
from mosaik_p2p.studies.sweep.axes import MOST_VALUES, Axis, parsed_axes

TABLE_OPTION, SAMPLE_OPTION, PART_OPTION = "--table", "--sample", "--part"


@dataclass(frozen=True)
class Wanted:
    """What all rows have in common, and how they differ."""

    scenario: str | Path
    vary: tuple[str, ...] = ()
    table: str | Path | None = None
    sample: int | None = None
    overrides: tuple[str, ...] = ()
    steps: int | None = None
    allow_code: bool = False


@dataclass(frozen=True)
class Row:
    """One run: what varies in it, and by which id its folder is called."""

    varied: Mapping[str, str]
    """Key to the text of its value, as after `--set`."""
    overrides: tuple[str, ...]
    """Those of all rows, then its own."""
    run: str
    """The same for the same scenario and the same content of its files; of a row with faults, of its overrides."""
    faults: tuple[Fault, ...] = ()

    @property
    def folder(self) -> str:
        """Within the folder of the sweep."""
        return f"runs/run={self.run}"


def planned(wanted: Wanted) -> tuple[Row, ...]:
    """Every row, in the order of the keys. Raises BadInput where what varies cannot be understood.

    A scenario that a row makes faulty is the fault of that row, which has them; where all rows have the same, the
    scenario has, and BadInput is raised with them.
    """
    rows = tuple(row_of(wanted, varied) for varied in _varied(wanted))
    first = rows[0].faults
    if first and all(row.faults == first for row in rows):
        raise BadInput(first)
    return rows


def _varied(wanted: Wanted) -> list[dict[str, str]]:
    axes, faults = parsed_axes(wanted.vary)
    rows = [{}] if wanted.table is None else _of_table(Path(wanted.table), faults)
    both = sorted({key for row in rows for key in row} & {axis.key for axis in axes})
    remedy = "Vary a key in one way."
    faults += [Fault(TABLE_OPTION, shown(key), "is varied by --vary too", remedy) for key in both]
    if not axes and wanted.table is None:
        faults.append(Fault("sweep", "(nothing)", "nothing varies", "Give --vary KEY=VALUES or --table CSV."))
    count = prod(len(axis.values) for axis in axes) * len(rows)
    if count > MOST_VALUES and wanted.sample is None:
        remedy = f"At most {MOST_VALUES} can be planned; draw some of them with {SAMPLE_OPTION}."
        faults.append(Fault("sweep", str(count), "too many rows", remedy))
    if wanted.sample is not None and wanted.sample < 1:
        faults.append(Fault(SAMPLE_OPTION, str(wanted.sample), "is less than 1", "Draw one row or more."))
    if faults:
        raise BadInput(faults)
    chosen = range(count) if wanted.sample is None or wanted.sample >= count else _drawn(count, wanted.sample)
    return [_combination(rows, axes, number) for number in chosen]


def _drawn(count: int, sample: int) -> list[int]:
    """The same rows every time, so that the same command goes on with the same sweep."""
    return sorted(random.Random(0).sample(range(count), sample))


def _combination(rows: Sequence[Mapping[str, str]], axes: Sequence[Axis], number: int) -> dict[str, str]:
    values = []
    for axis in reversed(axes):
        number, place = divmod(number, len(axis.values))
        values.append(axis.values[place])
    keys = (axis.key for axis in axes)
    return {**rows[number], **dict(zip(keys, reversed(values), strict=True))}


def _of_table(path: Path, faults: list[Fault]) -> list[dict[str, str]]:
    """The rows of a CSV file: a column per key, an empty cell where a row leaves the key as it is."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        remedy = "Give a CSV file in UTF-8 with a column per key, such as scale.pv"
        faults.append(Fault(TABLE_OPTION, str(path), f"cannot be read: {reason_of(error)}", remedy))
        return [{}]
    keys = [str(name).strip() for name in frame.columns]
    found = [
        {key: value.strip() for key, value in zip(keys, row, strict=True) if value.strip()}
        for row in frame.itertuples(index=False, name=None)
    ]
    _, wrong = parsed(f"{key}={value}" for row in found for key, value in row.items())
    faults += [Fault(TABLE_OPTION, str(path), str(fault), fault.remedy) for fault in dict.fromkeys(wrong)]
    if not found:
        faults.append(Fault(TABLE_OPTION, str(path), "has no rows", "Give it a row per run."))
    return found or [{}]


def row_of(wanted: Wanted, varied: Mapping[str, str]) -> Row:
    """The run in which these keys have these values; with its faults, where it cannot be run."""
    own = tuple(f"{key}={value}" for key, value in varied.items())
    overrides = (*wanted.overrides, *own, *([] if wanted.steps is None else [f"time.steps={wanted.steps}"]))
    try:
        found = resolved(wanted.scenario, overrides, allow_code=wanted.allow_code)
    except BadInput as bad:
        return Row(varied, overrides, "", bad.faults)
    return Row(varied, overrides, found.identity)


def part_of(rows: Sequence[Row], text: str) -> tuple[Row, ...]:
    """The rows of part I of N (`1/4`), every N-th of those that differ. Raises BadInput."""
    first, slash, last = text.partition("/")
    if not slash or not first.strip().isdecimal() or not last.strip().isdecimal() or not 1 <= int(first) <= int(last):
        remedy = "Write it as I/N with I from 1 to N, such as 1/4."
        raise BadInput([Fault(PART_OPTION, shown(text), "is no part", remedy)])
    return tuple(rows[int(first) - 1 :: int(last)])


def distinct(rows: Sequence[Row]) -> Iterator[Row]:
    """Those that can be run, each run once."""
    yield from {row.run: row for row in rows if not row.faults}.values()
