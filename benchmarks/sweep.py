"""A sweep with two runs at once beside one with one, in turn, by the clock.

    python benchmarks/sweep.py [runs] [steps] [times]

`network1` under as many rates as there are `runs`, the first `steps` intervals of each (6 runs of 6), each way `times`
times (3). With `--jobs 1` the runs follow each other in the command's own process, with `--jobs 2` two processes serve
them. By the clock and for the whole command, so that the machine should have nothing else to do. Exits with 1 where a
run is not complete, where two come to another table than one, or where two take longer.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import pandas as pd

TIMES = "wall_s"
"""What columns begin with that say how long something took."""
JOBS = (1, 2)


def swept(runs: int, steps: int, jobs: int) -> tuple[float, pd.DataFrame]:
    """Seconds of the command, and its table."""
    varied = f"charges.electricity.rate=0:{(runs - 1) / 100}:0.01"
    with tempfile.TemporaryDirectory() as folder:
        words = ["sweep", "network1", "--vary", varied, "--steps", str(steps), "--jobs", str(jobs), "--out", folder]
        began = perf_counter()
        subprocess.run([sys.executable, "-m", "mosaik_p2p", *words], check=True, capture_output=True)
        seconds = perf_counter() - began
        table = pd.read_parquet(Path(folder) / "runs.parquet")
    return seconds, table[[name for name in table if not name.startswith(TIMES)]]


def main(runs: int = 6, steps: int = 6, times: int = 3) -> int:
    """Print seconds each way, and the ratio of the medians."""
    seconds: dict[int, list[float]] = {jobs: [] for jobs in JOBS}
    tables: list[pd.DataFrame] = []
    for _ in range(times):
        for jobs in JOBS:
            took, table = swept(runs, steps, jobs)
            seconds[jobs].append(took)
            tables.append(table)
            print(f"{runs} runs of {steps} intervals, --jobs {jobs}: {took:.1f} s", flush=True)
    ratio = median(seconds[2]) / median(seconds[1])
    print(f"median: {median(seconds[1]):.1f} s with one, {median(seconds[2]):.1f} s with two: {ratio:.2f} of the time")
    are_equal = all(table.equals(tables[0]) for table in tables)
    is_complete = bool((tables[0]["status"] == "complete").all())
    print(f"tables: {'equal' if are_equal else 'NOT EQUAL'}, runs: {'complete' if is_complete else 'NOT COMPLETE'}")
    return int(not (are_equal and is_complete and ratio < 1.0))


if __name__ == "__main__":
    raise SystemExit(main(*(int(word) for word in sys.argv[1:])))
