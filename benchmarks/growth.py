"""How what an hour costs grows with the district: python benchmarks/growth.py [--houses 50 200 1000 5000] [--hours 6]

Generated districts (`districts.py`), each run in a process of its own as `mosaik-p2p run` does. Shows seconds of the
processor by part, per hour: the market, the heat network, the electric one, the recorder, and the rest of the
co-simulation; the first hour by itself, in which models are stated and code is loaded; then loading before it, days
without a market through the networks and the report after it, runs beside it that it is compared with, and memory at
its most. With sizes of 200 houses and more come the exponents between the smallest of them and the largest.
`--negotiate` lets the markets negotiate under a limit of voltage that the first hour of noon breaks, so that what the
first hour costs is that of a negotiation.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from mosaik_p2p.jit.share import one_thread_for_matrices

HOUSES, HOURS = (50, 200, 1000, 5000), 6
BESIDE = "beside"
EXPONENTS_FROM = 200
HOURLY = ("market", "heat", "electric", "recorder", "other")
AROUND = ("loading", "after", "report", BESIDE)
BOUNDS = {"market": 1.15, "heat": 1.2, "recorder": 1.2}
"""Largest exponents."""
KIB_PER_GB = 1e6
NOON = "2017-03-28T12:00:00+01:00"
NEGOTIATED = (
    "negotiation.enabled=true",
    f"time.start={NOON}",
    "networks.electricity.limits.voltage_pu.max={highest:.5f}",
)


class Stopwatch:
    """Seconds of the processor by named part and hour; those of a part within another count for the inner one alone."""

    def __init__(self) -> None:
        self.hour = 0
        self.seconds: dict[tuple[str, int], float] = {}
        self._inner = 0.0
        self._is_beside = False

    def watch(self, owner: Any, name: str, part: str, *, later: int = 0) -> None:
        """From here on every call of `owner.name` counts for `part`, of an hour so many before."""
        function: Callable[..., Any] = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            begin, outside, self._inner = process_time(), self._inner, 0.0
            try:
                return function(*args, **options)
            finally:
                spent = process_time() - begin
                key = (BESIDE if self._is_beside else part, max(self.hour - later, 0))
                self.seconds[key] = self.seconds.get(key, 0.0) + spent - self._inner
                self._inner = outside + spent

        setattr(owner, name, watched)

    def watch_beside(self, owner: Any, name: str) -> None:
        """All that calls of `owner.name` do counts for the runs beside."""
        self.watch(owner, name, BESIDE)
        function: Callable[..., Any] = getattr(owner, name)

        def beside(*args: Any, **options: Any) -> Any:
            self._is_beside = True
            try:
                return function(*args, **options)
            finally:
                self._is_beside = False

        setattr(owner, name, beside)

    def of(self, part: str, *, first: bool) -> float:
        """Seconds of a part in the first hour, or in all that follow together."""
        return sum(spent for (name, hour), spent in self.seconds.items() if name == part and (hour == 0) is first)


def measured(scenario: Path, hours: int, overrides: list[str]) -> dict[str, float]:
    """Of one run in this process."""
    from mosaik_p2p import cosim
    from mosaik_p2p.market.over_time import rolling
    from mosaik_p2p.sims import electric_grid, heat_grid, market, recorder
    from mosaik_p2p.sims.market import Simulator as Market

    stopwatch = Stopwatch()
    sims = {"market": market, "heat": heat_grid, "electric": electric_grid, "recorder": recorder}
    for part, module in sims.items():
        for method in ("step", "get_data"):
            # An hour is written when the next one begins.
            stopwatch.watch(module.Simulator, method, part, later=int(part == "recorder"))
    # What is left in the storages at the end is valued once a run.
    stopwatch.watch(rolling, "closing_table", "after")
    stopwatch.watch(recorder.Simulator, "finish", "recorder")
    parts = {"load": "loading", "_ended": "other", "conclude": "report", "add_report": "report", "followed": "after"}
    for name, part in parts.items():
        stopwatch.watch(cosim, name, part)
    stopwatch.watch_beside(cosim, "_run_others")
    begins: Callable[..., Any] = Market._begin

    def begin(self: Market, interval: int, inputs: Any) -> Any:
        stopwatch.hour = interval
        return begins(self, interval, inputs)

    Market._begin = begin  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        outcome = cosim.run(scenario, out=Path(folder) / "run", steps=hours, overrides=overrides, progress=False)
        rounds = outcome.results["clearing"]["round"].max()
        total = process_time()
    later = max(hours - 1, 1)
    found = {f"first {part}": stopwatch.of(part, first=True) for part in HOURLY}
    found |= {part: stopwatch.of(part, first=False) / later for part in HOURLY}
    found |= {part: stopwatch.of(part, first=True) + stopwatch.of(part, first=False) for part in AROUND}
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GB
    return found | {"total": total, "memory_gb": memory_gb, "rounds": float(rounds)}


def in_child(houses: int, asked: argparse.Namespace) -> dict[str, float]:
    """The same in a process of its own, with a district that it writes."""
    command = [sys.executable, __file__, "--one", str(houses), "--hours", str(asked.hours), "--seed", str(asked.seed)]
    command += ["--negotiate", "--highest-pu", str(asked.highest_pu)] if asked.negotiate else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def one(houses: int, asked: argparse.Namespace) -> None:
    """What a child does: write a district, run it, print what was measured."""
    sys.path.insert(0, str(Path(__file__).parent))
    from districts import write_district

    with tempfile.TemporaryDirectory() as folder:
        scenario = write_district(Path(folder), houses, seed=asked.seed)
        overrides = [text.format(highest=asked.highest_pu) for text in NEGOTIATED] if asked.negotiate else []
        print(json.dumps(measured(scenario, asked.hours, overrides)))


def exponent(few: tuple[int, float], many: tuple[int, float]) -> float:
    """Of growth between two sizes, each with its seconds."""
    return math.log(max(many[1], 1e-9) / max(few[1], 1e-9)) / math.log(many[0] / few[0])


def exponents(rows: dict[int, dict[str, float]]) -> dict[str, float]:
    """By part, from the smallest size that counts to the largest; empty with fewer than two."""
    sizes = [houses for houses in sorted(rows) if houses >= EXPONENTS_FROM]
    if len(sizes) < 2:
        return {}
    few, many = sizes[0], sizes[-1]
    return {part: exponent((few, rows[few][part]), (many, rows[many][part])) for part in (*HOURLY, *AROUND)}


def line(houses: int, row: dict[str, float]) -> str:
    """One row of the table."""
    hourly = "".join(f"{1e3 * row[part]:>10.1f}" for part in HOURLY)
    first = sum(row[f"first {part}"] for part in HOURLY)
    around = "".join(f"{row[part]:>9.1f}" for part in AROUND)
    return (
        f"{houses:>7}{hourly} |{first:>9.1f}{around}{row['total']:>9.1f}{row['memory_gb']:>9.2f}{row['rounds']:>8.0f}"
    )


def main() -> int:
    """Print the table; 1 where an exponent is out of its bound."""
    # As the command does, and for the children as well.
    one_thread_for_matrices()
    parser = argparse.ArgumentParser(description="How the parts of a run grow with the district.")
    parser.add_argument("--houses", type=int, nargs="*", default=list(HOUSES))
    parser.add_argument("--hours", type=int, default=HOURS, help="of each run; the first is shown by itself")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--negotiate", action="store_true")
    parser.add_argument("--highest-pu", type=float, default=1.0005, help="voltage that --negotiate does not let pass")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, asked)
        return 0
    print(f"{'':>7}{'ms of the processor per hour after the first':>50} |{'s of the processor':>45}")
    names = (*HOURLY, "|", "1st hour", *AROUND, "total", "GB", "rounds")
    print(f"{'houses':>7}" + "".join(" |" if name == "|" else f"{name:>10}" for name in names[:6]), end="")
    print("".join(f"{name:>9}" for name in names[6:12]) + f"{'GB':>9}{'rounds':>8}")
    rows = {}
    for houses in asked.houses:
        rows[houses] = in_child(houses, asked)
        print(line(houses, rows[houses]), flush=True)
    grown = exponents(rows)
    for part, value in grown.items():
        print(f"  exponent of {part}: {value:.2f}" + (f" (at most {BOUNDS[part]})" if part in BOUNDS else ""))
    return int(any(grown.get(part, 0.0) > bound for part, bound in BOUNDS.items()))


if __name__ == "__main__":
    raise SystemExit(main())
