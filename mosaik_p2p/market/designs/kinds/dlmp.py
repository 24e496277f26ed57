"""Limits and losses of the networks inside the clearing: nodal prices, in all intervals of the look-ahead.

Xia and others, *peer-to-peer trading as a generalised Nash equilibrium under network limits*: the operator holds the
limits as rows, linearised at the last plan, and minimises the cost of losses to second order; its multipliers are what
everyone pays at its place. The market clears, the operator answers, the limits are linearised anew, until the plan
keeps them and does not move any more. See docs/designs.md and `market.designs.rounds`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.asking import mean_import_price
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.nodal_prices import nodal_price_tables, nodal_prices
from mosaik_p2p.market.designs.rounds import Reached, Rules, rounds_with_operator
from mosaik_p2p.market.designs.weights import weights_of
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.sections.base import Name

MOST_ROUNDS = 100
WEIGHT = Field(ge=0.1, le=10.0)


class Dlmp(Design):
    """The networks' limits and losses are part of the clearing, and everyone pays what it does to them at its place."""

    asks_networks: ClassVar[bool] = True
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

    def clear(self, task: Task) -> Cleared:
        """See Design."""
        first = task.clear(task.problem, task.start)
        if task.operator is None or first.status is Status.NOT_CONVERGED:
            return Cleared(first, task.raw, task.problem)
        weight = weights_of(task.problem.names, self.weights)
        reached = rounds_with_operator(task, task.operator, first, self._rules(task, weight))
        weight = weight if reached.is_equilibrium else None
        found, log = reached.best.offer.constrained, reached.best.offer.log
        clearing = self._told(published(found.clearing, task.raw.place), first, reached)
        prices = nodal_prices(log, found.loss_per_kwh, clearing.price_per_kwh, weight)
        member = task.raw.member
        return Cleared(
            clearing=clearing,
            raw=task.raw,
            problem=connected(task.raw),
            surcharge_per_kwh=found.surcharge_per_kwh,
            end=first.end,
            rounds=reached.rounds,
            tables={"nodal_prices": nodal_price_tables(task.raw.names, member, prices, binding=task.settings.binding)},
        )

    def _rules(self, task: Task, weight: np.ndarray[tuple[int], np.dtype[np.float64]] | None) -> Rules:
        price = mean_import_price(task.problem)
        if self.loss_price_per_kwh is not None:
            price = np.full_like(price, self.loss_price_per_kwh)
        return Rules(self.max_rounds, price if price.any() else None, weight)

    def _told(self, clearing: Clearing, first: Clearing, reached: Reached) -> Clearing:
        """The clearing with all iterations that it took, and with what it does not reach."""
        status, causes = clearing.status, [] if clearing.cause is None else [clearing.cause]
        if not reached.is_equilibrium:
            status = Status.NO_EQUILIBRIUM
            causes.append(
                "no equilibrium was found with market.dlmp.weights, these are equal ones; bring them nearer to 1"
            )
        elif not reached.rests:
            causes.append(_unsettled(reached, self.max_rounds))
        iterations = first.iterations + reached.iterations
        return replace(clearing, status=status, cause="; ".join(causes) or None, iterations=iterations)


def _unsettled(reached: Reached, max_rounds: int) -> str:
    """What is said where the rounds ended without rest."""
    if reached.failure is not None:
        return reached.failure
    after = f"after {reached.rounds} rounds (market.dlmp.max_rounds = {max_rounds})"
    if not reached.best.is_solved:
        return f"{after} a network has no solution for the plan"
    if reached.best.excess > 0.0:
        return f"{after} the plan still violates {len(reached.best.broken)} limits"
    return f"{after} injections still move from one round to the next"
