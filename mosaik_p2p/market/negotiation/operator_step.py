"""The operator's own step in ADMM: the limits of the networks join the network's side of the market.

In the *lifted* intervals, those that bind and those with limits to hold, prosumers and network agree on each prosumer's
whole injection X_i, to peers and to its contract together, and no longer on its net sale: the contracts move from the
prosumers to the network (`without_contracts`), which then knows what enters the grid at every place and can keep
`sum_i S_ci X_i <= bound_c`. The split has two sides as before, so that one iteration finds trades and multipliers
together. All other intervals are cleared as in the form at hand.

The lower bound stays rigorous: for any prices p of injections, the prosumers' own bound at p plus what the network
cannot undercut when it buys at p.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.limits import Limits, LossTerms
from mosaik_p2p.market.negotiation.operator_qp import NetworkAnswer, NetworkStep
from mosaik_p2p.market.network_step.agreed_trades import reported_steps, trades_behind
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.network_step.flow_problem import Contracts, contracts_at, flow_graph
from mosaik_p2p.market.problem import PreparedProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.fleet import Alone, Fleet
from mosaik_p2p.market.prosumer_step.injection_bounds import bounds_at
from mosaik_p2p.market.trades import Trades, no_trades
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE
from mosaik_p2p.units import FloatArray, IntArray

SLACK_PRICE = 0.75
"""Price of breaking a row by what 1 kW does where it does most, in scarcity prices: above the cost of every device and
of a vehicle that leaves half full, below that of a load which is not served."""
LEAST_LEVER = 0.05
"""Of a row's largest entry: where only trades move it, by the difference of two entries, their best pair is taken to do
so much at the least."""
NOT_FOLLOWED = 3.0
"""Price of an injection that a prosumer's devices cannot follow, in scarcity prices: the network has to give way."""


def without_contracts(problem: PreparedProblem, lifted: Sequence[int] = (0,)) -> PreparedProblem:
    """The market with the members' contracts of the lifted intervals taken out of their own problems."""
    return problem.once(_without_contracts, tuple(lifted))


def _without_contracts(problem: PreparedProblem, lifted: tuple[int, ...]) -> PreparedProblem:
    price = NOT_FOLLOWED * problem.scarcity_price_per_kwh
    models = tuple(_model_without_contracts(model, price, list(lifted)) for model in problem.models)
    return replace(problem, models=models)


def _model_without_contracts(model: ProsumerModel, price: float, lifted: list[int]) -> ProsumerModel:
    upper, linear = model.upper.copy(), model.linear.copy()
    inside = (model.balance != 0.0)[np.array(model.member)].any(axis=0)
    for k, variable in enumerate(model.variables):
        own = [t for t in lifted if inside[k, t]]
        if variable.type == CONTRACT:
            upper[k, own] = 0.0
        elif variable.type == IMBALANCE and not variable.is_behind_meter:
            linear[k, own] = price
    return replace(model, upper=upper, linear=linear)


def _unavoidable(least: FloatArray, most: FloatArray, limits: Limits, t: int) -> tuple[FloatArray, FloatArray]:
    """(C, N) each: the most that prosumers may lack, and have too much, in interval `t`: what their devices cannot
    help, or had without rows. Given injections are served whatever they lack."""
    lacking, surplus = np.maximum(-most, 0.0), np.maximum(least, 0.0)
    if limits.imbalance_kw is not None:
        lacking, surplus = np.maximum((lacking, surplus), limits.imbalance_kw[:, :, t])
    if limits.box_kw is None:
        return lacking, surplus
    is_given = limits.box_kw[0, :, t] == limits.box_kw[1, :, t]
    return np.where(is_given, np.inf, lacking), np.where(is_given, np.inf, surplus)


def _within_box(least: FloatArray, most: FloatArray, limits: Limits, t: int) -> tuple[FloatArray, FloatArray]:
    """Least and largest injections (C, N) inside the box; where the two have nothing in common, the box's nearest end:
    then the prosumer cannot follow."""
    if limits.box_kw is None:
        return least, most
    low, high = limits.box_kw[:, :, t]
    return np.clip(least, low, high), np.clip(most, low, high)


def _slack_prices(
    problem: PreparedProblem, rows: Sequence[HeldRow], who: IntArray, outside: Contracts, capped: frozenset[RowKey]
) -> FloatArray:
    """(R,) money per unit and hour that a violated row costs.

    A row that can be kept costs more than what keeps it: the price of a kWh that moves it most, by itself where a
    contract takes it up, else by the trade of the best pair.
    """
    unkept = sum(row.key in capped for row in rows)
    dearest = SLACK_PRICE * problem.scarcity_price_per_kwh
    free = bool((outside.upper_kw[~outside.is_imbalance] > 0.0).any())
    prices = []
    for row in rows:
        lever = row.size if free else float(np.ptp(row.slope[who]))
        if row.key in capped:
            prices.append(highest_price(problem) / unkept / row.size)
        else:
            prices.append(dearest / np.clip(lever, LEAST_LEVER * row.size, row.size))
    return np.array(prices)


@dataclass(frozen=True)
class OwnTerms:
    """What the operator adds to the market of one carrier in one interval, about its members (n,)."""

    rows: tuple[HeldRow, ...]
    slack_price: FloatArray
    """(R,) money per unit of each row and hour."""
    losses: LossTerms | None
    injection_bounds_kw: tuple[FloatArray, FloatArray]

    @property
    def is_nothing(self) -> bool:
        """Whether the market's own answer is the operator's too."""
        return not self.rows and self.losses is None


@dataclass(frozen=True)
class Lifted:
    """The operator's step of one carrier in one lifted interval."""

    c: int
    t: int
    who: IntArray
    """Positions of those who are connected to the carrier's network."""
    step: NetworkStep
    held: OwnTerms


def _lifted_steps(problem: PreparedProblem, limits: Limits, lifted: Sequence[int]) -> Iterator[Lifted]:
    """The operator's steps, by interval and carrier; a network without members has none."""
    size = power_scale(problem)
    for t in lifted:
        least, most = problem.once(bounds_at, t)
        lacking, surplus = _unavoidable(least, most, limits, t)
        least, most = _within_box(least, most, limits, t)
        for c, who in enumerate(np.flatnonzero(member) for member in problem.member):
            if not len(who):
                continue
            rows = tuple(row for row in limits.rows if (row.carrier, row.interval) == (c, t))
            outside = contracts_at(problem, c, who, t)
            held = OwnTerms(
                rows,
                _slack_prices(problem, rows, who, outside, limits.capped),
                limits.losses.get((c, t)),
                (least[c, who], most[c, who]),
            )
            step = NetworkStep(
                flow_graph(problem.charges[c].at(t), who),
                outside,
                rows,
                who,
                injection_bounds_kw=held.injection_bounds_kw,
                imbalance_kw=(lacking[c, who], surplus[c, who]),
                power_kw=float(size.mean()),
                price_per_kwh=highest_price(problem),
                slack_price=held.slack_price,
                dt_h=problem.dt_h,
                losses=held.losses,
                levy_per_kwh=None if limits.levy_per_kwh is None else limits.levy_per_kwh[c, t, who],
            )
            yield Lifted(c, t, who, step, held)


class OperatorForm:
    """See `base.Form`; entries of the lifted intervals are injections, all others net sales."""

    def __init__(self, problem: PreparedProblem, limits: Limits, *, binding: int = 1) -> None:
        """`problem` with everything priced, before `without_contracts`; its first `binding` intervals bind."""
        self.lifted = limits.lifted(binding)
        self._problem, self._limits = problem, limits
        self._dt_h, self._at = problem.dt_h, list(self.lifted)
        self._others = choose_form(without_contracts(problem, self.lifted), "auto")
        self.name = self._others.name
        self.shape = problem.shape
        self.steps = tuple(_lifted_steps(problem, limits, self.lifted))

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form."""
        return self._others.nearest(offer_per_kwh)

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        return z - price_per_kwh * self._dt_h / weight[:, None, :]

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight[:, None, :]

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """The operator's step in lifted intervals, the network's step in all others."""
        agreed = self.agree_elsewhere(w, weight)
        z, price = agreed.z, agreed.price_per_kwh
        for one in self.steps:
            at, own = (one.c, one.t, one.who), weight[one.c, one.who]
            z[at] = one.step.agree(w[at], own).injection_kw
            price[at] = own * (z[at] - w[at]) / self._dt_h
        return Agreement(z, price)

    def agree_elsewhere(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """The network's step in all other intervals, zero in the lifted ones; new arrays."""
        others = self._others.agree(w, weight)
        return Agreement(self._without_lifted(others.z), self._without_lifted(others.price_per_kwh))

    def market_steps(self) -> tuple[Lifted, ...]:
        """The steps of the lifted intervals as the market has them by itself: nothing held but boxes."""
        boxes = replace(self._limits, rows=(), losses={}, levy_per_kwh=None)
        return tuple(_lifted_steps(self._problem, boxes, self.lifted))

    def _without_lifted(self, values: FloatArray) -> FloatArray:
        """(C, T, N) with zeros in the lifted intervals."""
        result = values.copy()
        result[:, self._at] = 0.0
        return result

    def answers(self, w: FloatArray, weight: FloatArray) -> list[tuple[Lifted, NetworkAnswer]]:
        """What the operator answers to `w` in the lifted intervals, with prices and multipliers."""
        return [(one, one.step.agree(w[one.c, one.t, one.who], weight[one.c, one.who])) for one in self.steps]

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (another form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form; injections in the lifted intervals, as prosumers `without_contracts` know them."""
        return z

    def charge(self, z: FloatArray) -> float:
        """Money for contracts, charges and all that the operator adds in lifted intervals, for charges in others."""
        now = sum(one.step.cost_per_hour(z[one.c, one.t, one.who]) * self._dt_h for one in self.steps)
        return now + self.added(z) + self.charge_elsewhere(z)

    def added(self, injection_kw: FloatArray) -> float:
        """Money that the operator minimises beside the market's cost, for injections (C, T, N): broken rows, losses
        against those around which they are stated, and the levy."""
        return sum(one.step.added(injection_kw[one.c, one.t, one.who]) for one in self.steps)

    def charge_elsewhere(self, z: FloatArray) -> float:
        """Money that both ends pay in intervals that are not lifted."""
        return self._others.charge(self._without_lifted(z))

    def concession(self, price_per_kwh: FloatArray) -> float:
        """That of the other intervals; that of lifted ones is in the network's part of the bound."""
        if all(charges.curvature is None for charges in self._problem.charges):
            return 0.0
        return self._others.concession(self._without_lifted(price_per_kwh))

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """As in the form at hand; in lifted intervals any prices serve the bound."""
        candidates = [prices.copy() for prices in self._others.closed(price_per_kwh)]
        for prices in candidates:
            prices[:, self._at] = price_per_kwh[:, self._at]
        return candidates

    def trades(
        self, z: FloatArray, price_per_kwh: FloatArray, *, min_trade_kw: float, interval: int = 0
    ) -> list[Trades]:
        """The least trades that serve injections z[:, interval] of a lifted interval; `price_per_kwh` (C, T, N) are
        prices of the nodes."""
        result = [no_trades()] * self.shape[0]
        for one in self.steps:
            if one.t != interval:
                continue
            charges = self._problem.charges[one.c].at(interval)
            served = one.step.serve(z[one.c, interval, one.who], steps=reported_steps(charges))
            prices = price_per_kwh[one.c, interval]
            result[one.c] = trades_behind(served, one.who, prices, charges, min_trade_kw=min_trade_kw)
        return result


class ConstrainedFleet(Fleet):
    """The prosumers without their contracts of the lifted intervals; the bound includes the network's part."""

    def __init__(self, problem: PreparedProblem, form: OperatorForm, *, alone: Alone) -> None:
        """`problem` before `without_contracts`; `alone` as of the fleet with all contracts."""
        super().__init__(without_contracts(problem, form.lifted), alone=alone)
        self._form = form

    def bound(self, price_per_kwh: FloatArray, *, improve: bool = False) -> float:
        """See Fleet; prices of lifted intervals are those of injections."""
        network = 0.0
        for one in self._form.steps:
            bound = one.step.tight_bound if improve else one.step.bound
            network += bound(price_per_kwh[one.c, one.t, one.who])
        return super().bound(price_per_kwh, improve=improve) + network
