"""The operator's programme solved with the few rows that hold anything back (see `operator_programme`).

It is solved with the rows at hand; those that the answer breaks join, and it is solved again. An answer that keeps all
rows is that of the whole programme: of more rows none could be better. The rows stay for the next answer, which is
usually near.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.negotiation.operator_programme import ScaledRows, Statement
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram, Solution
from mosaik_p2p.market.prosumer_step.subproblem import STEP_TOLERANCE
from mosaik_p2p.units import FloatArray, IntArray

GAP_TOLERANCE = 1e-9
"""Of the step's duality gap, in its own scale: an injection at its limit stays as far off it as this allows."""
NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Optimum:
    """Columns x and multipliers y of the equations, both without those of rows; `mu` (R,) >= 0 are the rows'."""

    x: FloatArray
    y: FloatArray
    mu: FloatArray


class LazyProgramme:
    """A programme that states no more rows than it needs; stateful in these and in its solver."""

    def __init__(self, base: Statement, rows: ScaledRows, *, first: IntArray = NO_ROWS) -> None:
        """`base` states no rows; `first` are positions of those to begin with."""
        self._base, self._rows = base, rows
        self._quadratic = base.quadratic
        self._programme: DiagonalProgram | None = None
        self.stated = first

    def bend(self, quadratic: FloatArray) -> None:
        """From here on the cost's squares are these."""
        self._quadratic, self._programme = quadratic, None

    def solve(self, linear: FloatArray) -> Optimum:
        """At this linear cost. Raises NotSolved."""
        return self._solved(linear, DiagonalProgram.solve)

    def solve_exactly(self, linear: FloatArray) -> Optimum:
        """The same of a linear programme, to a simplex method's last digits. Raises NotSolved."""
        return self._solved(linear, DiagonalProgram.solve_exactly)

    def _solved(self, linear: FloatArray, solve: Callable[[DiagonalProgram], Solution]) -> Optimum:
        count = self._rows.slope.shape[1]
        while True:
            found = solve(self._at(linear))
            missing = self._rows.missing(found.x[:count], self.stated)
            if not len(missing):
                return self._optimum(found)
            self.stated, self._programme = np.union1d(self.stated, missing), None

    def _at(self, linear: FloatArray) -> DiagonalProgram:
        if self._programme is None:
            stated = self._base.with_cost(self._quadratic, linear).with_rows(self._rows, self.stated)
            self._programme = stated.programme(tolerance=STEP_TOLERANCE, gap_tolerance=GAP_TOLERANCE)
        else:
            own = np.zeros(len(self.stated)), self._rows.slack_price[self.stated]
            self._programme.update(linear=np.concatenate([linear, *own]))
        return self._programme

    def _optimum(self, found: Solution) -> Optimum:
        equations, mu = len(self._base.rhs), np.zeros(len(self._rows.bound))
        mu[self.stated] = np.maximum(-found.y[equations:], 0.0)
        return Optimum(found.x[: len(self._base.linear)], found.y[:equations], mu)
