"""What the elements of both networks show beside voltages and loadings, and what can be set.

Electricity: power at both ends of lines and transformers, their losses, a tap changer, a storage that another simulator
runs (the grid takes its power and passes its state of charge on). Heat: pipes with their losses, and the plant.

    python -m mosaik_p2p.scenarios.examples.attributes
"""

from pathlib import Path
from typing import Any

import mosaik
import pandapower
import pandapower.networks
import pandas as pd

HOUR = 3600
HOURS = 4
SIM_CONFIG: Any = {
    "csv": {"python": "mosaik_csv:CSV"},
    "electric": {"python": "mosaik_p2p.sims.electric_grid:Simulator"},
    "heat": {"python": "mosaik_p2p.sims.heat_grid:Simulator"},
    "collector": {"python": "mosaik_p2p.scenarios.examples.collector:Simulator"},
}
SET = {
    "storage_mw": ("Storage-0", "P_set[MW]"),
    "charge_percent": ("Storage-0", "soc_set[%]"),
    "tap": ("Transformer-0", "tap_set[1]"),
    "heat_kw": ("Consumer-C", "Q_heat[kW]"),
}
"""What the file's columns set, hour by hour."""
SHOWN = {
    "Storage": ("P[MW]", "soc[%]"),
    "Transformer": ("P_hv[MW]", "P_lv[MW]", "loss[MW]", "loading[%]", "tap[1]"),
    "Line": ("P_from[MW]", "P_to[MW]", "loss[MW]"),
    "Pipe": ("loss[kW]", "T_out[degC]"),
    "Plant": ("Q[kW]", "P_pump[kW]"),
}


def ring_with_storage() -> Any:
    """pandapower's open ring of medium voltage with a storage at bus 3."""
    net = pandapower.networks.simple_mv_open_ring_net()
    pandapower.create_storage(net, bus=3, p_mw=0.0, max_e_mwh=10.0)
    return net


def results() -> pd.DataFrame:
    """A row per hour, a column per element and attribute."""
    with mosaik.World(SIM_CONFIG, skip_greetings=True, configure_logging=False) as world:
        file = str(Path(__file__).with_name("settings.csv"))
        settings = world.start("csv", sim_start="2017-03-28 00:00:00", datafile=file).Data()
        electric = world.start("electric", sim_id="electric", step_size=HOUR).Grid(net=ring_with_storage())
        heat = world.start("heat", sim_id="heat").Grid(scenario="network1")
        elements = {child.eid: child for child in (*electric.children, *heat.children)}
        for column, (eid, attribute) in SET.items():
            world.connect(settings, elements[eid], (column, attribute))
        collector = world.start("collector")
        sink = collector.Collector()
        for element in elements.values():
            world.connect(element, sink, *SHOWN.get(element.type, ()))
        world.connect(electric, sink, "loss[MW]", "P_slack[MW]")
        world.connect(heat, sink, "loss[kW]", "Q_slack[kW]")
        world.run(until=HOURS * HOUR, print_progress=False)
        rows: pd.DataFrame = collector.rows()
    rows["hour"] = rows["time"] // HOUR
    rows["element"] = rows["source"].str.partition(".")[2].where(~rows["source"].str.endswith("Grid"), rows["source"])
    return rows.pivot_table(index="hour", columns=["element", "attribute"], values="value", aggfunc="last").astype(
        float
    )


if __name__ == "__main__":
    table = results()
    few = ["Storage-0", "Transformer-0", "Line-0", "electric.Grid", "Plant-0", "heat.Grid"]
    print(table[few].T.round(4).to_string())
