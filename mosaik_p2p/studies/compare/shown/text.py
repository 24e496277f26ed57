"""What a comparison comes to, for a reader at a terminal."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import Any

from mosaik_p2p.results.labels.numbers import plain, signed
from mosaik_p2p.studies.compare.shown.sentences import sentences_of

WIDTH = 100
NOT_KNOWN = "-"

Row = Mapping[str, Any]


def render(summary: Mapping[str, Any]) -> str:
    """The verdict, two tables, and what is not complete."""
    head = [f"{summary['scenario']}: {len(summary['rows'])} runs over {summary['hours']:g} h ({summary['currency']})"]
    for text in sentences_of(summary):
        head += wrap(text, WIDTH, subsequent_indent="  ")
    failed = [f"Not complete: {row['label']}: {row['cause']}" for row in summary["rows"] if not row["complete"]]
    return "\n".join([*head, *_table(summary, _LIMITS_AND_COST), *_table(summary, _WHO_AND_HOW), *failed])


Column = tuple[str, Callable[[Row], str]]


def _money(key: str) -> Callable[[Row], str]:
    return lambda row: NOT_KNOWN if row[key] is None else plain(row[key])


def _signed(key: str, digits: int = 2) -> Callable[[Row], str]:
    return lambda row: NOT_KNOWN if row[key] is None else signed(row[key], digits)


def _plain(key: str, digits: int = 0, factor: float = 1.0) -> Callable[[Row], str]:
    return lambda row: NOT_KNOWN if row[key] is None else plain(factor * row[key], digits)


def _broken(row: Row) -> str:
    known = row["hours_broken"]
    return NOT_KNOWN if known is None else " + ".join(f"{hours:g}" for hours in known.values()) or "none"


def _left(row: Row) -> str:
    hours = row["hours_infeasible"], row["hours_unknown"]
    return NOT_KNOWN if None in hours else f"{hours[0]:g}{f' (+{hours[1]:g} ?)' if hours[1] else ''}"


_LIMITS_AND_COST: tuple[Column, ...] = (
    ("infeasible h", _left),
    ("el + heat", _broken),
    ("system cost", _money("system_cost")),
    ("closing", _signed("closing_value")),
    ("gain", _signed("welfare_gain_after_closing_value")),
    ("prosumers", _money("cost_of_members")),
    ("surcharges", _money("surcharges")),
    ("operator", _signed("operator_balance")),
)
_WHO_AND_HOW: tuple[Column, ...] = (
    ("worse off", _plain("worse_off")),
    ("least %", _signed("least_saving_percent", 1)),
    ("Jain", _plain("jain", 3)),
    ("el kWh", _plain("traded_kwh_electricity", 1)),
    ("heat kWh", _plain("traded_kwh_heat", 1)),
    ("exchanges", _plain("exchanges")),
    ("kB/interval", _plain("sent_bytes_per_prosumer_and_interval", 1, 1e-3)),
    ("time s", _plain("wall_s", 1)),
)


def _table(summary: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    rows = [[row["label"], *(write(row) for _, write in columns)] for row in summary["rows"]]
    cells = [["", *(title for title, _ in columns)], *rows]
    widths = [max(len(line[n]) for line in cells) for n in range(len(columns) + 1)]
    return ["  ".join(["", line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
