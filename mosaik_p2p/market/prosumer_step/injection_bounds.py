"""How much each prosumer can inject in the first interval at the least and at the most, from its own limits alone.

An outer bound: implied by the prosumer's problem, so that stating it to the operator changes no optimum. It tells at
once which limits of a network no dispatch can keep.
"""

import numpy as np

from mosaik_p2p.market.problem import UNLIMITED, MarketProblem
from mosaik_p2p.prosumers.model import ProsumerModel, Storage
from mosaik_p2p.prosumers.roles import IMBALANCE, LACKING
from mosaik_p2p.units import FloatArray


def injection_bounds(problem: MarketProblem, power_kw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(C, N) least and largest injection in kW; zero where a prosumer is no member of the carrier."""
    lowest, highest = np.zeros(problem.member.shape), np.zeros(problem.member.shape)
    for i, model in enumerate(problem.models):
        low, high = _first_bounds(model, UNLIMITED * float(power_kw[i]))
        for c in np.flatnonzero(model.member):
            lowest[c, i], highest[c, i] = _carrier_range(model, int(c), low, high)
        for one in model.connections:
            limits = (model.lower[one.k, 0], model.upper[one.k, 0])
            lowest[one.c, i], highest[one.c, i] = np.clip((lowest[one.c, i], highest[one.c, i]), *limits)
    return lowest, highest


def own_rows(model: ProsumerModel) -> list[int]:
    """Rows of `x` that are devices, or stand in for one: neither a contract nor an imbalance with the market."""
    return [k for k, variable in enumerate(model.variables) if variable.is_behind_meter]


def _first_bounds(model: ProsumerModel, most: float) -> tuple[FloatArray, FloatArray]:
    """(K,) bounds of the first interval, with what a total leaves to it."""
    low, high = model.lower[:, 0].copy(), np.minimum(model.upper[:, 0], most)
    for total in model.totals:
        if 0 not in total.intervals:
            continue
        later = [t for t in total.intervals if t != 0]
        low[total.k] = max(low[total.k], total.power_kw - float(model.upper[total.k, later].sum()))
        high[total.k] = min(high[total.k], total.power_kw - float(model.lower[total.k, later].sum()))
    return np.minimum(low, high), high


def _carrier_range(model: ProsumerModel, c: int, low: FloatArray, high: FloatArray) -> tuple[float, float]:
    share = model.balance[c, :, 0]
    least = most = -float(model.fixed[c, 0])
    counted: set[int] = set()
    for storage in model.storages:
        pair = _charge_and_discharge(model, storage, share)
        if pair is not None:
            bottom, top = _storage_range(model, storage, pair, high)
            least, most = least + bottom, most + top
            counted |= {k for k, _ in storage.withdrawal}
    for k in own_rows(model):
        if k not in counted and model.variables[k].type != IMBALANCE:
            ends = (share[k] * low[k], share[k] * high[k])
            least, most = least + min(ends), most + max(ends)
    return least, most


def _charge_and_discharge(
    model: ProsumerModel, storage: Storage, share: FloatArray
) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """(row, kWh per kW) of charging and of discharging, for a storage that does nothing else to the carrier."""
    flows = [entry for entry in storage.withdrawal if model.variables[entry[0]].role not in LACKING]
    if len(flows) != 2 or storage.retention <= 0.0:
        return None
    (a, withdrawal_a), (b, withdrawal_b) = sorted(flows, key=lambda entry: entry[1])
    plain = withdrawal_a < 0 < withdrawal_b and share[a] == -1.0 and share[b] == 1.0
    return ((a, -withdrawal_a), (b, withdrawal_b)) if plain else None


def _lacking_kwh(model: ProsumerModel, storage: Storage) -> FloatArray:
    """(T,): by what a storage's level may be counted higher than it is, where something is owed and may be missed."""
    rows = [(k, -withdrawal) for k, withdrawal in storage.withdrawal if model.variables[k].role in LACKING]
    return sum((fills * model.upper[k] for k, fills in rows), start=np.zeros(model.horizon))


def _storage_range(
    model: ProsumerModel, storage: Storage, pair: tuple[tuple[int, float], tuple[int, float]], high: FloatArray
) -> tuple[float, float]:
    """Least and largest net power out of a storage now, if its level is to end within its limits."""
    (charge, fills), (discharge, empties) = pair
    bottom, top = float(model.lower[storage.level, -1]), float(model.upper[storage.level, -1])
    lacking = _lacking_kwh(model, storage)
    for t in range(model.horizon - 1, 0, -1):
        # Backward: the level before this interval from which the interval's end can be reached.
        raised, lowered = fills * model.upper[charge, t] + lacking[t], empties * model.upper[discharge, t]
        bottom = max(model.lower[storage.level, t - 1], (bottom - storage.inflow_kwh[t] - raised) / storage.retention)
        top = min(model.upper[storage.level, t - 1], (top - storage.inflow_kwh[t] + lowered) / storage.retention)
    # What the level may rise by, now that the energy of the begin is known.
    least_rise, most_rise = float(bottom - storage.inflow_kwh[0] - lacking[0]), float(top - storage.inflow_kwh[0])
    most_out = min(float(high[discharge]), -least_rise / empties) if least_rise <= 0 else -least_rise / fills
    most_in = min(float(high[charge]), most_rise / fills) if most_rise >= 0 else most_rise / empties
    return min(-most_in, most_out), most_out
