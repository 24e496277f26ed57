"""Analytical target cascading between the operator and the market (Xiao and others).

    t      = targets of the operator, which keep its limits         (operator_level)
    X      = answers of the market, which knows of no limits        (market_level)
    alpha <- alpha + 2 beta^2 (t - X),   then beta may grow

Update of alpha only where the levels have come to rest with each other: the operator's own slope is off by 2 beta^2
times what X last moved by, which has to be a small part of what alpha changes by, 2 beta^2 |t - X|. With one exchange
for each update and beta grown every time, both come to rest anywhere, with |t - X| as small as one likes: so beta grows
only where |t - X| did not halve, and nothing is accepted but on the certificate of the whole market under its limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.certificate import Certificate, certify
from mosaik_p2p.market.designs.cascade.market_level import MarketLevel, Pull
from mosaik_p2p.market.designs.cascade.operator_level import OperatorLevel
from mosaik_p2p.market.iteration.anderson import Anderson
from mosaik_p2p.market.iteration.driver import (
    UNKNOWN,
    Agreement,
    OnCheck,
    Outcome,
    Residuals,
    Start,
    norms,
    primal_residual,
)
from mosaik_p2p.market.negotiation.operator_step import ConstrainedFleet, OperatorForm
from mosaik_p2p.market.problem import PreparedProblem, Settings, highest_price
from mosaik_p2p.market.sides import cold_start
from mosaik_p2p.units import FloatArray

RESTS = 0.1
"""Of |t - X|: levels of which the market's answer moves by less from one exchange to the next have come to rest."""
HALVED = 0.5
MOST_EXCHANGES = 40
"""For one update."""
ITERATIONS = 10
"""Of the market's own algorithm for one exchange."""
LAST_EXCHANGE = 1000
"""After which it has lost its way."""
STIFFEST = 1e3
"""In first weights: with more neither level moves noticeably."""


@dataclass(frozen=True)
class Cascaded(Start):
    """Where the cascade ended: beside it the operator's prices, and what it took."""

    alpha_per_kwh: FloatArray
    """(C, T, N) money per kWh; less these are surcharges and priced losses."""
    apart_kw: float
    """The largest |t - X|."""
    updates: int
    exchanges: int
    """Targets one way, answers the other."""


@dataclass(frozen=True)
class Schedule:
    """How the weight grows, and how long the levels exchange before an update."""

    growth: float = 1.5
    """Of beta, from one update to the next where |t - X| did not fall as it should."""
    first_weight: float | None = None
    """2 beta_0^2, money per kW^2 and hour; None: of the market's own curvature."""
    stiffest: float = STIFFEST
    """In first weights: how far it grows at most."""
    should_fall_to: float = HALVED
    """Of |t - X| before, where the weight is not to grow."""
    most_exchanges: int = MOST_EXCHANGES


@dataclass(frozen=True)
class _Point:
    """Between two exchanges."""

    end: Start
    """Of the market's level."""
    heard_kw: FloatArray
    """(C, T, N) the answers that the next targets are set by: those of the market, accelerated."""
    target_kw: FloatArray
    alpha_per_kwh: FloatArray
    weight: float
    moved_kw: FloatArray
    """What the last answers were off from those that its targets had been set by."""
    of_market: Residuals
    exchanges: int = 0
    iterations: int = 0
    updates: int = 0

    @property
    def apart_kw(self) -> float:
        """The largest |t - X|."""
        return float(np.abs(self.target_kw - self.end.z).max())


class Cascade:
    """A way to the point of rest under rows; see `constrained_clearing.Way`."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __call__(
        self,
        fleet: ConstrainedFleet,
        form: OperatorForm,
        start: Start | None,
        settings: Settings,
        on_check: OnCheck[Certificate] | None,
    ) -> Outcome[Certificate]:
        """See Way. `settings.max_iterations` bounds the exchanges between the levels; the outcome counts these and all
        iterations of the market between them: each is a message of every prosumer."""
        begin = start if start is not None and start.z.shape == form.shape else cold_start(fleet, form)
        levels = _Levels(fleet, form, settings, self._schedule)
        most, limit = min(settings.max_iterations, LAST_EXCHANGE), settings.relative_gap
        judged, agreed, residuals, converged = None, None, UNKNOWN, False
        for point in levels.updates(begin):
            residuals = levels.residuals(point)
            if residuals.worst <= limit:
                judged, agreed = levels.judged(point, wanted=limit)
            if on_check is not None:
                on_check(point.iterations + point.exchanges, residuals, judged)
            converged = judged is not None and judged.relative_gap <= limit and residuals.worst <= limit
            if converged or point.exchanges >= most:
                break
        if judged is None or agreed is None or not converged:
            judged, agreed = levels.judged(point, wanted=limit)
        end = Cascaded(
            agreed.z,
            agreed.price_per_kwh,
            point.end.weight,
            point.alpha_per_kwh,
            point.apart_kw,
            point.updates,
            point.exchanges,
        )
        return Outcome(converged, point.iterations + point.exchanges, residuals, judged, end)


class _Levels:
    """Operator and market of one clearing, and their exchanges."""

    def __init__(self, fleet: ConstrainedFleet, form: OperatorForm, settings: Settings, schedule: Schedule) -> None:
        self._fleet, self._form, self._settings, self._schedule = fleet, form, settings, schedule
        self._dt_h = fleet.problem.dt_h
        self._market = MarketLevel(fleet, form, dt_h=self._dt_h)
        self._operator = OperatorLevel(
            form.steps, power_kw=float(fleet.power_kw.mean()), price_per_kwh=fleet.price_scale, dt_h=self._dt_h
        )
        given = schedule.first_weight
        self._first = self._dt_h * (first_weight(fleet.problem) if given is None else given)

    def updates(self, begin: Start) -> Iterator[_Point]:
        """A point after every update, without end."""
        alpha = self._operator.first_alpha(self._form.shape)
        if isinstance(begin, Cascaded):
            alpha = self._operator.pulled(begin.alpha_per_kwh)
        point = _Point(begin, begin.z, begin.z, alpha, self._first, np.zeros_like(begin.z), UNKNOWN)
        before = np.inf
        while True:
            point = self._at_rest(point)
            step = point.weight / self._dt_h * (point.target_kw - point.end.z)
            point = replace(point, alpha_per_kwh=point.alpha_per_kwh + step, updates=point.updates + 1)
            yield point
            if point.apart_kw > self._schedule.should_fall_to * before and self._apart(point) > self._limit:
                grown = point.weight * self._schedule.growth**2
                point = replace(point, weight=min(grown, self._schedule.stiffest * self._first))
            before = point.apart_kw

    @property
    def _limit(self) -> float:
        return self._settings.relative_gap

    def _apart(self, point: _Point) -> float:
        """|t - X| of what flows, in the worst carrier."""
        return float(primal_residual(point.target_kw, point.end.z, self._market.floor[0]).max())

    def _at_rest(self, point: _Point) -> _Point:
        """Exchanges until the market's answer rests, or as many as an update may have."""
        memory = Anderson()
        for _ in range(self._schedule.most_exchanges):
            point = self._exchanged(point, memory)
            moved = float(primal_residual(point.end.z + point.moved_kw, point.end.z, self._market.floor[0]).max())
            if moved <= RESTS * max(self._apart(point), self._limit):
                break
        return point

    def _exchanged(self, point: _Point, memory: Anderson) -> _Point:
        target = self._operator.targets(point.heard_kw, point.alpha_per_kwh, point.weight)
        weight = self._operator.pulled(np.full(self._form.shape, point.weight))
        end, of_market = self._market.answer(
            Pull(target, point.alpha_per_kwh, weight),
            point.end,
            self._settings.algorithm(),
            iterations=ITERATIONS,
            before=point.iterations,
        )
        heard = memory.step(point.heard_kw.ravel(), end.z.ravel()).reshape(end.z.shape)
        return replace(
            point,
            end=end,
            heard_kw=heard,
            target_kw=np.where(weight > 0.0, target, end.z),
            moved_kw=self._operator.pulled(end.z - point.heard_kw),
            of_market=of_market,
            exchanges=point.exchanges + 1,
            iterations=point.iterations + ITERATIONS,
        )

    def residuals(self, point: _Point) -> Residuals:
        """How far the levels are apart, and how far the operator's prices are from those of its last targets; the
        market's own where these are larger."""
        power, price = self._market.floor
        apart = primal_residual(point.target_kw, point.end.z, power)
        held = norms(point.end.price_per_kwh * self._dt_h)
        off = norms(point.weight * point.moved_kw) / np.maximum(held, max(price, 1e-300))
        return Residuals(np.maximum(apart, point.of_market.primal), np.maximum(off, point.of_market.dual))

    def judged(self, point: _Point, *, wanted: float) -> tuple[Certificate, Agreement]:
        """How good the point is in the whole market under its limits: what the network agrees to there, and what that
        costs, against what no market can undercut."""
        end = point.end
        agreed = self._form.agree(self._form.start(end.z, end.price_per_kwh, end.weight), end.weight)
        return certify(self._fleet, self._form, agreed.z, agreed.price_per_kwh, wanted=wanted), agreed


def first_weight(problem: PreparedProblem) -> float:
    """2 beta_0^2, money per kW^2 and hour: the median curvature of the devices, or where all costs are linear the
    highest offer over the mean size."""
    curvatures = [
        float(curvature)
        for model in problem.models
        for variable, row in zip(model.variables, model.quadratic, strict=True)
        if variable.is_device
        for curvature in [row.max()]
        if curvature > 0.0
    ]
    if curvatures:
        return float(np.median(curvatures))
    return highest_price(problem) / float(np.mean([max(model.size_kw, 1e-9) for model in problem.models]))
