"""A search as it goes on: the points that are known, those to be tried next, and the runs that tell of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from mosaik_p2p.errors import BadInput
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.engine.running import Engine
from mosaik_p2p.studies.engine.worker import Ran
from mosaik_p2p.studies.hosting.files import prepared
from mosaik_p2p.studies.hosting.growth import FROM, TO, Growth, plain_text, value_faults
from mosaik_p2p.studies.hosting.plan import VARIANTS, Point, Variant, point_of
from mosaik_p2p.studies.hosting.points import Judged, judged
from mosaik_p2p.studies.hosting.search import Answer, Found, Held, Range, answer, next_values
from mosaik_p2p.studies.sweep.missing import run_missing
from mosaik_p2p.studies.sweep.plan import Row, Wanted
from mosaik_p2p.studies.sweep.table import RunStatus, Stored, stored

Key: TypeAlias = tuple[Growth, str, Decimal]
"""What grows, under which market, and how far."""


@dataclass
class Search:
    """The points that are known so far."""

    folder: Path
    wanted: Wanted
    growths: tuple[Growth, ...]
    sought: Range
    given_up: float
    points: dict[Key, Point] = field(default_factory=dict)
    judged: dict[Key, Judged] = field(default_factory=dict)

    def refuse_bad_ends(self) -> None:
        """Raise BadInput where an end of the range can be no value of what grows."""
        for value, option in ((self.sought.low, FROM), (self.sought.high, TO)):
            faults = self.point(self.growths[0], VARIANTS[0], value).row.faults
            if faults:
                raise BadInput(value_faults(faults, self.growths[0], value, option))

    def point(self, growth: Growth, variant: Variant, value: Decimal) -> Point:
        """The point with its run."""
        key = (growth, variant.name, value)
        if key not in self.points:
            self.points[key] = point_of(self.wanted, growth, variant, value)
        return self.points[key]

    def known(self, growth: Growth, variant: Variant) -> dict[Decimal, Held]:
        """What is known under one of the markets, by value."""
        wanted = (growth, variant.name)
        return {value: found.held for (*of, value), found in self.judged.items() if tuple(of) == wanted}

    def missing(self) -> list[Point]:
        """What has to be tried next, of all that grows and under all markets."""
        return [
            self.point(growth, variant, value)
            for growth in self.growths
            for variant in VARIANTS
            for value in next_values(self.sought, self.known(growth, variant))
        ]

    def learn(self, points: Sequence[Point], ran: Mapping[str, Ran]) -> None:
        """Judge the runs of the points; of those that are neither complete nor in `ran` nothing is known."""
        for point in points:
            found = _outcome(self.folder, point.row, ran.get(point.row.run))
            if found is not None:
                run = self.folder / point.row.folder
                self.judged[point.key] = judged(found, run, most_given_up=self.given_up)

    def answers(self) -> dict[tuple[Growth, str], Answer]:
        """By what grows, and by market."""
        return {
            (growth, variant.name): answer(self.sought, self.known(growth, variant))
            for growth in self.growths
            for variant in VARIANTS
        }


def _outcome(folder: Path, row: Row, ran: Ran | None) -> Stored | None:
    """What a run came to; None where it has not ended."""
    if row.faults:
        cause = "; ".join(" ".join(str(fault).split()) for fault in row.faults)
        return Stored(RunStatus.BAD_INPUT, cause, {})
    found = stored(folder / row.folder)
    if found.status in (RunStatus.COMPLETE, RunStatus.NO_SOLUTION):
        return found
    if ran is None:
        return None
    return Stored(RunStatus.INCOMPLETE, ran.failure or found.cause or ran.last_said, found.summary)


def searched(
    search: Search,
    question: Mapping[str, str],
    source: Path,
    *,
    engine: Engine,
    progress: bool,
) -> BaseException | None:
    """Try values until nothing is left to be tried; the interrupt that ended it, if one did."""
    while missing := search.missing():
        allow_code = search.wanted.allow_code
        prepared(search.folder, [point.row for point in search.points.values()], question, allow_code=allow_code)
        rows = [point.row for point in missing if not point.row.faults]
        ran = run_missing(search.folder, source, rows, engine=engine, progress=progress, allow_code=allow_code)
        # What an interrupt has ended says nothing: the same call goes on with it.
        search.learn(missing, {} if ran.demand is not None else ran.rows)
        if ran.demand is not None or search.missing() == missing:
            return ran.demand
        if progress:
            tell(_so_far(search))
    return None


def _so_far(search: Search) -> str:
    answers = search.answers()
    if len(search.growths) > 1:
        ended = sum(found.found is not Found.NOT_ENDED for found in answers.values())
        return f"{ended} of {len(answers)} numbers are found"
    return "; ".join(_bracket(variant, answers[search.growths[0], variant.name]) for variant in VARIANTS)


def _bracket(variant: Variant, found: Answer) -> str:
    below = "nothing holds" if found.below is None else f"holds at {plain_text(found.below)}"
    above = "" if found.above is None else f", does not at {plain_text(found.above)}"
    return f"{variant.called}: {below}{above}"
