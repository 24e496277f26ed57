"""Everything a market over many intervals needs to know, free of files, networks and co-simulation."""

from dataclasses import dataclass, field

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.market.designs.base import Design
from mosaik_p2p.market.designs.kinds.p2p import PeerToPeer
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.reputation import ReputationRule
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import IntArray


@dataclass(frozen=True)
class MarketCase:
    """A market over `steps` intervals of `dt_h` hours, and what is known of those that follow.

    `day` of shape (span,) numbers the days of all of them; `on_not_converged` is stop, central or last_feasible.
    """

    prosumers: tuple[Prosumer, ...]
    charges: tuple[AnyCharges, ...]
    """One per carrier, in the order of `units.CARRIERS`, over the span."""
    day: IntArray
    dt_h: float
    steps: int
    horizon_steps: int
    """Intervals of a look-ahead; one that reaches beyond the span ends with it."""
    settings: Settings
    on_not_converged: str
    clearing: str = "rolling"
    """`rolling` or `day_ahead`."""
    reputation: ReputationRule | None = None
    """None: a trade with a known partner is worth what any other is."""
    final_at_end: bool = True
    """Whether storages are to hold their final levels at the end of the run, too."""
    place: PlaceCharges | None = None
    """What places are charged, over the span; None: nothing."""
    design: Design = field(default_factory=PeerToPeer)
    """How a look-ahead is cleared."""
    operator: Operator | None = None
    """Answers for the networks before anything is dispatched; None where nobody asks."""
    operator_ahead: Operator | None = None
    """Answers for the networks in later intervals of a look-ahead whose first one is negotiated; None: limits are held
    in the first one alone."""
    rounds_ahead: int | None = None
    """In how many rounds at most a look-ahead is negotiated with the operator before its first dispatch; None: not."""

    def window(self, k: int) -> Window:
        """The look-ahead that begins with interval `k` of the run."""
        horizon = min(self.horizon_steps, len(self.day) - k)
        run_end = self.steps - 1 - k
        return Window(k, horizon, self.day, run_end if self.final_at_end and run_end < horizon else None)

    def charges_change(self, k: int) -> tuple[bool, ...]:
        """By carrier: whether interval `k` has other posted charges than the one before it; the first one has."""
        return tuple(k == 0 or own.at(k) is not own.at(k - 1) for own in self.charges)

    @property
    def after_run(self) -> Window | None:
        """The intervals after the run that its last look-ahead covers; None where there are none."""
        horizon = min(self.horizon_steps - 1, len(self.day) - self.steps)
        return Window(self.steps, horizon, self.day) if horizon > 0 else None
