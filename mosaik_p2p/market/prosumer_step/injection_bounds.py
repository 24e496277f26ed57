"""How much each prosumer can inject in an interval at the least and at the most, from its own limits alone.

An outer bound: implied by the prosumer's problem, so that stating it to the operator changes no optimum. It tells at
once which limits of a network no dispatch can keep.
"""

import numpy as np

from mosaik_p2p.market.problem import UNLIMITED, MarketProblem, power_scale
from mosaik_p2p.prosumers.model import ProsumerModel, Storage
from mosaik_p2p.prosumers.roles import IMBALANCE, LACKING
from mosaik_p2p.units import FloatArray


def injection_bounds(problem: MarketProblem, power_kw: FloatArray, t: int = 0) -> tuple[FloatArray, FloatArray]:
    """(C, N) least and largest injection in interval `t`, kW; zero where a prosumer is no member of the carrier."""
    lowest, highest = np.zeros(problem.member.shape), np.zeros(problem.member.shape)
    for i, model in enumerate(problem.models):
        low, high = _bounds_at(model, t, UNLIMITED * float(power_kw[i]))
        for c in np.flatnonzero(model.member):
            lowest[c, i], highest[c, i] = _carrier_range(model, int(c), t, low, high)
        for one in model.connections:
            limits = (model.lower[one.k, t], model.upper[one.k, t])
            lowest[one.c, i], highest[one.c, i] = np.clip((lowest[one.c, i], highest[one.c, i]), *limits)
    return lowest, highest


def bounds_at(problem: MarketProblem, t: int) -> tuple[FloatArray, FloatArray]:
    """The same at the market's own scale of powers."""
    return injection_bounds(problem, power_scale(problem), t)


def own_rows(model: ProsumerModel) -> list[int]:
    """Rows of `x` that are devices, or stand in for one: neither a contract nor an imbalance with the market."""
    return [k for k, variable in enumerate(model.variables) if variable.is_behind_meter]


def _bounds_at(model: ProsumerModel, t: int, most: float) -> tuple[FloatArray, FloatArray]:
    """(K,) bounds of interval `t`, with what a total leaves to it."""
    low, high = model.lower[:, t].copy(), np.minimum(model.upper[:, t], most)
    for total in model.totals:
        if t not in total.intervals:
            continue
        others = [s for s in total.intervals if s != t]
        low[total.k] = max(low[total.k], total.power_kw - float(model.upper[total.k, others].sum()))
        high[total.k] = min(high[total.k], total.power_kw - float(model.lower[total.k, others].sum()))
    return np.minimum(low, high), high


def _carrier_range(model: ProsumerModel, c: int, t: int, low: FloatArray, high: FloatArray) -> tuple[float, float]:
    share = model.balance[c, :, t]
    least = most = -float(model.fixed[c, t])
    counted: set[int] = set()
    for storage in model.storages:
        pair = _charge_and_discharge(model, storage, share)
        if pair is not None:
            bottom, top = _storage_range(model, storage, pair, t, high)
            least, most = least + bottom, most + top
            counted |= {k for k, _ in storage.withdrawal}
    for k in own_rows(model):
        if k not in counted and model.variables[k].type != IMBALANCE:
            ends = (share[k] * low[k], share[k] * high[k])
            least, most = least + min(ends), most + max(ends)
    return least, most


_Pair = tuple[tuple[int, float], tuple[int, float]]
"""(row, kWh per kW) of charging and of discharging."""


def _charge_and_discharge(model: ProsumerModel, storage: Storage, share: FloatArray) -> _Pair | None:
    """The pair of a storage that does nothing else to the carrier."""
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
    model: ProsumerModel, storage: Storage, pair: _Pair, t: int, high: FloatArray
) -> tuple[float, float]:
    """Least and largest net power out of a storage in interval `t`, if its levels are to stay within their limits."""
    (charge, fills), (discharge, empties) = pair
    lacking = _lacking_kwh(model, storage)
    bottom, top = _to_reach_the_end(model, storage, pair, t, lacking)
    emptiest, fullest = _before(model, storage, pair, t, lacking)
    # What the level may rise by from where it can have got to.
    least_rise, most_rise = float(bottom - fullest - lacking[t]), float(top - emptiest)
    most_out = min(float(high[discharge]), -least_rise / empties) if least_rise <= 0 else -least_rise / fills
    most_in = min(float(high[charge]), most_rise / fills) if most_rise >= 0 else most_rise / empties
    return min(-most_in, most_out), most_out


def _to_reach_the_end(
    model: ProsumerModel, storage: Storage, pair: _Pair, t: int, lacking: FloatArray
) -> tuple[float, float]:
    """Levels at the end of interval `t`, least and largest, from which all later limits can be kept."""
    (charge, fills), (discharge, empties) = pair
    bottom, top = float(model.lower[storage.level, -1]), float(model.upper[storage.level, -1])
    for s in range(model.horizon - 1, t, -1):
        raised, lowered = fills * model.upper[charge, s] + lacking[s], empties * model.upper[discharge, s]
        bottom = max(model.lower[storage.level, s - 1], (bottom - storage.inflow_kwh[s] - raised) / storage.retention)
        top = min(model.upper[storage.level, s - 1], (top - storage.inflow_kwh[s] + lowered) / storage.retention)
    return bottom, top


def _before(model: ProsumerModel, storage: Storage, pair: _Pair, t: int, lacking: FloatArray) -> tuple[float, float]:
    """What a storage holds at the begin of interval `t`, least and largest; what flows in by itself is in it."""
    (charge, fills), (discharge, empties) = pair
    least = most = float(storage.inflow_kwh[0])
    for s in range(t):
        raised, lowered = fills * model.upper[charge, s] + lacking[s], empties * model.upper[discharge, s]
        least = max(model.lower[storage.level, s], least - lowered) * storage.retention + storage.inflow_kwh[s + 1]
        most = min(model.upper[storage.level, s], most + raised) * storage.retention + storage.inflow_kwh[s + 1]
    return float(least), float(most)
