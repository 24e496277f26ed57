"""The network's side of a market whose prosumers answer from elsewhere: who trades how much, at what price.

It knows who takes part, the charges, and what was answered; no device, no contract and no cost. So nothing bounds the
optimum from below, and there is no certificate: the iteration ends when prosumers and network agree and prices rest,
to the wanted residual.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.agents.prosumer_side import Introduction
from mosaik_p2p.market.cleared import MIN_TRADE, TRIMMING_ROUNDS
from mosaik_p2p.market.iteration.driver import Start, State, iterate
from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.problem import MarketProblem, Settings, power_scale
from mosaik_p2p.market.prosumer_step.fleet import Alone
from mosaik_p2p.market.sides import FormSides, cold_start
from mosaik_p2p.market.trades import Trades, trimmed
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray

Ask = Callable[[FloatArray, FloatArray], FloatArray]
"""Everybody's net sales (C, T, N) in answer to targets (C, T, N) at penalties (C, N)."""
Keep = Callable[[FloatArray], FloatArray]
"""(C, N) what cannot be kept of net sales (C, T, N) in the first interval, see `ProsumerSide.settle`."""


@dataclass(frozen=True)
class Agreement:
    """What was agreed for one look-ahead."""

    status: Status
    """`ok` where residuals are at most what was asked; nothing is said about the distance to the optimum."""
    trades: tuple[Trades, ...]
    """Of the first interval, one per carrier: reciprocal, whatever was answered."""
    sale_kw: FloatArray
    """(C, T, N)."""
    price_per_kwh: FloatArray
    """(C, T, N)."""
    charges: float
    """Money that both ends of all trades pay over the look-ahead."""
    exchanges: int
    """How often everybody was asked."""
    residual: float
    end: Start
    """Where the iteration stopped; starts the next one."""


@dataclass(frozen=True)
class _Answering:
    """The prosumers as the iteration sees them: sizes that they told, and answers."""

    problem: MarketProblem
    price_scale: float
    alone: Alone
    ask: Ask

    @property
    def power_kw(self) -> FloatArray:
        """(N,)."""
        return power_scale(self.problem)


@dataclass(frozen=True)
class _Unjudged:
    """A point that nobody can judge but by how well answers agree."""

    relative_gap: float = 0.0


class _Sides(FormSides):
    """See `iteration.Sides`."""

    def __init__(self, members: _Answering, form: Form) -> None:
        super().__init__(members, form)
        self._members = members

    def respond(self, v: FloatArray, weight: FloatArray) -> FloatArray:
        """See Sides."""
        answer = self._members.ask(self._form.target(v), self._form.prosumer_weight(weight))
        return self._form.spread(v, answer)

    def judged(self, state: State, *, wanted: float) -> _Unjudged:  # noqa: ARG002  (it knows no better)
        """See Sides."""
        return _Unjudged()


def agree(
    introduced: Mapping[str, Introduction],
    charges: Sequence[AnyCharges],
    dt_h: float,
    settings: Settings,
    *,
    ask: Ask,
    keep: Keep,
    start: Start | None = None,
) -> Agreement:
    """Ask everybody until all agree, from `start` (see `clearing.shifted`) where it fits, and agree on exact trades.

    `introduced` has all N of `charges` in their order; who is not there is introduced as a member of nothing
    (`absent`). Raises ValueError where the form asked for cannot state the charges.
    """
    members = _answering(introduced, charges, dt_h, ask)
    form = choose_form(members.problem, settings.form)
    begin = start if start is not None and start.z.shape == form.shape else cold_start(members, form)
    outcome = iterate(
        _Sides(members, form),
        settings.algorithm(),
        begin,
        relative_gap=settings.relative_gap,
        max_iterations=settings.max_iterations,
    )
    trades, sale = _kept(members, form, outcome.end, keep)
    return Agreement(
        status=Status.OK if outcome.converged else Status.NOT_CONVERGED,
        trades=trades,
        sale_kw=sale,
        price_per_kwh=outcome.end.price_per_kwh,
        charges=form.charge(outcome.end.z),
        exchanges=outcome.iterations,
        residual=outcome.residuals.worst,
        end=outcome.end,
    )


def absent(horizon: int) -> Introduction:
    """Of who takes no part in a look-ahead of `horizon` intervals."""
    nothing = np.zeros((2, horizon))
    return Introduction(0.0, 0.0, (False, False), nothing, nothing)


def _answering(
    introduced: Mapping[str, Introduction], charges: Sequence[AnyCharges], dt_h: float, ask: Ask
) -> _Answering:
    models = tuple(_outline(name, told, dt_h) for name, told in introduced.items())
    told = list(introduced.values())
    alone = Alone(
        np.zeros(len(told)),
        np.stack([one.price_per_kwh for one in told], axis=-1),
        np.stack([one.load_kw for one in told], axis=-1),
    )
    highest = max((one.highest_price_per_kwh for one in told), default=0.0) or 1.0
    return _Answering(MarketProblem(models, tuple(charges), dt_h), highest, alone, ask)


def _outline(name: str, told: Introduction, dt_h: float) -> ProsumerModel:
    """A prosumer of which only its name, size and memberships are known."""
    horizon = told.price_per_kwh.shape[1]
    nothing = np.zeros((0, horizon))
    return ProsumerModel(
        name=name,
        dt_h=dt_h,
        variables=(),
        lower=nothing,
        upper=nothing,
        linear=nothing,
        quadratic=nothing,
        balance=np.zeros((len(told.member), 0, horizon)),
        fixed=np.zeros((len(told.member), horizon)),
        storages=(),
        totals=(),
        constant=0.0,
        member=told.member,
        size_kw=told.size_kw,
    )


def _kept(members: _Answering, form: Form, end: Start, keep: Keep) -> tuple[tuple[Trades, ...], FloatArray]:
    """The first interval's trades, without what an end cannot keep, and net sales that fit them."""
    least_kw = MIN_TRADE * float(members.power_kw.mean())
    trades, sale = tuple(form.trades(end.z, end.price_per_kwh, min_trade_kw=least_kw)), form.sales(end.z).copy()
    for rounds_left in range(TRIMMING_ROUNDS - 1, -1, -1):
        for c, own in enumerate(trades):
            sale[c, 0] = own.net_sale(sale.shape[2])
        surplus = keep(sale)
        if not surplus.any() or not rounds_left:
            break
        trades = tuple(trimmed(own, s, min_trade_kw=least_kw) for own, s in zip(trades, surplus, strict=True))
    return trades, sale
