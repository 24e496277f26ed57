"""What a co-simulated hour costs beside the solver calls that it needs, and whether memory stays flat.

    python benchmarks/overhead.py [scenario] [hours] [repeats]

Runs the scenario as `mosaik-p2p run` does, and then replays the stored dispatch in plain loops. Two ratios stand the
whole co-simulation but the market's clearing (starting and wiring the simulators, messages, checks, tables, files,
mosaik itself) against them:

    plain calls   `pandapower.runpp` and `pandapipes.pipeflow`, once an hour each, as a user would call them: on the
                  net that our own flow has solved, with that hour's powers and mass flows in its tables and our
                  options. What the judges cost. At most 1.2.
    own flows     our `PowerFlow.solve` and `HeatFlow.solve`, with all that they keep between hours. What the
                  co-simulation adds to them. It has no bound: the cheaper our flows are made, the larger it is.

Loading before and the report after are shown beside. All in seconds of the processor, the least of several repeats, in
which run and loops take turns. Scenarios with negotiation solve more often than their stored dispatch tells; the loops
are then scaled to the solves on record. Files repeat their first day.
"""

import resource
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import pandapipes
import pandapower
import pandas as pd

from mosaik_p2p import cosim
from mosaik_p2p.cosim import run
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.networks.electric.options import run_options
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.scenario.parts.profiles import FileProfile

LARGEST_RATIO = 1.2
"""To the plain calls."""
WARM_UP_HOURS = 2
"""So that imports and compiling are not counted."""
NAMES = {
    "co-simulation": "co-simulation without the market's clearing",
    "electric": "our power flows alone",
    "heat": "our heat flows alone",
    "runpp": "pandapower.runpp, once an interval",
    "pipeflow": "pandapipes.pipeflow, once an interval",
    "market": "the market's clearing",
    "rest": "loading, summary and report",
}
KIB_PER_MIB = 1024
HOURS_PER_DAY = 24


Calls = Sequence[Callable[[], object]]


def replay(case: Case, folder: Path) -> dict[str, float]:
    """Seconds of both networks' flows, called one after the other on the binding dispatch of every interval: by ours,
    and by the plain calls of the libraries."""
    power, heat = (
        _power_flows(case, read_table(folder, "prosumers")),
        _heat_flows(case, read_table(folder, "heat_exchanges")),
    )
    solves: dict[str, tuple[str, Calls]] = {
        "electric": ("electricity", [] if power is None else power.own()),
        "heat": ("heat", [] if heat is None else heat.own()),
        "runpp": ("electricity", [] if power is None else power.plain()),
        "pipeflow": ("heat", [] if heat is None else heat.plain()),
    }
    flows = read_table(folder, "flows")
    seconds = {}
    for part, (network, calls) in solves.items():
        rounds = (flows["network"] == network).sum() / max(len(calls), 1)
        seconds[part] = _timed(calls) * float(rounds)
    return seconds


def _timed(calls: Calls) -> float:
    begin = process_time()
    for call in calls:
        call()
    return process_time() - begin


@dataclass(frozen=True)
class Flows:
    """The solves of one network, hour after hour."""

    solves: Calls
    """By our own flow."""
    net: Callable[[], Any]
    """The net of that flow, as it was solved last."""
    run: Callable[[Any], object]
    """The library's call."""
    changing: Mapping[str, Sequence[str]]
    """Columns by table in which the hours differ."""

    def own(self) -> Calls:
        """Our own calls."""
        return self.solves

    def plain(self) -> Calls:
        """The library's calls, with what our own flow has written into the net for each hour."""
        written = []
        for solve in self.solves:
            solve()
            net = self.net()
            written.append({(t, c): net[t][c].to_numpy(copy=True) for t, names in self.changing.items() for c in names})
        given: Any = deepcopy(self.net()) if written else None

        def call(columns: Mapping[tuple[str, str], Any]) -> None:
            for (table, column), values in columns.items():
                given[table][column] = values
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.run(given)

        return [partial(call, columns) for columns in written]


def _power_flows(case: Case, prosumers: pd.DataFrame) -> Flows | None:
    if case.electric is None:
        return None
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
    options = run_options(case.electric.net)
    changing = {"load": ("p_mw", "q_mvar"), "sgen": ("p_mw", "q_mvar")}
    return Flows(calls, lambda: flow.net, lambda net: pandapower.runpp(net, **options), changing)


def _heat_flows(case: Case, exchanges: pd.DataFrame) -> Flows | None:
    if case.heat is None:
        return None
    connections = [
        HeatConnection(prosumer=prosumer.name, supply=prosumer.junctions[0], return_=prosumer.junctions[1])
        for prosumer in case.prosumers
        if prosumer.junctions is not None
    ]
    flow = HeatFlow(case.heat, connections)
    hours = exchanges.pivot_table(index="time", columns="prosumer", values="cleared_kw")
    draws = hours[[connection.prosumer for connection in connections]].to_numpy()
    changing = {"circ_pump_mass": ("mdot_flow_kg_per_s", "in_service"), "circ_pump_pressure": ("in_service",)}
    if case.heat.settings.bypass_mdot_kg_per_s and case.heat.bypasses:
        changing["flow_control"] = ("in_service",)
    calls = [partial(flow.solve, draw_kw) for draw_kw in draws]
    return Flows(calls, flow.net_as_solved, pandapipes.pipeflow, changing)


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
    for part, name in NAMES.items():
        print(f"  {name:<44}{1000 * best[part] / hours:>8.2f}")
    to_own = best["co-simulation"] / (best["electric"] + best["heat"])
    to_plain = best["co-simulation"] / (best["runpp"] + best["pipeflow"])
    print(f"ratio to plain calls {to_plain:.2f} (at most {LARGEST_RATIO}), to our own flows {to_own:.2f}")
    print(f"memory {before:.0f} MiB at first, at most {resident_mib():.0f}")
    return 0 if to_plain <= LARGEST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
