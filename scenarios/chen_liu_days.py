"""Days of the case study of Chen and Liu 2025 as this project's own loads and networks make them: cleared and measured.

Every day is one day-ahead clearing in the bilateral form, as theirs is. Used by `study_chen_liu`.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.errors import RunFailed, Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.settlement import settle
from mosaik_p2p.settlement.ledger import IN_MARKET
from mosaik_p2p.units import CARRIERS, FloatArray

MOST_ITERATIONS = 50_000
CANCELLED_AT_MOST = 0.9
"""Part of a pair's charge that full reputation outweighs; at all of it, power sent in a circle would cost nothing."""
DEAREST_SHARE = 0.5
"""At charge rate 1 the farthest pair pays, both ends together, this part of the mean import price."""
REPEATS = 3


@dataclass(frozen=True)
class Traded:
    """What C carriers' N prosumers traded in a day, pair by pair: (C, N, N), symmetric."""

    names: tuple[str, ...]
    energy_kwh: FloatArray
    paid: FloatArray
    """What the buyers paid, their charges included."""
    cost: float
    """Of all prosumers, both ends' charges included and benefits taken off; its fall is the rise of welfare."""

    def pair(self, a: str, b: str, carrier: str) -> tuple[float, float | None]:
        """kWh between two prosumers, and what the buyer paid per kWh; None where they did not trade."""
        place = (CARRIERS.index(carrier), self.names.index(a), self.names.index(b))
        energy = float(self.energy_kwh[place])
        return energy, float(self.paid[place]) / energy if energy > 0 else None

    @property
    def total_kwh(self) -> float:
        """Of all pairs and carriers."""
        return float(self.energy_kwh.sum()) / 2


@dataclass(frozen=True)
class Day:
    """A settled day, and what finding it at the scenario's own tolerance took."""

    traded_kwh: float
    cost: dict[str, float]
    iterations: int
    seconds: float


def day_ahead_case(scenario: str, *, relative_gap: float) -> MarketCase:
    """A scenario's market, to be cleared for one whole look-ahead."""
    case = market_case(load(scenario, ["time.clearing=day_ahead"]))
    settings = replace(case.settings, form="bilateral", relative_gap=relative_gap, max_iterations=MOST_ITERATIONS)
    return replace(case, steps=case.horizon_steps, settings=settings, on_not_converged="stop")


def without_heat_trade(case: MarketCase) -> MarketCase:
    """The same prosumers with the same needs, none of whom can reach a peer with heat."""
    return replace(case, prosumers=tuple(replace(prosumer, junctions=None) for prosumer in case.prosumers))


def settled_day(case: MarketCase, *, own_gap: float) -> Day:
    """The day interval by interval; iterations and time of a clearing to `own_gap`, the fastest of a few."""
    market, cost, traded = DayAheadMarket(case), defaultdict[str, float](float), 0.0
    settings = replace(case.settings, relative_gap=own_gap)
    problem = market.problem(0)
    for k in range(case.steps):
        outcome = market.clear(k)
        _refuse_failure(outcome.status)
        ledger = settle(outcome.tables, dt_h=case.dt_h, loss_price_per_kwh=None)
        for world, party, money in zip(ledger["case"], ledger["party"], ledger["money"], strict=True):
            if world == IN_MARKET:
                cost[party] -= money
        traded += sum(outcome.tables["trades"]["power_kw"]) * case.dt_h
        market.commit()
    timed = [_timed(problem, settings) for _ in range(REPEATS)]
    names = (prosumer.name for prosumer in case.prosumers)
    return Day(traded, {name: cost[name] for name in names}, timed[0][0], min(seconds for _, seconds in timed))


def _timed(problem: MarketProblem, settings: Settings) -> tuple[int, float]:
    begin = perf_counter()
    cleared = clear(problem, settings)
    _refuse_failure(cleared.status)
    return cleared.iterations, perf_counter() - begin


def _refuse_failure(status: Status) -> None:
    if status is not Status.OK:
        raise RunFailed("a clearing of the study has not converged: its figures would mean nothing")


def with_reputation(case: MarketCase, pair: tuple[str, str], index: float) -> tuple[Charges, ...]:
    """Charges where only the members of `pair` know each other, on the study's relative scale of benefits."""
    a, b = (_place(case, name) for name in pair)
    return tuple(_known(charges, a, b, CANCELLED_AT_MOST * index) for charges in _charges(case))


def with_printed_reputation(case: MarketCase, pair: tuple[str, str], benefit_per_kwh: float) -> tuple[Charges, ...]:
    """The same at full reputation with a benefit in money per kWh and end."""
    a, b = (_place(case, name) for name in pair)
    return tuple(
        _known(charges, a, b, float(2 * benefit_per_kwh / charges.total[a, b]) if charges.total[a, b] > 0 else 0.0)
        for charges in _charges(case)
    )


def _charges(case: MarketCase) -> tuple[Charges, ...]:
    """The scenario's own. Raises RunFailed where they change with time, on which the study says nothing."""
    held = tuple(charges.at(0) for charges in case.charges)
    if any(charges is not first for charges, first in zip(case.charges, held, strict=True)):
        raise RunFailed("the study is about charges that are the same at all times")
    return held


def _known(charges: Charges, a: int, b: int, share: float) -> Charges:
    benefit = np.zeros_like(charges.posted)
    benefit[a, b] = benefit[b, a] = share * charges.total[a, b]
    return replace(charges, benefit=benefit, tree=None)


def at_rate(case: MarketCase, rate: float) -> tuple[Charges, ...]:
    """The charges scaled so that rate 1 costs the farthest pair `DEAREST_SHARE` of the mean import price."""
    return tuple(_scaled(charges, rate * _unit(case, c)) for c, charges in enumerate(_charges(case)))


def _scaled(charges: Charges, factor: float) -> Charges:
    return replace(charges, posted=charges.posted * factor, tree=None)


def own_rate(case: MarketCase, carrier: str) -> float:
    """Where the scenario's own charges lie on the scale of `at_rate`."""
    return 1.0 / _unit(case, CARRIERS.index(carrier))


def _unit(case: MarketCase, c: int) -> float:
    prices = [
        float(contract.import_price_per_kwh[: case.horizon_steps].mean())
        for prosumer in case.prosumers
        for contract in prosumer.contracts
        if contract.carrier == CARRIERS[c]
    ]
    dearest = float(np.asarray(_charges(case)[c].total).max())
    return DEAREST_SHARE * float(np.mean(prices)) / dearest if prices and dearest > 0 else 1.0


def posted_charge(case: MarketCase, pair: tuple[str, str], carrier: str) -> float:
    """What each end of a pair pays per kWh in the scenario: its distance in money."""
    a, b = (_place(case, name) for name in pair)
    return float(_charges(case)[CARRIERS.index(carrier)].posted[a, b])


def traded_day(case: MarketCase, charges: tuple[Charges, ...]) -> Traded:
    """The day's trades at other charges."""
    problem = replace(DayAheadMarket(case).problem(0), charges=charges)
    cleared = clear(problem, replace(case.settings, binding=case.horizon_steps))
    _refuse_failure(cleared.status)
    energy = np.zeros((len(CARRIERS), len(problem.names), len(problem.names)))
    paid = np.zeros_like(energy)
    for trades in (cleared.trades, *cleared.later_trades):
        for c, own in enumerate(trades):
            kwh = own.power_kw * case.dt_h
            price = own.price_per_kwh + charges[c].buyer_share * charges[c].posted[own.seller, own.buyer]
            np.add.at(energy[c], (own.seller, own.buyer), kwh)
            np.add.at(paid[c], (own.seller, own.buyer), kwh * price)
    return Traded(problem.names, _both_ways(energy), _both_ways(paid), cleared.cost)


def _both_ways(directed: FloatArray) -> FloatArray:
    result: FloatArray = directed + directed.transpose(0, 2, 1)
    return result


def _place(case: MarketCase, name: str) -> int:
    return [prosumer.name for prosumer in case.prosumers].index(name)
