"""Reactive power of a plan: every device's goes along with its own active power."""

from collections.abc import Sequence

import numpy as np

from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, own_reactive_share
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray

ELECTRIC = CARRIERS.index(ELECTRICITY)


def kvar_per_kw(prosumer: Prosumer, model: ProsumerModel) -> FloatArray:
    """(K, T) reactive power that a unit of each variable injects."""
    shares = [own_reactive_share(prosumer, v.device) if v.is_device else 0.0 for v in model.variables]
    result: FloatArray = model.balance[ELECTRIC] * np.array(shares)[:, None]
    return result


def largest_share(prosumer: Prosumer, model: ProsumerModel) -> float:
    """kvar per kW of that of its devices which can be moved and has most of it; zero where none has any."""
    moved = (
        v.device
        for k, v in enumerate(model.variables)
        if v.is_device and model.balance[ELECTRIC, k].any() and (model.upper[k] > model.lower[k]).any()
    )
    return max((own_reactive_share(prosumer, device) for device in moved), key=abs, default=0.0)


def planned_kvar(
    prosumers: Sequence[Prosumer], models: Sequence[ProsumerModel], dispatch: Sequence[Completion]
) -> FloatArray:
    """(T, N) reactive power that a plan injects, that of loads that cannot be moved included; zero without a bus."""
    found = [
        (kvar_per_kw(prosumer, model) * done.x).sum(axis=0)
        - reactive_share(prosumer.power_factor) * model.fixed[ELECTRIC]
        for prosumer, model, done in zip(prosumers, models, dispatch, strict=True)
    ]
    return np.where([prosumer.bus is not None for prosumer in prosumers], np.stack(found, axis=-1), 0.0)
