"""Where members stand, what their kWh go over, and what they can buy and sell outside: one carrier in one interval."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.market.network_step.trees.sums import behind
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.contracts import outside_rows
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.prosumers.table import LINEAR, SHARE, UPPER
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class FlowGraph:
    """Where the members sit and along which edges they trade; `charge` per kWh on each edge, both ends together, and
    `curvature` per kWh and kW: what a flow costs beside that, times its square."""

    nodes: int
    place: IntArray
    from_node: IntArray
    to_node: IntArray
    charge: FloatArray
    curvature: FloatArray | None = None
    """None: nothing anywhere."""

    @property
    def is_tree(self) -> bool:
        """Whether it is one as `ChargeTree` numbers them: edge e leads from node e + 1 to a node before it."""
        below = np.arange(1, self.nodes)
        return np.array_equal(self.from_node, below) and bool((self.to_node < below).all())

    def as_tree(self) -> tuple[IntArray, FloatArray]:
        """Of a tree the parent of each node and the charge for the edge to it, (nodes,) each."""
        return np.concatenate([[-1], self.to_node]), np.concatenate([[0.0], self.charge])

    def upwards(self, amount: FloatArray) -> FloatArray:
        """(E,) of a tree: the members' amounts (n,) behind each edge."""
        return self._behind(amount)[1:]

    def smaller_side(self, amount: FloatArray) -> FloatArray:
        """(E,) of a tree: the members' amounts (n,) on both sides of each edge, whichever sum is less."""
        behind = self._behind(amount)
        smaller: FloatArray = np.minimum(behind[1:], behind[0] - behind[1:])
        return smaller

    def _behind(self, amount: FloatArray) -> FloatArray:
        """(nodes,) of a tree: the members' amounts at each node and behind it."""
        sums: FloatArray = behind(self.as_tree()[0], self.place, amount[None])[0]
        return sums


@dataclass(frozen=True)
class Contracts:
    """What members exchange outside the market: one entry per contract side and imbalance, (k,) each."""

    owner: IntArray
    """Position among the members."""
    share: FloatArray
    """What 1 kW adds to the owner's balance: 1 or -1."""
    upper_kw: FloatArray
    price_per_kwh: FloatArray
    is_imbalance: BoolArray
    """Whether it is no contract, but what lacks or is too much at the scarcity price."""


def tree_of(charges: Charges) -> ChargeTree | None:
    """The network that flows follow; None where charges are no paths on a tree, or a pair has terms of its own."""
    return None if charges.pair_specific else charges.tree


def pairs_of(charges: Charges, who: IntArray) -> tuple[IntArray, IntArray]:
    """The pairs of members that may trade, as positions in `who`."""
    first, second = np.triu_indices(len(who), 1)
    is_open = charges.may_trade[who[first], who[second]]
    return first[is_open], second[is_open]


def flow_graph(charges: Charges, who: IntArray) -> FlowGraph:
    """The tree where charges have one, else every pair of partners as an edge."""
    tree = tree_of(charges)
    if tree is not None:
        below = np.arange(1, len(tree.parent))
        return FlowGraph(len(tree.parent), tree.place[who], below, tree.parent[1:], tree.charge[1:])
    first, second = pairs_of(charges, who)
    curvature = charges.preference(who[first], who[second])
    return FlowGraph(
        len(who),
        np.arange(len(who)),
        first,
        second,
        charges.total[who[first], who[second]],
        curvature if curvature.any() else None,
    )


def contracts_at(problem: MarketProblem, c: int, who: IntArray, t: int, shut: IntArray | None = None) -> Contracts:
    """Contracts and priced imbalances of the members in interval `t`; rows that are `shut` may take nothing."""
    table, position = problem.table, np.full(problem.shape[2], -1, dtype=np.int64)
    position[who] = np.arange(len(who))
    rows = outside_rows(table, c, t)
    rows = rows[position[table.owner[rows]] >= 0]
    upper = table.at(UPPER, t, rows)
    if shut is not None:
        upper[np.isin(rows, shut)] = 0.0
    return Contracts(
        owner=position[table.owner[rows]],
        share=table.at(SHARE + c, t, rows),
        upper_kw=upper,
        price_per_kwh=table.at(LINEAR, t, rows),
        is_imbalance=table.which([kind.type == IMBALANCE for kind in table.kinds])[rows],
    )
