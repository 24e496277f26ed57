"""A market of prosumers and a form, as an algorithm sees it."""

from typing import Protocol

import numpy as np

from mosaik_p2p.market.certificate import Certificate, certify
from mosaik_p2p.market.iteration.driver import NOTICEABLE, Agreement, OnCheck, Outcome, Start, State, iterate
from mosaik_p2p.market.iteration.scales import first_weight, relative_sizes, residual_limit
from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Alone, Fleet
from mosaik_p2p.units import FloatArray

NO_LOAD = 1e-6
"""Of the mean size: less is drawn by nobody."""
LEAST_OF_SIZES = 1e-4
"""Part of the sizes that a power is compared with at the least."""


class Known(Protocol):
    """What is known of prosumers before they answer anything."""

    @property
    def problem(self) -> MarketProblem:
        """Who takes part, in how many intervals."""

    @property
    def price_scale(self) -> float:
        """The largest offer, currency per kWh."""

    @property
    def power_kw(self) -> FloatArray:
        """(N,) sizes."""

    @property
    def alone(self) -> Alone:
        """What they would do without peers."""


class FormSides:
    """The network's side of `iteration.Sides`, whoever answers it."""

    def __init__(self, known: Known, form: Form) -> None:
        self._form = form
        offers = known.price_scale * known.problem.dt_h * np.sqrt(form.shape[1] * form.shape[2])
        self.floor = (_least_power(known), float(NOTICEABLE * offers))

    def lay(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Sides."""
        return self._form.start(z, price_per_kwh, weight)

    def laid(self, weight: FloatArray) -> FloatArray:
        """See Sides."""
        return self._form.weights(weight)

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """See Sides."""
        return self._form.agree(w, weight)

    def judged_below(self, relative_gap: float) -> float:
        """A certificate costs as much as a step, and far from the point of rest it tells nothing."""
        return relative_gap

    def residual_limit(self, relative_gap: float) -> float:
        """See Sides."""
        return relative_gap


class MarketSides(FormSides):
    """See `iteration.Sides`."""

    def __init__(self, fleet: Fleet, form: Form) -> None:
        super().__init__(fleet, form)
        self._fleet = fleet
        self._weight: FloatArray | None = None

    def respond(self, v: FloatArray, weight: FloatArray) -> FloatArray:
        """See Sides. Telling the prosumers' programmes of another weight takes its time."""
        if weight is not self._weight:
            self._fleet.set_penalty(self._form.prosumer_weight(weight))
            self._weight = weight
        return self._form.spread(v, self._fleet.proximal_step(self._form.target(v)))

    def judged_below(self, relative_gap: float) -> float:
        """See FormSides."""
        return self.residual_limit(relative_gap)

    def residual_limit(self, relative_gap: float) -> float:
        """See Sides."""
        return residual_limit(relative_gap, self._form.shape[2])

    def judged(self, state: State, *, wanted: float) -> Certificate:
        """See Sides."""
        return certify(self._fleet, self._form, state.z, state.price_per_kwh, wanted=wanted)


def cleared_by(
    fleet: Fleet, form: Form, start: Start | None, settings: Settings, on_check: OnCheck[Certificate] | None
) -> Outcome[Certificate]:
    """Where the algorithm of the settings ends, from `start` if it fits, else from the data alone."""
    fleet.set_accuracy(settings.relative_gap)
    begin = start if start is not None and start.z.shape == form.shape else cold_start(fleet, form)
    return iterate(
        MarketSides(fleet, form),
        settings.algorithm(),
        begin,
        relative_gap=settings.relative_gap,
        max_iterations=settings.max_iterations,
        on_check=on_check,
    )


def cold_start(known: Known, form: Form) -> Start:
    """No trade, the median of the prices that prosumers have alone, a penalty from the data's own scales."""
    alone = known.alone.price_per_kwh
    price = np.clip(alone, -known.price_scale, known.price_scale)
    member = known.problem.member
    middle = np.zeros_like(price)
    weight = np.ones(member.shape)
    sizes = relative_sizes(known.power_kw)
    for c, who in enumerate(member):
        if not who.any():
            continue
        own = price[c][:, who]
        middle[c] = np.median(own, axis=1, keepdims=True)
        load, size = float(np.sqrt(np.mean(known.alone.load_kw[c][:, who] ** 2))), float(known.power_kw.mean())
        # Where nobody draws anything, a solver's rounding is no load either.
        load = load if load > NO_LOAD * size else size
        weight[c] = first_weight(own, sizes, largest_offer=known.price_scale, load_kw=load, dt_h=known.problem.dt_h)
    return Start(np.zeros(form.shape), middle, weight)


def _least_power(known: Known) -> FloatArray:
    """(C,) norms of power that primal residuals are related to at the least: of loads, or of sizes where none are."""
    of_loads = np.sqrt(np.sum(known.alone.load_kw**2, axis=(1, 2)))
    members = np.where(known.problem.member, known.power_kw, 0.0)
    of_sizes = np.sqrt(known.problem.shape[1] * np.sum(members**2, axis=1))
    result: FloatArray = np.maximum(NOTICEABLE * of_loads, LEAST_OF_SIZES * of_sizes)
    return result
