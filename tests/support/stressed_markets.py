"""Markets under stress: limits that mean none, strongly negative prices, no limits, charges of zero; of all sizes."""

from dataclasses import replace

import numpy as np
import pandas as pd

from markets import equipped_market, expected, random_market, random_tree, strained
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from plain_markets import random_tables


def stressed_market(seed: int) -> MarketProblem:
    """One to five prosumers over one to twelve intervals, under some of the stresses."""
    rng = np.random.default_rng([seed, 8])
    count, horizon = int(rng.integers(2, 6)), int(rng.choice([1, 2, 4, 8, 12]))
    hour = int(rng.integers(0, 24))
    if rng.random() < 0.3:
        market = random_market(count, seed, horizon=horizon, first_hour=hour)
    else:
        dt_h, share = float(rng.choice([0.25, 1.0])), float(rng.uniform(0.2, 0.8))
        market = equipped_market(count, seed, horizon=horizon, dt_h=dt_h, first_hour=hour, share=share)
    if rng.random() < 0.3:
        market = strained(market, seed)
    if rng.random() < 0.5:
        market = without_near_limits(market, rng)
    if rng.random() < 0.5:
        market = with_negative_prices(market, rng)
    if rng.random() < 0.3:
        market = without_charges(market)
    return market


def without_near_limits(market: MarketProblem, rng: np.random.Generator) -> MarketProblem:
    """Some generators, boilers, contracts and loads get a limit that means none: 1e4 to 1e8, or infinity."""
    kinds = ("contract", "generator", "gas_boiler", "chp", "heat_pump", "electric_boiler")
    models = []
    for model in market.models:
        upper, linear = model.upper.copy(), model.linear.copy()
        size = model.size_kw
        for k, variable in enumerate(model.variables):
            if variable.type in kinds and upper[k].max() > 0.0 and rng.random() < 0.25:
                upper[k] = rng.choice(
                    [1e4, 999999.0, 1e8, np.inf] if variable.type == "contract" else [1e4, 999999.0, 1e8]
                )
                size = max(size, 1e-3 * upper[k].max()) if variable.type != "contract" else size
                size += 0.5 * upper[k].max() if variable.type in ("generator", "chp") else 0.0
        models.append(replace(model, upper=upper, linear=linear, size_kw=size))
    return replace(market, models=tuple(models))


def with_negative_prices(market: MarketProblem, rng: np.random.Generator) -> MarketProblem:
    """In some intervals importing earns, up to 3 per kWh, and exporting costs a little more; some cannot do either."""
    horizon = market.shape[1]
    when, price = rng.random(horizon) < 0.5, -rng.uniform(0.1, 3.0, horizon)
    models = []
    for model in market.models:
        linear, upper = model.linear.copy(), model.upper.copy()
        closed = rng.random() < 0.3
        for k, variable in enumerate(model.variables):
            if variable.type == "contract" and model.balance[0, k].any():
                sign = 1.0 if variable.role == "import" else -1.0
                linear[k] = np.where(when, sign * price + (0.0 if sign > 0 else 0.05), linear[k])
                upper[k] = 0.0 if closed else np.minimum(upper[k], 40.0)
        models.append(replace(model, linear=linear, upper=upper))
    return replace(market, models=tuple(models))


def without_charges(market: MarketProblem) -> MarketProblem:
    """Nobody pays for trading."""
    charges = tuple(
        replace(c, posted=np.zeros_like(c.posted), tree=replace(c.tree, charge=np.zeros_like(c.tree.charge)))
        for c in market.charges
    )
    return replace(market, charges=charges)


def stressed_tables(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A plain market, some of whose limits mean none, some of whose prices are negative or alike, some charges zero."""
    rng = np.random.default_rng([seed, 9])
    agents, pairs = random_tables(seed, straight=bool(rng.random() < 0.7))
    agents, pairs = agents.copy(), pairs.copy()
    far = 10.0 ** rng.uniform(3, 8)
    if rng.random() < 0.7:
        for row in np.flatnonzero(rng.random(len(agents)) < 0.5):
            low, high = agents.loc[row, "p_min_kw"], agents.loc[row, "p_max_kw"]
            if high > 0.0:
                agents.loc[row, "p_max_kw"] = far
            # Whoever wants any amount at one price would be served any amount.
            elif low < 0.0 and high == 0.0 and agents.loc[row, "a"] > 0.0:
                agents.loc[row, "p_min_kw"] = -far
    if rng.random() < 0.4:
        agents["b"] = agents["b"] - rng.uniform(0.0, 1.0)
    if rng.random() < 0.3:
        pairs[["charge_i", "charge_j"]] = 0.0
    if rng.random() < 0.2:
        agents["b"] = np.round(agents["b"], 1)
    return agents, pairs


def stored_market(seed: int) -> MarketProblem:
    """Two to four prosumers with nearly full stores over two to six intervals, some of which pay for what is burnt."""
    rng = np.random.default_rng([seed, 10])
    count, horizon = int(rng.integers(2, 5)), int(rng.integers(2, 7))
    pays = rng.random(horizon) < 0.6
    price = np.where(pays, -rng.uniform(0.2, 3.0, horizon), rng.uniform(0.1, 0.8, horizon))
    models = []
    for i in range(count):
        most_kwh, efficiency = rng.uniform(5, 30), rng.uniform(0.8, 0.97)
        begin = most_kwh * rng.choice([1.0, rng.uniform(0.3, 1.0)])
        levels = (0.0, most_kwh, begin, rng.uniform(0.0, begin))
        devices: list[Device] = [
            Battery("battery", *rng.uniform(3, 12, 2), *levels, efficiency, efficiency, rng.uniform(0.0, 0.1)),
            FixedLoad("load", "electricity", expected(rng.uniform(0, 5, horizon))),
            Pv("pv", expected(rng.uniform(0, 10, horizon)), 0.01),
        ]
        if rng.random() < 0.3:
            devices.append(
                FlexibleLoad("flexible", "electricity", expected(rng.uniform(1, 4, horizon)), 0.0, 10.0, 0.05)
            )
        most_kw = rng.choice([0.0, rng.uniform(3, 30), 200.0])
        contracts = (Contract("grid", "electricity", price + 0.01 * i, price - 0.05, most_kw, most_kw),)
        owner = Prosumer(f"P{i}", 0, None, 1.0, tuple(devices), contracts)
        window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
        models.append(prosumer_model(owner, initial_state(owner, day=0), window, dt_h=1.0, member=(True, False)))
    charges = path_charges(random_tree(rng, count), np.arange(count), price_per_length=0.02, payer="both")
    return MarketProblem(tuple(models), (charges, charges), 1.0)
