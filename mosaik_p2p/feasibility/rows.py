"""Limits as linear rows: how a checked value moves with what each source injects, around a solved state.

A row says `value + sum_i per_kw_i dP_i + per_kvar_i dQ_i` must stay on the right side of `limit`, where dP and dQ are
the changes of the injections (into the network; heat drawn counts negative). A market that keeps its dispatch inside
the rows keeps it, up to curvature, inside the limits.
"""

import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.feasibility.checked import Checked, near
from mosaik_p2p.feasibility.violation import Violation
from mosaik_p2p.units import FloatArray

INFLUENCE_SHARE = 0.01
"""Prosumers can influence a violation if together they can move the value by this share of the excess. Below that the
value belongs to the background, the losses or the plant, and no price on injections would be worth its rounds."""
LEAST_REACH_KW = 10.0
"""What a source can be expected to change its injection by, even if it injects less than that now: about the largest
device of one household."""
NEGLIGIBLE = 1e-9
"""Entries smaller than this share of the row's largest one are rounding of the sensitivities."""

RowKey = tuple[str, str, bool]
"""Element, quantity and side of a row."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """How one quantity answers to injections. Matrices of shape (elements, sources), in the quantity's unit."""

    elements: Sequence[str]
    per_kw: FloatArray
    per_kvar: FloatArray


@dataclass(frozen=True, kw_only=True)
class LimitRow:
    """One limit of one element around the solved state."""

    element: str
    quantity: str
    unit: str
    value: float
    limit: float
    upper: bool
    """Whether `limit` is the largest value."""
    per_kw: dict[str, float]
    """Change of the value per kW that a source injects more; a source without an entry has none."""
    per_kvar: dict[str, float]
    is_known: bool = True
    """Whether it is known what moves the value; where not, nobody can say that prosumers cannot."""

    @property
    def key(self) -> RowKey:
        """What makes it the same row as one of another round."""
        return self.element, self.quantity, self.upper


@dataclass(frozen=True, kw_only=True)
class Movers:
    """Who moves the values of a network, and how."""

    sources: Sequence[str]
    injection_kw: Mapping[str, float]
    """By source: what it injects now."""
    responses: Mapping[str, Response]
    """By quantity; `SLACK` is what the slacks or the plants give."""


class MissingResponse(UserWarning):
    """A quantity is checked that nothing here says the response of."""


SLACK = "slack_kw"
"""The quantity in `Movers.responses` whose one element is all that balances the network."""


def limit_rows(checks: Iterable[Checked], movers: Movers, *, kept: Container[RowKey] = frozenset()) -> list[LimitRow]:
    """A row for every limit that is broken or near, and for those in `kept` whatever their value.

    A quantity without a response, or an element that its response does not know, is an omission of ours: it warns, so
    that tests fail, and gets a row that says that nothing is known.
    """
    return [row for check in checks for row in _rows(check, movers, kept)]


def _rows(check: Checked, movers: Movers, kept: Container[RowKey]) -> Iterable[LimitRow]:
    close = set(near(check))
    response = movers.responses.get(check.quantity)
    at = {} if response is None else {name: row for row, name in enumerate(response.elements)}
    for position, (name, value, limit) in enumerate(zip(check.names, check.values, check.limits, strict=True)):
        if value is None or limit is None:
            continue
        if position not in close and (name, check.quantity, check.upper) not in kept:
            continue
        row = at.get(name)
        if row is None:
            warnings.warn(MissingResponse(f"nothing says how {check.quantity} of {name!r} moves"), stacklevel=2)
        yield LimitRow(
            element=name,
            quantity=check.quantity,
            unit=check.unit,
            value=value,
            limit=limit,
            upper=check.upper,
            per_kw={} if response is None or row is None else entries(response.per_kw[row], movers.sources),
            per_kvar={} if response is None or row is None else entries(response.per_kvar[row], movers.sources),
            is_known=row is not None,
        )


def entries(values: FloatArray, sources: Sequence[str]) -> dict[str, float]:
    """`values` (sources,) by source, without those that are zero or rounding."""
    least = NEGLIGIBLE * float(np.abs(values).max(initial=0.0))
    pairs = zip(sources, values.tolist(), strict=True)
    return {source: value for source, value in pairs if abs(value) > least}


def can_influence(row: LimitRow, injection_kw: Mapping[str, float]) -> bool:
    """Whether the sources that inject `injection_kw` now could move the row's value by a share of its excess.

    Each of them is taken to be able to change its injection by the size of it, and by `LEAST_REACH_KW` at least.
    """
    reach = sum(
        abs(per_kw) * max(abs(injection_kw.get(source, 0.0)), LEAST_REACH_KW) for source, per_kw in row.per_kw.items()
    )
    return reach > 0.0 and reach >= INFLUENCE_SHARE * abs(row.value - row.limit)


def judged(
    violations: Iterable[Violation], rows: Iterable[LimitRow], injection_kw: Mapping[str, float]
) -> list[Violation]:
    """The violations with `prosumers_can_influence` filled in; None where it is not known what moves the value.

    One without a row is no matter of degree (heat that cannot be delivered): no price moves it.
    """
    rated = {
        (row.element, row.quantity, row.limit): can_influence(row, injection_kw) if row.is_known else None
        for row in rows
    }
    return [
        replace(broken, prosumers_can_influence=rated.get((broken.element, broken.quantity, broken.limit), False))
        for broken in violations
    ]
