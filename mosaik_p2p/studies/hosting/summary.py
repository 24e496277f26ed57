"""What a search came to, ready for JSON, and its points as a table."""

from collections.abc import Mapping, Sequence
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


def table_of(points: Points, growth: Growth) -> pd.DataFrame:
    """A row per point that was tried, by market and value."""
    order = [variant.name for variant in VARIANTS]
    rows = sorted(points, key=lambda known: (order.index(known[0].variant), known[0].value))
    frame = pd.DataFrame([_row(point, found, growth) for point, found in rows], columns=list(COLUMNS))
    return frame.astype(COLUMNS)


def _row(point: Point, found: Judged, growth: Growth) -> dict[str, Any]:
    worst = found.limits[0] if found.limits else None
    return {
        "market": point.variant,
        "value": float(point.value),
        "amount_kw": growth.amount(point.value),
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


def summary_of(
    scenario: Scenario, growth: Growth, sought: Range, given_up: float, answers: Mapping[str, Answer], points: Points
) -> dict[str, Any]:
    """The three answers with the runs that verify them, and what was asked."""
    known = {(point.variant, point.value): (point, found) for point, found in points}
    time = scenario.time
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "grows": growth.called,
        "key": growth.key,
        "own": float(growth.own),
        "rated_kw": growth.rated,
        "unit": growth.unit,
        "low": float(sought.low),
        "high": float(sought.high),
        "within": float(sought.within),
        "most_given_up": given_up,
        "hours": time.steps * time.step_minutes / 60.0,
        "points": len(points),
        "answers": [_answer(variant, answers[variant.name], growth, known) for variant in VARIANTS],
    }


def _answer(
    variant: Variant, answer: Answer, growth: Growth, known: Mapping[tuple[str, Decimal], tuple[Point, Judged]]
) -> dict[str, Any]:
    ends = {
        side: None if value is None else _end(growth, *known[variant.name, value])
        for side, value in (("holds", answer.below), ("does_not_hold", answer.above))
    }
    return {
        "market": variant.name,
        "called": variant.called,
        "found": answer.found.value,
        "is_verified": answer.found is Found.BETWEEN,
        **ends,
        "holds_again": [float(value) for value in answer.hold_again],
    }


def _end(growth: Growth, point: Point, found: Judged) -> dict[str, Any]:
    return {
        "value": float(point.value),
        "set": f"{growth.key}={growth.text(point.value)}",
        "amount_kw": growth.amount(point.value),
        "run": point.row.folder if point.row.run else None,
        "held": found.held.value,
        "given_up": found.given_up,
        "cause": found.cause,
        "limits": [{**_worst(limit), "digits": limit.digits} for limit in found.limits],
    }
