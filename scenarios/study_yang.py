"""Our figures beside what Yang, Chen, Hu and Spanos find in *Optimal network charge for peer-to-peer energy trading: a
grid perspective* (IEEE Transactions on Power Systems, 2023; arXiv 2205.01945).

    python -m mosaik_p2p.scenarios.study_yang

Theirs are IEEE bus systems with prosumers of their own, in which every load pays for its energy by a smooth function;
ours is a feeder under tariffs. So no amounts are compared: only whether a figure moves as theirs does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.sims.world.progress import progress_shown
from mosaik_p2p.studies.best_rate.follower import DayAheadFollower
from mosaik_p2p.studies.best_rate.goals import Goal, Market, optimum, trading_up_to
from mosaik_p2p.studies.best_rate.keys import rate_keys
from mosaik_p2p.studies.best_rate.networks import Networks
from mosaik_p2p.studies.best_rate.one_rate import Search
from mosaik_p2p.units import ELECTRICITY

KEY = "charges.electricity.rate"
SCENARIO = "network1_electric"
TOLERANCE = 1e-3
BATTERY = "battery"
STEADY = 0.01
"""A difference of two shares below it is no direction."""
LEVELS = 12


@dataclass(frozen=True)
class District:
    """One district at its best rate, and on the way there."""

    name: str
    own_rate: float
    rate: float
    profit: float
    revenue: float
    bound: float
    is_cliff: bool
    gain_left: float
    """Of what free trade saves all together, losses aside: the share that is saved at the best rate, too."""
    saved: float
    """What the prosumers save at the best rate against no trade, charges paid."""
    curve: tuple[tuple[float, float, float], ...]
    """Of every rate that was tried: as a multiple of the scenario's own, distance times kWh as a share of that at the
    lowest, and profit."""
    most_turns: int
    """Local maxima of the profit among the rates that the search tried."""


def main() -> None:
    """Run the study and print it."""
    print(study())


def study(
    scenario: str = SCENARIO, *, overrides: Sequence[str] = (), levels: int = LEVELS, progress: bool = True
) -> str:
    """The whole study as text; `levels` rates in the profit curve."""
    with progress_shown("study", None, visible=progress, unit="clearing") as tick:
        case = load(scenario, overrides)
        with_storage = _district(case, "with batteries", tick)
        without = _district(without_storage(case), "without batteries", tick)
    currency = case.scenario.currency
    lines = [
        f"Yang et al. 2023 beside {case.scenario.name}, by {KEY}, day-ahead, against {currency}:",
        *(line for district in (with_storage, without) for line in _told(district, currency, levels)),
        "",
        *_table(rows(with_storage, without)),
    ]
    return "\n".join(lines)


def without_storage(case: Case) -> Case:
    """The same prosumers without their batteries."""
    prosumers = tuple(
        replace(prosumer, devices=tuple(device for device in prosumer.devices if device.type != BATTERY))
        for prosumer in case.prosumers
    )
    return replace(case, prosumers=prosumers)


def _district(case: Case, name: str, tick: Callable[[], object]) -> District:
    keys = rate_keys(case, [KEY])
    market = Market(DayAheadFollower(case, keys), Networks(case, (ELECTRICITY,)), 0.0, keys, tick)
    own = np.array([keys[0].own])
    highest = trading_up_to(market, market.follower.highest_rates(), own)
    found = optimum(market, Goal.PROFIT, highest, tolerance=TOLERANCE, unproved=None)
    search = found.found
    if not isinstance(search, Search) or found.rates is None or search.bound is None:
        raise RuntimeError(f"{name}: {'; '.join(found.remarks)}")
    best, _ = market.ask(found.rates)
    free, _ = market.ask(np.zeros(1))
    alone, _ = market.follower.without_trade
    costs = [followed.total_cost - sum(followed.charges.values()) for followed in (free, best)]
    points = [point for point in search.points if point.rate > 0.0]
    shares = [point.answer.charged / points[0].answer.charged for point in points]
    profits = [point.profit for point in points]
    return District(
        name=name,
        own_rate=keys[0].own,
        rate=search.best.rate,
        profit=search.best.profit,
        revenue=search.best.revenue,
        bound=search.bound,
        is_cliff=search.is_cliff,
        gain_left=(alone - costs[1]) / (alone - costs[0]),
        saved=alone - best.total_cost,
        curve=tuple(
            (point.rate / keys[0].own, share, point.profit) for point, share in zip(points, shares, strict=True)
        ),
        most_turns=_maxima(profits),
    )


def _maxima(values: Sequence[float]) -> int:
    """Local maxima among values, both ends included."""
    padded = [-np.inf, *values, -np.inf]
    return sum(a < b >= c for a, b, c in zip(padded, padded[1:], padded[2:], strict=False))


def left_at(district: District, multiple: float) -> float:
    """The share of what is charged at the lowest rate that is left at a multiple of the scenario's own rate."""
    rate, share, _ = zip(*district.curve, strict=True)
    return float(np.interp(multiple, rate, share))


Row = tuple[str, str, str, str]


def rows(with_storage: District, without: District) -> list[Row]:
    """What they find, what we find, and whether it is the same."""
    profit, saved = with_storage.profit, with_storage.saved
    multiple = with_storage.rate / with_storage.own_rate
    left = left_at(with_storage, multiple), left_at(without, multiple)
    one_top = with_storage.most_turns == 1
    return [
        ("there is a best rate", "yes, one", f"{with_storage.rate:.4g}", "yes"),
        (
            "profit over the rate",
            "rises, then falls",
            f"{with_storage.most_turns} local maxima",
            "yes" if one_top else "no",
        ),
        ("the operator gains", "yes", f"{profit:+.2f}", "yes" if profit > 0 else "no"),
        ("prosumers gain, charges paid", "yes", f"{saved:+.2f}", "yes" if saved > 0 else "no"),
        ("gain of free trade that is kept", "nearly all", f"{100 * with_storage.gain_left:.0f} %", _kept(with_storage)),
        (
            "storage makes more sensitive",
            "yes",
            f"left at {multiple:.2f} times the rate: {100 * left[0]:.0f} % with, {100 * left[1]:.0f} % without",
            "cannot be said" if abs(left[0] - left[1]) < STEADY else "yes" if left[0] < left[1] else "no",
        ),
    ]


def _kept(district: District) -> str:
    return "yes" if district.gain_left > 0.9 else "no"


def _told(district: District, currency: str, levels: int) -> list[str]:
    multiple = district.rate / district.own_rate
    at = np.unique(np.linspace(0, len(district.curve) - 1, levels).astype(int)).tolist()
    return [
        "",
        f"{district.name}: best at {district.rate:.5g} ({multiple:.3f} times the scenario's own), revenue "
        f"{district.revenue:.2f}, profit {district.profit:.2f} {currency}, at most {district.bound:.2f}"
        f"{', a cliff' if district.is_cliff else ''}",
        "  rate/own  charged  profit",
        *(
            f"  {rate:8.3f}  {100 * share:5.1f} %  {profit:8.2f}"
            for rate, share, profit in (district.curve[n] for n in at)
        ),
    ]


def _table(rows: Sequence[Row]) -> list[str]:
    cells = [("figure", "published", "ours", "same direction"), *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(4)]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


if __name__ == "__main__":
    main()
