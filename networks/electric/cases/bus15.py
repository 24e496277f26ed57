"""The 15-bus, 11 kV radial feeder of Das, Kothari and Kalam (1995), built from `tables/bus15_*.csv`."""

from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.cases.line_table import feeder_net

VN_KV = 11.0

BUS15 = (
    "15-bus, 11 kV radial feeder of Das, Kothari, Kalam 1995 (doi 10.1016/0142-0615(95)00050-0); "
    "line ratings (0.14 kA trunk, 0.04 kA laterals) are ours, the source has none"
)


def bus15_net() -> pandapowerNet:
    """The feeder: buses "1" to "15", lines such as "1-2" (1 km each: the source gives ohm), loads by bus."""
    return feeder_net("bus15", vn_kv=VN_KV)
