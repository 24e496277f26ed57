"""Small random markets for the tests of the market core: a radial network, and prosumers either of Chen and Liu's kind
or with any devices."""

from dataclasses import replace
from functools import cache

import numpy as np

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges, path_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.chp import Chp
from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.electric_boiler import ElectricBoiler
from mosaik_p2p.devices.kinds.ev import Ev
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.gas_boiler import GasBoiler
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.devices.kinds.heat_tank import HeatTank
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.devices.kinds.solar_collector import SolarCollector
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import FloatArray, IntArray


def expected(values: FloatArray) -> Series:
    """A series that turns out as forecast."""
    return Series(values, values)


@cache
def _shapes(span: int, first_hour: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """What houses have in common: load, sun, price of import, heat."""
    hour = (first_hour + np.arange(span)) % 24
    load = 20 * (0.5 + 0.3 * np.exp(-(((hour - 8) / 2.0) ** 2)) + 0.8 * np.exp(-(((hour - 20) / 2.5) ** 2)))
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    tariff = np.select([hour < 7, (hour >= 18) & (hour < 22), hour >= 22], [0.443, 1.095, 0.443], 0.728)
    return load, sun, tariff, 8 + 4 * np.cos(hour / 24 * 2 * np.pi)


def random_prosumer(
    rng: np.random.Generator, name: str, *, span: int, with_heat: bool, first_hour: int = 0
) -> Prosumer:
    """A house of Chen and Liu's kind: limits and prices of their case study, random shapes."""
    load, sun, tariff, warmth = _shapes(span, first_hour)
    devices: list[Device] = [
        FlexibleLoad("load", "electricity", expected(load * rng.uniform(0.5, 1.5)), 0.0, 50.0, 0.1),
        Pv("pv", expected(sun * rng.uniform(0, 70)), 0.1),
        Battery("battery", 12.0, 12.0, 0.0, 55.0, 20.0, 20.0, 0.9, 0.9, 0.1),
    ]
    contracts = [Contract("grid", "electricity", tariff, np.full(span, 0.37), 200.0, 200.0)]
    if with_heat:
        devices += [
            FlexibleLoad("heating", "heat", expected(warmth), 0.0, 20.0, 0.1),
            SolarCollector("collector", expected(sun * rng.uniform(5, 45)), 0.1),
            HeatPump("heat_pump", 8.0, np.full(span, 3.0)),
        ]
        contracts.append(Contract("district", "heat", np.full(span, 0.49), None, 100.0, 0.0))
    junctions = (0, 1) if with_heat else None
    return Prosumer(name, 0, junctions, 0.95, tuple(devices), tuple(contracts))


def stays(hour: FloatArray, arrival: float, departure: float, dt_h: float) -> IntArray:
    """For intervals that begin at these hours of the day: how many follow until the departure; -1 while away.

    Written without the loader's own arithmetic: by walking from the end of each interval to the departure.
    """
    left = []
    for begin in hour:
        until = (departure - begin) % 24 or 24.0
        since = (begin - arrival) % 24
        stay = (departure - arrival) % 24
        there = since + dt_h <= stay + 1e-9 and until <= stay + 1e-9
        left.append(round(until / dt_h) - 1 if there else -1)
    return np.array(left, dtype=np.int64)


def every_device(rng: np.random.Generator, *, hour: FloatArray, dt_h: float) -> list[Device]:
    """One or two of each kind, of random size; `hour` of the day at which each interval begins."""
    span = len(hour)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    fuel = np.full(span, rng.uniform(0.05, 0.4))
    plugged = stays(hour, rng.integers(15, 22), rng.integers(5, 9), dt_h)
    ev_kwh = (0.0, 60.0, 20.0, rng.uniform(0, 25), rng.uniform(30, 55))
    return [
        FixedLoad("base", "electricity", expected(rng.uniform(0, 8, span))),
        FixedLoad("hot_water", "heat", expected(rng.uniform(0, 8, span))),
        FlexibleLoad("load", "electricity", expected(rng.uniform(1, 15, span)), 0.0, 50.0, 0.1),
        FlexibleLoad("heating", "heat", expected(rng.uniform(1, 10, span)), 0.5, 20.0, 0.05),
        ElasticLoad("shop", "electricity", 10.0, rng.uniform(0.2, 1.2), 0.1),
        ElasticLoad("greenhouse", "heat", 5.0, rng.uniform(0.2, 0.9), 0.0),
        Pv("pv", expected(sun * rng.uniform(0, 50)), 0.01),
        Pv("pv_east", expected(np.roll(sun, -2) * rng.uniform(0, 20)), 0.02),
        SolarCollector("collector", expected(sun * rng.uniform(0, 15)), 0.01),
        Battery("battery", 12.0, 12.0, 0.0, 55.0, 20.0, 20.0, 0.9, 0.9, 0.02),
        Battery("second_battery", 3.0, 5.0, 1.0, 8.0, 4.0, 2.0, 0.95, 0.95, 0.01),
        Ev("ev", 11.0, 11.0 if rng.random() < 0.5 else 0.0, *ev_kwh, 0.93, 0.93, 0.02, plugged),
        HeatTank("tank", 10.0, 10.0, 0.0, 40.0, 15.0, 15.0, 1.0, 0.98, rng.uniform(0, 0.03), 0.005),
        HeatPump("heat_pump", 4.0, 3.0 + 0.5 * sun),
        ElectricBoiler("heater", 6.0, 0.98),
        GasBoiler("boiler", 15.0, 0.9, fuel),
        Chp("chp", 5.0, 0.88, rng.uniform(0.3, 1.0), fuel),
        Generator("generator", rng.choice([0.0, 1.0]), 15.0, rng.uniform(0.2, 0.8), rng.uniform(0, 0.05)),
    ]


def equipped_prosumer(
    rng: np.random.Generator, name: str, *, span: int, dt_h: float = 1.0, first_hour: float = 0.0, share: float = 0.6
) -> Prosumer:
    """A prosumer with a random `share` of all kinds of devices, and contracts for both carriers."""
    hour = (first_hour + dt_h * np.arange(span)) % 24
    devices = [device for device in every_device(rng, hour=hour, dt_h=dt_h) if rng.random() < share]
    tariff = np.select([hour < 7, (hour >= 18) & (hour < 22), hour >= 22], [0.443, 1.095, 0.443], 0.728)
    contracts = (
        Contract("grid", "electricity", tariff, np.full(span, 0.1), 60.0, 60.0),
        Contract("district", "heat", np.full(span, 0.49), np.full(span, 0.02), 60.0, 30.0),
    )
    return Prosumer(name, 0, (0, 1), 0.95, tuple(devices), contracts)


def strained(problem: MarketProblem, seed: int) -> MarketProblem:
    """The same market with contracts that bind: small limits, and one prosumer in three without any."""
    rng = np.random.default_rng(seed)
    models = []
    for model in problem.models:
        upper = model.upper.copy()
        for k, variable in enumerate(model.variables):
            if variable.type == "contract":
                upper[k] = 0.0 if rng.random() < 1 / 3 else rng.uniform(5, 30)
        models.append(replace(model, upper=upper))
    return replace(problem, models=tuple(models))


def random_tree(rng: np.random.Generator, nodes: int) -> PathGraph:
    """A radial network with a few branches."""
    parents = np.array([int(rng.integers(max(0, i - 3), i)) for i in range(1, nodes)], dtype=np.int64)
    return PathGraph(
        node_names=tuple(str(i) for i in range(nodes)),
        from_node=np.arange(1, nodes),
        to_node=parents,
        length=rng.uniform(0.2, 1.0, nodes - 1),
        node_of={i: i for i in range(nodes)},
    )


def random_market(
    count: int, seed: int, *, horizon: int = 24, rate: float = 0.01, first_hour: int = 0
) -> MarketProblem:
    """A market of `count` prosumers at the nodes of one random tree per carrier; about 60 % of them have heat."""
    rng = np.random.default_rng(seed)
    prosumers = _houses(rng, count, horizon=horizon, first_hour=first_hour)
    places = (np.arange(count), np.array([i if p.junctions else -1 for i, p in enumerate(prosumers)]))
    return _placed(rng, prosumers, places, nodes=(count, count), horizon=horizon, rate=rate)


def radial_market(count: int, seed: int, *, nodes: tuple[int, int], rate: float = 0.01) -> MarketProblem:
    """The same at any of `nodes` places of the electric and the heat network; several may share one."""
    rng = np.random.default_rng(seed)
    prosumers = _houses(rng, count, horizon=24, first_hour=0)
    heat = np.array([p.junctions is not None for p in prosumers])
    places = (rng.integers(0, nodes[0], count), np.where(heat, rng.integers(0, nodes[1], count), -1))
    return _placed(rng, prosumers, places, nodes=nodes, horizon=24, rate=rate)


def _houses(rng: np.random.Generator, count: int, *, horizon: int, first_hour: int) -> list[Prosumer]:
    return [
        random_prosumer(rng, f"P{i}", span=horizon, with_heat=rng.random() < 0.6, first_hour=first_hour)
        for i in range(count)
    ]


def _placed(
    rng: np.random.Generator,
    prosumers: list[Prosumer],
    places: tuple[IntArray, IntArray],
    *,
    nodes: tuple[int, int],
    horizon: int,
    rate: float,
) -> MarketProblem:
    window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
    models = tuple(
        prosumer_model(p, initial_state(p, day=0), window, dt_h=1.0, member=(True, p.junctions is not None))
        for p in prosumers
    )
    charges = tuple(
        path_charges(random_tree(rng, size), place, price_per_length=rate, payer="both")
        for size, place in zip(nodes, places, strict=True)
    )
    return MarketProblem(models, charges, 1.0)


def equipped_market(
    count: int, seed: int, *, horizon: int = 24, dt_h: float = 1.0, first_hour: float = 0.0, share: float = 0.6
) -> MarketProblem:
    """A market of prosumers with any devices, each at a node of a random tree per carrier."""
    rng = np.random.default_rng(seed)
    day = ((first_hour + dt_h * np.arange(horizon)) // 24).astype(np.int64)
    models = tuple(
        prosumer_model(p, initial_state(p, day=0), Window(0, horizon, day), dt_h=dt_h, member=(True, True))
        for p in (
            equipped_prosumer(rng, f"P{i}", span=horizon, dt_h=dt_h, first_hour=first_hour, share=share)
            for i in range(count)
        )
    )
    places = np.arange(count)
    charges = tuple(
        path_charges(random_tree(rng, count), places, price_per_length=0.01, payer="both") for _ in range(2)
    )
    return MarketProblem(models, charges, dt_h)


def scaled(problem: MarketProblem, *, power: float = 1.0, price: float = 1.0) -> MarketProblem:
    """The same market with every power (and energy) times `power` and every price times `price`."""
    models = tuple(
        replace(
            m,
            lower=m.lower * power,
            upper=m.upper * power,
            linear=m.linear * price,
            quadratic=m.quadratic * price / power,
            fixed=m.fixed * power,
            storages=tuple(replace(storage, inflow_kwh=storage.inflow_kwh * power) for storage in m.storages),
            totals=tuple(replace(total, power_kw=total.power_kw * power) for total in m.totals),
            constant=m.constant * price * power,
            size_kw=m.size_kw * power,
        )
        for m in problem.models
    )
    other = replace(problem, models=models, charges=tuple(_dearer(c, price) for c in problem.charges))
    if isinstance(other, PreparedProblem):
        return replace(other, scarcity_price_per_kwh=other.scarcity_price_per_kwh * price)
    return other


def _dearer(charges: Charges, price: float) -> Charges:
    tree = None if charges.tree is None else replace(charges.tree, charge=charges.tree.charge * price)
    return replace(charges, posted=charges.posted * price, tree=tree)


def reordered(problem: MarketProblem, order: list[int]) -> MarketProblem:
    """The same market with its prosumers in another order."""
    charges = tuple(
        replace(
            c,
            posted=c.posted[np.ix_(order, order)],
            tree=None if c.tree is None else replace(c.tree, place=c.tree.place[order]),
        )
        for c in problem.charges
    )
    return replace(problem, models=tuple(problem.models[i] for i in order), charges=charges)
