"""The least exchange that keeps the networks' limits with some room: where operating envelopes stand around.

Nobody trades, every kWh exchanged costs 1, devices cost a hundredth of what they do, under the rows of the limits
tightened by so many kW at the place that moves each most. Rounds: clear, ask the networks about every interval of the
look-ahead, linearise, until no limit is broken that prosumers can keep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.market.clearing import Progress, clear
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.reactive import planned_kvar
from mosaik_p2p.market.negotiation.state import NegotiationState, NetworkReport, with_reported_limits
from mosaik_p2p.market.problem import UNLIMITED, MarketProblem, PreparedProblem, Settings, power_scale
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.roles import CONTRACT, Role, Variable
from mosaik_p2p.units import CARRIERS

DEVICES = 0.01
"""Of their cost, beside 1 for every kWh exchanged."""
ROUNDS = 6
"""Clearings under rows at the most; one or two are usual."""
ANYBODY = "exchange"
"""Name of the contract that stands for everything exchanged, whoever with."""


@dataclass(frozen=True)
class LeastExchange:
    """What everyone would put on the networks, and what was asked for to know it."""

    problem: PreparedProblem
    """Whose devices are those of the market; its costs are not."""
    exchanges: tuple[Exchange, ...]
    """By interval of the look-ahead."""
    rounds: int
    """Clearings under rows."""
    iterations: int
    """Of all of them."""


def least_exchange_within(
    prosumers: Sequence[Prosumer],
    raw: MarketProblem,
    operator: Operator,
    settings: Settings,
    *,
    begin: int,
    spare_kw: float,
    on_check: Progress | None = None,
) -> LeastExchange:
    """Of the market `raw`, imbalances not priced, whose first interval is number `begin` of the run.

    Where limits cannot be kept the networks say so again when they are asked. Raises NotSolved where a programme has no
    numerical solution.
    """
    quiet = exchanging(raw)
    single = replace(settings, binding=1)
    first = clear(with_imbalance_priced(quiet), single, on_check=on_check)
    horizon = range(quiet.shape[1])
    state = NegotiationState.initial(prosumers, quiet, first, asked=horizon)
    iterations = first.iterations
    for number in range(ROUNDS + 1):
        exchanges = _planned(prosumers, state)
        state = with_reported_limits(state, _reports(operator, exchanges, begin))
        now = state.checked[-1]
        if (now.excess == 0.0 and (number > 0 or not state.rows)) or number == ROUNDS or not now.is_solved:
            break
        following, offer = priced(replace(state, rows=_tightened(state.rows, spare_kw)), single, on_check)
        iterations += offer.constrained.clearing.iterations
        state = replace(following, rows=state.rows)
    return LeastExchange(state.problem, exchanges, number, iterations)


def exchanging(raw: MarketProblem) -> MarketProblem:
    """The market in which nobody trades and all that counts is how much is exchanged."""
    count = len(raw.models)
    charges = no_charges(np.zeros(count, dtype=np.int64)).with_partners(np.zeros((count, count), dtype=np.bool_))
    size = power_scale(raw)
    models = tuple(_exchanging(model, float(own)) for model, own in zip(raw.models, size, strict=True))
    return replace(raw, models=models, charges=tuple(charges for _ in CARRIERS), place=None)


def _exchanging(model: ProsumerModel, size_kw: float) -> ProsumerModel:
    """A prosumer whose contracts give way to one for each of its networks, that takes and gives all at the same price.

    So who has no contract of its own, or a small one, plans for what its peers can bring.
    """
    is_contract = np.array([variable.type == CONTRACT for variable in model.variables])[:, None]
    carriers = [c for c, is_member in enumerate(model.member) if is_member]
    ways = [(c, role, sign) for c in carriers for role, sign in ((Role.IMPORT, 1.0), (Role.EXPORT, -1.0))]
    balance = np.zeros((len(CARRIERS), len(ways), model.horizon))
    for row, (c, _, sign) in enumerate(ways):
        balance[c, row] = sign
    shape = (len(ways), model.horizon)
    return replace(
        model,
        variables=(*model.variables, *(Variable(f"{ANYBODY}:{CARRIERS[c]}", CONTRACT, role) for c, role, _ in ways)),
        lower=np.vstack([model.lower, np.zeros(shape)]),
        upper=np.vstack([np.where(is_contract, 0.0, model.upper), np.full(shape, UNLIMITED * size_kw)]),
        linear=np.vstack([DEVICES * model.linear, np.ones(shape)]),
        quadratic=np.vstack([DEVICES * model.quadratic, np.zeros(shape)]),
        balance=np.concatenate([model.balance, balance], axis=1),
    )


def _planned(prosumers: Sequence[Prosumer], state: NegotiationState) -> tuple[Exchange, ...]:
    dispatch = state.last.constrained.clearing.dispatch
    kvar = planned_kvar(prosumers, state.problem.models, dispatch)
    return tuple(Exchange(state.last_kw[:, t], kvar[t]) for t in range(state.problem.shape[1]))


def _reports(operator: Operator, exchanges: Sequence[Exchange], begin: int) -> Mapping[tuple[int, int], NetworkReport]:
    """By carrier and interval of the look-ahead."""
    return {
        (c, t): report
        for t, exchange in enumerate(exchanges)
        for c, report in operator.reports(exchange, begin + t).items()
    }


def _tightened(rows: Mapping[object, HeldRow], spare_kw: float) -> dict[object, HeldRow]:
    """The rows, nearer by what `spare_kw` at the place that moves them most makes."""
    return {
        key: replace(row, bound=row.bound - spare_kw * row.size, margin=row.margin + spare_kw * row.size)
        for key, row in rows.items()
    }
