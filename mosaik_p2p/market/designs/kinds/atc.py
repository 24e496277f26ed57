"""Analytical target cascading: the operator sets targets, the market answers, until both agree.

Xiao and others, *peer-to-peer trading under network limits by analytical target cascading*: the operator knows limits
and losses of its networks, and of the prosumers only what they inject; the market knows no network, and of the operator
only targets and prices. It finds what `dlmp` finds, in more exchanges. See docs/designs/atc.md and
`market.designs.cascading`.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.cascading import Cascade, Schedule
from mosaik_p2p.market.designs.rounds import Rules
from mosaik_p2p.market.designs.within_limits import cleared_within_limits, loss_price

MOST_ROUNDS = 100


class Atc(Design):
    """The operator sets targets for what everyone injects, the market answers them, and both agree step by step."""

    asks_networks: ClassVar[bool] = True
    clearing_s: ClassVar[float] = 0.3

    growth: Annotated[float, Field(gt=1.0, le=10.0)] = 1.5
    """By how much the weight (beta) of targets and answers being apart grows where they did not come near enough."""
    loss_price_per_kwh: Annotated[float, Field(ge=0.0)] | None = None
    """What a kWh of electric losses costs the operator; left out: the mean of the members' import prices in each
    interval, at which it could buy it like everyone; 0: losses do not count."""
    max_rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 10
    """How often the limits are linearised anew at most, after the market without limits was cleared."""

    def clear(self, task: Task) -> Cleared:
        """See Design. `market.max_iterations` bounds the exchanges between operator and market in a round."""
        way = Cascade(Schedule(growth=self.growth))
        rules = Rules(self.max_rounds, loss_price(task, self.loss_price_per_kwh), way=way)
        return cleared_within_limits(task, rules, "atc")
