"""Mutual reputation: partners who have dealt with each other value their next trade a little higher.

Per pair and carrier, symmetric, zero until the first trade and constant within a clearing (Chen and Liu 2025, eqs.
27-28, where the stacked powers are read as "electric or heat"):

    sigma <- min(1, sigma + growth * last payment / all payments so far)

a payment being |price * power| dt of the pair in one interval, the last one included in the sum. Each end values a kWh
by `benefit_per_kwh * sigma`. Nobody is paid for it: it steers the market and stays out of the settlement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class ReputationRule:
    """What full reputation is worth to an end, currency per kWh, and how fast it grows."""

    benefit_per_kwh: float
    growth: float


@dataclass(frozen=True)
class Reputation:
    """Of C carriers and N prosumers: `index` in [0, 1] and `paid`, all payments so far in money, both (C, N, N)."""

    index: FloatArray
    paid: FloatArray


def no_reputation(carriers: int, count: int) -> Reputation:
    """Before the first trade."""
    nothing = np.zeros((carriers, count, count))
    return Reputation(nothing, nothing)


def grown(before: Reputation, trades: Sequence[Trades], rule: ReputationRule, *, dt_h: float) -> Reputation:
    """The reputation after an interval with `trades`, one entry per carrier."""
    last = np.array([_payments(own, before.index.shape[1]) for own in trades]) * dt_h
    paid = before.paid + last
    share = np.divide(last, paid, out=np.zeros_like(last), where=paid > 0)
    return Reputation(np.minimum(before.index + rule.growth * share, 1.0), paid)


def _payments(trades: Trades, count: int) -> FloatArray:
    """(N, N), symmetric: money per hour between each two."""
    result = np.zeros((count, count))
    money = np.abs(trades.price_per_kwh * trades.power_kw)
    np.add.at(result, (trades.seller, trades.buyer), money)
    np.add.at(result, (trades.buyer, trades.seller), money)
    return result


def with_benefits(charges: Sequence[AnyCharges], known: Reputation, rule: ReputationRule) -> tuple[AnyCharges, ...]:
    """The charges less what both ends of each pair value a kWh at: no longer lengths of paths on a network."""
    return tuple(
        posted.with_benefit(2.0 * rule.benefit_per_kwh * index)
        for posted, index in zip(charges, known.index, strict=True)
    )


def counted_benefit(charges: Charges, seller: IntArray, buyer: IntArray) -> FloatArray:
    """The benefit of both ends of trades per kWh as the clearing counts it, at most what they pay."""
    if charges.benefit is None:
        return np.zeros(len(seller))
    result: FloatArray = np.minimum(charges.benefit[seller, buyer], charges.paid[seller, buyer])
    return result


def clipped_pairs(charges: Sequence[AnyCharges], member: BoolArray) -> int:
    """How many pairs would gain by trading as such in the first interval, had their benefit not been cut to what they
    pay. Charges of places are no such thing: they do not grow with trading forth and back.

    `member` of shape (C, N) says who may trade which carrier; a pair counts once for each carrier.
    """
    return sum(
        int(np.triu((own.benefit > np.asarray(own.paid)) & np.outer(who, who), 1).sum())
        for own, who in zip((charges_of_carrier.at(0) for charges_of_carrier in charges), member, strict=True)
        if own.benefit is not None
    )
