"""What leaves a prosumer in the course of a clearing: numbers, counted by how the market is split.

In every exchange the network's side says prices and the trades or net sales that it agrees to, and each prosumer
answers. In the form `bilateral` it answers each of its partners by a trade of its own; in the others the network by one
net sale (under limits: by what it injects). Either is said for every carrier and every interval of the look-ahead.
Nothing else is told: no cost, no device, no level of a storage, no contract.
"""

import numpy as np

from mosaik_p2p.market.network_step.bilateral import PairForm
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.units import IntArray

BYTES_OF_A_NUMBER = 8


def numbers_told(problem: MarketProblem, form: str, horizon: int) -> IntArray:
    """(N,) how many numbers each prosumer says in one exchange about `horizon` intervals."""
    by_carrier = problem.member.astype(np.int64)
    if form == PairForm.name:
        by_carrier = np.array([_partners(problem, c) for c in range(len(by_carrier))])
    result: IntArray = horizon * by_carrier.sum(axis=0)
    return result


def told_in_all(problem: MarketProblem, form: str, horizon: int) -> int:
    """The same of all prosumers together; none where nobody has anybody to trade with."""
    return int(numbers_told(problem, form, horizon).sum())


def _partners(problem: MarketProblem, c: int) -> IntArray:
    """(N,) with how many others each may trade a carrier."""
    who = problem.member[c]
    result: IntArray = (np.outer(who, who) & problem.charges[c].may_trade).sum(axis=1).astype(np.int64)
    return result
