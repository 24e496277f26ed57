"""The heat flow with near start and kept set-up beside the one without: pipe flows, time, and whether both agree.

    python benchmarks/heat_start.py [hours] [case ...]

Noisy hours (others draw and feed in every hour) on the networks that ship, solved in three ways in turn in one process:
before (from the last hour's flows, every pipe flow set up anew), with the near start alone, and with the kept set-up as
well. Exits with 1 where the near start needs more than 1.05 pipe flows an hour, more than 0.55 of the time, or with the
kept set-up more than 0.35; where tables depend on the hour before; or where the kept set-up changes a digit.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np

from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case, schutterwald_consumers
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.hydraulics.kept import Guard
from mosaik_p2p.networks.heat.tables import HEAT_TABLES
from mosaik_p2p.units import FloatArray

MOST_PIPE_FLOWS, LARGEST_RATIO, LARGEST_RATIO_KEPT = 1.05, 0.55, 0.35
SAME_BAR, SAME_K = 1e-4, 1e-3
COMPARED = 6
"""Hours that are solved again without any hour before."""
HOUSE_KW = {"heat8": 20.0, "heat23": 15.0, "barry32": 20.0, "schutterwald_heat": 1.5}
SEED = 15


@dataclass
class Tally:
    """Of one of the ways."""

    flow: HeatFlow
    seconds: float = 0.0
    pipe_flows: int = 0
    worst: int = 0

    def solve(self, draw_kw: FloatArray) -> HeatFlowResult:
        """One hour, which counts."""
        begin = process_time()
        result = self.flow.solve(draw_kw)
        self.seconds += process_time() - begin
        self.pipe_flows += result.iterations
        self.worst = max(self.worst, result.iterations)
        return result


def network_of(case: str) -> tuple[HeatNetwork, list[HeatConnection]]:
    """A case with bypasses at all dead ends, and a prosumer at every node or, in the village, in every house."""
    shares = {"source_31": 0.3, "source_32": 0.2} if case == "barry32" else {}
    network = heat_case(
        case,
        HeatSettings(
            t_supply_c=75.0, t_return_c=45.0, t_feed_c=75.0, t_ground_c=10.0,
            bypass_nodes=(STRAND_ENDS,), bypass_mdot_kg_per_s=0.08, plant_shares=shares,
        ),
    )  # fmt: skip
    if case == "schutterwald_heat":
        consumers = schutterwald_consumers()
        ends = list(zip(consumers["supply"].tolist(), consumers["return"].tolist(), strict=True))
    else:
        plants = {plant.supply for plant in network.plants}
        ends = [place for place in network.nodes.values() if place[0] not in plants]
    return network, [HeatConnection(prosumer=str(n), supply=s, return_=r) for n, (s, r) in enumerate(ends)]


def noisy_hours(count: int, houses: int, house_kw: float) -> Iterator[FloatArray]:
    """A daily course with noise; in every hour others feed in, and others are at rest."""
    rng = np.random.default_rng(SEED)
    usual = rng.gamma(2.0, house_kw / 2.0, houses)
    for hour in range(count):
        course = 1.0 + 0.5 * np.sin(2.0 * np.pi * hour / 24.0 + np.arange(houses))
        draw_kw = usual * course * rng.lognormal(0.0, 0.5, houses)
        draw_kw = np.where(rng.random(houses) < 0.15, -rng.gamma(2.0, house_kw / 2.0, houses), draw_kw)
        yield np.where(rng.random(houses) < 0.1, 0.0, draw_kw)


def largest_difference(first: HeatFlowResult, second: HeatFlowResult, column: str) -> float:
    """Of one column over all junctions."""
    values = (np.array(result.junctions[column], dtype=float) for result in (first, second))
    return float(np.nanmax(np.abs(np.subtract(*values)), initial=0.0))


def tables(result: HeatFlowResult) -> str:
    """All of them, digit by digit."""
    return repr([getattr(result, name) for name in HEAT_TABLES])


def judged(case: str, hours: int) -> bool:
    """Prints the line of one case; whether it is as it has to be."""
    network, places = network_of(case)
    draws = list(noisy_hours(hours, len(places), HOUSE_KW[case]))
    anew = Guard(off=True)
    kept, near, before = (Tally(HeatFlow(network, places, guard)) for guard in (Guard(), anew, anew))
    before.flow._near = None
    for tally in (kept, near, before):
        tally.flow.solve(draws[0])
    results, same = [], True
    for draw_kw in draws:
        results.append(kept.solve(draw_kw))
        same &= tables(near.solve(draw_kw)) == tables(results[-1])
        before.solve(draw_kw)
    again = [(k, HeatFlow(network, places).solve(draws[k])) for k in range(0, hours, max(hours // COMPARED, 1))]
    bar = max(largest_difference(results[k], alone, "p_bar") for k, alone in again)
    kelvin = max(largest_difference(results[k], alone, "t_c") for k, alone in again)
    ratio, ratio_kept, mean = near.seconds / before.seconds, kept.seconds / before.seconds, kept.pipe_flows / hours
    found = kept.flow.beginnings["near"] / kept.flow.beginnings.total()
    print(
        f"{case:<18}{len(places):>4}{mean:>8.3f} ({kept.worst}){before.pipe_flows / hours:>8.3f} ({before.worst})"
        f"{1e3 * before.seconds / hours:>8.1f}{ratio:>8.2f}{ratio_kept:>8.2f}{found:>8.3f}{bar:>10.1e}{kelvin:>10.1e}"
        f"   {'same' if same else 'OTHER'} digits",
        flush=True,
    )
    quick = mean <= MOST_PIPE_FLOWS and ratio <= LARGEST_RATIO and ratio_kept <= LARGEST_RATIO_KEPT
    return quick and bar <= SAME_BAR and kelvin <= SAME_K and same


def main() -> int:
    """Print the table; 1 where a bound is broken."""
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else 168
    cases = sys.argv[2:] or list(HOUSE_KW)
    print(
        f"{hours} hours: pipe flows an hour (worst) with and without, ms an hour before, time with the near start and"
        " with the kept set-up, share found, bar and K by the hour before, digits with the kept set-up"
    )
    sound = [judged(case, hours) for case in cases]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    raise SystemExit(main())
