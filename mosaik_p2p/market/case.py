"""Everything a market over many intervals needs to know, free of files, networks and co-simulation."""

from dataclasses import dataclass

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.reputation import ReputationRule
from mosaik_p2p.prosumers.devices import Prosumer
from mosaik_p2p.units import IntArray


@dataclass(frozen=True)
class MarketCase:
    """A market over a span of `steps + horizon_steps - 1` intervals of `dt_h` hours.

    `day` of shape (span,) numbers the days; `on_not_converged` is stop, central or last_feasible.
    """

    prosumers: tuple[Prosumer, ...]
    charges: tuple[Charges, ...]
    """One per carrier, in the order of `units.CARRIERS`."""
    day: IntArray
    dt_h: float
    steps: int
    horizon_steps: int
    settings: Settings
    on_not_converged: str
    clearing: str = "rolling"
    """`rolling` or `day_ahead`."""
    reputation: ReputationRule | None = None
    """None: a trade with a known partner is worth what any other is."""
