"""Bilateral form: one copy of every trade at each end (Chen and Liu 2025, eqs. 31-37), on directed trades."""

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.network_step.pair_tables import conceded, pair_tables
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.trades import Trades, match_pairs
from mosaik_p2p.units import FloatArray, IntArray


class PairForm:
    """Bilateral form: one copy of every trade at each end."""

    name = "bilateral"

    def __init__(self, problem: MarketProblem) -> None:
        carriers, horizon, count = problem.shape
        tables = pair_tables(problem)
        self._problem, self._dt_h = problem, problem.dt_h
        self._prosumers = (carriers, horizon, count)
        self._first, self._second = tables.first, tables.second
        pairs = len(self._first)
        self._pairs = pairs
        self._open = tables.open
        self._owner: IntArray = np.concatenate([self._first, self._second])
        self._gather = _incidence(self._owner, count)
        self._half_open = np.concatenate([self._open, self._open], axis=1)[:, None, :].astype(float)
        self._partners = np.maximum(self._half_open[:, 0] @ self._gather, 1.0)
        alike = all(len(total) == 1 for total in tables.total)
        # (C, 1, P), or (C, T, P) where charges of a carrier change with time.
        self._total = np.array([total if alike else np.broadcast_to(total, (horizon, pairs)) for total in tables.total])
        self._curvature = tables.curvature[:, None, :]
        self._tables = tables
        self.shape = (carriers, horizon, 2 * pairs)

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form."""
        return self._tables.nearest(offer_per_kwh)

    def _sum(self, half: FloatArray) -> FloatArray:
        """(C, T, N) sums of directed trades at their owners."""
        carriers, horizon, _ = self._prosumers
        # Counted, since of no pairs at all (one prosumer) no number can be inferred.
        flat = half.reshape(carriers * horizon, 2 * self._pairs)
        result: FloatArray = (flat @ self._gather).reshape(self._prosumers)
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
        """Each pair's soft threshold, shrunk by its preference, and the mean of the prices at a prosumer's ends."""
        rho = self.weights(weight)
        a, b = w[..., : self._pairs], w[..., self._pairs :]
        rho_a, rho_b = rho[..., : self._pairs], rho[..., self._pairs :]
        both = rho_a + rho_b
        middle = (rho_a * a - rho_b * b) / both
        z = np.sign(middle) * np.maximum(np.abs(middle) - self._total * self._dt_h / both, 0.0)
        z *= self._half_open[..., : self._pairs] * both / (both + 2.0 * self._curvature * self._dt_h)
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
        once = z[..., : self._pairs]
        return float(np.sum(np.abs(once) * self._total + once * once * self._curvature)) * self._dt_h

    def concession(self, price_per_kwh: FloatArray) -> float:
        """See Form."""
        carriers = zip(price_per_kwh, self._open, self._total, self._curvature[:, 0], strict=True)
        return self._dt_h * sum(
            conceded(price[:, self._first[at]], price[:, self._second[at]], charge[:, at], curvature[at])
            for price, at, charge, curvature in carriers
        )

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Lower, upper and middle closure along the cheapest chain of pairs; preferences bind no prices."""
        lower, upper = self.nearest(price_per_kwh), -self.nearest(-price_per_kwh)
        return [(lower + upper) / 2, lower, upper]

    def trades(
        self, z: FloatArray, price_per_kwh: FloatArray, *, min_trade_kw: float, interval: int = 0
    ) -> list[Trades]:
        """The pairs themselves."""
        return [
            match_pairs(
                self._first, self._second, once[: self._pairs], price, charges.at(interval), min_trade_kw=min_trade_kw
            )
            for once, price, charges in zip(
                z[:, interval], price_per_kwh[:, interval], self._problem.charges, strict=True
            )
        ]


def _incidence(at: IntArray, size: int) -> sp.csr_array:
    """(len(at), size) matrix that sums entries at their places."""
    return sp.csr_array((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), size))
