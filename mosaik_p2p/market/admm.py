"""Consensus ADMM for the market, the same iteration for every form.

With w = z + u (Douglas-Rachford's variable; Boyd et al. 2011, section 3; Eckstein and Bertsekas 1992):

    z = agree(w)                      the network's (the pairs') step
    s = respond(2 z - w)              every prosumer's step
    w <- w + relaxation (s - z)

accelerated by Anderson's method on sqrt(rho) w. Every fifth step is a plain one: there the residuals are measured, the
penalty of each carrier is balanced, and the stopping rule is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.anderson import Anderson
from mosaik_p2p.market.certificate import Certificate, certify
from mosaik_p2p.market.fleet import Fleet
from mosaik_p2p.market.form import Agreement, Form
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.units import FloatArray

RELAXATION = 1.2
PLAIN_EVERY = 5
FIRST_PENALTY = 0.25
"""Any factor from 0.1 to 4 serves; the balancing finds the rest."""
SIZE_EXPONENT = -0.5
LEAST_SPREAD = 0.05
"""Part of the mean price that the spread of prices is taken to be at the least."""
WORTHLESS = 1e-3
"""Part of the largest offer that the spread is taken to be at the least, where prices are as good as nothing."""
NOTICEABLE = 1e-2
"""Part of all loads, and of the largest offer, that residuals are compared with at the least."""
LEAST_OF_SIZES = 1e-4
BALANCE_UNTIL = 200
BALANCE_BAND = 1.3
BALANCE_CAP = 3.0


@dataclass(frozen=True)
class Start:
    """Where to begin: trades z laid out as the form has them, prices (C, T, N), penalty (C, N) money per kW^2."""

    z: FloatArray
    price_per_kwh: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class Residuals:
    """Relative residuals per carrier, (C,) each (Boyd et al. 2011, section 3.3)."""

    primal: FloatArray
    dual: FloatArray

    @property
    def worst(self) -> float:
        """The largest of them."""
        return float(max(self.primal.max(), self.dual.max()))


@dataclass(frozen=True)
class Outcome:
    """Where the iteration ended."""

    converged: bool
    iterations: int
    residuals: Residuals
    certificate: Certificate
    end: Start

    def within(self, relative_gap: float) -> bool:
        """Whether residuals and gap are at most this."""
        return max(self.residuals.worst, self.certificate.relative_gap) <= relative_gap


def cold_start(fleet: Fleet, form: Form) -> Start:
    """No trade, the median of the prices that prosumers have alone, a penalty from the data's own scales."""
    alone = fleet.alone.price_per_kwh
    price = np.clip(alone, -fleet.price_scale, fleet.price_scale)
    member = fleet.problem.member
    middle = np.zeros_like(price)
    weight = np.ones(member.shape)
    sizes = fleet.power_kw / np.exp(np.mean(np.log(fleet.power_kw)))
    for c, who in enumerate(member):
        if not who.any():
            continue
        own = price[c][:, who]
        middle[c] = np.median(own, axis=1, keepdims=True)
        spread = np.sqrt(np.mean((own - own.mean(axis=1, keepdims=True)) ** 2))
        spread = max(float(spread), LEAST_SPREAD * float(np.abs(own).mean()), WORTHLESS * fleet.price_scale)
        load = float(np.sqrt(np.mean(fleet.alone.load_kw[c][:, who] ** 2))) or float(fleet.power_kw.mean())
        weight[c] = FIRST_PENALTY * spread * fleet.problem.dt_h / load * sizes**SIZE_EXPONENT
    return Start(np.zeros(form.shape), middle, weight)


def run(
    fleet: Fleet, form: Form, start: Start, settings: Settings, *, on_check: Callable[[int, float], None] | None = None
) -> Outcome:
    """Iterate until residuals and certificate are within `settings.relative_gap`, or `max_iterations` is reached."""
    weight = start.weight
    w = form.start(start.z, start.price_per_kwh, weight)
    fleet.weigh(form.prosumer_weight(weight))
    agreed = form.agree(w, weight)
    memory = Anderson()
    offers = fleet.price_scale * fleet.problem.dt_h * np.sqrt(form.shape[1] * form.shape[2])
    floor = _least_power(fleet), NOTICEABLE * offers
    residuals, certificate = Residuals(np.array([np.inf]), np.array([np.inf])), None
    for iteration in range(1, settings.max_iterations + 1):
        v = 2.0 * agreed.z - w
        answer = form.spread(v, fleet.respond(form.target(v)))
        if iteration % PLAIN_EVERY:
            w = _accelerated(memory, form, weight, w, w + RELAXATION * (answer - agreed.z))
            agreed = form.agree(w, weight)
            continue
        before, w = agreed, w + answer - agreed.z
        agreed = form.agree(w, weight)
        residuals = _residuals(form, weight, answer, before, agreed, w, floor)
        if on_check is not None:
            on_check(iteration, residuals.worst)
        if residuals.worst <= settings.relative_gap:
            certificate = certify(fleet, form, agreed.z, agreed.price_per_kwh, wanted=settings.relative_gap)
            if certificate.relative_gap <= settings.relative_gap:
                break
        if iteration <= BALANCE_UNTIL:
            factor = _balance(residuals)
            if (factor != 1.0).any():
                weight = weight * factor[:, None]
                w = agreed.z + (w - agreed.z) / factor[:, None, None]
                fleet.weigh(form.prosumer_weight(weight))
                memory.restart()
    if certificate is None:
        certificate = certify(fleet, form, agreed.z, agreed.price_per_kwh, wanted=settings.relative_gap)
    converged = certificate.relative_gap <= settings.relative_gap and residuals.worst <= settings.relative_gap
    return Outcome(converged, iteration, residuals, certificate, Start(agreed.z, agreed.price_per_kwh, weight))


def _least_power(fleet: Fleet) -> FloatArray:
    """(C,) norms of power that primal residuals are related to at the least: of loads, or of sizes where none are."""
    of_loads = np.sqrt(np.sum(fleet.alone.load_kw**2, axis=(1, 2)))
    members = np.where(fleet.problem.member, fleet.power_kw, 0.0)
    of_sizes = np.sqrt(fleet.problem.shape[1] * np.sum(members**2, axis=1))
    result: FloatArray = np.maximum(NOTICEABLE * of_loads, LEAST_OF_SIZES * of_sizes)
    return result


def _accelerated(memory: Anderson, form: Form, weight: FloatArray, w: FloatArray, image: FloatArray) -> FloatArray:
    scale = np.sqrt(form.weights(weight))
    step = memory.step((w * scale).ravel(), (image * scale).ravel())
    result: FloatArray = step.reshape(w.shape) / scale
    return result


def _residuals(
    form: Form,
    weight: FloatArray,
    answer: FloatArray,
    before: Agreement,
    after: Agreement,
    w: FloatArray,
    floor: tuple[FloatArray, float],
) -> Residuals:
    rho = form.weights(weight)
    primal = _norm(answer - after.z) / np.maximum(
        np.maximum(_norm(answer), _norm(after.z)), np.maximum(floor[0], 1e-300)
    )
    dual = _norm(rho * (after.z - before.z)) / np.maximum(_norm(rho * (w - after.z)), max(floor[1], 1e-300))
    return Residuals(primal, dual)


def _norm(a: FloatArray) -> FloatArray:
    """(C,) Euclidean norm of each carrier's part."""
    result: FloatArray = np.sqrt(np.sum(a * a, axis=(1, 2)))
    return result


def _balance(residuals: Residuals) -> FloatArray:
    """Factor on each carrier's penalty that pulls primal and dual residual together."""
    # Where both vanish there is nothing to balance; one alone pulls as far as one step may go.
    small = 1e-12
    ratio = np.maximum(residuals.primal, small) / np.maximum(residuals.dual, small)
    factor = np.clip(np.sqrt(ratio), 1 / BALANCE_CAP, BALANCE_CAP)
    return np.where((ratio > BALANCE_BAND) | (ratio < 1 / BALANCE_BAND), factor, 1.0)
