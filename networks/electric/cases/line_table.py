"""Radial feeders that are typed as tables: `tables/<case>_lines.csv` and `tables/<case>_loads.csv`."""

from copy import deepcopy
from functools import lru_cache
from pathlib import Path

import pandapower
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.networks.empty_nets import empty_electric_net
from mosaik_p2p.units import KW_PER_MW

TABLES = Path(__file__).parents[2] / "tables"
SUBSTATION = "1"


def feeder_net(case: str, *, vn_kv: float) -> pandapowerNet:
    """The feeder with its slack at bus "1": buses by number, lines such as "1-2", loads by bus.

    Lines are 1 km long each, because the tables give ohm for the whole line.
    """
    return deepcopy(_made(case, vn_kv))


@lru_cache(maxsize=8)
def _made(case: str, vn_kv: float) -> pandapowerNet:
    """Once in a process: to make it takes ten times as long as to copy it. Nobody may write to it."""
    lines = pd.read_csv(TABLES / f"{case}_lines.csv", comment="#", dtype={"from_bus": str, "to_bus": str})
    loads = pd.read_csv(TABLES / f"{case}_loads.csv", comment="#", dtype={"bus": str})
    net = empty_electric_net(case)
    names = [SUBSTATION, *sorted(lines["to_bus"], key=int)]
    bus = {name: pandapower.create_bus(net, vn_kv=vn_kv, name=name) for name in names}
    pandapower.create_ext_grid(net, bus[SUBSTATION], vm_pu=1.0, name=SUBSTATION)
    for line in lines.itertuples():
        pandapower.create_line_from_parameters(
            net,
            bus[line.from_bus],
            bus[line.to_bus],
            length_km=1.0,
            r_ohm_per_km=line.r_ohm,
            x_ohm_per_km=line.x_ohm,
            c_nf_per_km=0.0,
            max_i_ka=line.max_i_ka,
            name=f"{line.from_bus}-{line.to_bus}",
        )
    p_mw, q_mvar = (loads["p_kw"] / KW_PER_MW).to_list(), (loads["q_kvar"] / KW_PER_MW).to_list()
    places = [bus[name] for name in loads["bus"]]
    pandapower.create_loads(net, places, p_mw=p_mw, q_mvar=q_mvar, name=loads["bus"].to_list())
    return net
