"""How long the charge mechanisms take: 400 places on a network of 1 220 branches, radial and with ties closed.

.venv/bin/python benchmarks/charges.py
"""

from collections.abc import Callable
from copy import deepcopy
from time import perf_counter

import numpy as np
import pandapower
from pandapower import pandapowerNet

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.kinds.power_transfer_distance import moved_between
from mosaik_p2p.charges.thevenin import thevenin_ohm
from mosaik_p2p.charges.zones import zones_on_the_way
from mosaik_p2p.networks.electric.graph import path_graph
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.electric.transfer import transfer_factors
from mosaik_p2p.units import IntArray

PLACES, TIES, SEED = 400, 14, 1


def main() -> None:
    """Print the seconds of each mechanism."""
    radial = electric_case("schutterwald").net
    print(f"{'network':<10} {'mechanism':<26} {'branches':>8} {'places':>7} {'seconds':>8}")
    for name, net in (("radial", radial), ("meshed", _meshed(radial))):
        graph = path_graph(net)
        buses = np.random.default_rng(SEED).choice(np.array(list(graph.node_of)), PLACES, replace=False)
        for mechanism, compute in _mechanisms(net, graph, buses).items():
            begin = perf_counter()
            compute()
            seconds = perf_counter() - begin
            print(f"{name:<10} {mechanism:<26} {len(graph.length):>8} {len(buses):>7} {seconds:>8.2f}")


def _meshed(radial: pandapowerNet) -> pandapowerNet:
    """Lines between random buses of one level."""
    net, random = deepcopy(radial), np.random.default_rng(SEED)
    low = net.bus.index[net.bus["vn_kv"] < 1.0].to_numpy()
    for _ in range(TIES):
        a, b = (int(bus) for bus in random.choice(low, 2, replace=False))
        pandapower.create_line_from_parameters(net, a, b, 0.1, 0.2, 0.08, 0.0, 0.2, name=f"tie {a}-{b}")
    return net


def _mechanisms(net: pandapowerNet, graph: PathGraph, buses: IntArray) -> dict[str, Callable[[], object]]:
    nodes = np.array([graph.node_of[bus] for bus in buses.tolist()])
    zone = np.random.default_rng(SEED).integers(0, 8, len(graph.node_names))
    return {
        "thevenin_distance": lambda: thevenin_ohm(graph, nodes),
        "power_transfer_distance": lambda: moved_between(transfer_factors(net, buses)),
        "zonal, as a table": lambda: zones_on_the_way(graph, zone, nodes),
    }


if __name__ == "__main__":
    main()
