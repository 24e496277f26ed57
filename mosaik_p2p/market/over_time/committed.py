"""What one interval hands to the next, and when: an interval is computed any number of times, and committed once."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from mosaik_p2p.errors import Status
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.interval_problem import first_reputation, stated
from mosaik_p2p.market.over_time.outcome import IntervalOutcome
from mosaik_p2p.market.over_time.tables import inputs_table
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.reputation import Reputation
from mosaik_p2p.prosumers.prosumer import Prosumer, initial_state
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import Table


@dataclass(frozen=True)
class MarketState:
    """What every interval hands to the next, whichever way the market goes through time."""

    interval: int
    market: tuple[ProsumerState, ...]
    alone: tuple[ProsumerState, ...]
    start: Start | None
    reputation: Reputation
    carried: object = None
    """What the design hands on to itself."""


S = TypeVar("S", bound=MarketState)


def first_state(kind: type[S], case: MarketCase) -> S:
    """The state before the first interval."""
    begin = tuple(initial_state(prosumer, day=int(case.day[0])) for prosumer in case.prosumers)
    return kind(0, begin, begin, None, first_reputation(case))


class CommittedMarket(Generic[S]):
    """A market that computes intervals from a committed state, and what follows waits in `_pending` for `commit`."""

    def __init__(self, case: MarketCase, first: S) -> None:
        self._case = case
        self._committed = first
        self._pending: S | None = None
        self._halted: str | None = None

    @property
    def case(self) -> MarketCase:
        """What the market was built from."""
        return self._case

    def commit(self) -> None:
        """Make the last computed interval the state from which the next one starts; without one, do nothing."""
        if self._pending is not None:
            self._committed, self._pending = self._pending, None

    @property
    def state(self) -> object:
        """All that the next interval starts from, as committed."""
        return self._committed

    def go_on_from(self, state: object) -> None:
        """Start the next interval from a state of a market of the same case. Raises ValueError for anything else."""
        if not isinstance(state, type(self._committed)) or len(state.market) != len(self._case.prosumers):
            raise ValueError("the market cannot go on from a state that is not of its own kind and case")
        self._committed, self._pending = state, None

    def problem(self, k: int) -> MarketProblem:
        """The statement of the look-ahead that begins at `k`, from the committed state (for references and tests)."""
        state = self._committed
        return stated(self._case, self._case.prosumers, state.market, self._case.window(k), state.reputation)

    def _halt(self, record: Table, prosumers: tuple[Prosumer, ...], window: Window) -> IntervalOutcome:
        self._halted = str(record["cause"][0])
        self._pending = None
        tables = {"clearing": record, "inputs": inputs_table(prosumers, window, last=True)}
        return IntervalOutcome(Status.NOT_CONVERGED, (), tables)
