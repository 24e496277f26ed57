"""The rows of the study: a published figure of Chen and Liu 2025, ours, and whether both move the same way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.scenarios.chen_liu_days import Day, Traded, posted_charge
from mosaik_p2p.units import ELECTRICITY, HEAT

PUBLISHED_COST = {
    "A": (1958.48, 1642.55),
    "B": (2115.56, 1826.19),
    "C": (2548.39, 2034.20),
    "D": (1659.73, 1452.89),
    "E": (2186.43, 1732.82),
}
PRINTED_BENEFIT = 0.001
NEAR_PAIR, FAR_PAIR = ("B", "E"), ("A", "E")
HEAT_PAIR, FAR_HEAT_PAIR = ("A", "C"), ("A", "D")
"""Theirs; which one is the farther, our networks say."""
NOTICEABLE = 1e-3
"""Of the first value: less is what the clearings leave open, and no direction."""
SAME_DISTANCE = 0.01
SMALL_WELFARE = 0.005
"""Of the cost: the published change of welfare is "below 0.5", which we read as per cent."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    figure: str
    published: str
    ours: str
    same: str


@dataclass(frozen=True)
class Sweep:
    """A pair's trade and price at every level of what is varied."""

    label: str
    carrier: str
    pair: tuple[str, str]
    levels: tuple[float, ...]
    days: tuple[Traded, ...]

    @property
    def energy_kwh(self) -> list[float]:
        """Between the two, level by level."""
        return [day.pair(*self.pair, self.carrier)[0] for day in self.days]

    @property
    def price(self) -> list[float | None]:
        """What the buyer pays per kWh, its charge included."""
        return [day.pair(*self.pair, self.carrier)[1] for day in self.days]


def case_rows(days: Mapping[str, Day]) -> Iterator[Row]:
    """Case 1 against case 2, and network 2."""
    one, two, second = days["case 1"], days["case 2"], days["network 2"]
    yield _counts("iterations, case 1 -> case 2", (26, 46), (one.iterations, two.iterations))
    yield _counts("iterations, case 2 -> network 2", (46, 71), (two.iterations, second.iterations))
    times = (two.seconds, second.seconds)
    yield Row(
        "solve time, case 2 -> network 2",
        "406.51 s -> 615.32 s",
        f"{times[0]:.2f} s -> {times[1]:.2f} s",
        _same(+1, *times),
    )
    yield Row(
        "traded, case 1 -> case 2",
        "498.6 -> 752.9 kWh (+51.0 %)",
        f"{one.traded_kwh:.1f} -> {two.traded_kwh:.1f} kWh ({_change(one.traded_kwh, two.traded_kwh)})",
        _same(+1, one.traded_kwh, two.traded_kwh),
    )
    yield from _cost_rows(days["no heat trade"], two)
    before = days["network 2, no heat trade"]
    energy, cost = (before.traded_kwh, second.traded_kwh), (_total(before), _total(second))
    yield Row("traded with heat, network 2", "+44 %", _kwh(energy), _same(+1, *energy))
    yield Row("cost with heat trade, network 2", "-18.3 %", _change(*cost), _same(-1, *cost))


def _cost_rows(before: Day, after: Day) -> Iterator[Row]:
    for name, (first, second) in PUBLISHED_COST.items():
        if name in after.cost:
            pair = (before.cost[name], after.cost[name])
            ours = f"{pair[0]:.2f} -> {pair[1]:.2f} ({_change(*pair)})"
            theirs = f"{first:.2f} -> {second:.2f} ({_change(first, second)})"
            yield Row(f"cost of {name} with heat trade", theirs, ours, _same(-1, *pair))
    total = (_total(before), _total(after))
    theirs = "-20.4 % (text), -16.6 % (table)"
    yield Row("cost of all with heat trade", theirs, _change(*total), _same(-1, *total))


def _total(day: Day) -> float:
    return sum(day.cost.values())


def reputation_rows(sweeps: Sequence[Sweep], printed: tuple[Traded, Traded]) -> Iterator[Row]:
    """Reputation of one pair from 0 to 1; `printed` are the first pair's days at 0 and at the printed benefit."""
    published = (
        ("+71.3 %", "-35.7 %, -43.5 % (two pairs)"),
        ("+75.1 %", ""),
        ("+75.1 %", "-36.3 %, -20.4 % (two pairs)"),
    )
    for sweep, (traded, price) in zip(sweeps, published, strict=True):
        where = f"{'-'.join(sweep.pair)}, {sweep.carrier}"
        ends = (sweep.energy_kwh[0], sweep.energy_kwh[-1])
        yield Row(f"reputation 0 -> 1: trade {where}", traded, _kwh(ends), _same(+1, *ends))
        if price:
            yield _price_row(f"reputation 0 -> 1: price {where}", price, sweep, -1)
    cost = [sweeps[0].days[0].cost, sweeps[-1].days[-1].cost]
    share = abs(cost[1] - cost[0]) / abs(cost[0])
    small = "yes" if share <= SMALL_WELFARE else "no"
    yield Row(
        "reputation 0 -> 1: welfare",
        "change below 0.5",
        f"{cost[0] - cost[1]:+.2f} ({100 * share:.2f} % of the cost)",
        small,
    )
    pair, energy = "-".join(sweeps[0].pair), [day.pair(*sweeps[0].pair, ELECTRICITY)[0] for day in printed]
    figure = f"the printed {PRINTED_BENEFIT} per kWh: trade {pair}"
    yield Row(figure, "+71.3 %", _kwh((energy[0], energy[1])), _same(+1, energy[0], energy[1]))


def rate_rows(case: MarketCase, sweeps: Sequence[Sweep]) -> Iterator[Row]:
    """Charge rate from 0 to 1, and which pair of a carrier it changes more."""
    published = (("-48.3 %", "+68.1 %"), ("-26.4 %", "+34.6 %"), ("-58.6 %", "+146.7 %"), ("-65.4 %", "+154.5 %"))
    for sweep, (traded, price) in zip(sweeps, published, strict=True):
        where = f"{'-'.join(sweep.pair)}, {sweep.carrier}"
        ends = (sweep.energy_kwh[0], sweep.energy_kwh[-1])
        yield Row(f"charge rate 0 -> 1: trade {where}", traded, _kwh(ends), _same(-1, *ends))
        yield _price_row(f"charge rate 0 -> 1: price {where}", price, sweep, +1)
    yield _order_row(case, ELECTRICITY, sweeps[0], sweeps[1], theirs="A-E changes more than B-E")
    yield _order_row(case, HEAT, sweeps[3], sweeps[2], theirs="A-D changes more than A-C")


def _order_row(case: MarketCase, carrier: str, one: Sweep, other: Sweep, *, theirs: str) -> Row:
    """Whether the pair that is farther in our network changes more."""
    figure = f"charge rate 0 -> 1: the farther pair, {carrier}"
    distance = [posted_charge(case, sweep.pair, carrier) for sweep in (one, other)]
    far, near = (one, other) if distance[0] >= distance[1] else (other, one)
    names = ["-".join(sweep.pair) for sweep in (far, near)]
    shares = [_share(sweep.energy_kwh[0], sweep.energy_kwh[-1]) for sweep in (far, near)]
    if shares[0] is None or shares[1] is None:
        return Row(figure, theirs, f"no trade of {names[0] if shares[0] is None else names[1]} at 0", "cannot be said")
    changes = f"{100 * shares[0]:+.1f} % against {100 * shares[1]:+.1f} %"
    if abs(distance[0] - distance[1]) <= SAME_DISTANCE * max(distance):
        return Row(figure, theirs, f"{names[0]}, {names[1]} equally far: {changes}", "cannot be said")
    larger = "yes" if abs(shares[0]) > abs(shares[1]) else "no"
    return Row(figure, theirs, f"{names[0]} is farther: {changes}", larger)


def _price_row(figure: str, theirs: str, sweep: Sweep, sign: int) -> Row:
    """From the first to the last level at which the pair trades at all."""
    told = [(level, price) for level, price in zip(sweep.levels, sweep.price, strict=True) if price is not None]
    if len(told) < 2:
        return Row(figure, theirs, "no two levels with trade", "cannot be said")
    (first, before), (last, after) = told[0], told[-1]
    part = "" if (first, last) == (sweep.levels[0], sweep.levels[-1]) else f" from {first:g} to {last:g}"
    return Row(
        figure, theirs, f"{before:.3f} -> {after:.3f} ({_change(before, after)}){part}", _same(sign, before, after)
    )


def _counts(figure: str, theirs: tuple[int, int], ours: tuple[int, int]) -> Row:
    return Row(figure, f"{theirs[0]} -> {theirs[1]}", f"{ours[0]} -> {ours[1]}", _same(theirs[1] - theirs[0], *ours))


def _kwh(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.1f} -> {ends[1]:.1f} kWh ({_change(*ends)})"


def _share(before: float, after: float) -> float | None:
    """The change as a share; None from nothing."""
    return (after - before) / abs(before) if before else None


def _change(before: float, after: float) -> str:
    share = _share(before, after)
    if share is None:
        return "no change" if after == before else "from none"
    return f"{100 * share:+.1f} %"


def _same(sign: int, before: float, after: float) -> str:
    """Whether the change from `before` to `after` has the published sign."""
    change = after - before
    if abs(change) <= NOTICEABLE * abs(before):
        return "no: no change"
    return "yes" if change * sign > 0 else "no"
