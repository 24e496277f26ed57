"""A market of simple houses as one linear programme of its own, written from the houses and not from the market core.

Every house has a load, sun, a generator and a battery, a contract, and limits of its connection. Trades of every
ordered pair cost one charge per kWh. A meter runs one way at a time (a binary for each house and interval).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

from mosaik_p2p.charges.mechanisms import no_charges, uniform_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import FloatArray

FREE = 1e6
"""kW that no house gets near."""
KEPT = 0.95
"""Efficiency of a battery, either way."""
WORN = 0.001
"""Cost of a kWh into or out of a battery."""


@dataclass(frozen=True)
class House:
    """Powers in kW, prices per kWh, series of shape (T,)."""

    load: FloatArray
    sun: FloatArray
    generator: tuple[float, float]
    """Largest power, and cost."""
    battery: tuple[float, float]
    """Power and energy; it begins and ends half full."""
    buys: FloatArray
    sells: FloatArray
    contract_kw: tuple[float, float]
    """Largest import and export."""
    connection_kw: tuple[float | None, float | None] | None = None


NAMES = ("imported", "exported", "sun", "generated", "charged", "discharged", "level", "is_imported")


@dataclass(frozen=True)
class Optimum:
    """Money over all intervals, and what every house does, (N, T) by name."""

    cost: float
    does: dict[str, FloatArray]
    sale_kw: FloatArray


def least_cost(houses: list[House], *, charge: float, with_peers: bool = True) -> Optimum:
    """The optimum of hourly intervals, by HiGHS."""
    count, horizon = len(houses), len(houses[0].load)
    shape = (len(NAMES), count, horizon)
    size = int(np.prod(shape))
    at = np.arange(size).reshape(shape)
    row_of = dict(zip(NAMES, at, strict=True))
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j and with_peers]
    trade = size + np.arange(len(pairs) * horizon).reshape(len(pairs), horizon)
    cost, upper, integral = (np.zeros(size + trade.size) for _ in range(3))
    rows: list[tuple[list[int], list[float], float, float]] = []
    for i, house in enumerate(houses):
        own = {name: places[i] for name, places in row_of.items()}
        limits = {
            "imported": house.contract_kw[0],
            "exported": house.contract_kw[1],
            "sun": house.sun,
            "generated": house.generator[0],
            "charged": house.battery[0],
            "discharged": house.battery[0],
            "level": house.battery[1],
            "is_imported": 1.0,
        }
        for name, limit in limits.items():
            upper[own[name]] = limit
        cost[own["imported"]], cost[own["exported"]] = house.buys, -house.sells
        cost[own["generated"]] = house.generator[1]
        cost[own["charged"]] = cost[own["discharged"]] = WORN
        integral[own["is_imported"]] = 1
        for t in range(horizon):
            v = {name: int(places[t]) for name, places in own.items()}
            out = [int(trade[n, t]) for n, (a, _) in enumerate(pairs) if a == i]
            into = [int(trade[n, t]) for n, (_, b) in enumerate(pairs) if b == i]
            behind = [v["sun"], v["generated"], v["discharged"], v["charged"]]
            signs = [1.0, 1.0, 1.0, -1.0]
            balance = [*behind, v["imported"], v["exported"], *out, *into]
            weights = [*signs, 1.0, -1.0, *[-1.0] * len(out), *[1.0] * len(into)]
            rows.append((balance, weights, float(house.load[t]), float(house.load[t])))
            if house.connection_kw is not None:
                low, high = house.connection_kw
                # Net sale + export - import.
                fed = [*out, *into, v["exported"], v["imported"]]
                shares = [*[1.0] * len(out), *[-1.0] * len(into), 1.0, -1.0]
                rows.append((fed, shares, -FREE if low is None else low, FREE if high is None else high))
            before = [] if t == 0 else [int(own["level"][t - 1])]
            begin = house.battery[1] / 2 if t == 0 else 0.0
            change = [v["level"], *before, v["charged"], v["discharged"]]
            rows.append((change, [1.0, *[-1.0] * len(before), -KEPT, 1.0 / KEPT], begin, begin))
            rows.append(([v["imported"], v["is_imported"]], [1.0, -limits["imported"]], -np.inf, 0.0))  # type: ignore[list-item]
            most = float(house.contract_kw[1])
            rows.append(([v["exported"], v["is_imported"]], [1.0, most], -np.inf, most))
        rows.append(([int(own["level"][-1])], [1.0], house.battery[1] / 2, np.inf))
    upper[size:], cost[size:] = FREE, charge
    matrix = sp.lil_array((len(rows), len(cost)))
    for r, (places, weights, _, _) in enumerate(rows):
        for place, weight in zip(places, weights, strict=True):
            matrix[r, place] = weight
    low, high = (np.array([row[n] for row in rows]) for n in (2, 3))
    limits_of_rows = LinearConstraint(sp.csc_array(matrix), low, high)
    options = {"mip_rel_gap": 1e-9}
    found = milp(
        cost,
        constraints=limits_of_rows,
        bounds=Bounds(np.zeros(len(cost)), upper),
        integrality=integral,
        options=options,
    )
    assert found.success, found.message
    does = {name: found.x[places] for name, places in row_of.items()}
    sale = np.zeros((count, horizon))
    for n, (a, b) in enumerate(pairs):
        sale[a] += found.x[trade[n]]
        sale[b] -= found.x[trade[n]]
    return Optimum(float(found.fun), does, sale)


def market_of(houses: list[House], *, charge: float) -> MarketProblem:
    """The same houses as the market core states them."""
    horizon = len(houses[0].load)
    window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
    models = []
    for n, house in enumerate(houses):
        prosumer = prosumer_of(f"P{n}", house)
        state = initial_state(prosumer, day=0)
        models.append(prosumer_model(prosumer, state, window, dt_h=1.0, member=(True, False)))
    place = np.zeros(len(houses), dtype=np.int64)
    charges = uniform_charges(place, rate_per_kwh=charge, payer="seller")
    return MarketProblem(tuple(models), (charges, no_charges(place - 1)), 1.0)


def prosumer_of(name: str, house: House) -> Prosumer:
    """One house with its devices."""
    power, energy = house.battery
    devices: list[Device] = [
        FixedLoad("load", "electricity", Series(house.load, house.load)),
        Pv("pv", Series(house.sun, house.sun), 0.0),
        Generator("generator", 0.0, *house.generator, 0.0),
    ]
    if power > 0:
        half = energy / 2
        devices.append(Battery("battery", power, power, 0.0, energy, half, half, KEPT, KEPT, WORN))
    contract = Contract("grid", "electricity", house.buys, house.sells, *house.contract_kw)
    limits = {} if house.connection_kw is None else {"electricity": house.connection_kw}
    return Prosumer(name, 0, None, 1.0, tuple(devices), (contract,), limits)
