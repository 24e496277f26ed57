"""Limits as linear rows: how a checked value moves with what each source injects, around a solved state.

A row says `value + sum_i per_kw_i dP_i + per_kvar_i dQ_i` must stay on the right side of `limit`, where dP and dQ are
the changes of the injections (into the network; heat drawn counts negative). A market that keeps its dispatch inside
the rows keeps it, up to curvature, inside the limits.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.checking import Checked, near
from mosaik_p2p.limits.response import Response
from mosaik_p2p.units import FloatArray

NEGLIGIBLE = 1e-9
"""Entries smaller than this share of the row's largest one are rounding of the sensitivities."""


class LimitKey(NamedTuple):
    """Which limit of a network: one side of one quantity of one element. The same in every round."""

    element: str
    quantity: str
    is_upper: bool


class _Every:
    def __contains__(self, key: object) -> bool:
        return True


EVERY_LIMIT: Container[LimitKey] = _Every()
"""To be told of all limits, near or not."""


@dataclass(frozen=True)
class LimitRow:
    """One limit of one element around the solved state: its value, and how each source's injection changes it."""

    element: str
    quantity: str
    unit: str
    value: float
    limit: float
    is_upper: bool
    """Whether `limit` is the largest value."""
    per_kw: Mapping[str, float]
    """Change of the value, in `unit`, per kW that a source injects more, all reactive power held; a source without an
    entry has none."""
    per_kvar: Mapping[str, float] = field(default_factory=dict)
    """The same per kvar."""

    @property
    def key(self) -> LimitKey:
        """Which limit it is of."""
        return LimitKey(self.element, self.quantity, self.is_upper)

    @property
    def excess(self) -> float:
        """By how much the limit is violated, in `unit`; negative where there is room."""
        return self.value - self.limit if self.is_upper else self.limit - self.value


@dataclass(frozen=True, kw_only=True)
class Movers:
    """Who moves the values of a network, and how."""

    sources: Sequence[str]
    injection_kw: Mapping[str, float]
    """By source: what it injects now."""
    responses: Mapping[str, Response]
    """By quantity; `SLACK` is what the slacks or the plants give."""


class MissingResponse(LookupError):
    """A limit is to be negotiated, and nothing says how its quantity moves."""


def responses(quantities: Iterable[LimitedQuantity], sensitivities: Any) -> dict[str, Response]:
    """By quantity, out of a network's `ElectricSensitivities` or `HeatSensitivities`; those that have one."""
    return {of.quantity: of.response(sensitivities) for of in quantities if of.response is not None}


def limit_rows(checks: Iterable[Checked], movers: Movers, *, kept: Container[LimitKey] = frozenset()) -> list[LimitRow]:
    """A row for every limit that is violated or near, and for those in `kept` whatever their value.

    Raises MissingResponse for a quantity that has none, whatever its values, and for an element to be told of that its
    response does not know: an empty row would say that nobody can help it.
    """
    return [row for check in checks for row in _rows(check, movers, kept)]


def _rows(check: Checked, movers: Movers, kept: Container[LimitKey]) -> Iterable[LimitRow]:
    of, close = check.of, set(near(check))
    response = movers.responses.get(of.quantity)
    if response is None:
        raise MissingResponse(f"nothing says how {of.quantity} moves, so that it cannot be negotiated")
    at = {name: row for row, name in enumerate(response.elements)}
    for position, (name, value, limit) in enumerate(zip(check.names, check.values, check.limits, strict=True)):
        if value is None or limit is None:
            continue
        if position not in close and LimitKey(name, of.quantity, of.is_upper) not in kept:
            continue
        if name not in at:
            raise MissingResponse(f"nothing says how {of.quantity} of {name!r} moves, so that it cannot be negotiated")
        per_kw, per_kvar = (entries(part[at[name]], movers.sources) for part in (response.per_kw, response.per_kvar))
        yield LimitRow(name, of.quantity, of.unit, value, limit, of.is_upper, per_kw, per_kvar)


def entries(values: FloatArray, sources: Sequence[str]) -> dict[str, float]:
    """`values` (sources,) by source, without those that are zero or rounding."""
    least = NEGLIGIBLE * float(np.abs(values).max(initial=0.0))
    pairs = zip(sources, values.tolist(), strict=True)
    return {source: value for source, value in pairs if abs(value) > least}


def as_message(row: LimitRow) -> dict[str, Any]:
    """A row as a grid sends it to the market, with JSON types only."""
    return {
        **{name: getattr(row, name) for name in ("element", "quantity", "unit", "value", "limit")},
        "upper": row.is_upper,
        "per_kw": dict(row.per_kw),
        "per_kvar": dict(row.per_kvar),
    }
