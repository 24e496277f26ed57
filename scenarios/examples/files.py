"""Measured values from a CSV file into the market, results into a CSV file and an HDF5 file.

mosaik-csv plays what turned out: the workshop's load and two roofs. What is not connected stays the scenario's own, the
forecasts among it. The writer that comes with mosaik-csv and mosaik-hdf5 keep what the market and the grid show.

- The CSV reader knows no time zones: its `sim_start` is the begin of the first row, whatever the scenario's zone is.
- The CSV writer takes its columns from the first step in the order of a set; `attrs` gives them an order of their own.
- mosaik-hdf5 takes `price_electricity[EUR/MWh]` for a path: a group `price_electricity[EUR` with a dataset `MWh]`.
  Reading it by the attribute's name works all the same.

    python -m mosaik_p2p.scenarios.examples.files
"""

import tempfile
from pathlib import Path
from typing import Any

import h5py
import mosaik
import pandas as pd

from mosaik_p2p.loading import load

HOUR = 3600
HOURS = 4
NOON = ("time.start=2017-03-28T11:00:00+01:00", f"time.steps={HOURS}", "time.horizon_steps=6")
BEGIN = "2017-03-28 11:00:00"
SIM_CONFIG: Any = {
    "csv": {"python": "mosaik_csv:CSV"},
    "profiles": {"python": "mosaik_p2p.sims.profiles:Simulator"},
    "market": {"python": "mosaik_p2p.sims.market:Simulator"},
    "grid": {"python": "mosaik_p2p.sims.electric_grid:Simulator"},
    "writer": {"python": "mosaik_csv_writer:CSVWriter"},
    "hdf5": {"python": "mosaik_hdf5:MosaikHdf5"},
}
MEASURED = {
    "b_load_kw": ("Prosumer-B", "P_realised[kW]"),
    "a_roof_kw": ("Prosumer-A", "PV_realised[kW]"),
    "c_roof_kw": ("Prosumer-C", "PV_realised[kW]"),
}
"""Column of the file to the prosumer and attribute that it is about."""
DISPATCH = ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]")
KEPT = ("P_net[MW]", "price_electricity[EUR/MWh]")
"""Of every prosumer; of every bus its voltage, of the whole grid its loss."""


def run_market(folder: Path) -> tuple[Path, Path]:
    """A few hours around noon; where the CSV file and the HDF5 file lie."""
    case = load("network1_electric", NOON)
    csv_file, hdf5_file = folder / "results.csv", folder / "results.hdf5"
    with mosaik.World(SIM_CONFIG, skip_greetings=True, configure_logging=False) as world:
        file = str(Path(__file__).with_name("measured.csv"))
        measured = world.start("csv", sim_start=BEGIN, datafile=file).Data()
        profiles = world.start("profiles").Profiles(scenario=case)
        with world.group("market and grid"):
            market = world.start("market", sim_id="market").Market(scenario=case)
            grid = world.start("grid", sim_id="grid").Grid(scenario=case)
        prosumers = {child.eid: child for child in market.children}
        buses = {child.eid: child for child in grid.children if child.type == "Bus"}
        for column, (prosumer, attribute) in MEASURED.items():
            world.connect(measured, prosumers[prosumer], (column, attribute))
        # The other loads of the feeder, as a factor.
        background = next(child for child in profiles.children if child.type == "Background")
        world.connect(background, grid, "load_scaling[1]")
        for prosumer in prosumers.values():
            world.connect(prosumer, buses[f"Bus-{prosumer.extra_info['bus']}"], *DISPATCH)
        world.connect(market, grid, "round")
        world.connect(grid, market, ("violations", "violations_electricity"), weak=True)
        kept = [(prosumer, name) for prosumer in prosumers.values() for name in KEPT]
        kept += [(bus, "Vm[pu]") for bus in buses.values()] + [(grid, "loss[MW]")]
        columns = [f"{entity.full_id}-{name}" for entity, name in kept]
        writer = world.start("writer", start_date=BEGIN, output_file=str(csv_file))
        sinks = [
            writer.CSVWriter(attrs=columns, buff_size=HOUR),
            world.start("hdf5", step_size=HOUR, duration=HOURS * HOUR).Database(filename=str(hdf5_file)),
        ]
        for sink in sinks:
            for entity, name in kept:
                world.connect(entity, sink, name)
        world.run(until=HOURS * HOUR, print_progress=False)
    return csv_file, hdf5_file


def from_csv(file: Path) -> pd.DataFrame:
    """The CSV file: one row per hour, one column per entity and attribute."""
    return pd.read_csv(file, index_col="date")


def from_hdf5(file: Path, entity: str, attribute: str) -> list[float]:
    """One series of the HDF5 file."""
    with h5py.File(file) as stored:
        return [float(value) for value in stored[f"Series/{entity}/{attribute}"]]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        csv_file, hdf5_file = run_market(Path(temporary))
        print(from_csv(csv_file)[["market.Prosumer-B-P_net[MW]", "grid.Bus-14-Vm[pu]", "grid.Grid-loss[MW]"]])
        print(from_hdf5(hdf5_file, "market.Prosumer-B", "price_electricity[EUR/MWh]"))
