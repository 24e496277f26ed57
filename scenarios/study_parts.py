"""What the studies of market designs share: a look-ahead to be cleared, the way of a dispatch, and a table of rows.

Used by `study_ma`, `study_xia` and `study_xiao`. The papers' own figures are of districts that are not published, so
each row puts a question, what would speak for the method, and what was found here.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mosaik_p2p.errors import RunFailed, Status
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings

HEADINGS = ("question", "would speak for it", "ours", "found")


class Row(NamedTuple):
    """One line of a study."""

    question: str
    expected: str
    ours: str
    found: str


def first_look_ahead(case: MarketCase, *, relative_gap: float, operator: Operator | None = None) -> Task:
    """The first look-ahead of `case`, all of which binds, with `operator` to ask."""
    raw = RollingMarket(case).problem(0)
    settings = Settings(relative_gap=relative_gap, binding=raw.shape[1])
    return Task(
        prosumers=case.prosumers,
        begin=0,
        raw=raw,
        problem=with_imbalance_priced(raw),
        settings=settings,
        clear=lambda prepared, start: clear(prepared, settings, start=start),
        operator=operator,
    )


def accepted(clearing: Clearing) -> Clearing:
    """The clearing. Raises RunFailed where it is not within its gap: figures of it would mean nothing."""
    if clearing.status is not Status.OK or clearing.cause is not None:
        raise RunFailed(f"a clearing of the study ended with {clearing.status}: {clearing.cause}")
    return clearing


def traded_kwh(clearing: Clearing, dt_h: float) -> float:
    """Of all carriers and intervals that bind."""
    hours = (clearing.trades, *clearing.later_trades)
    return dt_h * sum(float(trades.power_kw.sum()) for hour in hours for trades in hour)


def yes_or_no(is_so: bool) -> str:
    """The last column."""
    return "yes" if is_so else "no"


def told(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...] = HEADINGS) -> list[str]:
    """Rows of text under headings, in columns."""
    cells = [headings, *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(headings))]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]
