"""How a kW that enters at one bus divides among the branches, by the linearised (DC) power flow.

The susceptances are those of pandapower's own DC flow, taps included. All slacks are at angle zero, and a few buses are
asked for: neither does pandapower's `makePTDF`, which takes one slack out and solves for all buses at once.
"""

import warnings
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pandapower
from pandapower import pandapowerNet
from pandapower.pypower.idx_brch import BR_STATUS, BR_X
from pandapower.pypower.makeBdc import makeBdc
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.networks.electric.options import run_options
from mosaik_p2p.networks.electric.response.sensitivity import internal_buses
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.units import FloatArray, IntArray

OPTIONS = ("trafo_model", "switch_rx_ratio")
"""Those of the power flow that its DC form has, too."""


def transfer_factors(net: pandapowerNet, buses: IntArray) -> FloatArray:
    """(branches, buses) what flows through each branch in service per kW injected at each of `buses`.

    The slacks take it out. Nothing flows for a bus out of service. Raises ValueError where a branch has no reactance,
    as all would flow through it whatever its resistance; the message names it.
    """
    solved = deepcopy(net)
    options = {name: value for name, value in run_options(net).items() if name in OPTIONS}
    try:
        with warnings.catch_warnings():
            # Older files lack columns that concern tap changers; pandapower warns and goes on without them.
            warnings.simplefilter("ignore", DeprecationWarning)
            pandapower.rundcpp(solved, **options)
    except FloatingPointError as error:
        named = some(list(_without_reactance(solved)))
        raise ValueError(f"no DC power flow where a branch has no reactance: {named}") from error
    internal = solved._ppc["internal"]
    at = internal_buses(solved, buses, len(internal["bus"]))
    return shares(internal["bus"], internal["branch"], internal["ref"], at)


def shares(bus: FloatArray, branch: FloatArray, slacks: IntArray, at: IntArray) -> FloatArray:
    """(branches, places) what flows through each branch per kW injected at the positions `at` of pandapower's arrays
    `bus` and `branch`; nothing for a position below 0."""
    susceptance, flow = (part.real for part in makeBdc(bus, branch)[:2])
    free = np.setdiff1d(np.arange(len(bus)), slacks)
    unit, angle = np.zeros((2, len(bus), len(at)))
    unit[at[at >= 0], np.flatnonzero(at >= 0)] = 1.0
    if len(free):
        angle[free] = splu(csc_matrix(susceptance)[free][:, free]).solve(unit[free])
    return np.asarray(flow @ angle, dtype=np.float64)


def _without_reactance(net: pandapowerNet) -> Iterator[str]:
    """Elements in service whose reactance is zero."""
    branch = net._ppc["branch"]
    at_fault = (branch[:, BR_X] == 0.0) & (branch[:, BR_STATUS].real > 0)
    for table, (first, last) in net._pd2ppc_lookups["branch"].items():
        for position in np.flatnonzero(at_fault[first:last]).tolist():
            yield f"{table} {net[table]['name'].iat[position]}" if table in net else f"{table} {position}"
