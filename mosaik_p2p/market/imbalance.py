"""Make any market solvable: what a prosumer cannot balance has a price, above all others.

Every prosumer may be short of, or left with, any amount of each carrier at the scarcity price. So loads beyond all
limits end as a reported imbalance instead of a solver's failure, and step, certificate and central model state one
problem. What a storage lacks at a deadline (its departure, the end of the run) costs less than unserved load, and more
than any energy.

Where a connection has limits, an imbalance may lie on either side of it: a load that they let nobody serve, and a trade
that goes beyond them.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.errors import BadInput
from mosaik_p2p.market.finite_check import finite_check
from mosaik_p2p.market.presolve import within_means
from mosaik_p2p.market.problem import SCARCITY, AnyProblem, MarketProblem, PreparedProblem, highest_price, placed
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import IMBALANCE, Role, Variable
from mosaik_p2p.prosumers.table import CONSTANT, LINEAR, QUANTITIES, SHARE, UPPER, ModelTable, firsts
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

LACK = 0.5
"""The price of a shortfall in units of the scarcity price."""
OWED_PRICE = 3.0
"""The price of what a storage lacks at the end of the run, in units of the largest offer: more than filling it costs at
any hour. Were it as dear as scarcity, a network's limit would be worth that just because the run ends."""


def with_imbalance_priced(problem: MarketProblem) -> PreparedProblem:
    """The market with imbalances priced, and without members who have nobody to trade a carrier with.

    Raises BadInput where a prosumer's problem holds what is no number, and ValueError where its prosumers are those of
    a prepared market, which would get their imbalances twice.
    """
    problem = without_lone_members(problem)
    if isinstance(problem, PreparedProblem):
        return problem
    if any(kind.type == IMBALANCE for kind in problem.table.kinds):
        raise ValueError("imbalances are priced already: make a market out of a prepared one by dataclasses.replace")
    faults = finite_check(problem.table)
    if faults:
        raise BadInput(faults)
    # A limit that nobody reaches makes no energy dear; a charge on a place does.
    placed_costs = placed(problem)
    price = SCARCITY * within_means(placed_costs).steepest_price_per_kwh
    owed = OWED_PRICE * highest_price(placed_costs)
    kept: dict[str, Any] = {entry.name: getattr(problem, entry.name) for entry in fields(problem)}
    kept["models"] = _with_imbalance_variables(problem.table, price, owed)
    return PreparedProblem(**kept, scarcity_price_per_kwh=price)


def solvable(problem: MarketProblem) -> PreparedProblem:
    """The market as it is solved: `with_imbalance_priced`, charges of places among the prosumers' costs (see `placed`),
    and every limit within a solver's sight.

    Its optimum is the same.
    """
    return within_means(placed(with_imbalance_priced(problem)))


def imbalance_kw(model: ProsumerModel, x: FloatArray) -> FloatArray:
    """(C, T): what dispatch `x` leaves unbalanced; positive: too much."""
    rows = [k for k, variable in enumerate(model.variables) if variable.type == IMBALANCE]
    result: FloatArray = -np.einsum("ckt,kt->ct", model.balance[:, rows], x[rows])
    return result


def _with_imbalance_variables(table: ModelTable, price: float, owed: float) -> ModelTable:
    """Two more rows for each carrier that touches a prosumer, and for each limited connection: short of it, too much of
    it; they stand behind all others of their owner."""
    owner, carrier, side = _balances(table)
    added = np.bincount(owner, minlength=len(table)) * 2
    first = table.first + firsts(added)
    begin = first[1:] - added
    # Each pair's place among its owner's.
    nth = np.arange(len(owner)) - firsts(added // 2)[owner]
    short = begin[owner] + 2 * nth
    old = np.arange(len(table.owner)) + firsts(added)[table.owner]
    rows, kinds = int(first[-1]), (*table.kinds, *_IMBALANCES)
    kind, storage, withdrawal = np.zeros(rows, dtype="int32"), np.full(rows, -1, dtype="int32"), np.zeros(rows)
    kind[old], storage[old], withdrawal[old] = table.kind, table.storage, table.withdrawal
    of_pair = len(table.kinds) + 4 * carrier + 2 * side
    kind[short], kind[short + 1] = of_pair, of_pair + 1
    value = np.zeros((QUANTITIES, rows))
    value[UPPER], value[LINEAR] = np.inf, price
    value[SHARE + carrier, short], value[SHARE + carrier, short + 1] = 1.0, -1.0
    series = np.full((QUANTITIES, rows), CONSTANT, dtype="int32")
    value[:, old], series[:, old] = table.value, table.series
    lack = {Role.SHORTFALL: LACK * price, Role.OWED: min(owed, LACK * price)}
    of_kind = np.array([lack.get(one.role, 0.0) for one in kinds])
    lacking = np.flatnonzero(of_kind[kind] > 0.0)
    value[LINEAR, lacking], series[LINEAR, lacking] = of_kind[kind[lacking]], CONSTANT
    return replace(
        table, kinds=kinds, first=first, kind=kind, value=value, series=series, storage=storage, withdrawal=withdrawal,
        made={},
    )  # fmt: skip


_NETWORK_SIDE, _BEHIND = 0, 1
_IMBALANCES = tuple(
    Variable(carrier, IMBALANCE, role)
    for carrier in CARRIERS
    for role in (Role.SHORT, Role.SURPLUS, Role.UNSERVED, Role.SPILLED)
)
"""Four for each carrier: two on the network's side of a connection, two behind it."""


def _balances(table: ModelTable) -> tuple[IntArray, IntArray, IntArray]:
    """What may be out of balance: the prosumer, the carrier and the side of the connection, prosumer by prosumer."""
    owner, carrier = np.nonzero(table.touched)
    behind = [(i, one.c) for i, own in table.connections.items() for one in own]
    if not behind:
        return owner, carrier, np.full(len(owner), _NETWORK_SIDE)
    held, of = np.array(behind, dtype=np.int64).T
    side = np.repeat([_NETWORK_SIDE, _BEHIND], [len(owner), len(held)])
    owner, carrier = np.concatenate([owner, held]), np.concatenate([carrier, of])
    order = np.lexsort((side, owner))
    return owner[order], carrier[order], side[order]


def without_lone_members(problem: AnyProblem) -> AnyProblem:
    """The market in which who has nobody to trade a carrier with keeps it to itself."""
    member = problem.member
    lone = np.array([who & ~_has_partner(own, who) for own, who in zip(problem.charges, member, strict=True)])
    if not lone.any():
        return problem
    return replace(problem, models=replace(problem.table, member=np.ascontiguousarray((member & ~lone).T), made={}))


def _has_partner(charges: AnyCharges, who: BoolArray) -> BoolArray:
    """(N,): whether another member may trade with each prosumer."""
    if charges.partners is None:
        return np.full(len(who), int(who.sum()) > 1)
    return np.asarray((charges.may_trade & who).any(axis=1), dtype=np.bool_)
