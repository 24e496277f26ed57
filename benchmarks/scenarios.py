"""How long the shipped scenarios take, and whether every interval of them is as good as it says.

    python benchmarks/scenarios.py [scenario ...]

Runs each scenario twice in fresh processes (in a fresh installation the first run also compiles what is not cached yet)
and recomputes the results with `tests/support/outsider.py`: energy, money, storage levels, and for every n-th interval
the central optimum. Prints a table; exits with 1 where a figure is out of its bounds.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

import outsider

EVERY = {
    "all_devices": 1,
    "network1": 1,
    "network1_electric": 1,
    "network2": 1,
    "network2_congested": 1,
    "bus69": 2,
    "schutterwald_winter": 6,
    "schutterwald_summer": 6,
}
"""The village's central model has 90 000 variables: some ten seconds each."""


def timed_run(scenario: str, folder: Path) -> float:
    """Seconds of a whole run, imports included."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "mosaik_p2p", "run", scenario, "--out", str(folder), "--overwrite", "--quiet"]
    subprocess.run(command, check=True)
    return time.perf_counter() - begin


def row(scenario: str, folder: Path) -> tuple[str, bool]:
    """One line of the table, and whether all of it is within bounds."""
    seconds = [timed_run(scenario, folder) for _ in range(2)]
    results = outsider.read(folder)
    energy, money, levels = (f(results) for f in (outsider.energy_errors, outsider.money_errors, outsider.level_errors))
    gaps = outsider.gaps(results, every=EVERY.get(scenario, 1))
    balanced = (energy["error_kw"] <= outsider.BALANCE * energy["total_kw"] + outsider.ROUNDING_KW).all()
    paid = (money["error"] <= outsider.BALANCE * money["turnover"]).all()
    worst = gaps["cost_above_optimum"].max()
    bound = gaps["bound_below_optimum"].min()
    said = results.summary["relative_gap"]["max"]
    counts = results.summary["verdict_counts"]
    good = balanced and paid and max(worst, said) <= outsider.GAP and bound >= -outsider.BALANCE
    good = bool(good and levels.max() <= outsider.LEVEL_KWH)
    text = (
        f"{scenario:<22}{seconds[0]:>8.1f}{seconds[1]:>8.1f}{counts['feasible']:>6}/{results.summary['steps']:<4}"
        f"{results.summary['iterations']['mean']:>7.0f}{results.summary['iterations']['max']:>6.0f}{said:>10.1e}"
        f"{len(gaps):>7}{worst:>11.1e}{bound:>10.1e}  {'ok' if good else 'OUT OF BOUNDS'}"
    )
    return text, good


def main() -> int:
    """Print the table."""
    print(
        f"{'scenario':<22}{'1st s':>8}{'2nd s':>8}{'feasible':>11}{'iter.':>7}{'max':>6}{'gap said':>10}"
        f"{'checked':>9}{'above opt':>9}{'bound':>10}"
    )
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for scenario in sys.argv[1:] or list(EVERY):
            text, fine = row(scenario, Path(folder) / scenario)
            print(text, flush=True)
            good = good and fine
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
