"""The least exchange that keeps the networks' limits with some room: where operating envelopes stand around.

Nobody trades, every kWh exchanged costs 1, devices cost a hundredth of what they do, under the rows of the limits
tightened by so many kW at the place that moves each most. Rounds: clear, ask the networks about every interval of the
look-ahead, linearise, until no limit is broken that prosumers can keep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.market.clearing import Progress, clear
from mosaik_p2p.market.designs.envelope.under_rows import Ask, UnderRows, kept_by_rows
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.state import NegotiationState
from mosaik_p2p.market.problem import UNLIMITED, MarketProblem, Settings, power_scale
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.roles import CONTRACT, Role, Variable
from mosaik_p2p.units import CARRIERS, FloatArray

GAP = 1e-2
"""Nobody is dispatched by it: the room that is left counts, not the last per cent of what is exchanged."""
DEVICES = 0.01
"""Of their cost, beside 1 for every kWh exchanged."""
ROUNDS = 6
"""Clearings under rows at the most; one or two are usual."""
ANYBODY = "exchange"
"""Name of the contract that stands for everything exchanged, whoever with."""


def least_exchange_within(
    prosumers: Sequence[Prosumer],
    raw: MarketProblem,
    ask: Ask,
    settings: Settings,
    *,
    spare_kw: FloatArray,
    rows: Mapping[RowKey, HeldRow] | None = None,
    on_check: Progress | None = None,
) -> UnderRows:
    """Of the market `raw`, imbalances not priced, with `spare_kw` (T,) of room; `rows` are known from one
    like it.

    Where limits cannot be kept the networks say so again when they are asked. Raises NotSolved where a programme has no
    numerical solution.
    """
    quiet = exchanging(raw)
    loose = replace(settings, binding=1, relative_gap=max(settings.relative_gap, GAP))
    first = clear(with_imbalance_priced(quiet), loose, on_check=on_check)
    state = NegotiationState.initial(prosumers, quiet, first, asked=range(quiet.shape[1]))
    state = replace(state, rows=rows or {})
    found = kept_by_rows(prosumers, state, ask, loose, rounds=ROUNDS, spare_kw=spare_kw, on_check=on_check)
    return replace(found, iterations=found.iterations + first.iterations)


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
