"""What the ends of every possible trade pay, as rows of the results table `charges`."""

from typing import Any

import numpy as np

from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.units import CARRIERS, Table

CHARGES = ("carrier", "prosumer", "partner", "charge_seller_per_kwh", "charge_buyer_per_kwh", "benefit_per_kwh")


def charges_table(problem: MarketProblem, change: tuple[bool, ...], *, since_clearing: int = 0) -> Table:
    """What each end of a possible trade pays per kWh, and what both together value it at for itself.

    Told where charges change, and at every clearing for the pairs that have a reputation by then.
    """
    names = np.array(problem.names, dtype=object)
    columns: list[list[object]] = [[] for _ in CHARGES]
    for carrier, over_time, who, changes in zip(CARRIERS, problem.charges, problem.member, change, strict=True):
        charges, inside = over_time.at(0), np.flatnonzero(who)
        benefit = charges.benefit
        told = np.triu(np.ones((len(inside), len(inside)), dtype=bool), 1)
        if not changes:
            told &= False if benefit is None or since_clearing else benefit[np.ix_(inside, inside)] > 0
        first, second = (inside[at] for at in np.nonzero(told))
        worth = np.zeros(len(first)) if benefit is None else benefit[first, second]
        told_columns = [names[first], names[second], *charges.end_charges(first, second), worth]
        for column, values in zip(columns, [np.full(len(first), carrier, dtype=object), *told_columns], strict=True):
            column += values.tolist()
    return dict(zip(CHARGES, columns, strict=True))


class ToldCharges:
    """The table of charges that was told last: every round of a negotiation tells the same, and of a large district it
    takes as long as a quiet hour."""

    def __init__(self) -> None:
        self._about: tuple[object, ...] = ()
        self._table: Table = {}

    def table(self, problem: MarketProblem, change: tuple[bool, ...], *, since_clearing: int) -> Table:
        """As `charges_table`; the very same where the charges are."""
        about = (problem.charges, problem.names, problem.member.tolist(), change, since_clearing)
        if not _are_same(self._about, about):
            self._about, self._table = about, charges_table(problem, change, since_clearing=since_clearing)
        return self._table


def _are_same(known: tuple[Any, ...], about: tuple[Any, ...]) -> bool:
    """Charges by identity: to compare them takes longer than to tell them."""
    return bool(known) and known[1:] == about[1:] and all(a is b for a, b in zip(known[0], about[0], strict=True))
