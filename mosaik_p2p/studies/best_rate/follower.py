"""The market of a scenario as the follower: one day-ahead clearing of the whole run, at other rates.

All intervals of the run are cleared at once, from the initial storage levels, without negotiation and with everybody a
stranger; the rest of the scenario is as it stands. So the total cost is that of one convex problem, and concave in the
rates; a rolling run sees less far ahead, and the run that confirms a rate says how much that changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.errors import RunFailed, Status
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear, describe_failure
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.over_time.realisation import realise
from mosaik_p2p.market.over_time.rolling import ProsumerDispatch, dispatch_of
from mosaik_p2p.market.over_time.single_interval import completion_at, model_at
from mosaik_p2p.market.problem import MarketProblem, highest_price
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.studies.best_rate.keys import RateKey, charges_at, unit_rates
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray

GAP = 1e-6
"""Relative gap of a clearing: at a thousandth W and D are too rough for a bound of a thousandth."""
MOST_ITERATIONS = 20_000
NOT_APART = 1e-9
"""Part of the largest distance below which two prosumers are at one place."""

Dispatches = tuple[dict[str, ProsumerDispatch], ...]
"""By interval and prosumer: what everyone puts on the networks."""


@dataclass(frozen=True)
class Followed:
    """How the scenario's market answers rates (K,)."""

    rates: FloatArray
    total_cost: float
    doubt: float
    charged: FloatArray
    """(K,): see `answer.Answer.charged`."""
    charges: dict[str, float]
    """By carrier, money that all charges take, those of other keys included."""
    iterations: int
    status: Status
    clearing: Clearing

    @property
    def revenue(self) -> float:
        """Of the rates together."""
        return float(self.rates @ self.charged)


class DayAheadFollower:
    """A scenario's market that is cleared at rates."""

    def __init__(self, case: Case, keys: Sequence[RateKey]) -> None:
        self._case, self._keys = case, keys
        own = market_case(case)
        steps = own.steps
        settings = replace(own.settings, form="auto", max_iterations=MOST_ITERATIONS, binding=steps)
        self._market: MarketCase = replace(
            own, horizon_steps=steps, settings=settings, clearing="day_ahead", reputation=None
        )
        self._problem: MarketProblem = with_imbalance_priced(DayAheadMarket(self._market).problem(0))
        self._without = charges_at(case, keys, np.zeros(len(keys)))

    def __call__(self, rates: FloatArray, *, gap: float = GAP) -> Followed:
        """Clear at `rates`, to a relative `gap`. Raises RunFailed where there is no numerical solution."""
        charges = charges_at(self._case, self._keys, rates)
        cleared = self._cleared(charges, gap=gap)
        free = _paid(self._without, cleared, self._market.dt_h)
        charged = [sum(_paid(unit, cleared, self._market.dt_h)) - sum(free) for unit in self._units]
        return Followed(
            rates=rates,
            total_cost=(cleared.cost + cleared.lower_bound) / 2,
            doubt=max(cleared.cost - cleared.lower_bound, 0.0),
            charged=np.array(charged),
            charges=dict(zip(CARRIERS, _paid(charges, cleared, self._market.dt_h), strict=True)),
            iterations=cleared.iterations,
            status=cleared.status,
            clearing=cleared,
        )

    def alone(self) -> Clearing:
        """The clearing in which nobody trades."""
        count = len(self._case.prosumers)
        nobody = np.zeros((count, count), dtype=np.bool_)
        return self._cleared(tuple(replace(posted, partners=nobody, tree=None) for posted in self._without))

    def dispatches(self, cleared: Clearing) -> Dispatches:
        """What a clearing puts on the networks, as the intervals turn out: what forecasts missed goes by contract."""
        return tuple(
            {
                prosumer.name: dispatch_of(
                    prosumer,
                    realise(
                        prosumer,
                        model_at(model, n),
                        completion_at(done, n),
                        cleared.sale_kw[:, n, i],
                        interval=n,
                    ),
                )
                for i, (prosumer, model, done) in enumerate(
                    zip(self._case.prosumers, self._problem.models, cleared.dispatch, strict=True)
                )
            }
            for n in range(self._market.steps)
        )

    def highest_rates(self) -> FloatArray:
        """(K,) rates at which nobody trades but who is at one place: the largest difference that two offers can have,
        over the smallest distance. Prices for what ought not to happen are no offers."""
        spread = 2.0 * highest_price(self._problem)
        return np.array([spread / self._nearest(k) for k in range(len(self._keys))])

    @cached_property
    def _units(self) -> tuple[tuple[Charges, ...], ...]:
        return tuple(charges_at(self._case, self._keys, unit_rates(self._keys, k)) for k in range(len(self._keys)))

    def _nearest(self, k: int) -> float:
        """The smallest distance, above zero, of two who may trade: what both ends pay per kWh at a rate of one."""
        c = CARRIERS.index(self._keys[k].carrier)
        distance = np.asarray(self._units[k][c].total) - np.asarray(self._without[c].total)
        member: BoolArray = self._problem.member[c]
        among = distance[self._without[c].may_trade & member[:, None] & member[None, :]]
        apart = among[among > NOT_APART * among.max(initial=0.0)]
        return float(apart.min()) if len(apart) else 1.0

    def _cleared(self, charges: tuple[Charges, ...], *, gap: float = GAP) -> Clearing:
        problem = replace(self._problem, charges=charges)
        try:
            return clear(problem, replace(self._market.settings, relative_gap=gap))
        except NotSolved as error:
            raise RunFailed(f"the market was not cleared: {describe_failure(error, problem)}") from error


def _paid(charges: tuple[Charges, ...], cleared: Clearing, dt_h: float) -> list[float]:
    """By carrier, what both ends of all trades would pay at these charges, money."""
    paid = [0.0] * len(charges)
    for trades in (cleared.trades, *cleared.later_trades):
        for c, (own, posted) in enumerate(zip(trades, charges, strict=True)):
            paid[c] += dt_h * float(own.power_kw @ np.asarray(posted.total[own.seller, own.buyer], dtype=float))
    return paid
