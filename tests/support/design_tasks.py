"""What a design is asked, for a market that is stated: the look-ahead of a case, or a problem made by hand."""

from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.prosumer import Prosumer


def task_of(prosumers: tuple[Prosumer, ...], problem: MarketProblem, settings: Settings) -> Task:
    """The clearing of `problem`, from nothing."""
    return Task(
        prosumers=prosumers,
        begin=0,
        raw=problem,
        problem=with_imbalance_priced(problem),
        settings=settings,
        clear=lambda prepared, start: clear(prepared, settings, start=start),
    )


def first_day(case: MarketCase, *, relative_gap: float) -> Task:
    """The whole first look-ahead of `case`, all of which binds."""
    problem = RollingMarket(case).problem(0)
    return task_of(case.prosumers, problem, Settings(relative_gap=relative_gap, binding=problem.shape[1]))
