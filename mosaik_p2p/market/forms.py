"""The two ways to split the market between prosumers and network. Both offer the same four steps to `admm`.

`PairForm` (bilateral: one copy of every trade at each end; Chen and Liu 2025, eqs. 31-37) works on half edges,
`TreeForm` (network: net sales as a flow on a radial network) on net sales. In either, with w = z + u,

    agree(w)      z and the prices: the network's (or the pairs') answer, exactly reciprocal
    target(v)     what each prosumer sees of v = z - u: one net sale to aim at
    spread(v, s)  a prosumer's answer, laid out like w

Arrays over prosumers have shape (C, T, N), arrays over half edges (C, T, M).
"""

from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.market.agreement import Agreement
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.trades import Trades, match_pairs
from mosaik_p2p.market.tree_form import TreeForm
from mosaik_p2p.units import FloatArray, IntArray


class Form(Protocol):
    """The network's side of the market."""

    name: str
    shape: tuple[int, int, int]

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """(C, T, N): the least of everyone's offers (C, T, N; inf: none) plus what a kWh pays on the way to each."""

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """w for trades z (laid out like w) and prices (C, T, N) at penalty `weight` (C, N), money per kW^2."""

    def weights(self, weight: FloatArray) -> FloatArray:
        """The penalty laid out like w, shape broadcastable to it."""

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """(C, N): the penalty on a prosumer's net sale."""

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """The network's step."""

    def target(self, v: FloatArray) -> FloatArray:
        """(C, T, N)."""

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:
        """Laid out like w."""

    def sales(self, z: FloatArray) -> FloatArray:
        """(C, T, N) net sales of z."""

    def charge(self, z: FloatArray) -> float:
        """Money that both ends pay for trades z."""

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Prices near the given ones at which no pair gains by passing on (candidates for the lower bound)."""

    def trades(self, z: FloatArray, price_per_kwh: FloatArray, *, dust_kw: float) -> list[Trades]:
        """The trades of the first interval, one per carrier, without those below `dust_kw`."""


def _incidence(at: IntArray, size: int) -> sp.csr_array:
    """(len(at), size) matrix that sums entries at their places."""
    return sp.csr_array((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), size))


class PairForm:
    """Bilateral form: every pair of members of a carrier may trade."""

    name = "bilateral"

    def __init__(self, problem: MarketProblem) -> None:
        carriers, horizon, count = problem.shape
        member = problem.member
        self._problem, self._dt_h = problem, problem.dt_h
        self._prosumers = (carriers, horizon, count)
        self._first, self._second = np.triu_indices(count, 1)
        pairs = len(self._first)
        self._pairs = pairs
        self._open = np.array([m[self._first] & m[self._second] for m in member])
        self._owner: IntArray = np.concatenate([self._first, self._second])
        self._gather = _incidence(self._owner, count)
        self._half_open = np.concatenate([self._open, self._open], axis=1)[:, None, :].astype(float)
        self._partners = np.maximum([m.sum() - 1 for m in member], 1)[:, None] * np.ones((1, count))
        self._total = np.array([c.total[self._first, self._second] for c in problem.charges])[:, None, :]
        self.distance = np.array(
            [
                shortest_path(_with_zeros(np.where(np.outer(m, m), np.asarray(c.total), np.inf)), directed=False)
                for m, c in zip(member, problem.charges, strict=True)
            ]
        )
        self.shape = (carriers, horizon, 2 * pairs)

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form."""
        result: FloatArray = (offer_per_kwh[:, :, None, :] + self.distance[:, None]).min(axis=-1)
        return result

    def _sum(self, half: FloatArray) -> FloatArray:
        """(C, T, N) sums of half edges at their owners."""
        result: FloatArray = (half.reshape(-1, 2 * self._pairs) @ self._gather).reshape(self._prosumers)
        return result

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        halves = price_per_kwh[:, :, self._owner] * self._dt_h / self.weights(weight)
        result: FloatArray = z - halves * self._half_open
        return result

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        result: FloatArray = weight[:, None, self._owner]
        return result

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """rho / n_i."""
        result: FloatArray = weight / self._partners
        return result

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """Each pair's soft threshold, and the mean of the prices that a prosumer's ends hold."""
        rho = self.weights(weight)
        a, b = w[..., : self._pairs], w[..., self._pairs :]
        rho_a, rho_b = rho[..., : self._pairs], rho[..., self._pairs :]
        both = rho_a + rho_b
        middle = (rho_a * a - rho_b * b) / both
        z = np.sign(middle) * np.maximum(np.abs(middle) - self._total * self._dt_h / both, 0.0)
        z *= self._half_open[..., : self._pairs]
        halves = np.concatenate([z, -z], axis=-1)
        end_price = -rho * (w - halves) / self._dt_h * self._half_open
        return Agreement(halves, self._sum(end_price) / self._partners[:, None, :])

    def target(self, v: FloatArray) -> FloatArray:
        """V_i, the sum over partners."""
        return self._sum(v)

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:
        """p_ij = v_ij + (s_i - V_i)/n_i."""
        excess = (sale_kw - self._sum(v)) / self._partners[:, None, :]
        result: FloatArray = (v + excess[:, :, self._owner]) * self._half_open
        return result

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form."""
        return self._sum(z)

    def charge(self, z: FloatArray) -> float:
        """A pair counts once, with what both ends pay."""
        return float(np.sum(np.abs(z[..., : self._pairs]) * self._total)) * self._dt_h

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Lower, upper and middle closure along the cheapest chain of pairs."""
        lower, upper = self.nearest(price_per_kwh), -self.nearest(-price_per_kwh)
        return [(lower + upper) / 2, lower, upper]

    def trades(self, z: FloatArray, price_per_kwh: FloatArray, *, dust_kw: float) -> list[Trades]:
        """The pairs themselves."""
        return [
            match_pairs(
                self._first, self._second, z[c, 0, : self._pairs], price_per_kwh[c, 0], charges, dust_kw=dust_kw
            )
            for c, charges in enumerate(self._problem.charges)
        ]


def _with_zeros(weights: FloatArray) -> FloatArray:
    """A dense graph for csgraph, which takes a zero for a missing edge: a charge of nothing becomes next to nothing."""
    positive = np.where(weights == 0.0, 1e-300, weights)
    np.fill_diagonal(positive, 0.0)
    return positive


def choose_form(problem: MarketProblem, form: str) -> Form:
    """The form asked for; `auto` takes the network wherever charges are lengths of paths on a tree.

    Raises ValueError where the network form is asked for and a network has loops or pair charges.
    """
    trees = tuple(charges.tree for charges in problem.charges)
    radial = tuple(tree for tree in trees if tree is not None)
    if form != "bilateral" and len(radial) == len(trees):
        return TreeForm(problem, radial)
    if form == "network":
        raise ValueError("market.form = network needs path charges on radial networks; use form = bilateral")
    return PairForm(problem)
