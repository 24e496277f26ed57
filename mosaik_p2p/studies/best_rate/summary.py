"""What a search has found, as `optimum.json` holds it: JSON types, null for what is not known."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import pairwise
from math import isfinite, isnan
from typing import Any

from mosaik_p2p.loading.case import Case
from mosaik_p2p.studies.best_rate.answer import Point
from mosaik_p2p.studies.best_rate.bound import revenue_bound
from mosaik_p2p.studies.best_rate.feasible import FeasibleRates
from mosaik_p2p.studies.best_rate.follower import Followed
from mosaik_p2p.studies.best_rate.goals import Market, Optimum, everywhere
from mosaik_p2p.studies.best_rate.keys import RateKey
from mosaik_p2p.studies.best_rate.networks import Judgement, Limit
from mosaik_p2p.studies.best_rate.one_rate import Search
from mosaik_p2p.studies.best_rate.recovery import Recovery

CERTIFIED, NOT_CERTIFIED, NO_SUCH_RATE = "certified", "not_certified", "no_such_rate"


def summary_of(case: Case, keys: Sequence[RateKey], market: Market, found: Optimum) -> dict[str, Any]:
    """Everything about the search; what is only known by a full run is added under `run`."""
    return {
        "scenario": case.scenario.name,
        "currency": case.scenario.currency,
        "hours": case.scenario.time.steps * case.dt_h,
        "goal": found.goal.value,
        "status": status_of(found),
        "remarks": list(found.remarks),
        "keys": [key.key for key in keys],
        "own_rates": {key.key: key.own for key in keys},
        "highest_rates": dict(zip((key.key for key in keys), found.highest.tolist(), strict=True)),
        "rates": None if found.rates is None else _by_key(keys, found.rates.tolist()),
        "found": None if found.rates is None else _figures(market, *market.ask(found.rates)),
        "bound": _bound(found),
        "cliff": _cliff(found),
        "lowest_rate": _lowest(found),
        "losses": _losses(market),
        "fixed_cost": market.fixed_cost if market.networks is not None else None,
        "feasible_rates": _intervals(found),
        "fewest_broken": _fewest(market, found),
        "without_trade": None,
        "clearings": len(market.cleared),
        "run": None,
        "version": version("mosaik-p2p"),
    }


def status_of(found: Optimum) -> str:
    """In one word."""
    if found.rates is None:
        return NO_SUCH_RATE
    return CERTIFIED if found.is_certified else NOT_CERTIFIED


def bounds_of(found: Optimum) -> dict[float, float | None]:
    """By rate: what no rate from it to the next one that was tried earns more than."""
    if isinstance(found.found, Search | Recovery):
        return {left.rate: _finite(revenue_bound(left, right)) for left, right in pairwise(found.found.points)}
    return {}


def points_of(found: Optimum) -> tuple[Point, ...]:
    """What a search for one rate has tried."""
    return found.found.points if isinstance(found.found, Search | Recovery) else ()


def judged_entry(judged: Judgement | None) -> dict[str, Any]:
    """A day that all networks were asked about: hours and limits."""
    checked = everywhere(judged)
    hours = {"broken_hours": checked.broken_h, "unknown_hours": checked.unknown_h}
    return {**hours, "limits": [] if judged is None else _limit_entries(judged.limits)}


def _limit_entries(limits: Mapping[Limit, float]) -> list[dict[str, Any]]:
    """Broken limits with their hours."""
    return [
        {"network": network, "element": element, "quantity": quantity, "hours": hours}
        for (network, element, quantity), hours in limits.items()
    ]


def _by_key(keys: Sequence[RateKey], rates: Sequence[float]) -> dict[str, float]:
    return dict(zip((key.key for key in keys), rates, strict=True))


def _figures(market: Market, followed: Followed, judged: Judgement | None) -> dict[str, Any]:
    expense = None if judged is None else judged.loss_cost + market.fixed_cost
    checked = None if judged is None else judged.checked
    return {
        "revenue": followed.revenue,
        "charges": followed.charges,
        "total_cost": followed.total_cost,
        "loss_kwh": None if judged is None else _finite(judged.loss_kwh),
        "loss_cost": None if judged is None else _finite(judged.loss_cost),
        "profit": None if expense is None else _finite(followed.revenue - expense),
        "broken_hours": None if checked is None else checked.broken_h,
        "unknown_hours": None if checked is None else checked.unknown_h,
    }


def _bound(found: Optimum) -> float | None:
    return found.found.bound if isinstance(found.found, Search) else None


def _cliff(found: Optimum) -> dict[str, float] | None:
    """What one per cent more earns, where that is a good part less."""
    search = found.found
    if not isinstance(search, Search) or search.dearer is None or not search.is_cliff:
        return None
    return {"rate": search.dearer.rate, "revenue": search.dearer.revenue}


def _lowest(found: Optimum) -> float | None:
    """Below which nothing was tried."""
    return min((point.rate for point in points_of(found) if point.rate > 0.0), default=None)


def _losses(market: Market) -> dict[str, float] | None:
    """How far losses and their price moved over all rates: the bound does not know of them."""
    known = [judged for _, judged in market.tried.values() if judged is not None and not isnan(judged.loss_cost)]
    if not known:
        return None
    energy, cost = [judged.loss_kwh for judged in known], [judged.loss_cost for judged in known]
    return {"least_kwh": min(energy), "most_kwh": max(energy), "least_cost": min(cost), "most_cost": max(cost)}


def _intervals(found: Optimum) -> list[list[float]] | None:
    rates = found.found
    return [list(interval) for interval in rates.intervals] if isinstance(rates, FeasibleRates) else None


def _fewest(market: Market, found: Optimum) -> dict[str, Any] | None:
    """The rate with the fewest broken hours, where none is feasible."""
    rates = found.found
    if not isinstance(rates, FeasibleRates) or rates.intervals:
        return None
    _, judged = market.tried[(rates.least_broken,)]
    return {"rate": rates.least_broken, **judged_entry(judged)}


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
