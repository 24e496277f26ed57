"""What a co-simulated hour costs beside the solver calls that it needs, and whether memory stays flat.

    python benchmarks/overhead.py [scenario] [hours] [repeats]

Runs the scenario as `mosaik-p2p run` does, and then replays the stored dispatch through the power flow and the heat
flow in a plain loop. The whole co-simulation but the market's clearing (starting and wiring the simulators, messages,
checks, tables, files, mosaik itself) stands against that loop: at most 1.3 times. Loading before and the report after
are shown beside. All in seconds of the processor, the least of several repeats. Scenarios with negotiation solve more
often than their stored dispatch tells; the loop is then scaled to the solves on record. Files repeat their first day.
"""

import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import pandas as pd

from mosaik_p2p import cosim
from mosaik_p2p.cosim import run
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.scenario.parts.profiles import FileProfile

LARGEST_RATIO = 1.3
WARM_UP_HOURS = 2
"""So that imports and compiling are not counted."""
NAMES = {
    "co-simulation": "co-simulation without the market's clearing",
    "electric": "power flows alone",
    "heat": "heat flows alone",
    "market": "the market's clearing",
    "rest": "loading, summary and report",
}
KIB_PER_MIB = 1024
HOURS_PER_DAY = 24


def replay(case: Case, folder: Path) -> dict[str, float]:
    """Seconds of both networks' flows, called one after the other on the binding dispatch of every interval."""
    solves = {
        "electric": ("electricity", _power_flows(case, read_table(folder, "prosumers"))),
        "heat": ("heat", _heat_flows(case, read_table(folder, "heat_exchanges"))),
    }
    flows = read_table(folder, "flows")
    seconds = {}
    for part, (network, calls) in solves.items():
        rounds = (flows["network"] == network).sum() / max(len(calls), 1)
        seconds[part] = _timed(calls) * float(rounds)
    return seconds


def _timed(calls: Sequence[Callable[[], object]]) -> float:
    begin = process_time()
    for call in calls:
        call()
    return process_time() - begin


def _power_flows(case: Case, prosumers: pd.DataFrame) -> list[Callable[[], object]]:
    if case.electric is None:
        return []
    bus_of = {prosumer.name: prosumer.bus for prosumer in case.prosumers if prosumer.bus is not None}
    stated = case.scenario.networks.electricity
    slack = None if stated is None else stated.slack_voltage_pu
    flow = PowerFlow(case.electric, slack_voltage_pu=slack, prosumer_buses=bus_of.values())
    rows = prosumers[(prosumers["carrier"] == "electricity") & prosumers["prosumer"].isin(bus_of)]
    calls: list[Callable[[], object]] = []
    for number, (_, hour) in enumerate(rows.groupby("time")):
        at_bus = hour.groupby(hour["prosumer"].map(bus_of))[["injection_kw", "q_injection_kvar"]].sum()
        injections = {int(bus): (p_kw, q_kvar) for bus, p_kw, q_kvar in at_bus.itertuples()}
        scaling = 0.0 if case.background is None else float(case.background[number])
        calls.append(
            partial(flow.solve, injections, background_scaling=scaling, replaced_loads=case.replaced_loads),
        )
    return calls


def _heat_flows(case: Case, exchanges: pd.DataFrame) -> list[Callable[[], object]]:
    if case.heat is None:
        return []
    connections = [
        HeatConnection(prosumer=prosumer.name, supply=prosumer.junctions[0], return_=prosumer.junctions[1])
        for prosumer in case.prosumers
        if prosumer.junctions is not None
    ]
    flow = HeatFlow(case.heat, connections)
    hours = exchanges.pivot_table(index="time", columns="prosumer", values="cleared_kw")
    draws = hours[[connection.prosumer for connection in connections]].to_numpy()
    return [partial(flow.solve, draw_kw) for draw_kw in draws]


def long_enough(scenario: str, hours: int, folder: Path) -> list[str]:
    """Overrides that give the scenario `hours` intervals: its files repeat their first day as often as that takes."""
    case = load(scenario, ["time.steps=1", "time.horizon_steps=1"])
    time, overrides = case.scenario.time, [f"time.steps={hours}"]
    needed = hours + load(scenario).scenario.time.horizon_steps
    for name, profile in case.scenario.profiles.items():
        if isinstance(profile, FileProfile):
            source = case.path.parent / profile.file
            target = folder / f"long_{source.name}"
            _repeated_day(source, time.start, needed).to_csv(target, index=False)
            overrides.append(f"profiles.{name}.file='{target}'")
    return overrides


def _repeated_day(source: Path, start: datetime, hours: int) -> pd.DataFrame:
    day = pd.read_csv(source).head(HOURS_PER_DAY)
    longer = pd.concat([day] * (hours // HOURS_PER_DAY + 1), ignore_index=True)
    longer["time"] = [(start + timedelta(hours=hour)).isoformat() for hour in range(len(longer))]
    return longer


class Stopwatch:
    """Seconds of the processor that named functions take, those that they call included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: Any, name: str, part: str) -> None:
        """From here on every call of `owner.name` counts for `part`."""
        function = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            begin = process_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + process_time() - begin

        setattr(owner, name, watched)


def resident_mib() -> float:
    """Memory that this process has needed at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB


def one_run(scenario: str, overrides: list[str], folder: Path, stopwatch: Stopwatch) -> dict[str, float]:
    """Seconds of a run by part."""
    stopwatch.seconds.clear()
    begin = process_time()
    run(scenario, out=folder, overrides=overrides, overwrite=True, progress=False)
    total, seconds = process_time() - begin, dict(stopwatch.seconds)
    outside = total - seconds["co-simulation"]
    return {"co-simulation": seconds["co-simulation"] - seconds["market"], "market": seconds["market"], "rest": outside}


def main() -> int:
    """Print the table; 1 where the ratio is out of its bound."""
    scenario = sys.argv[1] if len(sys.argv) > 1 else "network1"
    hours = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    stopwatch = Stopwatch()
    stopwatch.watch(cosim, "co_simulate", "co-simulation")
    for method in ("clear", "commit"):
        stopwatch.watch(RollingMarket, method, "market")
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        overrides = long_enough(scenario, hours, Path(temporary))
        run(scenario, out=folder, steps=WARM_UP_HOURS, progress=False)
        before = resident_mib()
        for _ in range(repeats):
            seconds = one_run(scenario, overrides, folder, stopwatch)
            bare = replay(load(scenario, overrides), folder)
            for part, spent in {**seconds, **bare}.items():
                best[part] = min(best.get(part, spent), spent)
    print(f"{scenario}, {hours} intervals, ms per interval")
    for part in ("co-simulation", "electric", "heat", "market", "rest"):
        print(f"  {NAMES[part]:<44}{1000 * best[part] / hours:>8.2f}")
    ratio = best["co-simulation"] / (best["electric"] + best["heat"])
    print(
        f"ratio {ratio:.2f} (at most {LARGEST_RATIO}); memory {before:.0f} MiB at first, at most {resident_mib():.0f}"
    )
    return 0 if ratio <= LARGEST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
