"""Analytical target cascading: the operator sets targets, the market answers, until both agree.

Xiao and others, *peer-to-peer trading under network limits by analytical target cascading*: the operator knows limits
and losses of its networks, and of the prosumers only what they inject; the market knows no network, and of the operator
only targets and prices. It finds what `dlmp` finds, in more exchanges. See docs/designs/atc.md and
`market.designs.cascade.cascading`.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.designs.ahead import cleared_within_limits
from mosaik_p2p.market.designs.asking import loss_price
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.cascade.cascading import Cascade, Schedule
from mosaik_p2p.market.designs.rounds import Rules

MOST_ROUNDS = 100


class Atc(Design):
    """The operator sets targets for what everyone injects, the market answers them, and both agree step by step."""

    asks_networks: ClassVar[bool] = True
    clearing_s: ClassVar[float] = 0.3
    reveals: ClassVar[str] = (
        "In every exchange, with the market and with the operator alike, what it injects for each carrier and interval "
        "of the look-ahead. The operator is told no trades and no contracts."
    )

    growth: Annotated[float, Field(gt=1.0, le=10.0)] = 1.5
    """By how much the weight (beta) of targets and answers being apart grows where they did not come near enough."""
    loss_price_per_kwh: Annotated[float, Field(ge=0.0)] | None = None
    """What a kWh of electric losses costs the operator; left out: the mean of the members' import prices in each
    interval, at which it could buy it like everyone; 0: losses do not count."""
    max_rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 10
    """How often the limits are linearised anew at most, after the market without limits was cleared."""

    def clear(self, task: Task) -> Cleared:
        """See Design. `market.max_iterations` bounds the exchanges between operator and market in a round."""
        first = task.clear(task.problem, task.start)
        if task.operator is None or first.status is Status.NOT_CONVERGED:
            return Cleared(first, task.raw, task.problem)
        price, way = loss_price(task.problem, self.loss_price_per_kwh), Cascade(Schedule(growth=self.growth))
        return cleared_within_limits(task, task.operator, first, Rules(self.max_rounds, price, way=way))
