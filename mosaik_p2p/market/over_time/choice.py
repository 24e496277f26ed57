"""The market that a case asks for, and what all of them offer to a co-simulation."""

from typing import Protocol

from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.over_time.forecasts import Forecasts
from mosaik_p2p.market.over_time.outcome import IntervalOutcome
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem


class IntervalMarket(Protocol):
    """A market that yields interval after interval; state moves on with `commit` only."""

    @property
    def case(self) -> MarketCase:
        """What the market was built from."""

    def clear(self, k: int, forecasts: Forecasts | None = None, *, on_check: Progress | None = None) -> IntervalOutcome:
        """The outcome of interval `k`; repeating the call starts from the same state."""

    def commit(self) -> None:
        """Make the last outcome the state from which the next interval starts."""

    @property
    def state(self) -> object:
        """All that the next interval starts from, as committed."""

    def go_on_from(self, state: object) -> None:
        """Start the next interval from a state of a market of the same case; ValueError for anything else."""

    def problem(self, k: int) -> MarketProblem:
        """The statement of the clearing that begins with interval `k`, from the committed state."""


def make_market(case: MarketCase) -> IntervalMarket:
    """The market of `case.clearing`: rolling or day-ahead."""
    return DayAheadMarket(case) if case.clearing == "day_ahead" else RollingMarket(case)
