"""One network of a case, asked about one exchange after the other.

It answers as its grid would in the first round of an interval: controllers settle, nothing of an earlier answer counts.
What was solved last is not solved again, so that loss, slopes and report of one exchange cost one flow.
"""

from abc import ABC, abstractmethod
from collections.abc import Container
from math import nan

import numpy as np

from mosaik_p2p.limits.answer import Solution, answer_with_rows, unsolved_answer
from mosaik_p2p.limits.response import SLACK, Response
from mosaik_p2p.limits.rows import LimitKey, Movers
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import FloatArray, IntArray


class AskedNetwork(ABC):
    """See the head of this file."""

    def __init__(self, names: tuple[str, ...], who: IntArray) -> None:
        """`who`: positions of the prosumers that are connected, of all `names`."""
        self._names, self._who = names, who
        self._solved_for: tuple[int, bytes] | None = None
        self._solution: Solution | None = None
        self._answered: dict[str, Response] | None = None

    @property
    def has_prosumers(self) -> bool:
        """Whether anybody is connected."""
        return len(self._who) > 0

    def report(self, exchange: Exchange, t: int, kept: Container[LimitKey]) -> NetworkReport:
        """What the network says; see Operator. Raises MissingResponse."""
        solution = self.solution(exchange, t)
        answer = unsolved_answer(solution)
        if solution.is_solved:
            answer = answer_with_rows(solution, self._movers(exchange), kept=kept)
        broken = frozenset((found.element, found.quantity) for found in answer.violations)
        return NetworkReport(solution.is_solved, broken, answer.rows or ())

    def loss_kw(self, exchange: Exchange, t: int) -> float:
        """NaN without a solution."""
        found = self.solution(exchange, t).tables["flows"]["loss_kw"][0]
        return nan if found is None else float(found)

    def marginal_loss(self, exchange: Exchange, t: int) -> FloatArray:
        """(N,) kW per kW; zero where not connected, NaN without a solution."""
        result = np.zeros(len(self._names))
        if not self.has_prosumers:
            return result
        if not self.solution(exchange, t).is_solved:
            return np.full(len(self._names), nan)
        result[self._who] = self._marginal_loss(self._answer()[SLACK])
        return result

    def solution(self, exchange: Exchange, t: int) -> Solution:
        """Of the flow in interval `t`, counted from the begin of the run, beside its limits."""
        asked = t, self._asked(exchange)
        if self._solution is None or asked != self._solved_for:
            # Forgotten first: a solver that raises must not leave an old solution behind that looks like this one.
            self._solution = self._answered = None
            self._solution, self._solved_for = self._solve(exchange, t), asked
        return self._solution

    def _movers(self, exchange: Exchange) -> Movers:
        sources = [self._names[n] for n in self._who]
        injected = dict(zip(sources, self._injection_kw(exchange).tolist(), strict=True))
        return Movers(sources=sources, injection_kw=injected, responses=self._answer())

    def _answer(self) -> dict[str, Response]:
        """How the last solution answers, found once."""
        if self._answered is None:
            self._answered = self._responses()
        return self._answered

    @abstractmethod
    def _asked(self, exchange: Exchange) -> bytes:
        """All of an exchange that the network's solution depends on."""

    @abstractmethod
    def _injection_kw(self, exchange: Exchange) -> FloatArray:
        """(connected,) what those who are connected inject."""

    @abstractmethod
    def _solve(self, exchange: Exchange, t: int) -> Solution:
        """The flow, put beside its limits."""

    @abstractmethod
    def _responses(self) -> dict[str, Response]:
        """How the last solution answers to those who are connected, by quantity, and the slack's answer."""

    @abstractmethod
    def _marginal_loss(self, slack: Response) -> FloatArray:
        """(connected,) by how much the losses rise, from what the slacks or plants feed in more."""
