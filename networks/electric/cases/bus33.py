"""The 33-bus, 12.66 kV feeder of Baran and Wu (1989), from `pandapower.networks.case33bw`, with ratings of ours."""

import numpy as np
import pandapower.networks
from pandapower import pandapowerNet

TRUNK_END = 5
"""Row of the bus up to which the trunk reaches, the published bus 6."""
TRUNK_KA, LATERAL_KA = 0.30, 0.10
"""70 % and 65 % of them are loaded in the base case."""

BUS33 = (
    "33-bus, 12.66 kV radial feeder of Baran, Wu 1989 (doi 10.1109/61.25627), from pandapower.networks.case33bw; "
    "line ratings (0.30 kA trunk 1-6, 0.10 kA all else) are ours, the source has none; its five tie lines are open"
)


def bus33_net() -> pandapowerNet:
    """The feeder: buses "1" to "33" as published (one more than their index), lines such as "1-2", loads by bus."""
    net = pandapower.networks.case33bw()
    numbers = [str(index + 1) for index in net.bus.index]
    net.bus["name"] = numbers
    start, end = net.line["from_bus"].to_numpy(), net.line["to_bus"].to_numpy()
    net.line["name"] = [f"{numbers[a]}-{numbers[b]}" for a, b in zip(start, end, strict=True)]
    net.line["max_i_ka"] = np.where(np.maximum(start, end) <= TRUNK_END, TRUNK_KA, LATERAL_KA)
    net.load["name"] = [numbers[bus] for bus in net.load["bus"]]
    net.ext_grid["name"] = [numbers[bus] for bus in net.ext_grid["bus"]]
    # What power costs is the market's matter, and what bounds an optimisation is no limit of the feeder.
    net.poly_cost = net.poly_cost.iloc[:0]
    net.bus = net.bus.drop(columns=["min_vm_pu", "max_vm_pu"])
    net.line = net.line.drop(columns="max_loading_percent")
    net.name = "bus33"
    return net
