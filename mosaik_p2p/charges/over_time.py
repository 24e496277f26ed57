"""Charges that change with time: several mechanisms on one carrier, each with a factor per interval.

    K_ij(t) = sum_k factor_k(t) K^k_ij

Few intervals differ: what holds in one is made once for all that share its factors, and constant charges stay the plain
`Charges` that they are. Whoever computes an interval asks for the charges `at` it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.posted import PairTable, SumTable, TreeTable, looked_up
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class ChargesOverTime:
    """The sum of several charges `parts`, each multiplied by its row of `factor` (K, T)."""

    parts: tuple[Charges, ...]
    factor: FloatArray
    benefit: FloatArray | None = None
    """(N, N): as in `Charges`, beside what the parts have; no factor multiplies it."""
    partners: BoolArray | None = None
    """(N, N): as in `Charges`, of all parts."""
    _known: dict[bytes, Charges] = field(init=False, repr=False, compare=False, default_factory=dict)

    def at(self, interval: int) -> Charges:
        """What holds in an interval."""
        factors = self.factor[:, interval]
        key = factors.tobytes()
        if key not in self._known:
            total = summed([part.times(float(f)) for part, f in zip(self.parts, factors, strict=True)])
            partners = _all_of([total.partners, self.partners])
            held = replace(total, partners=partners)
            self._known[key] = held if self.benefit is None else held.with_benefit(self.benefit)
        return self._known[key]

    def window(self, begin: int, horizon: int) -> "ChargesOverTime":
        """The charges of `horizon` intervals from `begin` on."""
        result = replace(self, factor=self.factor[:, begin : begin + horizon])
        # What was made for one window serves the next.
        result.__dict__["_known"] = self._known
        return result

    def with_partners(self, partners: BoolArray) -> "ChargesOverTime":
        """The same for these pairs alone, (N, N)."""
        return replace(self, partners=partners)

    def with_benefit(self, benefit: FloatArray) -> "ChargesOverTime":
        """The same with what both ends of each pair (N, N) value a kWh at."""
        return replace(self, benefit=benefit)

    def with_preferences(self, a: FloatArray, b: FloatArray) -> "ChargesOverTime":
        """As in `Charges`: no factor multiplies them, so that one of the parts can bear them."""
        return replace(self, parts=(self.parts[0].with_preferences(a, b), *self.parts[1:]))

    @cached_property
    def curvature(self) -> FloatArray | None:
        """As in `Charges`; it does not change with time."""
        return _sum_of([part.curvature for part in self.parts])

    @property
    def tree(self) -> ChargeTree | None:
        """The network of the first interval, whose nodes are those of all; None where there is none."""
        return self.at(0).tree

    @property
    def may_trade(self) -> BoolArray:
        """(N, N): who may trade with whom."""
        return self.at(0).may_trade

    @property
    def pair_specific(self) -> bool:
        """As in `Charges`."""
        return self.at(0).pair_specific

    def preference(self, first: IntArray, second: IntArray) -> FloatArray:
        """As in `Charges`."""
        return self.at(0).preference(first, second)


AnyCharges: TypeAlias = Charges | ChargesOverTime
"""The charges of one carrier: the same in all intervals, or not."""


def by_interval(charges: AnyCharges, horizon: int, value: Callable[[Charges], FloatArray]) -> FloatArray:
    """A value (...) of the charges in each of `horizon` intervals, (T, ...), asked for once for all that share their
    charges; (1, ...) where it is the same in all of them."""
    held = [charges.at(t) for t in range(horizon)]
    distinct = list({id(one): one for one in held}.values())
    number = {id(one): n for n, one in enumerate(distinct)}
    values = np.array([value(one) for one in distinct])
    return values if len(distinct) == 1 else values[[number[id(one)] for one in held]]


def over_time(parts: Sequence[tuple[Charges, FloatArray | None]], intervals: int) -> AnyCharges:
    """The sum of charges, each with its factors (T,) or None for none; plain charges where all is constant.

    `parts` are one or more.
    """
    factor = np.array([np.ones(intervals) if own is None else own for _, own in parts])
    if len(parts) == 1 and (factor == 1.0).all():
        return parts[0][0]
    result = ChargesOverTime(tuple(part for part, _ in parts), factor)
    return result.at(0) if (factor == factor[:, :1]).all() else result


def summed(parts: Sequence[Charges]) -> Charges:
    """One or more charges that are paid beside each other: trees of one shape stay a tree."""
    if len(parts) == 1:
        return parts[0]
    tree = _common_tree(parts)
    benefit, curvature = (_sum_of([getattr(part, name) for part in parts]) for name in ("benefit", "curvature"))
    partners = _all_of([part.partners for part in parts])
    seller, buyer = parts[0].seller_share, parts[0].buyer_share
    alike = all(
        isinstance(part.seller_share, float) and (part.seller_share, part.buyer_share) == (seller, buyer)
        for part in parts
    )
    if alike and isinstance(seller, float) and isinstance(buyer, float):
        posted: PairTable = SumTable(tuple(looked_up(part.posted) for part in parts))
        posted = posted if tree is None else TreeTable(tree) * (1 / (seller + buyer))
        return Charges(posted, seller, buyer, tree, benefit, curvature, partners)
    # Who pays differs from mechanism to mechanism: posted is then what both ends pay, of which each has its share.
    paid = SumTable(tuple(looked_up(part.paid) for part in parts))
    total = np.asarray(paid)
    sold = sum((np.asarray(part.paid) * part.seller_part for part in parts), start=np.zeros(total.shape))
    share = np.divide(sold, total, out=np.full(total.shape, 0.5), where=total > 0.0)
    posted = paid if tree is None else TreeTable(tree)
    return Charges(posted, share, 1.0 - share, tree, benefit, curvature, partners)


def _common_tree(parts: Sequence[Charges]) -> ChargeTree | None:
    trees = [part.tree for part in parts]
    first = trees[0]
    if first is None:
        return None
    edges = np.zeros(len(first.charge))
    for tree in trees:
        same = (
            tree is not None and np.array_equal(tree.parent, first.parent) and np.array_equal(tree.place, first.place)
        )
        if tree is None or not same:
            return None
        edges = edges + tree.charge
    return ChargeTree(first.parent, edges, first.place)


def _sum_of(terms: Sequence[FloatArray | None]) -> FloatArray | None:
    known = [term for term in terms if term is not None]
    return np.sum(known, axis=0) if known else None


def _all_of(terms: Sequence[BoolArray | None]) -> BoolArray | None:
    known = [term for term in terms if term is not None]
    return np.logical_and.reduce(known) if known else None
