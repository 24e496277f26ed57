"""By how much the losses of a case's networks rise per kW that each prosumer injects, interval by interval.

Around what everyone exchanges alone, once, before any clearing: dL/dx_i = 1 + ds/dp_i + tan(phi_i) ds/dq_i, with s what
the slacks, or the plants, feed in. Exact at that point; what a market then changes moves it by a few thousandths.
"""

from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.operator.base import AskedNetwork
from mosaik_p2p.loading.operator.of_case import electric_of, heat_of
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.market.over_time.alone import PlannedAlone, planned_alone
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.units import FloatArray


class NoLossKnown(ValueError):
    """A flow that marginal losses were to be taken from has no solution; the text says when, and why."""


class MarginalLoss:
    """The marginal losses of one case, which plans the days alone once for both networks."""

    def __init__(self, case: Case) -> None:
        self._case = case

    @cached_property
    def electric(self) -> FloatArray:
        """(T, N) in kW per kW; zero for who has no bus. Raises NoLossKnown."""
        network = electric_of(self._case)
        if network is None:
            raise NoLossKnown("there is no electric network")
        return self._of(network)

    @cached_property
    def heat(self) -> FloatArray:
        """(T, N) in kW per kW; zero for who has no place in it. Raises NoLossKnown."""
        network = heat_of(self._case)
        if network is None:
            raise NoLossKnown("there is no heat network")
        return self._of(network)

    def _of(self, network: AskedNetwork) -> FloatArray:
        result = np.zeros((len(self._case.times), len(self._case.prosumers)))
        for t, begin in enumerate(self._case.times if network.has_prosumers else ()):
            exchange = Exchange(self._alone.injection_kw[:, t], self._alone.reactive_kvar[t])
            solution = network.solution(exchange, t)
            if not solution.is_solved:
                raise _unknown(begin, solution.tables["flows"]["cause"][0])
            result[t] = network.marginal_loss(exchange, t)
        return result

    @cached_property
    def _alone(self) -> PlannedAlone:
        return planned_alone(_market_alone(self._case))


@lru_cache(maxsize=2)
def losses_of(case: Case) -> MarginalLoss:
    """Those of a case, computed once: they are asked for when it is checked, and again when it is run."""
    return MarginalLoss(case)


def _market_alone(case: Case) -> MarketCase:
    """The market of a case in which nobody trades: as far as living alone goes, charges do not matter."""
    nothing = no_charges(np.full(len(case.prosumers), -1))
    time = case.scenario.time
    return MarketCase(
        prosumers=case.prosumers,
        charges=(nothing, replace(nothing)),
        day=np.asarray(case.day, dtype=np.int64),
        dt_h=case.dt_h,
        steps=time.steps,
        horizon_steps=time.horizon_steps,
        settings=Settings(),
        on_not_converged="stop",
    )


def _unknown(begin: pd.Timestamp, cause: str | None) -> NoLossKnown:
    return NoLossKnown(f"no flow at {begin.isoformat()} with everyone alone, so no marginal losses ({cause})")
