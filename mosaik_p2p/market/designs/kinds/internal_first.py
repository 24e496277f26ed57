"""Internal response first: everyone balances itself as well as it can, and only what is left over is traded.

After Ma et al. in two stages. In the first, every prosumer for itself minimises

    own device cost + dt sum_c w_c |x_c|

with x_c what it exchanges of a carrier, whoever with and in either direction, at one weight w_c for all hours. In the
second, all devices are held to that, and an ordinary clearing finds trades, contracts and what renewables give.

What cannot be known alone is left to the second stage, so that the first one asks for nothing that will not be served:
renewables give all they can, or, which is the same to a prosumer, what they do not give counts as exchanged; and what
goes beyond its own contract, which only peers could bring or take, counts more than anything that devices can do.

Devices that answer no price of the others cannot make the others' energy cheaper: nobody gains by this design as a
whole. The cost is never below that of clearing everything together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.imbalance import LACK, solvable
from mosaik_p2p.market.problem import SCARCITY, MarketProblem, PreparedProblem, middle_offer
from mosaik_p2p.market.prosumer_step.completions import Completions
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.device import AVAILABLE
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, LACKING, Role, Variable
from mosaik_p2p.sections.ranges import CostPerKwh
from mosaik_p2p.units import CARRIERS, FloatArray

Renewables = Sequence[frozenset[str]]
"""By prosumer the names of its devices that give up to what sun or wind let them."""

BEYOND = 0.2
"""Of the scarcity price: twice what any device costs, and less than what is lacking at a deadline."""


class InternalFirst(Design):
    """Everyone first balances itself, then trades what is left over."""

    negotiates: ClassVar[bool] = True
    conceals: ClassVar[str] = (
        "Devices, levels of storages, profiles, costs, comfort and contracts. What it says is what it could not "
        "balance by itself: devices are settled before and answer no price, unless limits are negotiated."
    )
    example: ClassVar[str] = "{ weight_per_kwh = 0.5 }"
    weight_per_kwh: CostPerKwh | None = None
    """Currency per kWh: what exchanging a kWh, in either direction, counts as while a prosumer plans for itself.
    Default: the mean import price of the carrier over the look-ahead."""

    def clear(self, task: Task) -> Cleared:
        """Both stages over the whole look-ahead. See Design.

        Negotiation goes on from the market as it was stated: a surcharge is one that every device may answer.
        """
        renewables = renewables_of(task.prosumers)
        weights = exchange_weights(task.problem, self.weight_per_kwh)
        planned = planned_alone(task.problem, renewables, weights)
        clearing = task.clear(held_to(task.problem, renewables, planned), task.start)
        return Cleared(clearing, raw=task.raw, problem=task.problem)


def renewables_of(prosumers: Sequence[Prosumer]) -> Renewables:
    """The devices that go by what is available."""
    return [
        frozenset(
            device.name
            for device in prosumer.devices
            if any(profile.quantity == AVAILABLE for profile in device.profiles())
        )
        for prosumer in prosumers
    ]


def exchange_weights(problem: MarketProblem, weight_per_kwh: float | None) -> FloatArray:
    """(C,) what a kWh exchanged counts as: `weight_per_kwh`, or by default the carrier's mean import price.

    A carrier that nobody imports counts as the middle of all offers; where importing is paid for, nothing counts.
    """
    if weight_per_kwh is not None:
        return np.full(len(CARRIERS), weight_per_kwh)
    prices: list[list[FloatArray]] = [[] for _ in CARRIERS]
    for model in problem.models:
        for k, variable in enumerate(model.variables):
            if variable.type == CONTRACT and variable.role == Role.IMPORT:
                prices[carrier_of(model, k)].append(model.linear[k])
    means = [float(np.mean(own)) if own else middle_offer(problem) for own in prices]
    return np.maximum(means, 0.0)


def planned_alone(problem: PreparedProblem, renewables: Renewables, weights_per_kwh: FloatArray) -> Completions:
    """The first stage: everyone's dispatch where a kWh exchanged counts as its carrier's weight (C,).

    What a place is charged for does not enter. Raises NotSolved where a prosumer's problem has no numerical solution.
    """
    prices = _Prices.of(problem, weights_per_kwh)
    models = tuple(_for_itself(model, own, prices) for model, own in zip(problem.models, renewables, strict=True))
    dispatch, _ = Fleet(solvable(replace(problem, models=models, place=None))).one_way_dispatch(np.zeros(problem.shape))
    return dispatch


@dataclass(frozen=True)
class _Prices:
    """What counts how much in the first stage, per kWh: an exchange (C,) least, then one beyond the contract, then a
    deadline that is missed, and a load that is not served most."""

    exchanged: FloatArray
    beyond: float
    lacking: float
    unserved: float

    @classmethod
    def of(cls, problem: PreparedProblem, weights_per_kwh: FloatArray) -> "_Prices":
        """In the proportions that the market has, above both the costs of all devices and the weights."""
        scarcity = max(problem.scarcity_price_per_kwh, SCARCITY * float(weights_per_kwh.max()))
        return cls(weights_per_kwh, BEYOND * scarcity, LACK * scarcity, scarcity)

    def per_kwh(self, model: ProsumerModel, k: int) -> float | None:
        """Of row `k` of `x`; None of what costs what it costs."""
        variable = model.variables[k]
        if variable.role in LACKING:
            return self.lacking
        if variable.type == CONTRACT:
            return float(self.exchanged[carrier_of(model, k)])
        if variable.type == IMBALANCE:
            by_peers = model.member[carrier_of(model, k)] and not variable.is_behind_meter
            return self.beyond if by_peers else self.unserved
        return None


def _for_itself(model: ProsumerModel, renewables: frozenset[str], prices: _Prices) -> ProsumerModel:
    """The problem of one prosumer in the first stage; see the head of this file."""
    linear, quadratic = model.linear.copy(), model.quadratic.copy()
    for k, variable in enumerate(model.variables):
        price = prices.per_kwh(model, k)
        if price is not None:
            linear[k] = price
        elif _is_free(variable, renewables):
            # Whether it is given away or not given: both are what the prosumer has no use for.
            linear[k], quadratic[k] = -prices.exchanged[carrier_of(model, k)], 0.0
    return replace(model, linear=linear, quadratic=quadratic)


def held_to(problem: PreparedProblem, renewables: Renewables, dispatch: Completions) -> PreparedProblem:
    """The second stage: the market in which all devices but renewables do what `dispatch` says."""
    models = tuple(
        _held(model, own, done.x) for model, own, done in zip(problem.models, renewables, dispatch, strict=True)
    )
    return replace(problem, models=models)


def _held(model: ProsumerModel, renewables: frozenset[str], x: FloatArray) -> ProsumerModel:
    lower, upper = model.lower.copy(), model.upper.copy()
    for k, variable in enumerate(model.variables):
        if variable.is_device and not _is_free(variable, renewables):
            lower[k] = upper[k] = x[k]
    # What is held keeps the sums over intervals already, to a solver's tolerance.
    return replace(model, lower=lower, upper=upper, storages=(), totals=())


def _is_free(variable: Variable, renewables: frozenset[str]) -> bool:
    """Whether it is what a renewable gives, which may be curtailed in the second stage."""
    return variable.device in renewables and variable.role == Role.POWER


def carrier_of(model: ProsumerModel, k: int) -> int:
    """The carrier that row `k` of `x` adds to or takes from."""
    return int(np.flatnonzero(model.balance[:, k].any(axis=1))[0])
