"""What a search came to, ready for JSON, and its points as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.studies.hosting.growth import Growth
from mosaik_p2p.studies.hosting.plan import VARIANTS, Point, Variant
from mosaik_p2p.studies.hosting.points import Judged, Limit
from mosaik_p2p.studies.hosting.search import Answer, Found, Range

SCHEMA = 1
Points = Sequence[tuple[Point, Judged]]
COLUMNS = {
    "feeder": "string",
    "market": "string",
    "value": "float64",
    "amount_kw": "float64",
    "held": "string",
    "given_up": "float64",
    "limit": "string",
    "where": "string",
    "when": "string",
    "limit_value": "float64",
    "limit_is": "float64",
    "unit": "string",
    "cause": "string",
    "run": "string",
}


@dataclass(frozen=True)
class Asked:
    """What was asked of a scenario: whole, or by what `per` names."""

    scenario: Scenario
    per: str | None
    growths: tuple[Growth, ...]
    sought: Range
    given_up: float


def table_of(points: Points, growths: Sequence[Growth]) -> pd.DataFrame:
    """A row per point that was tried, by what grows, market and value."""
    order = [variant.name for variant in VARIANTS]

    def place(known: tuple[Point, Judged]) -> tuple[int, int, Decimal]:
        point, _ = known
        return growths.index(point.growth), order.index(point.variant), point.value

    rows = [_row(point, found) for point, found in sorted(points, key=place)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(point: Point, found: Judged) -> dict[str, Any]:
    worst = found.limits[0] if found.limits else None
    return {
        "feeder": point.growth.feeder,
        "market": point.variant,
        "value": float(point.value),
        "amount_kw": point.growth.amount(point.value),
        "held": found.held.value,
        "given_up": found.given_up,
        **({} if worst is None else _worst(worst)),
        "cause": found.cause,
        "run": point.row.run or None,
    }


def _worst(limit: Limit) -> dict[str, Any]:
    return {
        "limit": limit.name,
        "where": limit.where or None,
        "when": limit.when or None,
        "limit_value": limit.value,
        "limit_is": limit.limit,
        "unit": limit.unit or None,
    }


def summary_of(asked: Asked, answers: Mapping[tuple[Growth, str], Answer], points: Points) -> dict[str, Any]:
    """The answers with the runs that verify them, and what was asked."""
    first, sought, time = asked.growths[0], asked.sought, asked.scenario.time
    rated = [growth.rated for growth in asked.growths if growth.rated is not None]
    known = {point.key: (point, found) for point, found in points}
    return {
        "schema": SCHEMA,
        "scenario": asked.scenario.name,
        "grows": first.called,
        "key": first.key,
        "own": float(first.own),
        "rated_kw": sum(rated) if rated else None,
        "unit": first.unit,
        "low": float(sought.low),
        "high": float(sought.high),
        "within": float(sought.within),
        "most_given_up": asked.given_up,
        "hours": time.steps * time.step_minutes / 60.0,
        "points": len(points),
        "per": asked.per,
        "feeders": [_feeder(growth) for growth in asked.growths if growth.feeder is not None],
        "answers": [
            _answer(growth, variant, answers[growth, variant.name], known)
            for growth in asked.growths
            for variant in VARIANTS
        ],
    }


def _feeder(growth: Growth) -> dict[str, Any]:
    return {
        "feeder": growth.feeder,
        "busbars": list(growth.busbars),
        "prosumers": list(growth.prosumers),
        "rated_kw": growth.rated,
    }


def _answer(
    growth: Growth,
    variant: Variant,
    answer: Answer,
    known: Mapping[tuple[Growth, str, Decimal], tuple[Point, Judged]],
) -> dict[str, Any]:
    ends = {
        side: None if value is None else _end(*known[growth, variant.name, value])
        for side, value in (("holds", answer.below), ("does_not_hold", answer.above))
    }
    return {
        "feeder": growth.feeder,
        "market": variant.name,
        "called": variant.called,
        "found": answer.found.value,
        "is_verified": answer.found is Found.BETWEEN,
        **ends,
        "holds_again": [float(value) for value in answer.hold_again],
    }


def _end(point: Point, found: Judged) -> dict[str, Any]:
    growth = point.growth
    return {
        "value": float(point.value),
        "set": growth.as_one(point.value),
        "amount_kw": growth.amount(point.value),
        "run": point.row.folder if point.row.run else None,
        "held": found.held.value,
        "given_up": found.given_up,
        "cause": found.cause,
        "limits": [{**_worst(limit), "digits": limit.digits} for limit in found.limits],
    }
