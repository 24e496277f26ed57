"""Limits at the meter that come from outside: what a prosumer may feed into a network, interval by interval."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.prosumers.model import Connection, ProsumerModel
from mosaik_p2p.prosumers.roles import CONNECTION, Role, Variable
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray

ELECTRIC = CARRIERS.index(ELECTRICITY)


def with_meter_limits(model: ProsumerModel, c: int, low_kw: FloatArray, high_kw: FloatArray) -> ProsumerModel:
    """The problem in which what the devices feed into the network of carrier `c` stays between both, (T,); infinite
    where there is no limit. Its own connection's limits hold beside them.

    `model` is one without imbalances priced. Itself where the devices cannot go beyond.
    """
    own = [one for one in model.connections if one.c == c and not one.is_reactive]
    return with_limits_over(own[0] if own else Connection(len(model.variables), c), model, low_kw, high_kw)


def meter_reach(model: ProsumerModel, connection: Connection) -> tuple[FloatArray, FloatArray]:
    """(T,) the least and the most that devices can feed in over a connection, each by itself."""
    low = high = -connection.fixed_weight * model.fixed[connection.c]
    for k, variable in enumerate(model.variables):
        share = connection.weight(k) * model.balance[connection.c, k]
        if variable.is_behind_meter and share.any():
            # Where a device adds nothing its limits do not matter, infinite ones included.
            ends = [
                np.multiply(share, end, out=np.zeros_like(end), where=share != 0.0)
                for end in (model.lower[k], model.upper[k])
            ]
            low, high = low + np.minimum(*ends), high + np.maximum(*ends)
    return low, high


def with_limits_over(connection: Connection, model: ProsumerModel, low: FloatArray, high: FloatArray) -> ProsumerModel:
    """The same over any connection, one that the model has or another, in kW or in kvar."""
    least, most = meter_reach(model, connection)
    if (low <= least).all() and (most <= high).all():
        return model
    if connection not in model.connections:
        connection = replace(connection, k=len(model.variables))
        model = _with_connection(model, connection, least, most)
    k, lower, upper = connection.k, model.lower.copy(), model.upper.copy()
    lower[k], upper[k] = np.maximum(lower[k], low), np.minimum(upper[k], high)
    return replace(model, lower=lower, upper=upper)


def _with_connection(model: ProsumerModel, connection: Connection, low: FloatArray, high: FloatArray) -> ProsumerModel:
    """One more row of `x`, that counts what goes over the connection."""
    nothing = np.zeros((1, model.horizon))
    return replace(
        model,
        variables=(*model.variables, Variable(CARRIERS[connection.c], CONNECTION, Role.INJECTION)),
        lower=np.vstack([model.lower, low]),
        upper=np.vstack([model.upper, high]),
        linear=np.vstack([model.linear, nothing]),
        quadratic=np.vstack([model.quadratic, nothing]),
        balance=np.concatenate([model.balance, np.zeros((len(CARRIERS), 1, model.horizon))], axis=1),
        connections=(*model.connections, connection),
    )
