"""What a market design is: the keys of its table in a scenario, and how it clears.

A design is asked where a look-ahead is to be cleared, in the rolling market (of which the first interval binds) and in
the day-ahead market (of which all do). What follows from a clearing (realising it, storages, tables, the alone life) is
the same for all designs.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mosaik_p2p.market.cleared import Clearing, Progress
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.memory import HeldAhead
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, Settings
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.base import Section
from mosaik_p2p.units import FloatArray, Table


@dataclass(frozen=True)
class Task:
    """A look-ahead of T intervals that is to be cleared."""

    prosumers: tuple[Prosumer, ...]
    begin: int
    """Number of its first interval, counted from the begin of the run."""
    raw: MarketProblem
    """The market as it is stated, imbalances not priced."""
    problem: PreparedProblem
    """The same with imbalances priced."""
    settings: Settings
    """`settings.binding` intervals are to have trades."""
    clear: Callable[[PreparedProblem, Start | None], Clearing]
    """Clears a market without limits from a start: where that fails from the data alone, then by the scenario's rule
    for clearings that do not converge. Raises NotSolved."""
    start: Start | None = None
    """Where the last clearing ended, fitted to this look-ahead."""
    operator: Operator | None = None
    """None where the scenario has no networks."""
    on_check: Progress | None = None
    carried: object = None
    """What the last clearing of the same design handed on (`Cleared.carried`); None at the begin."""
    held: HeldAhead | None = None
    """What is known of limits in the look-ahead from the last clearing; None at the begin."""


@dataclass(frozen=True)
class Effort:
    """What a clearing took, where its iterations do not say it."""

    rounds: int = 0
    """Clearings beyond the first one."""
    exchanges: int | None = None
    """Messages between a prosumer and the network's side, there and back counting one; None: one per iteration."""


NO_MORE = Effort()
"""One clearing, an exchange in every iteration."""


@dataclass(frozen=True)
class Cleared:
    """How a look-ahead was cleared."""

    clearing: Clearing
    raw: MarketProblem
    """What negotiation goes on from, where the design is one that negotiates: imbalances not priced."""
    problem: PreparedProblem
    """What the dispatch is realised from; its models are those of the dispatch."""
    surcharge_per_kwh: FloatArray | None = None
    """(C, T, N) what everyone pays per kWh injected, where the design has surcharges."""
    end: Start | None = None
    """From where the next clearing without limits starts; None: from the clearing's own end."""
    rounds: int = 0
    """Clearings beyond the first one."""
    exchanges: int | None = None
    """Messages between a prosumer and the network's side, there and back counting one; None: one per iteration."""
    tables: Mapping[str, tuple[Table, ...]] = field(default_factory=dict)
    """More result tables, by name and then by interval that binds; without time, round and binding."""
    carried: object = None
    """What the design's next clearing is to know of this one."""
    held: HeldAhead | None = None
    """What the next one is to know of limits in the look-ahead; None: what was known before."""

    @property
    def effort(self) -> Effort:
        """What it took."""
        return Effort(self.rounds, self.exchanges)

    def tables_of(self, n: int) -> dict[str, Table]:
        """The further tables of binding interval `n`, 0 for the first."""
        return {name: parts[n] for name, parts in self.tables.items()}


class Design(Section):
    """How an interval is cleared. The fields of a design are the keys of its table `[market.NAME]`."""

    negotiates: ClassVar[bool] = False
    """Whether a market of this design may answer the networks in the same instant (`[negotiation]`)."""
    has_trades: ClassVar[bool] = True
    """Whether anybody trades."""
    asks_networks: ClassVar[bool] = False
    """Whether it needs the operator's answers before the first dispatch."""
    clearing_s: ClassVar[float] = 0.0
    """About how long a clearing takes, for each prosumer and interval of its look-ahead; 0: not worth a warning."""
    reveals: ClassVar[str] = (
        "In every exchange its net sale for each carrier and interval of the look-ahead, or (form bilateral) its trade "
        "with each partner; under negotiated limits what it injects."
    )
    """What leaves a prosumer, in sentences."""
    conceals: ClassVar[str] = (
        "Devices, levels of storages, profiles, costs, comfort and contracts. Who keeps many answers to many prices "
        "can infer what it takes and gives at such prices."
    )
    """What does not, and how far that holds."""

    def prosumers_named(self) -> Mapping[str, str]:
        """The prosumers that its table names, by key: each has to be one of the scenario's."""
        return {}

    @abstractmethod
    def clear(self, task: Task) -> Cleared:
        """Clear the task. Raises NotSolved where a prosumer's own problem has no numerical solution.

        A design that does not reach what it promises says so by the clearing's status and cause, never by an error.
        """
