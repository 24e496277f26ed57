"""Reactive power of a plan: every device's goes along with its own active power."""

from collections.abc import Sequence

import numpy as np

from mosaik_p2p.market.prosumer_step.injection_bounds import own_rows
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, own_reactive_share
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray

ELECTRIC = CARRIERS.index(ELECTRICITY)


def kvar_per_kw(prosumer: Prosumer, model: ProsumerModel) -> FloatArray:
    """(K, T) reactive power that a kW of each variable injects."""
    shares = [own_reactive_share(prosumer, v.device) if v.is_device else 0.0 for v in model.variables]
    result: FloatArray = model.balance[ELECTRIC] * np.array(shares)[:, None]
    return result


def planned_kvar(
    prosumers: Sequence[Prosumer], models: Sequence[ProsumerModel], dispatch: Sequence[Completion]
) -> FloatArray:
    """(T, N) reactive power that a plan injects, that of loads that cannot be moved included."""
    found = [
        (kvar_per_kw(prosumer, model) * done.x).sum(axis=0)
        - reactive_share(prosumer.power_factor) * model.fixed[ELECTRIC]
        for prosumer, model, done in zip(prosumers, models, dispatch, strict=True)
    ]
    return np.where([prosumer.bus is not None for prosumer in prosumers], np.stack(found, axis=-1), 0.0)


def largest_share(prosumer: Prosumer, model: ProsumerModel) -> float:
    """kvar per kW of that device of its which can be moved and has most of it; zero where none has any."""
    rows = [k for k in own_rows(model) if model.variables[k].type != IMBALANCE]
    moved = [k for k in rows if (model.balance[ELECTRIC, k] != 0.0).any() and (model.upper[k] > model.lower[k]).any()]
    shares = [own_reactive_share(prosumer, model.variables[k].device) for k in moved]
    return max(shares, key=abs, default=0.0)
