"""What every market over many intervals does alike: state a clearing, solve it, settle the case without trade, move on.

Pure functions of the case and of what one interval hands to the next; `rolling` and `day_ahead` say when which is done.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import NOT_REACHED, RunFailed, Status
from mosaik_p2p.market.clearing import Clearing, Progress, clear, fitted
from mosaik_p2p.market.designs.ahead import cleared_within_limits
from mosaik_p2p.market.designs.base import Cleared, Task
from mosaik_p2p.market.designs.rounds import Rules
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.memory import HeldAhead
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.realisation import Realised
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.market.reference.fallback import cleared_centrally
from mosaik_p2p.market.reputation import Reputation, grown, no_reputation, with_benefits
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.prosumer import stated as own_stated
from mosaik_p2p.prosumers.state import ProsumerState, next_state
from mosaik_p2p.prosumers.tabulating import table_of_stated
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import CARRIERS


def refuse_wrong_interval(k: int, *, due: int, halted: str | None) -> None:
    """Raise RunFailed after a clearing that stopped the run, ValueError where `k` is not the interval that is due."""
    if halted is not None and k > due:
        raise RunFailed(f"interval {due} was not cleared: {halted}")
    if k != due:
        raise ValueError(f"interval {k} cannot be cleared: the next one is {due}")


def stated(
    case: MarketCase,
    prosumers: tuple[Prosumer, ...],
    states: tuple[ProsumerState, ...],
    window: Window,
    known: Reputation,
) -> MarketProblem:
    """The clearing of `window` from the prosumers' states; reputation is constant within it."""
    everyone = zip(prosumers, states, strict=True)
    models = table_of_stated(
        (own_stated(prosumer, state, window, dt_h=case.dt_h) for prosumer, state in everyone),
        member=[(prosumer.bus is not None, prosumer.junctions is not None) for prosumer in prosumers],
    )
    charges = tuple(own.window(window.begin, window.horizon) for own in case.charges)
    if case.reputation is not None:
        charges = with_benefits(charges, known, case.reputation)
    place = None if case.place is None else case.place.window(window.begin, window.horizon)
    return MarketProblem(models, charges, case.dt_h, place)


def solved(
    case: MarketCase,
    problem: PreparedProblem,
    settings: Settings,
    *,
    start: Start | None,
    on_check: Progress | None = None,
) -> Clearing:
    """Clear from `start`; where that fails from the data alone, and then by the scenario's rule.

    A start of a longer look-ahead serves as far as this one goes.
    """
    start = fitted(start, problem.shape[1])
    clearing = clear(problem, settings, start=start, on_check=on_check)
    if clearing.status is Status.NOT_CONVERGED and start is not None:
        # What went astray was exchanged with the prosumers, too.
        spent, clearing = clearing.iterations, clear(problem, settings, on_check=on_check)
        clearing = replace(clearing, iterations=spent + clearing.iterations)
    if clearing.status is Status.NOT_CONVERGED and case.on_not_converged == "central":
        clearing = cleared_centrally(problem, clearing, settings)
    return clearing


def cleared(
    case: MarketCase,
    prosumers: tuple[Prosumer, ...],
    raw: MarketProblem,
    settings: Settings,
    *,
    begin: int,
    start: Start | None,
    carried: object = None,
    held: HeldAhead | None = None,
    on_check: Progress | None = None,
) -> Cleared:
    """The look-ahead that begins with interval `begin`, stated as `raw`, cleared as the case's design does it; then,
    where that is negotiated ahead, within the limits that the operator tells.

    Raises NotSolved where a prosumer's own problem has no numerical solution.
    """
    problem = with_imbalance_priced(raw)
    task = Task(
        prosumers=prosumers,
        begin=begin,
        raw=raw,
        problem=problem,
        settings=settings,
        clear=lambda asked, since: solved(case, asked, settings, start=since, on_check=on_check),
        start=fitted(start, problem.shape[1]),
        operator=case.operator,
        on_check=on_check,
        carried=carried,
        held=held,
    )
    found = case.design.clear(task)
    if case.rounds_ahead is None or case.operator is None or found.clearing.status in NOT_REACHED:
        return found
    rules = Rules(case.rounds_ahead)
    return cleared_within_limits(replace(task, raw=found.raw), case.operator, found.clearing, rules)


def without_peers(problem: MarketProblem) -> tuple[PreparedProblem, Sequence[Completion]]:
    """The same problem, imbalances priced, and everyone's dispatch with contracts only: no peers, no charges."""
    priced = replace(with_imbalance_priced(problem), place=None)
    dispatch, _ = Fleet(solvable(priced)).one_way_dispatch(np.zeros(priced.shape))
    return priced, dispatch


def next_states(
    case: MarketCase, states: tuple[ProsumerState, ...], realised: tuple[Realised, ...], k: int
) -> tuple[ProsumerState, ...]:
    """The states after interval `k`."""
    day = int(case.day[k])
    following = int(case.day[min(k + 1, len(case.day) - 1)])
    return tuple(
        next_state(state, level_kwh=result.level_kwh, behind_kwh=result.behind_kwh, day=day, next_day=following)
        for state, result in zip(states, realised, strict=True)
    )


def first_reputation(case: MarketCase) -> Reputation:
    """Strangers all; where reputation counts for nothing, no room is taken for it."""
    return no_reputation(len(CARRIERS), 0 if case.reputation is None else len(case.prosumers))


def next_reputation(case: MarketCase, known: Reputation, trades: tuple[Trades, ...]) -> Reputation:
    """The reputation after an interval's trades."""
    return known if case.reputation is None else grown(known, trades, case.reputation, dt_h=case.dt_h)
