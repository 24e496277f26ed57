"""To whom the electric losses of a run belong, from its stored tables: a few power flows per interval, after the run.

Only where the scenario asks for a rule, and where the day without the prosumers is known: else nobody knows what the
prosumers cause. An interval that has no solution with them, without them or on the way has no rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.losses.allocation import RULES, SHARES, Allocation, NotSolved
from mosaik_p2p.networks.electric.losses.interval import IntervalLosses, with_known_slopes
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.results.accounts.losses import caused_losses, whole_losses
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import IN_MARKET
from mosaik_p2p.settlement.losses import OwnLoss, loss_entries
from mosaik_p2p.sims.grids.sources import GridSource, grid_source
from mosaik_p2p.units import ELECTRICITY, FloatArray, Table

TOGETHER = 160
"""Intervals whose slopes are found at once."""


def allocated_losses(case: Case, results: Results) -> Iterator[Table]:
    """Rows of the table `losses`, interval by interval."""
    rule = RULES.get(case.scenario.settlement.loss_allocation)
    known = _known(results)
    if rule is None or known.empty:
        return
    source, names = grid_source(case, {}), [prosumer.name for prosumer in case.prosumers]
    flow = _flow(case, source)
    exchanged, trades = _exchanged(results, names), _trades(results)
    places = dict(zip(case.times, range(len(case.times)), strict=True))
    shares = SHARES.get(case.scenario.settlement.loss_allocation, ())
    rows = zip(known.index, known["whole"], known["caused"], strict=True)
    while some := list(islice(rows, TOGETHER)):
        networks = [_network(case, flow, source, exchanged[at], places[at], caused_kw) for at, _, caused_kw in some]
        for (begin, whole_kw, _), network in zip(some, with_known_slopes(networks, shares), strict=True):
            try:
                allocated = rule(network)
            except NotSolved:
                continue
            yield _entries(case, names, begin, network, allocated, whole_kw, trades.get(begin, ()))


def _entries(
    case: Case,
    names: Sequence[str],
    begin: pd.Timestamp,
    network: IntervalLosses,
    allocated: Allocation,
    whole_kw: float,
    trades: Sequence[tuple[str, str, float]],
) -> Table:
    columns = (network.injection_kw, allocated.per_kw, allocated.reactive_kw)
    own = {
        name: OwnLoss(injected_kwh=injected * case.dt_h, per_kwh=per_kwh, reactive_kwh=reactive * case.dt_h)
        for name, injected, per_kwh, reactive in zip(names, *(c.tolist() for c in columns), strict=True)
    }
    rows = loss_entries(own, trades, whole_kw * case.dt_h)
    return {"time": [begin.to_pydatetime()] * len(rows["party"]), **rows}


@dataclass(frozen=True)
class _Exchanged:
    """What the prosumers put on the electric network in an interval, in the order of their names."""

    injection_kw: FloatArray
    reactive_kvar: FloatArray


def _known(results: Results) -> pd.DataFrame:
    """By begin of the interval: the whole network's losses and the caused ones, kW, where both are known."""
    columns = {
        name: losses["loss_kw"][losses.index.get_level_values("network") == ELECTRICITY].droplevel("network")
        for name, losses in (("whole", whole_losses(results, IN_MARKET)), ("caused", caused_losses(results, IN_MARKET)))
    }
    return pd.DataFrame(columns).dropna()


def _flow(case: Case, source: GridSource) -> PowerFlow:
    buses = {int(prosumer.bus) for prosumer in case.prosumers if prosumer.bus is not None}
    return PowerFlow(source.network, slack_voltage_pu=source.slack_voltage_pu, prosumer_buses=buses)


def _network(
    case: Case, flow: PowerFlow, source: GridSource, power: _Exchanged, interval: int, caused_kw: float
) -> IntervalLosses:
    return IntervalLosses(
        flow=flow,
        buses=[None if prosumer.bus is None else int(prosumer.bus) for prosumer in case.prosumers],
        injection_kw=power.injection_kw,
        reactive_kvar=power.reactive_kvar,
        caused_kw=caused_kw,
        background_scaling=case.load_scaling(interval),
        generation_scaling=case.generation_scaling(interval),
        replaced_loads=source.replaced_loads,
    )


def _exchanged(results: Results, names: list[str]) -> Mapping[pd.Timestamp, _Exchanged]:
    rows = results["prosumers"]
    rows = rows[rows["carrier"] == ELECTRICITY]
    columns = [
        rows.pivot(index="time", columns="prosumer", values=column).reindex(results.binding["time"], columns=names)
        for column in ("injection_kw", "q_injection_kvar")
    ]
    # Who is not on the network has no row.
    power, reactive = (np.nan_to_num(frame.to_numpy(dtype=np.float64)) for frame in columns)
    return {time: _Exchanged(power[k], reactive[k]) for k, time in enumerate(columns[0].index)}


def _trades(results: Results) -> Mapping[pd.Timestamp, list[tuple[str, str, float]]]:
    """By begin of the interval: seller, buyer and kWh."""
    rows = results["trades"]
    rows = rows[rows["carrier"] == ELECTRICITY]
    energy = rows["power_kw"] * results.facts.dt_h
    found: dict[pd.Timestamp, list[tuple[str, str, float]]] = {}
    for time, seller, buyer, kwh in zip(rows["time"], rows["seller"], rows["buyer"], energy, strict=True):
        found.setdefault(time, []).append((str(seller), str(buyer), float(kwh)))
    return found
