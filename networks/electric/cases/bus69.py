"""The 69-bus, 12.66 kV radial feeder of Baran and Wu (1989), built from `tables/bus69_*.csv`."""

from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.cases.line_table import feeder_net

VN_KV = 12.66

BUS69 = (
    "69-bus, 12.66 kV radial feeder of Baran, Wu 1989 (doi 10.1109/61.19265), numbers as in case69 of MATPOWER; "
    "line ratings (0.32 kA trunk 1-9, 0.15 kA branch 9-65, 0.07 kA all else) are ours, the source has none"
)


def bus69_net() -> pandapowerNet:
    """The feeder: buses "1" to "69", lines such as "1-2", loads by bus."""
    return feeder_net("bus69", vn_kv=VN_KV)
