"""What everyone would exchange with the networks alone, planned in blocks before any clearing.

For charges that are posted in advance and depend on what flows: the days are lived with contracts only, block after
block of `horizon_steps` intervals, over the whole span.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.interval_problem import first_reputation, next_states, stated, without_peers
from mosaik_p2p.market.over_time.realisation import Realised, realise
from mosaik_p2p.market.over_time.single_interval import completion_at, model_at
from mosaik_p2p.prosumers.prosumer import initial_state
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import CARRIERS, FloatArray


@dataclass(frozen=True)
class PlannedAlone:
    """Injections of N prosumers in T intervals, positive into the network."""

    injection_kw: FloatArray
    """(C, T, N)"""
    reactive_kvar: FloatArray
    """(T, N)"""


def planned_alone(case: MarketCase) -> PlannedAlone:
    """Everyone's cheapest days with contracts only. Raises NotSolved where a prosumer's problem has no solution."""
    span, count = len(case.day), len(case.prosumers)
    injection, reactive = np.zeros((len(CARRIERS), span, count)), np.zeros((span, count))
    states = tuple(initial_state(prosumer, day=int(case.day[0])) for prosumer in case.prosumers)
    for begin in range(0, span, case.horizon_steps):
        window = Window(begin, min(case.horizon_steps, span - begin), case.day)
        problem, dispatch = without_peers(stated(case, case.prosumers, states, window, first_reputation(case)))
        nothing = np.zeros(len(CARRIERS))
        for n in range(window.horizon):
            k = begin + n
            happened = tuple(
                realise(prosumer, model_at(model, n), completion_at(done, n), nothing, interval=k)
                for prosumer, model, done in zip(case.prosumers, problem.models, dispatch, strict=True)
            )
            injection[:, k] = np.array([_injected(result) for result in happened]).T
            reactive[k] = [result.reactive_kvar(p) for p, result in zip(case.prosumers, happened, strict=True)]
            states = next_states(case, states, happened, k)
    return PlannedAlone(injection, reactive)


def _injected(result: Realised) -> list[float]:
    return [result.exchanges[c].injection_kw if c in result.exchanges else 0.0 for c in CARRIERS]
