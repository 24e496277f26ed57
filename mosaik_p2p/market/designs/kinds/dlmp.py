"""Limits and losses of the networks inside the clearing: nodal prices, in all intervals of the look-ahead.

Xia and others, *peer-to-peer trading as a generalised Nash equilibrium under network limits*: the operator holds the
limits as rows, linearised at the last plan, and minimises the cost of losses to second order; its multipliers are what
everyone pays at its place. The market clears, the operator answers, the limits are linearised anew, until the plan
keeps them and does not move any more. See docs/designs/dlmp.md and `market.designs.rounds`.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.designs.ahead import cleared_within_limits
from mosaik_p2p.market.designs.asking import loss_price
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.rounds import Rules
from mosaik_p2p.market.designs.weights import weights_of
from mosaik_p2p.sections.base import Name

MOST_ROUNDS = 100
WEIGHT = Field(ge=0.1, le=10.0)


class Dlmp(Design):
    """The networks' limits and losses are part of the clearing, and everyone pays what it does to them at its place."""

    asks_networks: ClassVar[bool] = True
    clearing_s: ClassVar[float] = 0.2
    reveals: ClassVar[str] = (
        "In every exchange what it injects, for each carrier and interval of the look-ahead; in every round the "
        "reactive power of its plan as well."
    )

    loss_price_per_kwh: Annotated[float, Field(ge=0.0)] | None = None
    """What a kWh of electric losses costs in the clearing; left out: the mean of the members' import prices in each
    interval, at which the operator could buy it like everyone; 0: losses do not count."""
    weights: Mapping[Name, Annotated[float, WEIGHT]] = {}
    """By prosumer: it pays 1/weight of what others pay for a limit (1 where none is given). With weights that are far
    apart there may be no equilibrium: then that is the status."""
    max_rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 10
    """How often the operator is asked again at most, after the market without limits was cleared."""

    def prosumers_named(self) -> Mapping[str, str]:
        """See Design."""
        return {f"weights.{name}": name for name in self.weights}

    def clear(self, task: Task) -> Cleared:
        """See Design."""
        first = task.clear(task.problem, task.start)
        if task.operator is None or first.status is Status.NOT_CONVERGED:
            return Cleared(first, task.raw, task.problem)
        return cleared_within_limits(task, task.operator, first, self._rules(task))

    def _rules(self, task: Task) -> Rules:
        weight = weights_of(task.problem.names, self.weights)
        return Rules(self.max_rounds, loss_price(task.problem, self.loss_price_per_kwh), weight)
