"""A world of one's own that ends with a report: market, electric grid and recorder, four intervals of 15 minutes.

The recorder makes its folder what a run of this package leaves: scenario, tables, summary, nets and `report.html`. It
belongs into the group of market and grid, and needs their `tables`. The folder has to be there before the world runs.

    python -m mosaik_p2p.scenarios.examples.own_world
"""

import json
from pathlib import Path
from typing import Any

import mosaik

from mosaik_p2p.loading import load
from mosaik_p2p.sims.world.wiring import ELECTRIC_DISPATCH, event_driven

QUARTER = 900
QUARTERS = 4
NOON = (
    "time.start=2017-03-28T11:00:00+01:00",
    "time.step_minutes=15",
    f"time.steps={QUARTERS}",
    "time.horizon_steps=16",
)
SIMULATORS = ("profiles", "market", "electric_grid", "recorder")
SIM_CONFIG: Any = {name: {"python": f"mosaik_p2p.sims.{name}:Simulator"} for name in SIMULATORS}


def recorded(folder: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Run the world with results in `folder`; returns the summary."""
    case = load("network1_electric", NOON)
    with mosaik.World(SIM_CONFIG, skip_greetings=True, configure_logging=False) as world:
        profiles = world.start("profiles").Profiles(scenario=case)
        with world.group("market and grid"):
            market = world.start("market").Market(scenario=case)
            grid = event_driven("electric_grid", world.start("electric_grid")).Grid(scenario=case)
            recorder = world.start("recorder").Recorder(scenario=case, folder=str(folder), overwrite=overwrite)
        background = next(child for child in profiles.children if child.type == "Background")
        world.connect(background, grid, "load_scaling[1]")
        buses = {child.eid: child for child in grid.children}
        for prosumer in market.children:
            world.connect(prosumer, buses[f"Bus-{prosumer.extra_info['bus']}"], *ELECTRIC_DISPATCH)
        world.connect(market, grid, "round")
        world.connect(grid, market, ("violations", "violations_electricity"), weak=True)
        for source in (market, grid):
            world.connect(source, recorder, "tables")
        world.run(until=QUARTERS * QUARTER, print_progress=False)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary


def main() -> None:
    """Run it into `results/own_world` and say what came out."""
    folder = Path("results/own_world")
    folder.mkdir(parents=True, exist_ok=True)
    summary = recorded(folder, overwrite=True)
    hours = summary["steps_computed"] * summary["dt_h"]
    print(f"{summary['traded_kwh']['electricity']:.1f} kWh traded in {hours:g} h, verdict {summary['verdict']}")
    print(f"Report: {folder / 'report.html'}")


if __name__ == "__main__":
    main()
