"""By how much the losses of a case's networks rise per kW that each prosumer injects, interval by interval.

Around what everyone exchanges alone, once, before any clearing: dL/dx_i = 1 + ds/dp_i + tan(phi_i) ds/dq_i, with s what
the slacks, or the plants, feed in. Exact at that point; what a market then changes moves it by a few thousandths.
"""

from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.limits.response import SLACK
from mosaik_p2p.loading.case import Case
from mosaik_p2p.market.over_time.alone import PlannedAlone, planned_alone
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT, FloatArray


class NoLossKnown(ValueError):
    """A flow that marginal losses were to be taken from has no solution; the text says when, and why."""


class MarginalLoss:
    """The marginal losses of one case, which plans the days alone once for both networks."""

    def __init__(self, case: Case) -> None:
        self._case = case

    @cached_property
    def electric(self) -> FloatArray:
        """(T, N) in kW per kW; zero for who has no bus. Raises NoLossKnown."""
        case, spec = self._case, self._case.scenario.networks.electricity
        if case.electric is None or spec is None:
            raise NoLossKnown("there is no electric network")
        who = np.array([n for n, prosumer in enumerate(case.prosumers) if prosumer.bus is not None], dtype=np.int64)
        buses = [int(case.prosumers[n].bus or 0) for n in who]
        tan = np.array([reactive_share(case.prosumers[n].power_factor) for n in who])
        flow = PowerFlow(case.electric, slack_voltage_pu=spec.slack_voltage_pu, prosumer_buses=buses)
        result = np.zeros((len(case.times), len(case.prosumers)))
        for t, begin in enumerate(case.times if buses else ()):
            power = zip(buses, self._alone.injection_kw[CARRIERS.index(ELECTRICITY), t, who], strict=True)
            injected = _by_bus(power, self._alone.reactive_kvar[t, who])
            solved = flow.solve(
                injected,
                background_scaling=0.0 if case.background is None else float(case.background[t]),
                generation_scaling=float(case.generation[t]),
                replaced_loads=case.replaced_loads,
            )
            if solved.status is not Status.OK:
                raise _unknown(begin, solved.cause)
            slack = flow.response(buses)[SLACK]
            result[t, who] = 1.0 + slack.per_kw[0] + tan * slack.per_kvar[0]
        return result

    @cached_property
    def heat(self) -> FloatArray:
        """(T, N) in kW per kW; zero for who has no place in it. Raises NoLossKnown."""
        case = self._case
        if case.heat is None:
            raise NoLossKnown("there is no heat network")
        connections = {
            n: HeatConnection(prosumer=prosumer.name, supply=prosumer.junctions[0], return_=prosumer.junctions[1])
            for n, prosumer in enumerate(case.prosumers)
            if prosumer.junctions is not None
        }
        who, names = list(connections), [connection.prosumer for connection in connections.values()]
        flow = HeatFlow(case.heat, list(connections.values()))
        result = np.zeros((len(case.times), len(case.prosumers)))
        for t, begin in enumerate(case.times if names else ()):
            solved = flow.solve(-self._alone.injection_kw[CARRIERS.index(HEAT), t, who])
            if solved.status is Status.NOT_CONVERGED:
                raise _unknown(begin, solved.cause)
            result[t, who] = 1.0 + flow.response(names)[SLACK].per_kw[0]
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


def _by_bus(power: "zip[tuple[int, float]]", reactive: FloatArray) -> dict[int, tuple[float, float]]:
    """By bus: active and reactive power of all who stand there."""
    found: dict[int, tuple[float, float]] = {}
    for (bus, kw), kvar in zip(power, reactive.tolist(), strict=True):
        so_far = found.get(bus, (0.0, 0.0))
        found[bus] = (so_far[0] + float(kw), so_far[1] + kvar)
    return found


def _unknown(begin: pd.Timestamp, cause: str | None) -> NoLossKnown:
    return NoLossKnown(f"no flow at {begin.isoformat()} with everyone alone, so no marginal losses ({cause})")
