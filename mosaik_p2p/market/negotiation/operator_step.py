"""The operator's own step in ADMM: the limits of the networks join the network's side of the market.

In the first interval, the only one that binds, prosumers and network agree on each prosumer's whole injection X_i, to
peers and to its contract together, and no longer on its net sale: the contracts move from the prosumers to the network
(`without_contracts`), which then knows what enters the grid at every place and can keep `sum_i S_ci X_i <= bound_c`.
The split has two sides as before, so that one iteration finds trades and multipliers together. Later intervals are
cleared as in the form at hand.

The lower bound stays rigorous: for any prices p of injections, the prosumers' own bound at p plus what the network
cannot undercut when it buys at p.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.operator_qp import NetworkAnswer, NetworkStep
from mosaik_p2p.market.network_step.agreed_trades import reported_steps, trades_behind
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.network_step.flow_problem import Contracts, contracts_at, flow_graph
from mosaik_p2p.market.network_step.least_trade import CHEAPEST
from mosaik_p2p.market.problem import PreparedProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.fleet import Alone, Fleet
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
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


@dataclass(frozen=True)
class Limits:
    """What the operator holds the first interval to."""

    rows: tuple[HeldRow, ...]
    pinned_kw: FloatArray | None = None
    """(C, N) where injections are given."""
    capped: frozenset[RowKey] = frozenset()
    """Rows that nobody can keep: relief is worth the highest price that anyone offers, by all of a carrier's rows
    together."""
    imbalance_kw: FloatArray | None = None
    """(2, C, N) what everyone lacked, and had too much, without rows; it may again."""


def without_contracts(problem: PreparedProblem) -> PreparedProblem:
    """The market with the members' contracts of the first interval taken out of their own problems."""
    price = NOT_FOLLOWED * problem.scarcity_price_per_kwh
    return replace(problem, models=tuple(_model_without_contracts(model, price) for model in problem.models))


def _model_without_contracts(model: ProsumerModel, price: float) -> ProsumerModel:
    upper, linear = model.upper.copy(), model.linear.copy()
    for k, variable in enumerate(model.variables):
        if not any(model.member[c] and model.balance[c, k, 0] != 0.0 for c in range(len(model.member))):
            continue
        if variable.type == CONTRACT:
            upper[k, 0] = 0.0
        elif variable.type == IMBALANCE and not variable.is_behind_meter:
            linear[k, 0] = price
    return replace(model, upper=upper, linear=linear)


def _unavoidable(least: FloatArray, most: FloatArray, limits: Limits) -> tuple[FloatArray, FloatArray]:
    """(C, N) each: the most that prosumers may lack, and have too much: what their devices cannot help, or had without
    rows. Given injections are served whatever they lack."""
    if limits.pinned_kw is not None:
        return np.full_like(least, np.inf), np.full_like(most, np.inf)
    lacking, surplus = np.maximum(-most, 0.0), np.maximum(least, 0.0)
    if limits.imbalance_kw is not None:
        lacking, surplus = np.maximum((lacking, surplus), limits.imbalance_kw)
    return lacking, surplus


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


class OperatorForm:
    """See `base.Form`; entries of the first interval are injections, all others net sales."""

    def __init__(self, problem: PreparedProblem, limits: Limits) -> None:
        """`problem` with everything priced, before `without_contracts`."""
        self._problem, self._dt_h = problem, problem.dt_h
        self._later = choose_form(without_contracts(problem), "auto")
        self.name = self._later.name
        self.shape = problem.shape
        self._who = [np.flatnonzero(member) for member in problem.member]
        self._rows = [tuple(row for row in limits.rows if row.carrier == c) for c in range(len(self._who))]
        size = power_scale(problem)
        least, most = injection_bounds(problem, size)
        lacking, surplus = _unavoidable(least, most, limits)
        if limits.pinned_kw is not None:
            least = most = limits.pinned_kw
        outside = [contracts_at(problem, c, who, 0) for c, who in enumerate(self._who)]
        self.steps = [
            NetworkStep(
                flow_graph(problem.charges[c].at(0), who),
                outside[c],
                self._rows[c],
                who,
                injection_bounds_kw=(least[c, who], most[c, who]),
                imbalance_kw=(lacking[c, who], surplus[c, who]),
                power_kw=float(size.mean()),
                price_per_kwh=highest_price(problem),
                slack_price=_slack_prices(problem, self._rows[c], who, outside[c], limits.capped),
                dt_h=problem.dt_h,
            )
            if len(who)
            else None
            for c, who in enumerate(self._who)
        ]

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form."""
        return self._later.nearest(offer_per_kwh)

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
        """The operator's step now, the network's step later."""
        later = self._later.agree(w, weight)
        z, price = later.z.copy(), later.price_per_kwh.copy()
        z[:, 0] = price[:, 0] = 0.0
        for c, (who, step) in enumerate(zip(self._who, self.steps, strict=True)):
            if step is not None:
                z[c, 0, who] = step.agree(w[c, 0, who], weight[c, who]).injection_kw
                price[c, 0, who] = weight[c, who] * (z[c, 0, who] - w[c, 0, who]) / self._dt_h
        return Agreement(z, price)

    def members(self, c: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Positions of those who are connected to the network of carrier `c`."""
        return self._who[c]

    def answers(self, w: FloatArray, weight: FloatArray) -> list[NetworkAnswer | None]:
        """What the operator answers to `w` in the first interval, by carrier, with prices and multipliers."""
        return [
            None if step is None else step.agree(w[c, 0, who], weight[c, who])
            for c, (who, step) in enumerate(zip(self._who, self.steps, strict=True))
        ]

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (another form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form; injections in the first interval, as prosumers `without_contracts` know them."""
        return z

    def charge(self, z: FloatArray) -> float:
        """Money for contracts, charges and violated rows in the first interval, and for charges later."""
        now = sum(step.serve(z[c, 0, who], steps=CHEAPEST).cost_per_hour for c, who, step in self._connected())
        return now * self._dt_h + self.penalty(z[:, 0]) + self.charge_later(z)

    def penalty(self, injection_kw: FloatArray) -> float:
        """Money for the rows that injections (C, N) break in the first interval."""
        return sum(
            step.penalty(injection_kw[c, who])
            for c, (who, step) in enumerate(zip(self._who, self.steps, strict=True))
            if step is not None
        )

    def charge_later(self, z: FloatArray) -> float:
        """Money that both ends pay after the first interval."""
        later = z.copy()
        later[:, 0] = 0.0
        return self._later.charge(later)

    def concession(self, price_per_kwh: FloatArray) -> float:
        """That of later intervals; the first one's is in the network's part of the bound."""
        if all(charges.curvature is None for charges in self._problem.charges):
            return 0.0
        later = price_per_kwh.copy()
        later[:, 0] = 0.0
        return self._later.concession(later)

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """As in the form at hand; in the first interval any prices serve the bound."""
        candidates = [prices.copy() for prices in self._later.closed(price_per_kwh)]
        for prices in candidates:
            prices[:, 0] = price_per_kwh[:, 0]
        return candidates

    def trades(
        self,
        z: FloatArray,
        price_per_kwh: FloatArray,
        *,
        min_trade_kw: float,
        interval: int = 0,  # noqa: ARG002  (only the first one binds)
    ) -> list[Trades]:
        """The least trades that serve injections z[:, 0]; `price_per_kwh` (C, T, N) are prices of the nodes."""
        result = [no_trades()] * self.shape[0]
        for c, who, step in self._connected():
            charges = self._problem.charges[c].at(0)
            served = step.serve(z[c, 0, who], steps=reported_steps(charges))
            result[c] = trades_behind(served, who, price_per_kwh[c, 0], charges, min_trade_kw=min_trade_kw)
        return result

    def _connected(self) -> Iterator[tuple[int, IntArray, NetworkStep]]:
        """Carrier, members and step of every network that has members."""
        for c, (who, step) in enumerate(zip(self._who, self.steps, strict=True)):
            if step is not None:
                yield c, who, step


class ConstrainedFleet(Fleet):
    """The prosumers without their contracts of the first interval; the bound includes the network's part."""

    def __init__(self, problem: PreparedProblem, form: OperatorForm, *, alone: Alone) -> None:
        """`problem` before `without_contracts`; `alone` as of the fleet with all contracts."""
        super().__init__(without_contracts(problem), alone=alone)
        self._form = form

    def bound(self, price_per_kwh: FloatArray, *, improve: bool = False) -> float:
        """See Fleet; prices of the first interval are those of injections."""
        parts = [(c, step) for c, step in enumerate(self._form.steps) if step is not None]
        bounds = [step.tight_bound if improve else step.bound for _, step in parts]
        prices = [price_per_kwh[c, 0, self._form.members(c)] for c, _ in parts]
        network = sum(bound(own) for bound, own in zip(bounds, prices, strict=True))
        return super().bound(price_per_kwh, improve=improve) + network
