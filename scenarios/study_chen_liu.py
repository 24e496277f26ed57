"""Our figures beside those that Chen and Liu 2025 print (Electrical Engineering 26(6), 17-28).

    python -m mosaik_p2p.scenarios.study_chen_liu

They published neither loads nor generation, so the amounts are no reproduction: what is compared is the direction in
which a figure moves, and which of two figures moves more.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.scenarios.chen_liu_days import (
    CANCELLED_AT_MOST,
    DEAREST_SHARE,
    Traded,
    at_rate,
    day_ahead_case,
    own_rate,
    settled_day,
    traded_day,
    with_printed_reputation,
    with_reputation,
    without_heat_trade,
)
from mosaik_p2p.scenarios.chen_liu_rows import (
    FAR_HEAT_PAIR,
    FAR_PAIR,
    HEAT_PAIR,
    NEAR_PAIR,
    PRINTED_BENEFIT,
    Row,
    Sweep,
    case_rows,
    rate_rows,
    reputation_rows,
)
from mosaik_p2p.sims.world.progress import progress_shown
from mosaik_p2p.units import ELECTRICITY, HEAT

OWN_GAP = 1e-3
"""The tolerance at which iterations and time are counted; amounts and costs are found at a tighter one."""
TIGHT_GAP = 1e-4
LEVELS = 5


def main() -> None:
    """Run the study and print it."""
    print(study())


def study(
    *,
    network1_electric: str = "network1_electric",
    network1: str = "network1",
    network2: str = "network2",
    levels: int = LEVELS,
    relative_gap: float = TIGHT_GAP,
    progress: bool = True,
) -> str:
    """The whole study as text; scenarios by name or file, `levels` values from 0 to 1 in each sweep."""
    jobs = 5 + 1 + 3 * levels
    with progress_shown("study", jobs, visible=progress, unit="day") as tick:
        electric, both, second = (
            day_ahead_case(scenario, relative_gap=relative_gap) for scenario in (network1_electric, network1, network2)
        )
        days = {
            name: _counted(tick, settled_day(case, own_gap=OWN_GAP))
            for name, case in {
                "case 1": electric,
                "case 2": both,
                "no heat trade": without_heat_trade(both),
                "network 2": second,
                "network 2, no heat trade": without_heat_trade(second),
            }.items()
        }
        known, printed = _reputation(both, levels, tick)
        rates = _rates(both, levels, tick)
    rows = [*case_rows(days), *reputation_rows(known, printed), *rate_rows(both, rates)]
    return "\n".join([*_preamble(both, relative_gap), "", *_table(rows), "", *_levels([*known, *rates])])


T = TypeVar("T")
Tick = Callable[[], object]


def _counted(tick: Tick, result: T) -> T:
    tick()
    return result


def _reputation(case: MarketCase, levels: int, tick: Tick) -> tuple[list[Sweep], tuple[Traded, Traded]]:
    """Sweeps of the index of one pair each, and the first pair's days without and with the printed benefit."""
    index = tuple(float(value) for value in np.linspace(0.0, 1.0, levels))
    near, heat = (
        tuple(_counted(tick, traded_day(case, with_reputation(case, pair, x))) for x in index)
        for pair in (NEAR_PAIR, HEAT_PAIR)
    )
    printed = _counted(tick, traded_day(case, with_printed_reputation(case, NEAR_PAIR, PRINTED_BENEFIT)))
    sweeps = [
        Sweep("reputation", ELECTRICITY, NEAR_PAIR, index, near),
        Sweep("reputation", ELECTRICITY, HEAT_PAIR, index, heat),
        Sweep("reputation", HEAT, HEAT_PAIR, index, heat),
    ]
    return sweeps, (near[0], printed)


def _rates(case: MarketCase, levels: int, tick: Tick) -> list[Sweep]:
    """Sweeps of both charge rates together, seen at four pairs."""
    rate = tuple(float(value) for value in np.linspace(0.0, 1.0, levels))
    days = tuple(_counted(tick, traded_day(case, at_rate(case, x))) for x in rate)
    pairs = [(ELECTRICITY, FAR_PAIR), (ELECTRICITY, NEAR_PAIR), (HEAT, HEAT_PAIR), (HEAT, FAR_HEAT_PAIR)]
    return [Sweep("charge rate", carrier, pair, rate, days) for carrier, pair in pairs]


def _preamble(case: MarketCase, relative_gap: float) -> list[str]:
    own = ", ".join(f"{carrier} {own_rate(case, carrier):.2f}" for carrier in (ELECTRICITY, HEAT))
    text = f"""
        Chen and Liu 2025 beside this project, all days cleared day-ahead in the bilateral form. Loads, generation and
        most of the heat networks are ours, theirs are not published: amounts cannot agree. What can be compared is
        direction and order, and the last column says where ours is another one. Amounts and costs are those of
        clearings within {relative_gap:g} of the optimum, iterations and time those of reaching {OWN_GAP:g}.

        Who trades with whom is not unique: with flat tariffs and storage, other trades cost the same. The figures of
        single pairs are those of one optimum, the totals of all pairs are steadier, and costs are certain.

        Case 1 is network1_electric, case 2 network1. Prosumers of case 1 have no need of heat at all, so the cost of
        case 2 is compared with the same prosumers without trade in heat.

        Scales are relative. Reputation 1: a pair's benefit outweighs {100 * CANCELLED_AT_MOST:.0f} % of its charge; all
        other pairs are strangers. Charge rate 1: the farthest pair pays {100 * DEAREST_SHARE:.0f} % of the mean import
        price, both ends together (the scenario's own rates lie at {own}).
        Prices are what the buyer pays, its charge included."""
    return [line.strip() for line in text.strip().splitlines()]


def _table(rows: Sequence[Row]) -> list[str]:
    cells = [
        ("figure", "published", "ours", "same direction"),
        *((r.figure, r.published, r.ours, r.same) for r in rows),
    ]
    widths = [max(len(row[k]) for row in cells) for k in range(4)]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def _levels(sweeps: Sequence[Sweep]) -> list[str]:
    """kWh and price at every level."""
    lines = ["At every level: kWh traded in the day, and the buyer's price per kWh"]
    for sweep in sweeps:
        a, b = sweep.pair
        lines.append(f"  {sweep.label}, {a}-{b}, {sweep.carrier}")
        for level, energy, price in zip(sweep.levels, sweep.energy_kwh, sweep.price, strict=True):
            lines.append(f"    {level:4.2f}  {energy:9.1f}  {'-' if price is None else f'{price:.3f}':>7}")
    return lines


if __name__ == "__main__":
    main()
