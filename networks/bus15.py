"""The 15-bus, 11 kV radial feeder of Das, Kothari and Kalam (1995), built from `tables/bus15_*.csv`."""

from pathlib import Path

import pandapower
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.units import KW_PER_MW

TABLES = Path(__file__).parent / "tables"
VN_KV = 11.0
SUBSTATION = "1"

BUS15 = (
    "15-bus, 11 kV radial feeder of Das, Kothari, Kalam 1995 (doi 10.1016/0142-0615(95)00050-0); "
    "line ratings (0.14 kA trunk, 0.04 kA laterals) are ours, the source has none"
)


def bus15_net() -> pandapowerNet:
    """The feeder: buses "1" to "15", lines such as "1-2" (1 km each: the source gives ohm), loads by bus."""
    lines = pd.read_csv(TABLES / "bus15_lines.csv", comment="#", dtype={"from_bus": str, "to_bus": str})
    loads = pd.read_csv(TABLES / "bus15_loads.csv", comment="#", dtype={"bus": str})
    net = pandapower.create_empty_network(name="bus15")
    names = [SUBSTATION, *sorted(lines["to_bus"], key=int)]
    bus = {name: pandapower.create_bus(net, vn_kv=VN_KV, name=name) for name in names}
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
