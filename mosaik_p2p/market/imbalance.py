"""Make any market solvable: what a prosumer cannot balance has a price, above all others.

Every prosumer may be short of, or left with, any amount of each carrier at the scarcity price. So loads beyond all
limits end as a reported imbalance instead of a solver's failure, and step, certificate and central model state one
problem. What a storage lacks at a deadline (its departure, the end of the run) costs less than unserved load, and more
than any energy.

Where a connection has limits, an imbalance may lie on either side of it: a load that they let nobody serve, and a trade
that goes beyond them.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.errors import BadInput
from mosaik_p2p.market.finite_check import finite_check
from mosaik_p2p.market.presolve import within_means
from mosaik_p2p.market.problem import SCARCITY, AnyProblem, MarketProblem, PreparedProblem, highest_price, placed
from mosaik_p2p.prosumers.model import ProsumerModel, is_held_once
from mosaik_p2p.prosumers.roles import IMBALANCE, Role, Variable
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray

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
    if any(variable.type == IMBALANCE for model in problem.models for variable in model.variables):
        raise ValueError("imbalances are priced already: make a market out of a prepared one by dataclasses.replace")
    faults = finite_check(problem.models)
    if faults:
        raise BadInput(faults)
    # A limit that nobody reaches makes no energy dear; a charge on a place does.
    placed_costs = placed(problem)
    price = SCARCITY * within_means(placed_costs).steepest_price_per_kwh
    owed = OWED_PRICE * highest_price(placed_costs)
    kept: dict[str, Any] = {entry.name: getattr(problem, entry.name) for entry in fields(problem)}
    kept["models"] = tuple(_with_imbalance_variables(model, price, owed) for model in problem.models)
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


def _with_imbalance_variables(model: ProsumerModel, price: float, owed: float) -> ProsumerModel:
    """Two more variables for each carrier that touches the prosumer, and for each limited connection: short of it, too
    much of it."""
    touched = [c for c in range(len(CARRIERS)) if model.balance[c].any() or model.fixed[c].any() or model.member[c]]
    pairs = [(c, Role.SHORT, Role.SURPLUS) for c in touched]
    pairs += [(connection.c, Role.UNSERVED, Role.SPILLED) for connection in model.connections]
    more = 2 * len(pairs)
    balance = np.zeros((len(CARRIERS), more, 1))
    names = []
    for n, (c, short, surplus) in enumerate(pairs):
        balance[c, 2 * n], balance[c, 2 * n + 1] = 1.0, -1.0
        names += [Variable(CARRIERS[c], IMBALANCE, short), Variable(CARRIERS[c], IMBALANCE, surplus)]
    return replace(
        model,
        variables=(*model.variables, *names),
        lower=_extended(model.lower, more, 0.0),
        upper=_extended(model.upper, more, np.inf),
        linear=_extended(
            _with_lack_priced(model, {Role.SHORTFALL: LACK * price, Role.OWED: min(owed, LACK * price)}), more, price
        ),
        quadratic=_extended(model.quadratic, more, 0.0),
        balance=_with_rows(model.balance, balance),
    )


def _with_lack_priced(model: ProsumerModel, price: Mapping[str, float]) -> FloatArray:
    lacking = np.array([price.get(variable.role, 0.0) for variable in model.variables])
    return np.where(lacking[:, None] > 0.0, lacking[:, None], model.linear)


def _extended(array: FloatArray, more: int, value: float) -> FloatArray:
    return _with_rows(array, _constant(more, value))


def _with_rows(array: FloatArray, rows: FloatArray) -> FloatArray:
    """An array (..., K, T) with rows (..., more, 1) that are the same in all intervals below."""
    horizon = array.shape[-1]
    if is_held_once(array):
        joined = np.concatenate([array[..., :1], rows], axis=-2)
        return np.broadcast_to(joined, (*joined.shape[:-1], horizon))
    below = np.broadcast_to(rows, (*rows.shape[:-1], horizon))
    result: FloatArray = np.ascontiguousarray(np.concatenate([array, below], axis=-2))
    return result


@lru_cache(maxsize=64)
def _constant(rows: int, value: float) -> FloatArray:
    """The same few for every prosumer."""
    result = np.full((rows, 1), value)
    result.flags.writeable = False
    return result


def without_lone_members(problem: AnyProblem) -> AnyProblem:
    """The market in which who has nobody to trade a carrier with keeps it to itself."""
    member = problem.member
    lone = np.array([who & ~_has_partner(own, who) for own, who in zip(problem.charges, member, strict=True)])
    if not lone.any():
        return problem
    models = tuple(
        replace(m, member=tuple(bool(kept) for kept in row))
        for m, row in zip(problem.models, (member & ~lone).T, strict=True)
    )
    return replace(problem, models=models)


def _has_partner(charges: AnyCharges, who: BoolArray) -> BoolArray:
    """(N,): whether another member may trade with each prosumer."""
    if charges.partners is None:
        return np.full(len(who), int(who.sum()) > 1)
    return np.asarray((charges.may_trade & who).any(axis=1), dtype=np.bool_)
