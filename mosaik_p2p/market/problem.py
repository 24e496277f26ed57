"""What one clearing is asked to solve.

    minimise    sum_i cost_i(x_i)  +  dt sum_t sum_{i<j} K_ij,t |p_ij,t| + A_ij p_ij,t^2     (and the same for heat)
                + dt sum_t sum_i nu_i,t X_i,t + eta_i,t s_i,t
    subject to  each prosumer's own equations and limits,  s_i = sum_j p_ij,  p_ij + p_ji = 0

with K_ij what both ends of a trade pay per kWh together, less what they value it for, and A_ij their preferences (Chen
and Liu 2025, eqs. 1-4 and 21-22); nu_i and eta_i what a place is charged for what its devices inject, X_i, and for what
it sells. `placed` puts these into the prosumers' own costs, so that no step of any algorithm knows of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.market.algorithms.admm import Admm
from mosaik_p2p.market.iteration.driver import Algorithm
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, LACKING, Variable
from mosaik_p2p.units import CARRIERS, FloatArray

SCARCITY = 10.0
"""The scarcity price in units of the steepest marginal cost that anyone can have."""
DEAREST = 100.0
"""In middle offers: a price beyond is no measure of what others pay."""
UNLIMITED = 1e3
"""In units of a prosumer's size: a limit beyond it is none, and a solver fares better with a number it can see."""
SMALLEST = 0.02
"""Least size of a prosumer, of the largest one's: who has a battery only has no load of its own to go by."""


@dataclass(frozen=True)
class MarketProblem:
    """N prosumers, C carriers, T intervals of `dt_h` hours."""

    models: tuple[ProsumerModel, ...]
    charges: tuple[AnyCharges, ...]
    """One per carrier, in the order of `units.CARRIERS`."""
    dt_h: float
    place: PlaceCharges | None = None
    """What places are charged; None: nothing, or it stands in the models already (see `placed`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the prosumers."""
        return tuple(model.name for model in self.models)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, T, N)."""
        return len(CARRIERS), self.models[0].horizon, len(self.models)

    @cached_property
    def steepest_price_per_kwh(self) -> float:
        """The steepest marginal cost that anyone can have, imbalances aside; 1 where nothing costs anything."""
        return max(_steepest(model) for model in self.models) or 1.0

    @cached_property
    def member(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """(C, N): who may trade which carrier."""
        return np.array([model.member for model in self.models]).T

    @cached_property
    def imbalance_price_per_kwh(self) -> FloatArray:
        """(C, T, N): at which price an imbalance can be had; infinite where there is none."""
        return imbalance_prices(self.models)


@dataclass(frozen=True)
class PreparedProblem(MarketProblem):
    """A market in which imbalances are priced, and which so has a solution: what can be cleared.

    `imbalance.with_imbalance_priced` makes it; `dataclasses.replace` keeps it one.
    """

    scarcity_price_per_kwh: float = field(kw_only=True)
    """What an imbalance costs: a price above all others."""


AnyProblem = TypeVar("AnyProblem", bound=MarketProblem)


@dataclass(frozen=True)
class Settings:
    """When a clearing may stop. `relative_gap` also bounds the relative primal and dual residuals.

    The first `binding` intervals get trades.
    """

    form: str = "auto"
    algorithm: type[Algorithm[Any]] = Admm
    relative_gap: float = 1e-3
    max_iterations: int = 5000
    binding: int = 1


def placed(problem: AnyProblem) -> AnyProblem:
    """The same market with the charges of places among the prosumers' own costs; itself where there are none.

    On injections they are a cost of what devices add to a balance, less what loads take from it; on trades of what
    contracts add, too. Imbalances keep their price, which has to be one for everybody.
    """
    if problem.place is None:
        return problem
    both, trades = problem.place.total, problem.place.trades
    models = tuple(_placed(model, both[:, :, i], trades[:, :, i]) for i, model in enumerate(problem.models))
    return replace(problem, models=models, place=None)


def _placed(model: ProsumerModel, on_devices: FloatArray, on_contracts: FloatArray) -> ProsumerModel:
    """A prosumer's problem with charges (C, T) per kWh that devices, and contracts, add to its balances."""
    if not (on_devices.any() or on_contracts.any()):
        return model
    linear = model.linear.copy()
    for k, variable in enumerate(model.variables):
        if variable.is_device:
            linear[k] += (on_devices * model.balance[:, k]).sum(axis=0)
        elif variable.type == CONTRACT:
            linear[k] += (on_contracts * model.balance[:, k]).sum(axis=0)
    constant = model.constant - model.dt_h * float((on_devices * model.fixed).sum())
    return replace(model, linear=linear, constant=constant)


def imbalance_prices(models: Sequence[ProsumerModel]) -> FloatArray:
    """(C, T, N): what being short of, or left with, a carrier costs; infinite where that cannot be."""
    result = np.full((len(CARRIERS), models[0].horizon, len(models)), np.inf)
    for i, model in enumerate(models):
        for k, variable in enumerate(model.variables):
            if variable.type == IMBALANCE:
                carrier = CARRIERS.index(variable.device)
                result[carrier, :, i] = np.minimum(result[carrier, :, i], model.linear[k])
    return result


def is_penalty(variable: Variable) -> bool:
    """Whether its price stands for something that ought not to happen, and is nobody's offer."""
    return variable.type == IMBALANCE or variable.role in LACKING


def _steepest(model: ProsumerModel) -> float:
    rows = [k for k, variable in enumerate(model.variables) if not is_penalty(variable)]
    reach = np.maximum(np.abs(model.lower[rows]), np.abs(model.upper[rows]))
    # Where there is no limit, a solver's own one stands for it.
    reach = np.where(np.isfinite(reach), reach, UNLIMITED * model.size_kw)
    return float((np.abs(model.linear[rows]) + model.quadratic[rows] * reach).max(initial=0.0))


def highest_price(problem: MarketProblem) -> float:
    """The largest price that anyone offers, currency per kWh: the scale of all prices.

    An offer that nobody is to take ("1e6 if all else fails") is not one: it would leave the others no digits.
    """
    highest = max((float(prices.max(initial=0.0)) for prices in _offers(problem)), default=0.0) or 1.0
    return min(highest, DEAREST * middle_offer(problem))


def middle_offer(problem: MarketProblem) -> float:
    """The median of the prices that anyone offers, currency per kWh, free ones aside; 1 where all is free."""
    prices = np.concatenate([prices.ravel() for prices in _offers(problem)])
    return float(np.median(prices[prices > 0.0])) if prices.any() else 1.0


def _offers(problem: MarketProblem) -> Iterator[FloatArray]:
    """By prosumer, the sizes of its contracts' prices, or of its devices' where it has no contract."""
    for model in problem.models:
        contract = [k for k, variable in enumerate(model.variables) if variable.type == CONTRACT]
        rows = contract or [k for k, variable in enumerate(model.variables) if not is_penalty(variable)]
        yield np.abs(model.linear[rows])


def power_scale(problem: MarketProblem) -> FloatArray:
    """(N,): a size in kW for each prosumer; who has no load or plant of its own gets a small one."""
    size = np.array([model.size_kw for model in problem.models])
    largest = float(size.max(initial=0.0)) or 1.0
    result: FloatArray = np.maximum(size, SMALLEST * largest)
    return result
