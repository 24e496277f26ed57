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
from mosaik_p2p.charges.over_time import by_interval
from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.errors import Fault, RunFailed, Status
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.posted import Posted, views_of
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear, describe_failure
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.over_time.interval_problem import without_peers
from mosaik_p2p.market.over_time.outcome import ProsumerDispatch, dispatch_of
from mosaik_p2p.market.over_time.realisation import realise
from mosaik_p2p.market.over_time.single_interval import completion_at, model_at
from mosaik_p2p.market.problem import MarketProblem, highest_price, placed
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.studies.best_rate.keys import RateKey, charges_at, faults_at, unit_of, unit_rates
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
        self._case, self._keys, self._views = case, keys, views_of(case)
        own = market_case(case)
        steps = own.steps
        settings = replace(own.settings, form="auto", max_iterations=MOST_ITERATIONS, binding=steps)
        self._market: MarketCase = replace(
            own, horizon_steps=steps, settings=settings, clearing="day_ahead", reputation=None
        )
        self._problem: MarketProblem = with_imbalance_priced(DayAheadMarket(self._market).problem(0))
        self._without = self._posted(np.zeros(len(keys)))

    def __call__(self, rates: FloatArray, *, gap: float = GAP) -> Followed:
        """Clear at `rates`, to a relative `gap`. Raises RunFailed where there is no numerical solution."""
        posted = self._posted(rates)
        cleared = self._cleared(posted, gap=gap)
        free = sum(self._paid(self._without, cleared))
        units = zip(self._units, self._keys, strict=True)
        charged = [(sum(self._paid(unit, cleared)) - free) / unit_of(key) for unit, key in units]
        return Followed(
            rates=rates,
            total_cost=(cleared.cost + cleared.lower_bound) / 2,
            doubt=max(cleared.cost - cleared.lower_bound, 0.0),
            charged=np.array(charged),
            charges=dict(zip(CARRIERS, self._paid(posted, cleared), strict=True)),
            iterations=cleared.iterations,
            status=cleared.status,
            clearing=cleared,
        )

    @cached_property
    def without_trade(self) -> tuple[float, Dispatches]:
        """What all pay where nobody trades, and is charged for nothing; and what that puts on the networks."""
        _, done = without_peers(self._problem)
        dispatches = self._turned_out(tuple(done), np.zeros(self._problem.shape))
        return sum(one.cost for one in done), dispatches

    def dispatches(self, cleared: Clearing) -> Dispatches:
        """What a clearing puts on the networks, as the intervals turn out: what forecasts missed goes by contract."""
        return self._turned_out(cleared.dispatch, cleared.sale_kw)

    def _turned_out(self, dispatch: Sequence[Completion], sale_kw: FloatArray) -> Dispatches:
        return tuple(
            {
                prosumer.name: dispatch_of(
                    prosumer,
                    realise(
                        prosumer,
                        model_at(model, n),
                        completion_at(done, n),
                        sale_kw[:, n, i],
                        interval=n,
                    ),
                )
                for i, (prosumer, model, done) in enumerate(
                    zip(self._case.prosumers, self._problem.models, dispatch, strict=True)
                )
            }
            for n in range(self._market.steps)
        )

    def highest_rates(self) -> FloatArray:
        """(K,) rates at which nobody trades but who is at one place: the largest difference that two offers can have,
        over the smallest distance. Prices for what ought not to happen are no offers."""
        spread = 2.0 * highest_price(self._problem)
        return np.array([spread / self._nearest(k) for k in range(len(self._keys))])

    def faults_at(self, highest: FloatArray) -> list[Fault]:
        """Why there are no charges at the highest rates, (K,)."""
        return faults_at(self._case, self._keys, highest, self._views)

    @cached_property
    def _units(self) -> tuple[Posted, ...]:
        return tuple(self._posted(unit_rates(self._keys, k)) for k in range(len(self._keys)))

    def _posted(self, rates: FloatArray) -> Posted:
        return charges_at(self._case, self._keys, rates, self._views)

    def _nearest(self, k: int) -> float:
        """The smallest distance, above zero, of two who may trade: what both ends pay per kWh at a rate of one."""
        c = CARRIERS.index(self._keys[k].carrier)
        charged, free = (
            by_interval(posted.pairs[c], self._market.steps, _total) for posted in (self._units[k], self._without)
        )
        member: BoolArray = self._problem.member[c]
        may_trade = self._without.pairs[c].may_trade & member[:, None] & member[None, :]
        among = (charged - free)[:, may_trade] / unit_of(self._keys[k])
        apart = among[among > NOT_APART * among.max(initial=0.0)]
        return float(apart.min()) if len(apart) else 1.0

    def _paid(self, posted: Posted, cleared: Clearing) -> list[float]:
        """By carrier, what all would pay at these charges for what was cleared, money."""
        paid = [0.0] * len(CARRIERS)
        for t, trades in enumerate((cleared.trades, *cleared.later_trades)):
            for c, (own, pairs) in enumerate(zip(trades, posted.pairs, strict=True)):
                per_kwh = np.asarray(pairs.at(t).total[own.seller, own.buyer], dtype=float)
                paid[c] += self._market.dt_h * float(own.power_kw @ per_kwh)
        if posted.place is not None:
            for c in range(len(CARRIERS)):
                paid[c] += self._paid_by_places(posted.place, c, cleared)
        return paid

    def _paid_by_places(self, place: PlaceCharges, c: int, cleared: Clearing) -> float:
        """What the charges of places of one carrier are, as the prosumers' costs have them."""
        only = np.arange(len(CARRIERS))[:, None, None] == c
        plain = replace(self._problem, place=None)
        charged = placed(replace(plain, place=PlaceCharges(place.injection * only, place.trades * only)))
        return sum(
            float(model.dt_h * ((own.linear - model.linear) * done.x).sum() + own.constant - model.constant)
            for own, model, done in zip(charged.models, plain.models, cleared.dispatch, strict=True)
        )

    def _cleared(self, posted: Posted, *, gap: float = GAP) -> Clearing:
        problem = replace(self._problem, charges=posted.pairs, place=posted.place)
        try:
            return clear(problem, replace(self._market.settings, relative_gap=gap))
        except NotSolved as error:
            raise RunFailed(f"the market was not cleared: {describe_failure(error, problem)}") from error


def _total(charges: Charges) -> FloatArray:
    return np.asarray(charges.total, dtype=float)
