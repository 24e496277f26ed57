"""What one clearing is asked to solve.

    minimise    sum_i cost_i(x_i)  +  dt sum_t sum_{i<j} K_ij,t |p_ij,t| + A_ij p_ij,t^2     (and the same for heat)
                + dt sum_t sum_i nu_i,t X_i,t + eta_i,t s_i,t
    subject to  each prosumer's own equations and limits,  s_i = sum_j p_ij,  p_ij + p_ji = 0

with K_ij what both ends of a trade pay per kWh together, less what they value it for, and A_ij their preferences (Chen
and Liu 2025, eqs. 1-4 and 21-22); nu_i and eta_i what a place is charged for what its devices inject, X_i, and for what
it sells. `placed` puts these into the prosumers' own costs, so that no step of any algorithm knows of them.
"""

from collections.abc import Callable, Sequence
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
from mosaik_p2p.prosumers.table import CONSTANT, LINEAR, LOWER, QUADRATIC, UPPER, ModelTable
from mosaik_p2p.prosumers.tabulating import table_of
from mosaik_p2p.units import CARRIERS, FloatArray, IntArray

SCARCITY = 10.0
"""The scarcity price in units of the steepest marginal cost that anyone can have."""
DEAREST = 100.0
"""In middle offers: a price beyond is no measure of what others pay."""
UNLIMITED = 1e3
"""In units of a prosumer's size: a limit beyond it is none, and a solver fares better with a number it can see."""
COSTED = (LOWER, UPPER, LINEAR, QUADRATIC)
"""What says how steep a row's cost can get."""
TOGETHER = 50_000
"""Rows that are written out at a time."""
SMALLEST = 0.02
"""Least size of a prosumer, of the largest one's: who has a battery only has no load of its own to go by."""

About = TypeVar("About")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class MarketProblem:
    """N prosumers, C carriers, T intervals of `dt_h` hours."""

    models: Sequence[ProsumerModel]
    """A tuple, or a table that makes them when they are asked for; see `table`."""
    charges: tuple[AnyCharges, ...]
    """One per carrier, in the order of `units.CARRIERS`."""
    dt_h: float
    place: PlaceCharges | None = None
    """What places are charged; None: nothing, or it stands in the models already (see `placed`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the prosumers."""
        return tuple(self.table.names)

    @cached_property
    def table(self) -> ModelTable:
        """The models side by side: what is computed for everyone at once goes by it."""
        return table_of(self.models)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, T, N)."""
        return len(CARRIERS), self.table.horizon, len(self.table)

    @cached_property
    def steepest_price_per_kwh(self) -> float:
        """The steepest marginal cost that anyone can have, imbalances aside; 1 where nothing costs anything."""
        return _steepest(self.table) or 1.0

    @cached_property
    def member(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """(C, N): who may trade which carrier."""
        return self.table.member.T

    @cached_property
    def imbalance_price_per_kwh(self) -> FloatArray:
        """(C, T, N): at which price an imbalance can be had; infinite where there is none. Read-only."""
        return imbalance_prices(self.table)

    @property
    def highest_price_per_kwh(self) -> float:
        """See `highest_price`."""
        largest, middle = self._offered_per_kwh
        return min(largest or 1.0, DEAREST * middle)

    @property
    def middle_offer_per_kwh(self) -> float:
        """See `middle_offer`."""
        return self._offered_per_kwh[1]

    @cached_property
    def _offered_per_kwh(self) -> tuple[float, float]:
        """The largest price that anyone offers, and the median."""
        prices, often = _offers(self.table)
        return float(prices.max(initial=0.0)), _median(prices, often)


@dataclass(frozen=True)
class PreparedProblem(MarketProblem):
    """A market in which imbalances are priced, and which so has a solution: what can be cleared.

    `imbalance.with_imbalance_priced` makes it; `dataclasses.replace` keeps it one.
    """

    scarcity_price_per_kwh: float = field(kw_only=True)
    """What an imbalance costs: a price above all others."""
    _kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, make: "Callable[[PreparedProblem, About], Kept]", about: About) -> Kept:
        """`make(self, about)`: asked for when it is needed first, and kept.

        A negotiation clears the same market again and again, within other limits each time.
        """
        key = (make, about)
        if key not in self._kept:
            self._kept[key] = make(self, about)
        kept: Kept = self._kept[key]
        return kept


AnyProblem = TypeVar("AnyProblem", bound=MarketProblem)


@dataclass(frozen=True)
class Settings:
    """When a clearing may stop. `relative_gap` also bounds the relative primal and dual residuals (see
    `scales.residual_limit`).

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


def imbalance_prices(table: ModelTable) -> FloatArray:
    """(C, T, N): what being short of, or left with, a carrier costs; infinite where that cannot be. Read-only, and in
    the room of one interval where all are alike."""
    rows = np.flatnonzero(table.which([kind.type == IMBALANCE for kind in table.kinds]))
    carrier: IntArray = np.array([_carrier_of(kind) for kind in table.kinds])[table.kind[rows]]
    alike = bool((table.series[LINEAR, rows] == CONSTANT).all())
    result = np.full((len(CARRIERS), 1 if alike else table.horizon, len(table)), np.inf)
    for t in range(result.shape[1]):
        np.minimum.at(result[:, t], (carrier, table.owner[rows]), table.at(LINEAR, t, rows))
    return np.broadcast_to(result, (len(CARRIERS), table.horizon, len(table)))


def _carrier_of(kind: Variable) -> int:
    """Of an imbalance, which is named after its carrier; -1 of anything else."""
    return CARRIERS.index(kind.device) if kind.type == IMBALANCE else -1


def is_penalty(variable: Variable) -> bool:
    """Whether its price stands for something that ought not to happen, and is nobody's offer."""
    return variable.type == IMBALANCE or variable.role in LACKING


def _steepest(table: ModelTable) -> float:
    rows = np.flatnonzero(table.which([not is_penalty(kind) for kind in table.kinds]))
    # Where there is no limit, a solver's own one stands for it.
    unlimited = UNLIMITED * table.size_kw[table.owner[rows]]
    varies = (table.series[list(COSTED)][:, rows] != CONSTANT).any(axis=0)
    # What is the same in all intervals is looked at once.
    slopes = [
        _largest_slope([table.at(quantity, 0, rows[~varies])[:, None] for quantity in COSTED], unlimited[~varies])
    ]
    for begin in range(0, int(varies.sum()), TOGETHER):
        part = np.flatnonzero(varies)[begin : begin + TOGETHER]
        slopes.append(_largest_slope([table.rows(quantity, rows[part]) for quantity in COSTED], unlimited[part]))
    return max(slopes)


def _largest_slope(numbers: Sequence[FloatArray], unlimited: FloatArray) -> float:
    """The steepest marginal cost of rows with these `COSTED`, (n, T) each; `unlimited` (n,) stands for infinite
    limits."""
    lower, upper, linear, quadratic = numbers
    reach = np.maximum(np.abs(lower), np.abs(upper))
    reach = np.where(np.isfinite(reach), reach, unlimited[:, None])
    return float((np.abs(linear) + quadratic * reach).max(initial=0.0))


def highest_price(problem: MarketProblem) -> float:
    """The largest price that anyone offers, currency per kWh: the scale of all prices.

    An offer that nobody is to take ("1e6 if all else fails") is not one: it would leave the others no digits.
    """
    return problem.highest_price_per_kwh


def middle_offer(problem: MarketProblem) -> float:
    """The median of the prices that anyone offers, currency per kWh, free ones aside; 1 where all is free."""
    return problem.middle_offer_per_kwh


def _offers(table: ModelTable) -> tuple[FloatArray, IntArray]:
    """The sizes of the prices of everyone's contracts, or of its devices where it has no contract, and how often each
    is offered: in how many intervals."""
    contract = table.which([kind.type == CONTRACT for kind in table.kinds])
    device = table.which([not is_penalty(kind) for kind in table.kinds])
    rows = np.flatnonzero(contract | (device & ~table.any_of(contract)[table.owner]))
    series = table.series[LINEAR, rows]
    alike = np.abs(table.value[LINEAR, rows[series == CONSTANT]])
    position, count = np.unique(series[series != CONSTANT], return_counts=True)
    several = np.abs(table.pool[position]).ravel()
    often = np.concatenate([np.full(len(alike), table.horizon), np.repeat(count, table.horizon)])
    return np.concatenate([alike, several]), often


def _median(prices: FloatArray, often: IntArray) -> float:
    """Of the prices above zero, each counted as often as it is offered; 1 without."""
    some = np.flatnonzero(prices > 0.0)
    if not len(some):
        return 1.0
    order = some[np.argsort(prices[some], kind="stable")]
    upto = np.cumsum(often[order])
    middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
    return float(prices[order[middle]].mean())


def power_scale(problem: MarketProblem) -> FloatArray:
    """(N,): a size in kW for each prosumer; who has no load or plant of its own gets a small one."""
    size = problem.table.size_kw
    largest = float(size.max(initial=0.0)) or 1.0
    result: FloatArray = np.maximum(size, SMALLEST * largest)
    return result
