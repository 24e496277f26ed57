"""Fifty futures of a village, overnight: 25 seeds, each with the roofs that there are and with three times as many kWp.

Of every house the size and hours of its loads, what is expected of them, and whether it has its PV and its battery are
drawn from the seed (docs/uncertainty.md). Both amounts of PV meet the same luck.

    python -m mosaik_p2p.scenarios.examples.overnight                       # on this machine
    sbatch overnight_array.sh                                               # a job array, ten jobs of five runs each
    bash overnight_dask.sh                                                  # on the workers of a Dask cluster

The same again goes on with what is missing. `overnight_array.sh` and `overnight_dask.sh` stand beside this file, to be
copied; for a scenario of your own `mosaik-p2p sweep` has the same options. What came of it: OUT/index.html.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mosaik_p2p import sweep
from mosaik_p2p.studies.sweep.command import WHOLE, Sweep

VILLAGE = "schutterwald_winter"
OUT = Path("results/overnight")
SEEDS = 25
UNCERTAIN = (
    "uncertainty.load={scale_spread=0.1, shift_minutes=60, forecast_error=0.15, persistence=0.7}",
    # Cold comes to all at once, and so do clouds.
    "uncertainty.heat_load={forecast_error=0.1, persistence=0.9, common=0.5}",
    "uncertainty.generation={forecast_error=0.3, persistence=0.9, common=0.9}",
    "uncertainty.owners={pv=0.8, battery=0.6}",
)


def futures(
    *,
    out: Path = OUT,
    seeds: int = SEEDS,
    steps: int | None = None,
    part: str = WHOLE,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> Sweep:
    """Run them, or those of a part, as far as they are not there yet."""
    vary = (f"seed=1..{seeds}", "scale.pv=1,3")
    return sweep(
        VILLAGE, vary=vary, overrides=UNCERTAIN, out=out, steps=steps, part=part, jobs=jobs, scheduler=scheduler
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is that of the sweep."""
    parser = argparse.ArgumentParser(description="Fifty futures of a village.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, help="of the 48 hours, to try it out")
    parser.add_argument("--part", default=WHOLE, metavar="I/N", help="every N-th run only, for job arrays")
    parser.add_argument("--jobs", type=int, help="runs at once")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster")
    found = futures(**vars(parser.parse_args(arguments)))
    print(*found.remarks, f"Page: {found.folder / 'index.html'}", sep="\n")
    return int(found.exit_code)


if __name__ == "__main__":
    sys.exit(main())
