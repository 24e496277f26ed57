"""A look-ahead under negotiation: what the networks said of each dispatch, the limits held as rows, and what is best.

Of its intervals the networks are asked about some: about the first one where they judge what is dispatched now, about
all where they are asked before anything is, and about those whose plan has changed where limits are known from before.

Nothing here clears anything; see `protocol` for what follows when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.market.certificate import least_scale
from mosaik_p2p.market.clearing import Clearing, unpublished
from mosaik_p2p.market.negotiation.constrained_clearing import (
    ConstrainedClearing,
    Ended,
    Way,
    connected,
    imbalances,
    injections,
)
from mosaik_p2p.market.negotiation.limit_rows import MARGIN, HeldRow, RowKey
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.reactive import kvar_per_kw
from mosaik_p2p.market.presolve import within_balance
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, placed
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.storage_direction import with_meters_held
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray

NOTHING = Limits(())
"""Beside the rows."""


class Move(StrEnum):
    """How a round's dispatch was found."""

    FREE = "posted_charges"
    PRICES = "surcharges"
    SHRUNK = "towards_solvable"
    ENVELOPE = "envelope"


@dataclass(frozen=True)
class NetworkReport:
    """What one network says about a dispatch."""

    is_solved: bool
    broken: frozenset[tuple[str, str]]
    """Element and quantity of every violated limit."""
    rows: tuple[LimitRow, ...]


Reports = Mapping[tuple[int, int], NetworkReport]
"""What the networks say, by carrier and interval."""


@dataclass(frozen=True)
class RoundLog:
    """What one round held and found; written to the table `negotiation`."""

    move: Move
    rows: tuple[HeldRow, ...]
    multiplier: FloatArray
    slack: FloatArray
    beyond: frozenset[RowKey]


@dataclass(frozen=True)
class Offer:
    """A dispatch of the market, and how it came about."""

    constrained: ConstrainedClearing
    log: RoundLog


@dataclass(frozen=True)
class Checked:
    """An offer that the networks have judged."""

    offer: Offer
    number: int
    """Of its round."""
    broken: frozenset[RowKey]
    """Limits violated then, those that prosumers cannot keep too."""
    excess: float
    """Sum of what breaks the limits that can be kept in the intervals that bind, as shares of them: none where all are
    kept; infinite where a network had no solution."""
    excess_ahead: float = 0.0
    """The same of the other intervals, noticeable parts only."""

    @property
    def is_solved(self) -> bool:
        """Whether every network had a solution."""
        return bool(np.isfinite(self.excess))

    @property
    def cost(self) -> float:
        """Money over the look-ahead."""
        return self.offer.constrained.clearing.cost

    @property
    def rank(self) -> tuple[float, float, float]:
        """The least is the best."""
        return self.excess, self.excess_ahead, self.cost


@dataclass(frozen=True)
class NegotiationState:
    """A look-ahead under negotiation, by the last dispatch."""

    problem: PreparedProblem
    fleet: Fleet
    """With all contracts: what everyone does alone."""
    kvar_per_kw: tuple[FloatArray, ...]
    """By prosumer, (K, T): reactive power that each variable of its dispatch injects, kvar per kW."""
    first: Clearing
    first_kw: FloatArray
    """(C, T, N) injections of the clearing without rows."""
    unavoidable_kw: FloatArray
    """(2, C, T, N) what it left lacking, and too much."""
    last: Offer
    told_kw: FloatArray
    """(C, T, N) injections that the networks were last asked about; NaN where they were not, or had no solution."""
    binding: int = 1
    """The first intervals, whose limits have to be kept exactly."""
    unkept: frozenset[int] = frozenset()
    """Intervals of which the networks last said that a limit is broken which can be kept, or had no solution."""
    solved_kw: FloatArray | None = None
    """(C, T, N) injections of the last dispatch for which every network had a solution in the intervals that bind."""
    rows: Mapping[RowKey, HeldRow] = field(default_factory=dict)
    hopeless: Mapping[RowKey, HeldRow] = field(default_factory=dict)
    """Violated limits that prosumers do not move noticeably."""
    lacking: frozenset[RowKey] = frozenset()
    """Limits that the last clearing by prices could not keep."""
    first_excess: Mapping[tuple[int, int, LimitKey], float] = field(default_factory=dict)
    """By carrier, interval and limit: by how much it was violated when the networks first spoke of it, in its unit."""
    besides: Limits = NOTHING
    """Boxes, losses and levy of the next clearing; its rows are those of the state."""
    way: Way = cleared_by
    """How clearings under rows find their point of rest."""
    margin_share: float = MARGIN
    """Part of a limit by which its row stays clear of it in any case."""
    ended: Ended | None = None
    """Where the last clearing under rows ended, from which the next one starts."""
    planned_kvar: FloatArray | None = None
    """(T, N) reactive power that the next clearing is likely to plan; None: that of the last dispatch."""
    rounds: int = 0
    envelopes: int = 0
    shrinkings: int = 0
    tightenings: int = 0
    rounds_ahead: int = 0
    """Those for the look-ahead alone."""
    unconverged: int = 0
    unused: float = 0.0
    """Money that rows linearised at the last dispatch might save."""
    checked: tuple[Checked, ...] = ()
    is_final: bool = False
    """Whether the last dispatch was checked before."""

    @classmethod
    def initial(
        cls,
        prosumers: Sequence[Prosumer],
        raw: MarketProblem,
        first: Clearing,
        *,
        asked: Sequence[int] = (0,),
        binding: int | None = None,
    ) -> "NegotiationState":
        """The look-ahead before anything was checked; `raw` is the market without imbalances priced, `asked` are the
        intervals that the networks are asked about, of which the first `binding` ones bind; None: all.

        From here on charges of places are among the prosumers' costs, and prices are the market's (see `published`).
        """
        problem = _with_meters_held(within_balance(placed(connected(raw))), first, asked)
        first = unpublished(first, raw.place)
        injection = injections(problem, first.dispatch)
        none = np.zeros(0)
        # Nothing has been cleared under rows yet: there is no such end to start from, and nobody pays surcharges.
        nothing = np.zeros_like(injection)
        free = ConstrainedClearing(first, (), nothing, nothing, none, none, injection, first.end)
        return cls(
            problem=problem,
            fleet=Fleet(problem),
            kvar_per_kw=tuple(kvar_per_kw(*pair) for pair in zip(prosumers, problem.models, strict=True)),
            first=first,
            first_kw=injection,
            unavoidable_kw=imbalances(problem, first.dispatch),
            last=Offer(free, RoundLog(Move.FREE, (), none, none, frozenset())),
            told_kw=np.full_like(injection, np.nan),
            binding=max(asked) + 1 if binding is None else binding,
        )

    @property
    def last_kw(self) -> FloatArray:
        """(C, T, N) injections of the last dispatch, as cleared."""
        return self.last.constrained.injection_kw

    @property
    def beyond(self) -> frozenset[RowKey]:
        """Limits that prosumers cannot keep, or not influence at all."""
        return self.lacking | self.hopeless.keys()

    @property
    def scale(self) -> float:
        """What money is related to: max(|cost|, sum of |cost alone|), and never nothing."""
        return max(abs(self.last.constrained.clearing.cost), least_scale(self.fleet))

    @property
    def best(self) -> Checked | None:
        """The cheapest dispatch that kept every limit that can be kept."""
        kept = [one for one in self.checked if one.excess == 0.0]
        return min(kept, key=lambda one: one.rank) if kept else None

    def kvar(self, dispatch: Sequence[Completion]) -> FloatArray:
        """(T, N) reactive power that a plan injects, beside that of loads that cannot be moved."""
        parts = zip(self.kvar_per_kw, dispatch, strict=True)
        return np.stack([(share * done.x).sum(axis=0) for share, done in parts], axis=-1)


def _with_meters_held(problem: PreparedProblem, first: Clearing, asked: Sequence[int]) -> PreparedProblem:
    """The operator's step knows no directions: meters keep those of the clearing without rows where it is taken."""
    models = list(problem.models)
    for i, done in enumerate(first.dispatch):
        for t in asked:
            models[i] = with_meters_held(models[i], done.x, t)
    return replace(problem, models=tuple(models))
