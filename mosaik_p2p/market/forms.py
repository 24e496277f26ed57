"""The ways to split the market between prosumers and network. All offer the same steps to `admm`.

`PairForm` (bilateral: one copy of every trade at each end; Chen and Liu 2025, eqs. 31-37) works on half edges,
`TreeForm` (network: net sales as a flow on a radial network) and `partner_form.PartnerForm` (the same on the graph of
partners) on net sales. In each, with w = z + u,

    agree(w)      z and the prices: the network's (or the pairs') answer, exactly reciprocal
    target(v)     what each prosumer sees of v = z - u: one net sale to aim at
    spread(v, s)  a prosumer's answer, laid out like w

Arrays over prosumers have shape (C, T, N), arrays over half edges (C, T, M).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.charges.tree import ChargeTree
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.trades import Trades, match_pairs, match_tree
from mosaik_p2p.market.tree import project_prices
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Agreement:
    """What the network answers: `z` laid out like w, and each prosumer's price (C, T, N) per kWh."""

    z: FloatArray
    price_per_kwh: FloatArray


class Form(Protocol):
    """The network's side of the market."""

    name: str
    shape: tuple[int, int, int]
    distance: FloatArray
    """(C, N, N): the least that a kWh pays between two prosumers, both ends together, over any chain of trades."""

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
        """Money that both ends pay for trades z, their preferences included."""

    def concession(self, price_per_kwh: FloatArray) -> float:
        """Money that a bound from these prices must concede to pairs that gain at them; zero at closed prices, unless
        pairs have preferences."""

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Prices near the given ones at which no pair gains by passing on (candidates for the lower bound)."""

    def trades(self, z: FloatArray, price_per_kwh: FloatArray, *, dust_kw: float) -> list[Trades]:
        """The trades of the first interval, one per carrier, without those below `dust_kw`."""


class TreeForm:
    """Network form on one tree per carrier."""

    name = "network"

    def __init__(self, problem: MarketProblem, trees: tuple[ChargeTree, ...]) -> None:
        self.shape = problem.shape
        self.distance = np.array([charges.total for charges in problem.charges])
        self._problem, self._trees, self._dt_h = problem, trees, problem.dt_h

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        return z - price_per_kwh * self._dt_h / weight[:, None, :]

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight[:, None, :]

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """Project prices, z_i = w_i + price dt / weight_i."""
        z, price = np.zeros_like(w), np.zeros_like(w)
        for c, tree in enumerate(self._trees):
            who = np.flatnonzero((tree.place >= 0) & self._problem.member[c])
            if not len(who):
                continue
            at, give = tree.place[who], self._dt_h / weight[c, who]
            nodes = len(tree.parent)
            slope: FloatArray = np.bincount(at, give, nodes).astype(float)
            wish = -(w[c][:, who] @ _incidence(at, nodes)) / np.where(slope > 0, slope, 1.0)
            node_price = project_prices(wish, slope, tree.parent, tree.charge)
            price[c][:, who] = node_price[:, at]
            z[c][:, who] = w[c][:, who] + node_price[:, at] * give
        return Agreement(z, price)

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (the other form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form."""
        return z

    def charge(self, z: FloatArray) -> float:
        """Every kWh pays the charge of each edge that it crosses."""
        flows = (edge_flows(tree, sale) for tree, sale in zip(self._trees, z, strict=True))
        paid = sum(float(np.sum(np.abs(flow) * tree.charge)) for tree, flow in zip(self._trees, flows, strict=True))
        return paid * self._dt_h

    def concession(self, price_per_kwh: FloatArray) -> float:  # noqa: ARG002  (the other forms need it)
        """No pair has preferences."""
        return 0.0

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Projected prices are closed already."""
        return [price_per_kwh]

    def trades(self, z: FloatArray, price_per_kwh: FloatArray, *, dust_kw: float) -> list[Trades]:
        """One sweep along the flows."""
        return [
            match_tree(tree, z[c, 0], price_per_kwh[c, 0], charges, dust_kw=dust_kw)
            for c, (tree, charges) in enumerate(zip(self._trees, self._problem.charges, strict=True))
        ]


def edge_flows(tree: ChargeTree, sale_kw: FloatArray) -> FloatArray:
    """(T, nodes): what flows from each node to its parent when prosumers sell `sale_kw` (T, N)."""
    flow = np.zeros((sale_kw.shape[0], len(tree.parent)))
    who = np.flatnonzero(tree.place >= 0)
    flow += sale_kw[:, who] @ _incidence(tree.place[who], len(tree.parent))
    for a in range(len(tree.parent) - 1, 0, -1):
        flow[:, tree.parent[a]] += flow[:, a]
    flow[:, 0] = 0.0
    return flow


def _incidence(at: IntArray, size: int) -> sp.csr_array:
    """(len(at), size) matrix that sums entries at their places."""
    return sp.csr_array((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), size))


@dataclass(frozen=True)
class PairTables:
    """Pairs of N prosumers, P = N (N - 1)/2 of them, with what they pay."""

    first: IntArray
    """(P,), and `second` > `first`."""
    second: IntArray
    open: BoolArray
    """(C, P): who may trade with each other."""
    total: FloatArray
    """(C, P): both ends' charge less benefit, per kWh."""
    curvature: FloatArray
    """(C, P): both ends' quadratic preference, per kWh and kW."""
    distance: FloatArray
    """(C, N, N): shortest path in charges over pairs without preference; infinite where there is none."""


def pair_tables(problem: MarketProblem) -> PairTables:
    """Everything about the pairs of `problem`."""
    first, second = np.triu_indices(problem.shape[2], 1)
    open_, distance = [], []
    for who, charges in zip(problem.member, problem.charges, strict=True):
        may_trade = np.outer(who, who) & charges.may_trade
        binding = may_trade if charges.curvature is None else may_trade & (charges.curvature == 0.0)
        open_.append(may_trade[first, second])
        distance.append(_path_lengths(charges.total, binding))
    return PairTables(
        first=first,
        second=second,
        open=np.array(open_),
        total=np.array([charges.total[first, second] for charges in problem.charges]),
        curvature=np.array([charges.preference[first, second] for charges in problem.charges]),
        distance=np.array(distance),
    )


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
        self._total, self._curvature = tables.total[:, None, :], tables.curvature[:, None, :]
        self.distance = tables.distance
        self.shape = (carriers, horizon, 2 * pairs)

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
        carriers = zip(price_per_kwh, self._open, self._total[:, 0], self._curvature[:, 0], strict=True)
        return self._dt_h * sum(
            conceded(price[:, self._first[at]], price[:, self._second[at]], charge[at], curvature[at])
            for price, at, charge, curvature in carriers
        )

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Lower, upper and middle closure along the cheapest chain of pairs; preferences bind no prices."""
        lower = (price_per_kwh[:, :, None, :] + self.distance[:, None]).min(axis=-1)
        upper = (price_per_kwh[:, :, None, :] - self.distance[:, None]).max(axis=-1)
        return [(lower + upper) / 2, lower, upper]

    def trades(self, z: FloatArray, price_per_kwh: FloatArray, *, dust_kw: float) -> list[Trades]:
        """The pairs themselves."""
        return [
            match_pairs(
                self._first, self._second, z[c, 0, : self._pairs], price_per_kwh[c, 0], charges, dust_kw=dust_kw
            )
            for c, charges in enumerate(self._problem.charges)
        ]


def _path_lengths(charge: FloatArray, present: BoolArray) -> FloatArray:
    """(N, N) shortest paths over the pairs that are `present`."""
    # Sparse: a dense graph would drop pairs that pay nothing, or as good as nothing.
    rows, columns = np.nonzero(present)
    graph = sp.csr_array((charge[rows, columns], (rows, columns)), shape=charge.shape)
    result: FloatArray = shortest_path(graph, method="D", directed=False)
    return result


ROUNDING = 1e-11
"""Part of a price by which prices that were closed along a path of charges may miss it."""


def conceded(price: FloatArray, other: FloatArray, charge: FloatArray, curvature: FloatArray) -> float:
    """What pairs gain at prices (T, E) of their ends that differ by more than the charge (E,), money per hour.

    A pair's least cost at a difference d is -(|d| - charge)+^2 / (4 curvature): minus infinity for a pair without
    preference that could gain.
    """
    beyond = np.maximum(np.abs(price - other) - charge, 0.0)
    soft = curvature > 0
    if (beyond > ROUNDING * np.maximum(np.abs(price), np.abs(other)))[..., ~soft].any():
        return float("inf")
    return float(np.sum(beyond[..., soft] ** 2 / (4 * curvature[soft])))


def choose_form(problem: MarketProblem, form: str) -> Form:
    """The form asked for; `auto` takes the network wherever charges are lengths of paths on a tree and any two may
    trade without a term of their own, and the graph of partners elsewhere.

    Raises ValueError where the network form is asked for and a network has loops or pair charges.
    """
    # Imported here, since the form builds on this module.
    from mosaik_p2p.market.partner_form import PartnerForm

    trees = tuple(charges.tree for charges in problem.charges)
    radial = tuple(tree for tree in trees if tree is not None)
    alike = len(radial) == len(trees) and not any(charges.pair_specific for charges in problem.charges)
    if form in ("auto", "network") and alike:
        return TreeForm(problem, radial)
    if form == "network":
        raise ValueError(
            "market.form = network needs path charges on radial networks, and neither restricted partners nor terms of "
            "single pairs (reputation, preferences); use form = partners"
        )
    return PairForm(problem) if form == "bilateral" else PartnerForm(problem)
