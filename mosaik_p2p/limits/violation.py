"""A violated limit, and what an interval's check found."""

from collections.abc import Sequence
from dataclasses import dataclass

from mosaik_p2p.errors import Status, Verdict


@dataclass(frozen=True)
class Violation:
    """One limit that one element breaks in one interval."""

    element: str
    quantity: str
    value: float
    limit: float
    unit: str
    excess: float
    """By how much the limit is violated, in `unit`, positive on either side."""
    prosumers_can_influence: bool | None = None
    """None where nobody asked; see `rows.can_influence`."""


def verdict(status: Status, violations: Sequence[Violation]) -> Verdict:
    """What an interval's solution and check amount to.

    Without a solution nothing is known, whatever the violations. Heat that cannot be delivered breaks the interval even
    where no single limit is named.
    """
    if status is Status.NOT_CONVERGED:
        return Verdict.UNKNOWN
    if violations or status is Status.NOT_DELIVERABLE:
        return Verdict.INFEASIBLE
    return Verdict.FEASIBLE
