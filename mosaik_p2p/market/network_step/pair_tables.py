"""The pairs of prosumers as tables: who may trade, what both ends pay, and how far apart they are in charges."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.over_time import by_interval
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

ROUNDING = 1e-11
"""Part of a price by which prices that were closed along a path of charges may miss it."""


@dataclass(frozen=True)
class PairTables:
    """Pairs of N prosumers, P = N (N - 1)/2 of them, with what they pay."""

    first: IntArray
    """(P,), and `second` > `first`."""
    second: IntArray
    open: BoolArray
    """(C, P): who may trade with each other."""
    total: tuple[FloatArray, ...]
    """(T, P) by carrier, (1, P) where all intervals are alike: both ends' charge less benefit, per kWh."""
    curvature: FloatArray
    """(C, P): both ends' quadratic preference, per kWh and kW."""
    distance: tuple[FloatArray, ...]
    """(T, N, N) by carrier, or (1, N, N) as above: shortest path in charges over pairs without preference; infinite
    where there is none."""

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """(C, T, N): the least of everyone's offers (C, T, N) plus what a kWh pays on the way to each."""
        carriers = zip(offer_per_kwh, self.distance, strict=True)
        return np.array([(offer[:, None, :] + distance).min(axis=-1) for offer, distance in carriers])


def pair_tables(problem: MarketProblem) -> PairTables:
    """Everything about the pairs of `problem`."""
    first, second = np.triu_indices(problem.shape[2], 1)
    horizon = problem.shape[1]
    open_, total, distance = [], [], []
    for who, charges in zip(problem.member, problem.charges, strict=True):
        may_trade = np.outer(who, who) & charges.may_trade
        binding = may_trade if charges.curvature is None else may_trade & (charges.curvature == 0.0)
        open_.append(may_trade[first, second])
        total.append(by_interval(charges, horizon, lambda held: held.total[first, second]))
        distance.append(by_interval(charges, horizon, partial(_distances, binding=binding)))
    return PairTables(
        first=first,
        second=second,
        open=np.array(open_),
        total=tuple(total),
        curvature=np.array([charges.preference(first, second) for charges in problem.charges]),
        distance=tuple(distance),
    )


def _distances(charges: Charges, *, binding: BoolArray) -> FloatArray:
    return _path_lengths(np.asarray(charges.total), binding)


def _path_lengths(charge: FloatArray, present: BoolArray) -> FloatArray:
    """(N, N) shortest paths over the pairs that are `present`."""
    # Sparse: a dense graph would drop pairs that pay nothing, or as good as nothing.
    rows, columns = np.nonzero(present)
    graph = sp.csr_array((charge[rows, columns], (rows, columns)), shape=charge.shape)
    result: FloatArray = shortest_path(graph, method="D", directed=False)
    return result


def conceded(price: FloatArray, other: FloatArray, charge: FloatArray, curvature: FloatArray) -> float:
    """What pairs gain at prices (T, E) of their ends that differ by more than the charge (T or 1, E), money per hour.

    A pair's least cost at a difference d is -(|d| - charge)+^2 / (4 curvature): minus infinity for a pair without
    preference that could gain.
    """
    beyond = np.maximum(np.abs(price - other) - charge, 0.0)
    soft = curvature > 0
    if (beyond > ROUNDING * np.maximum(np.abs(price), np.abs(other)))[..., ~soft].any():
        return float("inf")
    return float(np.sum(beyond[..., soft] ** 2 / (4 * curvature[soft])))
