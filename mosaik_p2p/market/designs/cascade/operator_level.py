"""The operator's level of analytical target cascading: injections that keep its limits, near what the market answers.

    minimise    money of losses and of broken rows + dt alpha'(t - X) + weight/2 |t - X|^2
    subject to  S t - slack <= bound,  slack >= 0,  t within what prosumers can inject at all

in each lifted interval and carrier of which the operator has anything to say; everywhere else t = X. The operator knows
neither trades nor contracts nor devices: only X.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.negotiation.lazy_rows import GAP_TOLERANCE
from mosaik_p2p.market.negotiation.operator_step import Lifted
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram
from mosaik_p2p.market.prosumer_step.subproblem import STEP_TOLERANCE
from mosaik_p2p.units import FloatArray


class OperatorLevel:
    """Holds one programme per carrier and interval; stateful only in its solvers."""

    def __init__(self, lifted: Sequence[Lifted], *, power_kw: float, price_per_kwh: float, dt_h: float) -> None:
        """`power_kw` and `price_per_kwh` are the market's own scales."""
        self._parts = [_Part(one, power_kw, price_per_kwh, dt_h) for one in lifted if not one.held.is_nothing]
        self._dt_h = dt_h

    def pulled(self, values: FloatArray) -> FloatArray:
        """The values (C, T, N) where the operator has targets of its own, zero elsewhere."""
        result = np.zeros_like(values)
        for part in self._parts:
            result[part.at] = values[part.at]
        return result

    def first_alpha(self, shape: tuple[int, int, int]) -> FloatArray:
        """(C, T, N) money per kWh: the operator's own prices before it has heard any answer, less what losses cost."""
        alpha = np.zeros(shape)
        for part in self._parts:
            losses = part.lifted.held.losses
            if losses is not None:
                alpha[part.at] = -losses.price_per_kwh * losses.marginal[part.lifted.who]
        return alpha

    def targets(self, answer_kw: FloatArray, alpha_per_kwh: FloatArray, weight: float) -> FloatArray:
        """Targets t (C, T, N) for answers X and prices alpha; `weight` 2 beta^2 dt is money per kW^2.

        Raises NotSolved.
        """
        wish, result = answer_kw - alpha_per_kwh * self._dt_h / weight, answer_kw.copy()
        for part in self._parts:
            result[part.at] = part.nearest(wish[part.at], weight)
        return result


class _Part:
    """One carrier in one interval, in its own scales: powers by `power_kw`, money by power x price x dt."""

    def __init__(self, lifted: Lifted, power_kw: float, price_per_kwh: float, dt_h: float) -> None:
        self.lifted, self.at = lifted, (lifted.c, lifted.t, lifted.who)
        self._power, self._money = power_kw, power_kw * price_per_kwh * dt_h
        self._count, rows = len(lifted.who), len(lifted.held.rows)
        self._matrix, self._rhs = self._equations()
        self._linear, self._curve = self._costs(price_per_kwh)
        branches = len(self._curve)
        least, most = (bound / power_kw for bound in lifted.held.injection_bounds_kw)
        free, open_ = np.full(branches, np.inf), np.full(2 * rows, np.inf)
        self._lower = np.concatenate([least, np.zeros(2 * rows), -free])
        self._upper = np.concatenate([most, open_, free])
        self._weight, self._programme = np.nan, self._stated(0.0)

    def _equations(self) -> tuple[sp.csr_array, FloatArray]:
        """S t + room - slack = bound for every row, of which the largest entry is 1; share t - e = share around."""
        who, held = self.lifted.who, self.lifted.held
        rows = len(held.rows)
        size = np.array([row.size for row in held.rows])
        slope = np.array([row.slope[who] / row.size for row in held.rows]).reshape(rows, self._count)
        bound = np.array([row.bound for row in held.rows]) / size / self._power
        one = sp.eye_array(rows)
        kept = sp.hstack([sp.csr_array(slope), one, -one])
        if held.losses is None:
            return sp.csr_array(kept), bound
        share = held.losses.share[:, who]
        branches = len(share)
        moved = sp.hstack([sp.csr_array(share), sp.csr_array((branches, 2 * rows)), -sp.eye_array(branches)])
        kept = sp.hstack([kept, sp.csr_array((rows, branches))])
        around = share @ held.losses.around_kw[who] / self._power
        return sp.csr_array(sp.vstack([kept, moved])), np.concatenate([bound, around])

    def _costs(self, price_per_kwh: float) -> tuple[FloatArray, FloatArray]:
        """Slopes of t, room and slack (and of the branches' flows), and the curves (B,) of these flows."""
        who, held = self.lifted.who, self.lifted.held
        slack = held.slack_price * np.array([row.size for row in held.rows]) / price_per_kwh
        slope, curve = np.zeros(self._count), np.zeros(0)
        if held.losses is not None:
            price = held.losses.price_per_kwh / price_per_kwh
            slope, curve = price * held.losses.marginal[who], 2.0 * price * held.losses.kw_per_kw2 * self._power
        return np.concatenate([slope, np.zeros(len(slack)), slack, np.zeros(len(curve))]), curve

    def _stated(self, weight: float) -> DiagonalProgram:
        steep = np.full(self._count, weight * self._power**2 / self._money)
        return DiagonalProgram(
            quadratic=np.concatenate([steep, np.zeros(2 * len(self.lifted.held.rows)), self._curve]),
            linear=self._linear,
            matrix=self._matrix,
            rhs=self._rhs,
            lower=self._lower,
            upper=self._upper,
            tolerance=STEP_TOLERANCE,
            gap_tolerance=GAP_TOLERANCE,
        )

    def nearest(self, wish_kw: FloatArray, weight: float) -> FloatArray:
        """Targets (n,) nearest to the wishes."""
        if weight != self._weight:
            self._weight, self._programme = weight, self._stated(weight)
        linear = self._linear.copy()
        linear[: self._count] -= weight * self._power**2 / self._money * wish_kw / self._power
        self._programme.update(linear=linear)
        result: FloatArray = self._programme.solve().x[: self._count] * self._power
        return result
