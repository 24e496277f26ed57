"""Limits at the meter that come from outside: what a prosumer may feed into a network, interval by interval."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.prosumers.model import Connection, ProsumerModel
from mosaik_p2p.prosumers.roles import CONNECTION, Role, Variable
from mosaik_p2p.units import CARRIERS, FloatArray


def with_meter_limits(model: ProsumerModel, c: int, low_kw: FloatArray, high_kw: FloatArray) -> ProsumerModel:
    """The problem in which what the devices feed into the network of carrier `c` stays between both, (T,); infinite
    where there is no limit. Its own connection's limits hold beside them.

    `model` is one without imbalances priced. Itself where the devices cannot go beyond.
    """
    least, most = _reach(model, c)
    if (low_kw <= least).all() and (most <= high_kw).all():
        return model
    own = next((connection.k for connection in model.connections if connection.c == c), None)
    if own is None:
        own, model = len(model.variables), _with_connection(model, c, least, most)
    lower, upper = model.lower.copy(), model.upper.copy()
    lower[own], upper[own] = np.maximum(lower[own], low_kw), np.minimum(upper[own], high_kw)
    return replace(model, lower=lower, upper=upper)


def _reach(model: ProsumerModel, c: int) -> tuple[FloatArray, FloatArray]:
    """(T,) the least and the most that devices can feed in, each by itself."""
    low = high = -model.fixed[c]
    for k, variable in enumerate(model.variables):
        share = model.balance[c, k]
        if variable.is_behind_meter and share.any():
            # Where a device adds nothing its limits do not matter, infinite ones included.
            ends = [
                np.multiply(share, end, out=np.zeros_like(end), where=share != 0.0)
                for end in (model.lower[k], model.upper[k])
            ]
            low, high = low + np.minimum(*ends), high + np.maximum(*ends)
    return low, high


def _with_connection(model: ProsumerModel, c: int, low: FloatArray, high: FloatArray) -> ProsumerModel:
    """One more row of `x`, that counts what goes over the connection."""
    nothing = np.zeros((1, model.horizon))
    return replace(
        model,
        variables=(*model.variables, Variable(CARRIERS[c], CONNECTION, Role.INJECTION)),
        lower=np.vstack([model.lower, low]),
        upper=np.vstack([model.upper, high]),
        linear=np.vstack([model.linear, nothing]),
        quadratic=np.vstack([model.quadratic, nothing]),
        balance=np.concatenate([model.balance, np.zeros((len(CARRIERS), 1, model.horizon))], axis=1),
        connections=(*model.connections, Connection(len(model.variables), c)),
    )
