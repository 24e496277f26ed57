"""Reactive power of a plan: every device's goes along with its own active power."""

from collections.abc import Sequence

import numpy as np

from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.meter_limits import ELECTRIC as ELECTRIC
from mosaik_p2p.prosumers.model import Connection, ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, own_reactive_share
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import FloatArray


def kvar_per_kw(prosumer: Prosumer, model: ProsumerModel) -> FloatArray:
    """(K, T) reactive power that a unit of each variable injects."""
    shares = [own_reactive_share(prosumer, v.device) if v.is_device else 0.0 for v in model.variables]
    result: FloatArray = model.balance[ELECTRIC] * np.array(shares)[:, None]
    return result


def reactive_connection(prosumer: Prosumer, model: ProsumerModel) -> Connection:
    """The connection over which all its reactive power goes, as one more row of its problem would count it."""
    rows = [k for k, v in enumerate(model.variables) if v.is_device and model.balance[ELECTRIC, k].any()]
    shares = {k: own_reactive_share(prosumer, model.variables[k].device) for k in rows}
    return Connection(len(model.variables), ELECTRIC, shares, reactive_share(prosumer.power_factor))


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
