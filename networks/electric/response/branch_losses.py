"""How the losses of branches grow with the square of what flows through them, around a solved power flow.

A kW that enters at a bus divides among the branches as in the linearised (DC) power flow: on a radial network all of it
takes the one way there is. Branches are all that pandapower's equations know: lines, transformers and what else leads
from bus to bus.
"""

from collections.abc import Sequence

import numpy as np
from pandapower import pandapowerNet
from pandapower.pypower.idx_brch import BR_R, BR_X, F_BUS, T_BUS

from mosaik_p2p.networks.electric.response.sensitivity import internal_buses
from mosaik_p2p.networks.electric.response.transfer import shares
from mosaik_p2p.units import KW_PER_MW, FloatArray

NEGLIGIBLE = 1e-9
"""Shares below it are rounding."""


def branch_losses(net: pandapowerNet, buses: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """(branches, buses) what flows through each branch per kW injected at each of `buses`, and (branches,) the kW lost
    there per kW^2: r / (1000 V^2) with r in ohm and V in kV, the mean of both ends.

    `net` holds a solution with the internal data of pandapower. Left out are branches without resistance, and those
    through which nothing of `buses` flows. Where a branch has no reactance, its resistance divides the flow.
    """
    internal = net._ppc["internal"]
    branch = np.array(internal["branch"].real, dtype=np.float64)
    resistance = branch[:, BR_R].copy()
    branch[:, BR_X] = np.where(branch[:, BR_X] == 0.0, resistance, branch[:, BR_X])
    at = internal_buses(net, buses, len(internal["bus"]))
    share = shares(np.array(internal["bus"].real, dtype=np.float64), branch, internal["ref"], at)
    share[np.abs(share) < NEGLIGIBLE] = 0.0
    ends = branch[:, [F_BUS, T_BUS]].astype(np.int64)
    magnitude_pu = np.abs(np.asarray(internal["V"], dtype=np.complex128))[ends].mean(axis=1)
    lost = resistance / (float(internal["baseMVA"]) * KW_PER_MW * magnitude_pu**2)
    kept = (resistance > 0.0) & (share != 0.0).any(axis=1)
    return share[kept], lost[kept]
