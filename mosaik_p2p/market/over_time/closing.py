"""What a run leaves behind: the closing value of storages and of energy that loads still owe.

Two lives of a prosumer may end with different levels, and the one that ends emptier looks cheaper than it is. The
closing value puts them on one footing: the prosumer's own cost alone over the intervals after the run that the last
look-ahead covers, from the state that was reached, less the same from the levels with which the run began. Positive:
the run has used up what was stored. It is counted as the settlement counts: what is short at the scarcity price, what
a storage lacks at a deadline not at all.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.interval_problem import first_reputation, stated, without_peers
from mosaik_p2p.market.problem import is_penalty
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.prosumers.prosumer import Prosumer, initial_state
from mosaik_p2p.prosumers.roles import IMBALANCE, Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.table import LINEAR, QUADRATIC, ModelTable
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import FloatArray, Table, table_of

ONE_INTERVAL = "a look-ahead of one interval ends with the run"
NO_PROFILES = "the profiles end with the run"
NOT_SOLVED = "a prosumer's problem after the run was not solved"
ROWS_AT_ONCE = 20_000
COLUMNS = ("case", "prosumer", "hours", "cost_from_initial", "cost_from_reached", "closing_value", "cause")
States = tuple[ProsumerState, ...]


def closing_table(case: MarketCase, prosumers: tuple[Prosumer, ...], reached: Mapping[str, States]) -> Table:
    """One row per case of the settlement and prosumer, from the states that each case has `reached` after the run.

    Columns as in `COLUMNS`; hours are those looked at, and costs and value are None where `cause` says why.
    """
    window = case.after_run
    if window is None:
        return _unknown(prosumers, reached, ONE_INTERVAL if case.horizon_steps == 1 else NO_PROFILES)
    begun = tuple(initial_state(prosumer, day=int(window.day[0]), after=case.steps) for prosumer in prosumers)
    try:
        from_initial = costs_alone(case, prosumers, begun, window)
        from_reached = {name: costs_alone(case, prosumers, states, window) for name, states in reached.items()}
    except NotSolved as error:
        return _unknown(prosumers, reached, f"{NOT_SOLVED} ({error})")
    rows = [
        (
            name,
            prosumer.name,
            window.horizon * case.dt_h,
            float(from_initial[i]),
            float(from_reached[name][i]),
            # Who stores nothing is not to gain by a solver's last digit.
            float(from_reached[name][i] - from_initial[i]) if states[i] != begun[i] else 0.0,
            None,
        )
        for name, states in reached.items()
        for i, prosumer in enumerate(prosumers)
    ]
    return _table(rows)


def costs_alone(case: MarketCase, prosumers: tuple[Prosumer, ...], states: States, window: Window) -> FloatArray:
    """(N,): what everyone's cheapest dispatch over `window` costs with its contracts only. Raises NotSolved."""
    problem, dispatch = without_peers(stated(case, prosumers, states, window, first_reputation(case)))
    return settled(problem.table, np.concatenate([done.x for done in dispatch]), dt_h=problem.dt_h)


def settled(table: ModelTable, x: FloatArray, *, dt_h: float) -> FloatArray:
    """(N,): what everyone's dispatch `x` (R, T), row by row, costs by the rules of the settlement."""
    short = [kind.type == IMBALANCE and kind.role in (Role.SHORT, Role.UNSERVED) for kind in table.kinds]
    paid = [is_short or not is_penalty(kind) for kind, is_short in zip(table.kinds, short, strict=True)]
    cost = table.constant.copy()
    rows = np.flatnonzero(table.which(paid))
    # Some at a time: written out for all intervals, costs take more room than all that a table holds.
    for some in np.array_split(rows, max(1, len(rows) // ROWS_AT_ONCE)):
        power = x[some]
        money = ((0.5 * table.rows(QUADRATIC, some) * power + table.rows(LINEAR, some)) * power).sum(axis=1)
        cost += dt_h * np.bincount(table.owner[some], money, len(table))
    return cost


def _unknown(prosumers: tuple[Prosumer, ...], reached: Mapping[str, States], cause: str) -> Table:
    return _table([(name, prosumer.name, 0.0, None, None, None, cause) for name in reached for prosumer in prosumers])


def _table(rows: Sequence[tuple[object, ...]]) -> Table:
    return table_of(COLUMNS, rows)
