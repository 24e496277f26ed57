"""What a co-simulated hour costs beside the solver calls that it needs, and whether memory stays flat.

    python benchmarks/overhead.py [scenario] [hours] [repeats]

Runs the scenario as `mosaik-p2p run` does, and then replays the stored dispatch through the power flow and the heat flow
in a plain loop. Everything of the run but loading and clearing (messages, checks, tables, files, summary, report,
mosaik itself) stands against that loop: at most 1.3 times. The least of several repeats counts. Scenarios with
negotiation solve more often than their stored dispatch tells; the loop is then scaled to the solves on record.
"""

import resource
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import run
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.heat_flow import HeatConnection, HeatFlow
from mosaik_p2p.networks.power_flow import PowerFlow
from mosaik_p2p.results.store import read_table
from mosaik_p2p.scenario.profiles import FileProfile

LARGEST_RATIO = 1.3
WARM_UP_HOURS = 2
"""So that imports and compiling are not counted."""
PARTS = ("market", "electric", "heat", "other")
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
    begin = perf_counter()
    for call in calls:
        call()
    return perf_counter() - begin


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


def resident_mib() -> float:
    """Memory that this process has needed at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB


def line(name: str, seconds: Mapping[str, float], hours: int) -> str:
    """One line of the table, in ms per hour."""
    cells = "".join(f"{1000 * seconds[part] / hours:>10.1f}" if part in seconds else f"{'':>10}" for part in PARTS)
    beside = sum(seconds.get(part, 0.0) for part in PARTS if part != "market")
    return f"{name:<16}{cells}{1000 * beside / hours:>12.1f}"


def main() -> int:
    """Print the table; 1 where the ratio is out of its bound."""
    scenario = sys.argv[1] if len(sys.argv) > 1 else "network1"
    hours = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    print(f"{scenario}, {hours} intervals, ms per interval")
    print(f"{'':<16}" + "".join(f"{part:>10}" for part in PARTS) + f"{'but market':>12}")
    best: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        longer = long_enough(scenario, hours, Path(temporary))
        case = load(scenario, longer)
        run(scenario, out=folder, steps=WARM_UP_HOURS, progress=False)
        for _ in range(repeats):
            outcome = run(scenario, out=folder, overrides=longer, overwrite=True, progress=False)
            seconds = outcome.summary["wall_s"]
            bare = replay(case, outcome.folder)
            print(line("co-simulated", seconds, hours))
            print(line("solvers alone", bare, hours), flush=True)
            beside = sum(seconds[part] for part in PARTS if part != "market" and part in seconds)
            best["run"] = min(best.get("run", beside), beside)
            best["bare"] = min(best.get("bare", sum(bare.values())), sum(bare.values()))
    ratio = best["run"] / best["bare"]
    print(f"ratio {ratio:.2f} (at most {LARGEST_RATIO}), memory at most {resident_mib():.0f} MiB")
    return 0 if ratio <= LARGEST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
