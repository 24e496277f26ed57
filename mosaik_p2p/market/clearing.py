"""Clear a market: the front door of the market core."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.cleared import Clearing, Progress, clear_once, settled
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.one_way import cleared_one_way
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.suspects import out_of_proportion

__all__ = [
    "Clearing",
    "Progress",
    "clear",
    "describe_failure",
    "fitted",
    "published",
    "settled",
    "shifted",
    "unpublished",
]


def clear(
    problem: MarketProblem,
    settings: Settings,
    *,
    start: Start | None = None,
    on_check: Progress | None = None,
) -> Clearing:
    """Clear `problem`, from `start` (an earlier clearing's `end`, see `shifted`) or from the data alone.

    Raises ValueError where the form asked for cannot state the problem, and NotSolved where a prosumer's own
    problem has no numerical solution.

    Where storages would charge and discharge at once and the repaired dispatch misses the gap, their directions are
    searched for (see `one_way`).
    """
    fleet = Fleet(solvable(problem))
    cleared = clear_once(fleet, settings, start, on_check)
    if cleared.status is Status.GAP_OPEN:
        cleared = cleared_one_way(fleet, cleared, settings, on_check)
    return published(cleared, problem.place)


def published(cleared: Clearing, place: PlaceCharges | None) -> Clearing:
    """The clearing of a market with place charges: a kWh is worth to who has it what it fetches, less the charge.

    Where the iteration ended stays as it is: the next one begins from the market's own prices.
    """
    if place is None:
        return cleared
    return replace(cleared, price_per_kwh=cleared.price_per_kwh - place.total)


def unpublished(cleared: Clearing, place: PlaceCharges | None) -> Clearing:
    """The clearing with the market's own prices: see `published`."""
    if place is None:
        return cleared
    return replace(cleared, price_per_kwh=cleared.price_per_kwh + place.total)


def shifted(start: Start) -> Start:
    """The start one interval later; the new last interval begins like the old first one, a look-ahead earlier."""
    return Start(np.roll(start.z, -1, axis=1), np.roll(start.price_per_kwh, -1, axis=1), start.weight)


def fitted(start: Start | None, horizon: int) -> Start | None:
    """The start for a look-ahead of `horizon` intervals; those beyond it fall away."""
    if start is None or start.z.shape[1] <= horizon:
        return start
    return Start(start.z[:, :horizon], start.price_per_kwh[:, :horizon], start.weight)


def describe_failure(error: NotSolved, problem: MarketProblem) -> str:
    """Cause and remedy of a numerical failure, for a record."""
    suspects = out_of_proportion(problem)
    look = "limits or prices of very different size" if suspects is None else suspects
    return f"a prosumer's problem was not solved ({error}); look at {look}"
