"""A rolling market of four prosumers over two days, and all of its intervals."""

from dataclasses import replace

import numpy as np

from markets import random_prosumer, random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.errors import Status
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import Table

STEPS, HORIZON = 6, 8
DAY_STARTS = 4
"""The span's second day begins with interval 4, inside the run."""


def market_case(*, settings: Settings | None = None, rule: str = "stop", missed: float = 0.0) -> MarketCase:
    """Four prosumers; every load turns out `missed` kW above its forecast."""
    span = STEPS + HORIZON - 1
    rng = np.random.default_rng(5)
    prosumers = tuple(random_prosumer(rng, f"P{i}", span=span, with_heat=i % 2 == 0, first_hour=16) for i in range(4))
    places = (np.arange(4), np.array([0, -1, 2, -1]))
    charges = tuple(path_charges(random_tree(rng, 4), place, price_per_length=0.005, payer="both") for place in places)
    return MarketCase(
        prosumers=tuple(_missing(prosumer, missed) for prosumer in prosumers),
        charges=charges,
        day=(np.arange(span) >= DAY_STARTS).astype(np.int64),
        dt_h=1.0,
        steps=STEPS,
        horizon_steps=HORIZON,
        settings=settings or Settings(),
        on_not_converged=rule,
    )


def _missing(prosumer: Prosumer, missed_kw: float) -> Prosumer:
    devices = tuple(
        replace(d, demand=Series(d.demand.forecast, d.demand.forecast + missed_kw))
        if isinstance(d, FlexibleLoad)
        else d
        for d in prosumer.devices
    )
    return replace(prosumer, devices=devices)


def run(case: MarketCase) -> list[dict[str, Table]]:
    market = RollingMarket(case)
    results = []
    for k in range(case.steps):
        outcome = market.clear(k)
        assert outcome.status is Status.OK
        results.append(outcome.tables)
        market.commit()
    return results
