"""Clear a market: the front door of the market core."""

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.cleared import Clearing, Progress, clear_once, settled
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.one_way import cleared_one_way
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.suspects import out_of_proportion

__all__ = ["Clearing", "Progress", "clear", "describe_failure", "fitted", "settled", "shifted"]


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
    relaxed = clear_once(fleet, settings, start, on_check)
    return cleared_one_way(fleet, relaxed, settings, on_check) if relaxed.status is Status.GAP_OPEN else relaxed


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
