"""One prosumer's side of the market, in its own scale: powers by its size, prices by the largest offer.

Three programmes on the same dispatch variables (see `prosumers.model`):

- `proximal_step`  the step of ADMM: argmin cost + weight/2 |s - target|^2, net sale s free;
- `dispatch_for_sales`  what is done once net sales are agreed (what cannot be balanced has its scarcity price, see
  `imbalance`);
- `bound`    a rigorous lower bound on cost - prices * s, from any prices and any multipliers (weak duality).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.imbalance import imbalance_kw
from mosaik_p2p.market.problem import UNLIMITED, is_penalty
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray

STEP_TOLERANCE = 1e-7
"""Of the programmes solved in every iteration, in scaled units; errors below it vanish against a gap of 1e-4."""
FINAL_TOLERANCE = 1e-9
"""Of the programmes whose dispatch is kept: it must balance to 1e-6 of what flows."""
NEGLIGIBLE = 1e-7
"""Part of a prosumer's size below which an imbalance is the solver's rounding."""


@dataclass(frozen=True)
class Completion:
    """A dispatch for agreed net sales: `x` (K, T) kW, `imbalance_kw` (C, T) (positive: too much), own prices (C, T)."""

    x: FloatArray
    imbalance_kw: FloatArray
    price_per_kwh: FloatArray
    cost: float
    """Money over the look-ahead, imbalance at its scarcity price included."""
    penalty: float
    """The part of it that stands for imbalance, and for what storages lack at a deadline."""


class Subproblem:
    """Holds the programmes of one prosumer for one clearing; stateful only in its solvers."""

    def __init__(self, model: ProsumerModel, *, power_kw: float, price_per_kwh: float) -> None:
        self.model = model
        self._power, self._price = power_kw, price_per_kwh
        self._money = power_kw * price_per_kwh * model.dt_h
        self._quadratic = model.quadratic.ravel() * power_kw / price_per_kwh
        self._linear = model.linear.ravel() / price_per_kwh
        self._lower, self._limit = model.lower.ravel() / power_kw, model.upper.ravel() / power_kw
        self._upper = np.where(np.isfinite(self._limit), np.minimum(self._limit, UNLIMITED), np.inf)
        # A carrier that touches nothing of this prosumer has no balance to keep.
        touched = model.balance.any(axis=(1, 2)) | model.fixed.any(axis=1)
        self._traded = np.flatnonzero(np.array(model.member))
        self._carriers = np.flatnonzero(touched | np.array(model.member))
        self._balance = balance_rows(model.balance[self._carriers])
        self._fixed = model.fixed[self._carriers].ravel() / power_kw
        self._own, own = model.equations
        self._owed = own / power_kw
        self._sale_columns = np.flatnonzero(np.isin(np.repeat(self._carriers, model.horizon), self._traded))
        self.multipliers: FloatArray = np.zeros(len(self._fixed) + len(self._owed))

    # -- the step of ADMM ---------------------------------------------------------------------------------------

    @cached_property
    def _step(self) -> DiagonalProgram:
        sales = len(self._sale_columns)
        minus_sale = sp.csr_array(
            (-np.ones(sales), (self._sale_columns, np.arange(sales))), shape=(len(self._fixed), sales)
        )
        nothing = sp.csr_array((len(self._owed), sales))
        return DiagonalProgram(
            quadratic=np.concatenate([self._quadratic, np.ones(sales)]),
            linear=np.concatenate([self._linear, np.zeros(sales)]),
            matrix=sp.vstack([sp.hstack([self._balance, minus_sale]), sp.hstack([self._own, nothing])]),
            rhs=np.concatenate([self._fixed, self._owed]),
            lower=np.concatenate([self._lower, np.full(sales, -np.inf)]),
            upper=np.concatenate([self._upper, np.full(sales, np.inf)]),
            tolerance=STEP_TOLERANCE,
        )

    def set_penalty(self, weight: FloatArray) -> None:
        """Set the penalty: `weight` of shape (C,), money per kW^2."""
        scaled = weight[self._traded] * self._power**2 / self._money
        self._weight = np.repeat(scaled, self.model.horizon)
        self._step.update(quadratic=np.concatenate([self._quadratic, self._weight]))

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """Net sale (C, T) in kW that answers `target_kw` (C, T); keeps the multipliers for `bound`."""
        target = target_kw[self._traded].ravel() / self._power
        self._step.update(linear=np.concatenate([self._linear, -self._weight * target]))
        solution = self._step.solve()
        self.multipliers = solution.y
        sale = np.zeros_like(target_kw)
        sale[self._traded] = solution.x[len(self._linear) :].reshape(-1, self.model.horizon) * self._power
        return sale

    # -- certificate --------------------------------------------------------------------------------------------

    def bound(self, price_per_kwh: FloatArray) -> float:
        """Money that no dispatch can undercut at node prices `price_per_kwh` (C, T), trades sold at them.

        Any multipliers give a valid value; the last step's make it tight.
        """
        y = self.multipliers.copy()
        prices = price_per_kwh[self._traded].ravel() / self._price
        y[self._sale_columns] = prices
        rows = len(self._fixed)
        slope = self._linear - self._balance.T @ y[:rows] - self._own.T @ y[rows:]
        best = np.where(slope >= 0, self._lower, self._limit)
        curved = self._quadratic > 0
        best[curved] = np.clip(-slope[curved] / self._quadratic[curved], self._lower[curved], self._limit[curved])
        least = np.sum(0.5 * self._quadratic * best**2 + slope * best)
        return float((least + y[:rows] @ self._fixed + y[rows:] @ self._owed) * self._money + self.model.constant)

    @cached_property
    def _best(self) -> DiagonalProgram:
        own = np.setdiff1d(np.arange(len(self._fixed)), self._sale_columns)
        return DiagonalProgram(
            quadratic=self._quadratic,
            linear=self._linear,
            matrix=sp.vstack([self._balance[own], self._own]),
            rhs=np.concatenate([self._fixed[own], self._owed]),
            lower=self._lower,
            upper=self._upper,
            tolerance=STEP_TOLERANCE,
        )

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """Find the multipliers that make `bound` at these prices as high as it can be (one more solve)."""
        prices = price_per_kwh[self._traded].ravel() / self._price
        self._best.update(linear=self._linear - self._balance[self._sale_columns].T @ prices)
        y = self._best.solve().y
        own = np.setdiff1d(np.arange(len(self._fixed)), self._sale_columns)
        self.multipliers = self.multipliers.copy()
        self.multipliers[own] = y[: len(own)]
        self.multipliers[len(self._fixed) :] = y[len(own) :]

    # -- completion ---------------------------------------------------------------------------------------------

    @cached_property
    def _complete(self) -> DiagonalProgram:
        return DiagonalProgram(
            quadratic=self._quadratic,
            linear=self._linear,
            matrix=sp.vstack([self._balance, self._own]),
            rhs=np.concatenate([self._fixed, self._owed]),
            lower=self._lower,
            upper=self._upper,
            tolerance=FINAL_TOLERANCE,
        )

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completion:
        """The cheapest dispatch that sells exactly `sale_kw` (C, T)."""
        rows, model = len(self._fixed), self.model
        fixed = self._fixed + sale_kw[self._carriers].ravel() / self._power
        self._complete.update(rhs=np.concatenate([fixed, self._owed]))
        solution = self._complete.solve()
        price = np.zeros_like(sale_kw)
        price[self._carriers] = solution.y[:rows].reshape(-1, model.horizon) * self._price
        return completion(model, (solution.x * self._power).reshape(model.lower.shape), price)


def completion(model: ProsumerModel, x: FloatArray, price_per_kwh: FloatArray) -> Completion:
    """Take stock of a dispatch `x` (K, T) in kW, rounded into its limits, with own prices (C, T)."""
    x = np.clip(x, model.lower, model.upper)
    unpriced = np.array([not is_penalty(variable) for variable in model.variables])
    cost = model.cost(x)
    return Completion(x, imbalance_kw(model, x), price_per_kwh, cost, cost - model.cost(x * unpriced[:, None]))


def balance_rows(balance: FloatArray) -> sp.csr_array:
    """(C, K, T) coefficients as a matrix of C T rows on the K T variables."""
    carriers, count, horizon = balance.shape
    c, k, t = np.nonzero(balance)
    return sp.csr_array(
        (balance[c, k, t], (c * horizon + t, k * horizon + t)), shape=(carriers * horizon, count * horizon)
    )
