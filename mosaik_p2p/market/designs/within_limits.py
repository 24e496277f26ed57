"""What the designs that keep the networks' limits inside the clearing share: their rounds as a cleared look-ahead."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.asking import mean_import_price
from mosaik_p2p.market.designs.base import Cleared, Task
from mosaik_p2p.market.designs.nodal_prices import nodal_price_tables, nodal_prices
from mosaik_p2p.market.designs.rounds import Reached, Rules, rounds_with_operator
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.units import FloatArray


def loss_price(task: Task, per_kwh: float | None) -> FloatArray | None:
    """(T,) what a kWh of losses costs: as given, or the mean of the members' import prices; None where it is zero."""
    price = mean_import_price(task.problem)
    if per_kwh is not None:
        price = np.full_like(price, per_kwh)
    return price if price.any() else None


def cleared_within_limits(task: Task, rules: Rules, design: str) -> Cleared:
    """The market without limits, then in rounds with the operator under them; `design` is what the scenario calls it.

    Raises NotSolved where a prosumer's own problem has no numerical solution.
    """
    first = task.clear(task.problem, task.start)
    if task.operator is None or first.status is Status.NOT_CONVERGED:
        return Cleared(first, task.raw, task.problem)
    reached = rounds_with_operator(task, task.operator, first, rules)
    found, log = reached.best.offer.constrained, reached.best.offer.log
    clearing = _told(published(found.clearing, task.raw.place), first, reached, rules, design)
    weight = rules.weight if reached.is_equilibrium else None
    prices = nodal_prices(log, found.loss_per_kwh, clearing.price_per_kwh, weight)
    tables = nodal_price_tables(task.raw.names, task.raw.member, prices, binding=task.settings.binding)
    return Cleared(
        clearing=clearing,
        raw=task.raw,
        problem=connected(task.raw),
        surcharge_per_kwh=found.surcharge_per_kwh,
        end=first.end,
        rounds=reached.rounds,
        exchanges=clearing.iterations,
        tables={"nodal_prices": tables},
    )


def _told(clearing: Clearing, first: Clearing, reached: Reached, rules: Rules, design: str) -> Clearing:
    """The clearing with all iterations that it took, and with what it does not reach."""
    status, causes = clearing.status, [] if clearing.cause is None else [clearing.cause]
    if not reached.is_equilibrium:
        status = Status.NO_EQUILIBRIUM
        causes.append(
            f"no equilibrium was found with market.{design}.weights, these are equal ones; bring them nearer to 1"
        )
    elif not reached.rests:
        causes.append(_unsettled(reached, rules, design))
    iterations = first.iterations + reached.iterations
    return replace(clearing, status=status, cause="; ".join(causes) or None, iterations=iterations)


def _unsettled(reached: Reached, rules: Rules, design: str) -> str:
    """What is said where the rounds ended without rest."""
    if reached.failure is not None:
        return reached.failure
    after = f"after {reached.rounds} rounds (market.{design}.max_rounds = {rules.max_rounds})"
    if not reached.best.is_solved:
        return f"{after} a network has no solution for the plan"
    if reached.best.excess > 0.0:
        return f"{after} the plan still violates {len(reached.best.broken)} limits"
    return f"{after} injections still move from one round to the next"
