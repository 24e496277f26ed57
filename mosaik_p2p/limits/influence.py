"""Whether prosumers can do anything about a violated limit: one rule, for the networks' answers and for the market."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import FloatArray

INFLUENCE_SHARE = 1e-3
"""A limit that all prosumers together, moving by their size, change by no more than this part of its excess is beyond
their influence: the value belongs to the background, the losses or the plant."""
LEAST_SIZE_KW = 10.0
"""What a network, which knows of a source only what it injects now, takes for its size at the least: about the largest
device of one household. The market knows its prosumers' sizes, and its word counts where it holds the limit."""


def can_influence(per_kw: FloatArray, size_kw: FloatArray, excess: float) -> bool:
    """Whether sources that move by their size (N,) change a value by a noticeable part of `excess`.

    `per_kw` (N,): by how much each kW changes the value, on whichever side.
    """
    return bool(np.abs(per_kw) @ size_kw > max(INFLUENCE_SHARE * excess, 0.0))


def judged(
    violations: Iterable[Violation], rows: Iterable[LimitRow], injection_kw: Mapping[str, float]
) -> list[Violation]:
    """The violations with `prosumers_can_influence` filled in, for sources that inject `injection_kw` now.

    Each has a row, as `limit_rows` sees to; KeyError else.
    """
    of_row = {row.key: _can(row, injection_kw) for row in rows}
    return [replace(broken, prosumers_can_influence=of_row[_key(broken)]) for broken in violations]


def beyond_influence(violations: Iterable[Violation]) -> list[Violation]:
    """Violations that are no matter of degree, such as heat that cannot be delivered: no price moves them."""
    return [replace(broken, prosumers_can_influence=False) for broken in violations]


def _key(broken: Violation) -> LimitKey:
    return LimitKey(broken.element, broken.quantity, broken.value > broken.limit)


def _can(row: LimitRow, injection_kw: Mapping[str, float]) -> bool:
    per_kw = np.array(list(row.per_kw.values()))
    size_kw = np.array([max(abs(injection_kw.get(source, 0.0)), LEAST_SIZE_KW) for source in row.per_kw])
    return can_influence(per_kw, size_kw, row.excess)
