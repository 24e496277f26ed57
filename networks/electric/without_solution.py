"""Why a power flow has no solution, as far as it can be told: what is determined is said, and nothing else."""

from collections.abc import Callable, Iterable

import numpy as np
from pandapower import pandapowerNet
from pandapower.topology import unsupplied_buses

from mosaik_p2p.errors import NOT_DETERMINED
from mosaik_p2p.networks.carried_share import carried_share, shown_share
from mosaik_p2p.networks.electric.counted import COUNTED, entering_mva
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.results.labels.quantities import place
from mosaik_p2p.units import KW_PER_MW, FloatArray

BEYOND = "power is beyond what the network can carry"


def cause_without_power_flow(net: pandapowerNet, solved_at: Callable[[float], bool]) -> str:
    """A phrase; its part before the first colon is the kind of cause.

    `net` has the powers that were asked for and is used up; `solved_at` says whether it has a solution with a share of
    them, and leaves that solution in it.
    """
    power_kva = _power_kva(net)
    faulty = net.bus.index[~np.isfinite(power_kva)]
    if len(faulty):
        return f"a power is no number: {_buses(net, faulty)}"
    cut_off = net.bus["in_service"].astype(bool) & net.bus.index.isin(list(unsupplied_buses(net)))
    if cut_off.any():
        return f"no slack feeds a part of the network: {_buses(net, net.bus.index[cut_off])}"
    share = carried_share(solved_at)
    if share is None:
        return f"{NOT_DETERMINED}: there is no solution with prosumers, loads and static generators at zero either"
    voltage = _lowest_voltage(net) if share > 0.0 and solved_at(share) else ""
    return f"{BEYOND}: a solution {shown_share(share)} it{voltage}; {_largest(net, power_kva.real)}"


def _power_kva(net: pandapowerNet) -> ComplexArray:
    """(buses,) what elements in service feed in with powers of their own, active and reactive; NaN where one of them is
    no number."""
    fed: ComplexArray = np.zeros(len(net.bus), dtype=np.complex128)
    for table in COUNTED:
        row = net.bus.index.get_indexer(net[table]["bus"])
        counts = net[table]["in_service"].to_numpy(dtype=bool) & (row >= 0)
        np.add.at(fed, row[counts], entering_mva(net, table)[counts] * KW_PER_MW)
    return fed


def _lowest_voltage(net: pandapowerNet) -> str:
    voltage = net.res_bus["vm_pu"]
    return f", with {voltage.min():.2f} p.u. at {_buses(net, [voltage.idxmin()])}"


def _largest(net: pandapowerNet, fed_kw: FloatArray) -> str:
    """Like `largest draw 812 kW at bus 7`."""
    row = int(np.argmax(np.abs(fed_kw)))
    verb = "feed-in" if fed_kw[row] > 0.0 else "draw"
    return f"largest {verb} {abs(fed_kw[row]):,.0f} kW at {_buses(net, [net.bus.index[row]])}"


def _buses(net: pandapowerNet, buses: Iterable[object]) -> str:
    return some([place("bus", str(net.bus.at[bus, "name"])) for bus in buses])
