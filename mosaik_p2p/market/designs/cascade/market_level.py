"""The market's level of analytical target cascading: everyone's trades, contracts and devices, pulled at by targets.

    minimise    the market's cost - dt alpha'X + weight/2 |t - X|^2

is the market without limits, of which the network's step finds injections nearest to `(own w + weight t + dt alpha) /
(own + weight)` at the penalty `own + weight`, where a market without targets has those nearest to w at `own`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mosaik_p2p.market.iteration.driver import Agreement, Algorithm, Residuals, Start
from mosaik_p2p.market.negotiation.operator_step import OperatorForm
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.sides import MarketSides
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Pull:
    """What the operator asks of the market: targets (C, T, N) kW, prices alpha (C, T, N) money per kWh, and how much it
    is to keep to them, (C, T, N) money per kW^2; both zero where the operator has nothing to say."""

    target_kw: FloatArray
    alpha_per_kwh: FloatArray
    weight: FloatArray


class MarketLevel(MarketSides):
    """The market as an algorithm sees it, pulled at by the last targets it was told."""

    def __init__(self, fleet: Fleet, form: OperatorForm, *, dt_h: float) -> None:
        """`form` is that of the market with its limits, `fleet` knows no contracts of its lifted intervals."""
        super().__init__(fleet, form)
        nothing = np.zeros(form.shape)
        self._market, self._steps, self._dt_h = form, form.market_steps(), dt_h
        self._pull = Pull(nothing, nothing, nothing)

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """See Sides."""
        agreed, pull = self._market.agree_elsewhere(w, weight), self._pull
        z, price = agreed.z, agreed.price_per_kwh
        for one in self._steps:
            at, own = (one.c, one.t, one.who), weight[one.c, one.who]
            whole = own + pull.weight[at]
            wish = own * w[at] + pull.weight[at] * pull.target_kw[at] + self._dt_h * pull.alpha_per_kwh[at]
            z[at] = one.step.agree(wish / whole, whole).injection_kw
            price[at] = own * (z[at] - w[at]) / self._dt_h
        return Agreement(z, price)

    def answer(
        self, pull: Pull, start: Start, algorithm: Algorithm[Any], *, iterations: int, before: int
    ) -> tuple[Start, Residuals]:
        """Where `iterations` steps from `start` lead while the operator pulls; `before` were taken earlier.

        Raises NotSolved.
        """
        self._pull = pull
        state, residuals = algorithm.begin(self, start), None
        for n in range(1, iterations + 1):
            if n < iterations and not algorithm.is_measured(state, n):
                state = algorithm.step(self, state)
                continue
            state = algorithm.measured_step(self, state)
            residuals = algorithm.residuals(self, state)
            state = algorithm.tuned(state, residuals, before + n)
        assert residuals is not None, "the last step is measured"
        return Start(state.z, state.price_per_kwh, state.weight), residuals
