"""Whether the tables of a result folder fit together and the scenario that they are of.

This sees what somebody has done to tables without the mark of a run, which would know: rows that stand twice, tables of
another run, times that are shifted.
"""

from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.results.store.completeness import inner_gaps
from mosaik_p2p.results.store.folder import table_path
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.settlement.ledger import IN_MARKET
from mosaik_p2p.units import ELECTRICITY

REMEDY = "Run the scenario again"
REPEATING = frozenset({"settlement"})
"""Tables of which several rows may be about the same: two devices of a prosumer may cost the same."""
AHEAD = frozenset({"inputs", "charges"})
"""Tables that reach beyond the intervals that were computed."""
TOLERANCE = 1e-6
"""Relative to the largest power or payment; sums of the same numbers differ by rounding."""


def table_faults(raw: Results) -> Iterator[Fault]:
    """What is wrong with the tables as they are stored, intervals that broke off included."""
    for name in raw.tables:
        problems = [*_repeated(raw, name), *_out_of_time(raw, name)]
        yield from (Fault(f"table {name}", str(table_path(raw.folder, name)), problem, REMEDY) for problem in problems)
    done = raw.computed()
    gaps = inner_gaps(done, raw.facts.networks)
    yield from (Fault("tables", str(raw.folder), problem, REMEDY) for problem in [*gaps, *_money(done)])
    trades = str(table_path(raw.folder, "trades"))
    yield from (Fault("table trades", trades, problem, REMEDY) for problem in _trades(done))
    losses = str(table_path(raw.folder, "losses"))
    yield from (Fault("table losses", losses, problem, REMEDY) for problem in _losses(done))


def _repeated(raw: Results, name: str) -> Iterator[str]:
    order = TABLES[name].order if name in TABLES else raw.quantities[name].order
    doubled = 0 if name in REPEATING else int(raw[name].duplicated(list(order)).sum())
    if doubled:
        yield f"holds {doubled} rows twice"


def _out_of_time(raw: Results, name: str) -> Iterator[str]:
    """Times that are no interval of the scenario."""
    start, times = raw.facts.start, raw[name]["time"]
    if start is None or times.empty:
        return
    if times.isna().any():
        yield "holds rows without a time"
        return
    number = (times - pd.Timestamp(start)) / timedelta(hours=raw.facts.dt_h)
    steps = float("inf") if name in AHEAD or raw.facts.steps is None else raw.facts.steps
    wrong = (number != number.round()) | (number < 0) | (number >= steps)
    if wrong.any():
        example = times[wrong].iloc[0]
        yield f"holds {int(wrong.sum())} rows at times that are no interval of the scenario, such as {example}"


def _trades(done: Results) -> Iterator[str]:
    """Each prosumer's sales less what it bought are its net sale."""
    net = done["prosumers"].groupby(["time", "carrier", "prosumer"])["net_sale_kw"].sum()
    for end, sign in (("seller", 1.0), ("buyer", -1.0)):
        power = done["trades"].groupby(["time", "carrier", end])["power_kw"].sum() * sign
        net = net.sub(power.rename_axis(net.index.names), fill_value=0.0)
    scale = max(1.0, float(done["prosumers"]["net_sale_kw"].abs().max() or 0.0))
    wrong = net[net.abs() > TOLERANCE * scale]
    if len(wrong):
        time, carrier, prosumer = wrong.index[0]
        yield f"does not add up to the net sales in table prosumers, such as {carrier} of {prosumer} at {time}"


def _losses(done: Results) -> Iterator[str]:
    """What belongs to somebody is what the network lost."""
    allocated = done["losses"].groupby("time")["loss_kwh"].sum()
    flows = done.of_binding_round("flows")
    lost = flows[flows["network"] == ELECTRICITY].groupby("time")["loss_kw"].sum() * done.facts.dt_h
    wrong = (allocated - lost.reindex(allocated.index)).abs() > TOLERANCE * max(1.0, float(lost.abs().max() or 0.0))
    if wrong.any():
        yield f"does not add up to the losses in table flows, such as at {allocated.index[wrong][0]}"


def _money(done: Results) -> Iterator[str]:
    """Every payment stands twice, and every trade is paid."""
    settlement = done["settlement"]
    if settlement.empty:
        return
    scale = max(1.0, float(settlement["money"].abs().max()))
    if (settlement.groupby(["time", "case"])["money"].sum().abs() > TOLERANCE * scale).any():
        yield "table settlement: what is paid is not what is received"
    paid = settlement[(settlement["case"] == IN_MARKET) & (settlement["item"] == "trade")]
    traded_kwh = done["trades"].groupby("time")["power_kw"].sum() * done.facts.dt_h
    open_kwh = traded_kwh.sub(paid.groupby("time")["energy_kwh"].sum() / 2, fill_value=0.0)
    if (open_kwh.abs() > TOLERANCE * max(1.0, float(traded_kwh.max() if len(traded_kwh) else 0.0))).any():
        yield "table settlement: the energy of the trades is not that of table trades"
