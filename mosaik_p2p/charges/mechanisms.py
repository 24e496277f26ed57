"""What charge mechanisms are made of: a posted charge per kWh for each pair of places, with those who pay it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.charges.charge_tree import ChargeTree, charge_tree
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.posted import PairTable, PlaceTable, TreeTable, looked_up
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

PAYER_SHARES = {"both": (1.0, 1.0), "seller": (1.0, 0.0), "buyer": (0.0, 1.0), "split": (0.5, 0.5)}
"""Share of the posted charge that the seller and the buyer pay."""


@dataclass(frozen=True)
class Charges:
    """The charges of one carrier, N prosumers, and what else belongs to a single pair.

    `posted` of shape (N, N), an array or a table that is looked up (see `posted`), is symmetric, in currency per kWh;
    the seller pays `seller_share` of it, the buyer `buyer_share`: two numbers, or two tables (N, N) that sum to one.
    `tree` is present where the charge is the length of a path on a radial network.
    """

    posted: FloatArray | PairTable
    seller_share: float | FloatArray
    buyer_share: float | FloatArray
    tree: ChargeTree | None = None
    benefit: FloatArray | None = None
    """(N, N), symmetric: by how much both ends together value a traded kWh above its price, half of it each, currency
    per kWh (reputation). It lowers the charge down to nothing at most; negative where trading is disliked."""
    curvature: FloatArray | None = None
    """(N, N), symmetric, not negative: A in both ends' cost A p^2 per hour, half of it each, currency per
    kWh and kW (preferences)."""
    partners: BoolArray | None = None
    """(N, N), symmetric: who may trade with whom; None: everyone."""

    @cached_property
    def total(self) -> FloatArray | PairTable:
        """(N, N): what a traded kWh costs both ends together, less their benefit, currency per kWh; never negative.

        A pair that gained by trading as such would send power in a circle.
        """
        return self.paid if self.benefit is None else np.maximum(np.asarray(self.paid) - self.benefit, 0.0)

    @cached_property
    def paid(self) -> FloatArray | PairTable:
        """(N, N): what a traded kWh costs both ends together, currency per kWh."""
        return self.posted * self._both_shares

    @property
    def _both_shares(self) -> float:
        """How many times the posted charge is paid, by both ends together."""
        if isinstance(self.seller_share, np.ndarray) or isinstance(self.buyer_share, np.ndarray):
            return 1.0
        return self.seller_share + self.buyer_share

    @property
    def seller_part(self) -> float | FloatArray:
        """Of what both ends pay, the seller's part."""
        return self.seller_share / self._both_shares

    def at(self, interval: int) -> "Charges":  # noqa: ARG002  (those that change with time need it)
        """What holds in an interval: itself."""
        return self

    def window(self, begin: int, horizon: int) -> "Charges":  # noqa: ARG002  (as above)
        """The charges of a look-ahead: itself."""
        return self

    def with_partners(self, partners: BoolArray) -> "Charges":
        """The same, of those pairs (N, N) alone that may trade by this, too."""
        return replace(self, partners=partners if self.partners is None else self.partners & partners)

    def with_benefit(self, benefit: FloatArray) -> "Charges":
        """The same with what both ends of each pair (N, N) value a kWh at beside what they do already: no longer
        lengths of paths on a network."""
        own = benefit if self.benefit is None else self.benefit + benefit
        return replace(self, benefit=own, tree=None)

    def with_preferences(self, a: FloatArray, b: FloatArray) -> "Charges":
        """The same with what both ends of each pair (N, N) put on trading p kW beside: a p^2 + b |p| per hour."""
        curvature = a if self.curvature is None else self.curvature + a
        return replace(self.with_benefit(-b), curvature=curvature)

    def times(self, factor: float) -> "Charges":
        """The same with posted charges multiplied; what pairs value trades at stays."""
        if factor == 1.0:
            return self
        tree = None if self.tree is None else replace(self.tree, charge=self.tree.charge * factor)
        return replace(self, posted=looked_up(self.posted) * factor, tree=tree)

    @property
    def may_trade(self) -> BoolArray:
        """(N, N): who may trade with whom; nobody with itself."""
        result: BoolArray = (
            np.ones(self.posted.shape, dtype=np.bool_) if self.partners is None else self.partners.copy()
        )
        np.fill_diagonal(result, np.False_)
        return result

    @cached_property
    def pair_specific(self) -> bool:
        """Whether a pair has a term of its own, or somebody may not trade with everyone."""
        terms = any(term is not None and bool(term.any()) for term in (self.benefit, self.curvature))
        restricted = self.partners is not None and int(self.may_trade.sum()) < self.partners.size - len(self.partners)
        return terms or restricted

    def preference(self, first: IntArray, second: IntArray) -> FloatArray:
        """The curvature of pairs, zero where there is none."""
        return np.zeros(np.shape(first)) if self.curvature is None else self.curvature[first, second]

    def cost_per_hour(self, seller: IntArray, buyer: IntArray, power_kw: FloatArray) -> float:
        """Money per hour that both ends of trades pay, their preferences included."""
        preferred = self.preference(seller, buyer) * power_kw
        return float(np.sum(power_kw * (self.total[seller, buyer] + preferred)))

    def end_charges(self, seller: IntArray, buyer: IntArray) -> tuple[FloatArray, FloatArray]:
        """What the seller and the buyer of each trade pay to the operator, currency per kWh."""
        posted = self.posted[seller, buyer]
        sold, bought = (
            share[seller, buyer] if isinstance(share, np.ndarray) else share
            for share in (self.seller_share, self.buyer_share)
        )
        return posted * sold, posted * bought

    def end_costs(self, seller: IntArray, buyer: IntArray, power_kw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Marginal cost of a traded kWh to the seller and to the buyer, beside its price, currency per kWh."""
        sold, bought = self.end_charges(seller, buyer)
        half_benefit = (self.paid[seller, buyer] - self.total[seller, buyer]) / 2
        preferred = self.preference(seller, buyer) * power_kw
        return sold - half_benefit + preferred, bought - half_benefit + preferred


def path_charges(graph: PathGraph, place: IntArray, *, price_per_length: float, payer: str) -> Charges:
    """Charges in proportion to the shortest path between two places.

    `place` of shape (N,) is each prosumer's node in `graph`, -1 where it is not connected; `price_per_length` is per
    kWh and unit of the graph's length.
    """
    seller, buyer = PAYER_SHARES[payer]
    tree = charge_tree(graph, place, graph.length * price_per_length * (seller + buyer))
    posted = _by_place(graph, place) * price_per_length if tree is None else TreeTable(tree) * (1 / (seller + buyer))
    return Charges(posted, seller, buyer, tree)


def uniform_charges(place: IntArray, *, rate_per_kwh: float, payer: str) -> Charges:
    """One rate for every pair: a star whose leaves carry half of it each."""
    return star_charges(np.full(len(place), rate_per_kwh / 2.0), place, payer=payer)


def star_charges(leaf_per_kwh: FloatArray, place: IntArray, *, payer: str) -> Charges:
    """What each end brings along, added up: a star, whose leaf of each prosumer carries `leaf_per_kwh` (N,).

    `place` of shape (N,) is negative where a prosumer is not connected.
    """
    seller, buyer = PAYER_SHARES[payer]
    count = len(place)
    leaves = np.arange(1, count + 1)
    star = PathGraph(
        node_names=("hub", *(str(i) for i in range(count))),
        from_node=np.zeros(count, dtype=np.int64),
        to_node=leaves,
        length=leaf_per_kwh,
        node_of={},
    )
    tree = charge_tree(star, np.where(place >= 0, leaves, -1), star.length * (seller + buyer))
    if tree is None:
        raise AssertionError("a star has no loop")
    return Charges(TreeTable(tree) * (1 / (seller + buyer)), seller, buyer, tree)


def node_charges(values: FloatArray, used: IntArray, place: IntArray, *, payer: str) -> Charges:
    """Charges out of a table of the nodes that are `used`, (P,) and each once; `place` of shape (N,) are nodes, too."""
    row = np.searchsorted(used, place)
    return table_charges(values, np.where(place >= 0, row, -1), payer=payer)


def table_charges(values: FloatArray, place: IntArray, *, payer: str) -> Charges:
    """Charges out of a table of places: `values` of shape (P, P), symmetric, currency per kWh.

    `place` of shape (N,) is each prosumer's row in the table, -1 where it is not connected.
    """
    seller, buyer = PAYER_SHARES[payer]
    return Charges(PlaceTable(values, place), seller, buyer)


def no_charges(place: IntArray) -> Charges:
    """Trade for nothing: everyone at one place."""
    return uniform_charges(place, rate_per_kwh=0.0, payer="both")


def _by_place(graph: PathGraph, place: IntArray) -> PlaceTable:
    """Shortest paths between the places where prosumers are."""
    nodes = len(graph.node_names)
    lengths: dict[tuple[int, int], float] = {}
    for a, b, length in zip(graph.from_node, graph.to_node, graph.length, strict=True):
        if a != b:
            key = (min(int(a), int(b)), max(int(a), int(b)))
            lengths[key] = min(float(length), lengths.get(key, np.inf))
    rows, columns = np.array(list(lengths), dtype=int).reshape(-1, 2).T
    # csgraph reads a stored zero as "no edge" only in dense form; in sparse form it is an edge of no length.
    weights = sp.csr_array((np.array(list(lengths.values())), (rows, columns)), shape=(nodes, nodes))
    used = np.unique(place[place >= 0])
    number = np.full(nodes, -1)
    number[used] = np.arange(len(used))
    distance = shortest_path(weights, method="D", directed=False, indices=used)[:, used]
    return PlaceTable(distance, np.where(place >= 0, number[place], -1))
