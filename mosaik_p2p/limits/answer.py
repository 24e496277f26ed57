"""What a network says to a dispatch: its solution put beside its limits, and how far its sources move what is near one.

The same for whoever asks: the grids of a co-simulation, and a market that asks before it dispatches anything.
"""

from collections.abc import Container
from dataclasses import dataclass

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.checking import Checked, violations
from mosaik_p2p.limits.influence import beyond_influence, judged
from mosaik_p2p.limits.response import SLACK
from mosaik_p2p.limits.rows import LimitKey, LimitRow, Movers, entries, limit_rows
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import Table


@dataclass(frozen=True)
class Solution:
    """What a network made of its inputs; the tables are those of the result folder, without their time."""

    status: Status
    tables: dict[str, Table]
    checks: tuple[Checked, ...]
    beyond_limits: tuple[Violation, ...] = ()
    """Violations of what is no limit of the scenario."""

    @property
    def is_solved(self) -> bool:
        """Whether there is a solution at all."""
        return self.status is not Status.NOT_CONVERGED


@dataclass(frozen=True)
class Answer:
    """A solution judged. `rows` and `slack` are None where nobody asked for them."""

    solution: Solution
    violations: tuple[Violation, ...]
    rows: tuple[LimitRow, ...] | None
    slack: dict[str, dict[str, float]] | None
    """`per_kw` and `per_kvar`: what the slacks or plants give more, in kW, when a source injects more."""


def answer_without_rows(solution: Solution) -> Answer:
    """What is violated. That is all there is to say of an interval without a solution."""
    return Answer(solution, (*violations(solution.checks), *solution.beyond_limits), None, None)


def unsolved_answer(solution: Solution) -> Answer:
    """That of an interval without a solution, to somebody who asked for rows."""
    return Answer(solution, (*violations(solution.checks), *solution.beyond_limits), (), {})


def answer_with_rows(solution: Solution, movers: Movers, *, kept: Container[LimitKey] = frozenset()) -> Answer:
    """What is violated, and a row for every limit that is so, or near, or in `kept`. Raises MissingResponse."""
    rows = limit_rows(solution.checks, movers, kept=kept)
    balance = movers.responses[SLACK]
    slack = {
        "per_kw": entries(balance.per_kw[0], movers.sources),
        "per_kvar": entries(balance.per_kvar[0], movers.sources),
    }
    broken = judged(violations(solution.checks), rows, movers.injection_kw)
    return Answer(solution, (*broken, *beyond_influence(solution.beyond_limits)), tuple(rows), slack)
