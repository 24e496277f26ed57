"""A look-ahead cleared within the networks' limits before anything of it is dispatched, as a design hands it over."""

from dataclasses import replace

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.base import Cleared, Task
from mosaik_p2p.market.designs.nodal_prices import nodal_price_tables, nodal_prices
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.designs.rounds import Reached, Rules, rounds_with_operator
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.memory import HeldAhead


def cleared_within_limits(task: Task, operator: Operator, first: Clearing, rules: Rules) -> Cleared:
    """The task's market, of which `first` is the clearing without limits, after rounds with the operator."""
    reached = rounds_with_operator(task, operator, first, rules)
    found, log = reached.best.offer.constrained, reached.best.offer.log
    clearing = _told(published(found.clearing, task.raw.place), first, reached, rules)
    weight = rules.weight if reached.is_equilibrium else None
    prices = nodal_prices(log, found.loss_per_kwh, clearing.price_per_kwh, weight)
    tables = nodal_price_tables(task.raw.names, task.raw.member, prices, binding=task.settings.binding)
    return Cleared(
        clearing=clearing,
        raw=task.raw,
        # What forecasts miss goes to the contracts as they are, not as they were solved.
        problem=connected(task.raw),
        surcharge_per_kwh=found.surcharge_per_kwh,
        end=first.end,
        rounds=reached.rounds,
        tables={"nodal_prices": tables},
        held=HeldAhead.of(reached.state, task.begin),
    )


def _told(clearing: Clearing, first: Clearing, reached: Reached, rules: Rules) -> Clearing:
    """The clearing with all iterations that it took, and with what it does not reach."""
    status, causes = clearing.status, [] if clearing.cause is None else [clearing.cause]
    if not reached.is_equilibrium:
        status = Status.NO_EQUILIBRIUM
        causes.append("no equilibrium was found with the weights asked for; this is the one of equal weights")
    elif not reached.rests:
        causes.append(_unsettled(reached, rules.max_rounds))
    iterations = first.iterations + reached.iterations
    return replace(clearing, status=status, cause="; ".join(causes) or None, iterations=iterations)


def _unsettled(reached: Reached, max_rounds: int) -> str:
    """What is said where the rounds ended without rest."""
    if reached.failure is not None:
        return reached.failure
    after = f"after {reached.rounds} rounds with the operator (at most {max_rounds})"
    if not reached.best.is_solved:
        return f"{after} a network has no solution for the plan"
    if reached.best.excess > 0.0:
        return f"{after} the plan still violates {len(reached.best.broken)} limits; allow more rounds"
    return f"{after} injections still move from one round to the next; allow more rounds"
