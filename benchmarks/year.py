"""What a year costs: seconds of the processor and memory of every month, of a run whose days all differ.

    python benchmarks/year.py [network2 village] [--months 12] [--set KEY=VALUE ...]

Each case runs in a process of its own as `mosaik-p2p run` does, from 1 January on, with the weather of the test
reference year and demand after VDI 4655 in place of the scenario's one or two days. Seconds and memory are those of the
whole process and of all that it starts. What follows the last interval (days without the market through the networks,
accounts, summary, report) stands below the months. Exits with 1 where a whole year takes longer than it may, or where
memory after one of the months 2 to 12 is more than 5 % off that after month 2. Memory is read from /proc (Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getpagesize, getrusage
from typing import Any

from mosaik_p2p.jit.share import one_thread_for_matrices

START = datetime.fromisoformat("2017-01-01T00:00:00+01:00")
MONTHS = 12
LARGEST_SWING = 0.05
MIB = 2**20
KIB_PER_MIB = 1024

FLATS = 'source="vdi4655", house_type="MFH", units=10'
"""Many flats behind one meter: smooth, as the members of network2 are far larger than a house."""
ELECTRICITY_KWH = {"a": 120e3, "b": 115e3, "c": 75e3, "d": 90e3, "e": 115e3, "f": 100e3, "g": 130e3, "h": 95e3}
HEAT_KWH = {"a": 40e3, "b": 25e3, "c": 32e3, "d": 30e3, "e": 25e3, "f": 29e3, "g": 27e3, "h": 36e3}
"""A year of network2's members, by the letter of their profiles: in proportion to their one day in the scenario, and
such that their largest hour stays below the rating of their loads."""
BACKGROUND_KWH = 2000.0
"""Of the factor on the feeder's own loads: 0.5 in its largest hour, as in the scenario."""


def _network2() -> list[str]:
    kinds = (("load", "electricity", ELECTRICITY_KWH), ("heat", "heat", HEAT_KWH))
    wanted = [(f"{kind}_{name}", quantity, kwh) for kind, quantity, all_ in kinds for name, kwh in all_.items()]
    wanted.append(("feeder_day", "electricity", BACKGROUND_KWH))
    return [f'profiles.{name}={{ {FLATS}, quantity="{quantity}", annual_kwh={kwh} }}' for name, quantity, kwh in wanted]


# The winter's scenario with what that of the summer has so that hot water alone keeps the strands warm enough.
VILLAGE = (
    'networks.heat.bypass={ nodes = ["strand_ends"], mdot_kg_per_s = 0.08 }',
    "networks.heat.limits.t_supply_min_c=50.0",
)
CASES: dict[str, tuple[str, Sequence[str], float]] = {
    "network2": ("network2", _network2(), 8 * 60.0),
    "village": ("schutterwald_winter", VILLAGE, 40 * 60.0),
}
"""Scenario, what is put in place of its own days, and the seconds that a whole year may take."""


def month_ends(months: int) -> list[int]:
    """The number of hours from the start to the end of each month."""
    begins = [START.replace(year=START.year + month // 12, month=month % 12 + 1) for month in range(1, months + 1)]
    return [(begin - START) // timedelta(hours=1) for begin in begins]


def processor_s() -> float:
    """Seconds that this process has taken with all that it started."""
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def resident_mib() -> float:
    """Memory that this process and those that it has started hold at present."""
    pages, waiting = 0, [Path("/proc/self")]
    while waiting:
        process = waiting.pop()
        try:
            pages += int((process / "statm").read_text().split()[1])
            tasks = [(task / "children").read_text().split() for task in (process / "task").iterdir()]
        except OSError:
            # It has ended in between.
            continue
        waiting += [Path("/proc") / child for children in tasks for child in children]
    return pages * getpagesize() / MIB


class Months:
    """What was measured after each month, counted in intervals of an hour."""

    def __init__(self, ends: Sequence[int]) -> None:
        self.rows: list[tuple[float, float]] = []
        """Seconds since the start of the process, and MiB."""
        self._ends, self._done = ends, 0

    def hour(self) -> None:
        """One more hour is written."""
        self._done += 1
        if self._done == self._ends[len(self.rows)]:
            self.rows.append((processor_s(), resident_mib()))


def measured(case: str, months: int, more: Sequence[str]) -> dict[str, Any]:
    """One run in this process."""
    from mosaik_p2p import cosim

    scenario, own, _ = CASES[case]
    ends = month_ends(months)
    found = Months(ends)

    @contextmanager
    def counted(*_: Any, **__: Any) -> Iterator[Callable[[], object]]:
        yield found.hour

    # Called after each interval, with nothing else to do where nobody looks on.
    cosim.progress_shown = counted
    overrides = [f"time.start={START.isoformat()}", *own, *more]
    with tempfile.TemporaryDirectory() as folder:
        before = processor_s()
        outcome = cosim.run(
            scenario, out=Path(folder) / "run", steps=ends[-1], overrides=overrides, overwrite=True, progress=False
        )
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    summary = {name: outcome.summary[name] for name in ("complete", "cause", "verdict_counts", "status_counts")}
    total, peak = processor_s(), getrusage(RUSAGE_SELF).ru_maxrss / KIB_PER_MIB
    return {"before": before, "rows": found.rows, "total": total, "peak": peak, "stored": stored / MIB} | summary


def in_child(case: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", case, "--months", str(asked.months)]
    command += [part for text in asked.set for part in ("--set", text)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def shown(case: str, months: int, found: dict[str, Any]) -> bool:
    """Print the table of one case; whether all is within bounds."""
    print(f"{case}: {found['verdict_counts']}, {found['status_counts']}, {found['cause'] or 'complete'}")
    print(f"{'month':>7}{'processor, s':>14}{'memory, MiB':>14}")
    before = found["before"]
    for month, (seconds, mib) in enumerate(found["rows"], start=1):
        print(f"{month:>7}{seconds - before:>14.1f}{mib:>14.0f}")
        before = seconds
    print(f"{'after':>7}{found['total'] - before:>14.1f}{found['peak']:>14.0f}  (at most, of the whole run)")
    flat = [mib for _, mib in found["rows"][1:]]
    swing = max((abs(mib / flat[0] - 1.0) for mib in flat), default=0.0)
    most = CASES[case][2]
    print(f"{'total':>7}{found['total']:>14.1f}  with imports; a year may take {most:.0f}")
    print(f"{found['stored']:.0f} MiB stored")
    print(f"memory from month 2 on within {100 * swing:.1f} % (at most {100 * LARGEST_SWING:.0f})", flush=True)
    is_in_time = months < MONTHS or found["total"] <= most
    return bool(found["complete"]) and is_in_time and swing <= LARGEST_SWING


def main() -> int:
    """Print the tables; 1 where a figure is out of its bound."""
    # As the command does, and for the children as well.
    one_thread_for_matrices()
    parser = argparse.ArgumentParser(description="What a year costs.")
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], default=[])
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `mosaik-p2p run`")
    parser.add_argument("--one", choices=list(CASES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.months, asked.set)))
        return 0
    fits = [shown(case, asked.months, in_child(case, asked)) for case in asked.cases or CASES]
    return 0 if all(fits) else 1


if __name__ == "__main__":
    raise SystemExit(main())
