"""One script, two electric grids: mosaik-pandapower-2 and the one of this package in its place.

Everything but the entry `python` in SIM_CONFIG is the same: parameters of the grid, its children, their attributes and
extra information, and the extra methods. Loads and plants come from a CSV file through mosaik-csv, four times an hour.

    python -m mosaik_p2p.scenarios.examples.either_grid
"""

from pathlib import Path
from typing import Any

import mosaik
import pandas as pd

USUAL = "mosaik_components.pandapower:Simulator"
OURS = "mosaik_p2p.sims.electric_grid:Simulator"

QUARTER = 900
QUARTERS = 6
PLACES = {
    "shops_mw": ("Bus-3", "P_load[MW]"),
    "houses_mw": ("Bus-7", "P_load[MW]"),
    "roofs_mw": ("Bus-11", "P_gen[MW]"),
}
"""Column of the file to the bus and attribute that it drives."""
SHOWN = {
    "Bus": ("P[MW]", "Q[MVar]", "Vm[pu]", "Va[deg]"),
    "Load": ("P[MW]", "Q[MVar]"),
    "Line": ("I[kA]", "loading[%]"),
    "ExternalGrid": ("P[MW]", "Q[MVar]"),
}


def results(grid_simulator: str) -> pd.Series:
    """Every shown attribute of every element in every quarter: values by (time, element, attribute)."""
    sim_config: Any = {
        "csv": {"python": "mosaik_csv:CSV"},
        "grid": {"python": grid_simulator},
        "collector": {"python": "mosaik_p2p.scenarios.examples.collector:Simulator"},
    }
    with mosaik.World(sim_config, skip_greetings=True, configure_logging=False) as world:
        file = str(Path(__file__).with_name("quarters.csv"))
        source = world.start("csv", sim_start="2017-03-28 09:00:00", datafile=file).Data()
        simulator = world.start("grid", sim_id="grid", step_size=QUARTER)
        grid = simulator.Grid(network_function="create_cigre_network_mv", params={"with_der": False})
        generator = simulator.ControlledGen(bus=5)
        elements = {child.eid: child for child in grid.children}
        for column, (bus, attribute) in PLACES.items():
            world.connect(source, elements[bus], (column, attribute))
        world.connect(source, generator, ("plant_mw", "P[MW]"))
        # Who is connected to bus 9 is cut off.
        simulator.disable_elements([eid for eid, info in simulator.get_extra_info().items() if info.get("bus") == 9])
        collector = world.start("collector")
        sink = collector.Collector()
        for element in elements.values():
            if element.type in SHOWN:
                world.connect(element, sink, *SHOWN[element.type])
        world.run(until=QUARTERS * QUARTER, print_progress=False)
        rows: pd.DataFrame = collector.rows()
    rows["element"] = rows["source"].str.partition(".")[2]
    values: pd.Series = rows.set_index(["time", "element", "attribute"])["value"].astype(float)
    return values.sort_index()


def comparison() -> pd.DataFrame:
    """By attribute: number of values, and the largest difference between both grids."""
    difference = (results(OURS) - results(USUAL)).abs()
    return difference.groupby("attribute").agg(["size", "max"])


if __name__ == "__main__":
    print(comparison().to_string())
