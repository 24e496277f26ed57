"""A result folder made by hand: plausible numbers from closed formulas, for tests of what reads such folders.

Electricity: each prosumer has a load and PV; those with surplus sell it to the others in proportion, the rest is
traded with the utility. Prosumer P1 has a battery. Heat: P1 feeds in, the others draw. Each end of a trade
pays a charge of 0.01 per kWh.
"""

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.parts import ResultStore
from mosaik_p2p.results.summary import RunMeta, summarise, write_summary
from mosaik_p2p.results.tables.columns import FLAG, REAL, TEXT, TIME, WHOLE
from mosaik_p2p.results.tables.schema import TABLES

START = datetime(2017, 3, 21, 5, tzinfo=UTC)
IMPORT_PRICE, EXPORT_PRICE, HEAT_PRICE, CHARGE, SCARCITY_PRICE = 0.728, 0.37, 0.49, 0.01, 7.28
TRADE_PRICE, HEAT_TRADE_PRICE = 0.55, 0.41
INITIAL_KWH = 20.0
CLOSING = {"in_market": -0.5, "alone": -1.5}
"""The closing value of P1, who has the only storage: what it left is worth more in the life without peers."""

SCENARIO = """
schema = 1
name = "made"
title = "A made-up district"
currency = "CNY"
seed = 1
[time]
start = 2017-03-21T06:00:00+01:00
steps = {steps}
step_minutes = 60
horizon_steps = 6
[networks.electricity]
case = "made"
[networks.electricity.limits]
voltage_pu = {{ min = 0.95, max = 1.05 }}
line_loading_percent = 100
transformer_loading_percent = 100
{heat}
[market]
relative_gap = 1e-3
[tariffs.grid]
carrier = "electricity"
[tariffs.district]
carrier = "heat"
[settlement]
losses = "whole"
loss_price_per_kwh = 0.2
"""
HEAT = """[networks.heat]
case = "made"
[networks.heat.limits]
velocity_m_per_s = 2.0
pressure_gradient_pa_per_m = 300.0
differential_pressure_bar = 0.5
t_supply_min_c = 60.0
"""

Row = dict[str, Any]
_MADE = tempfile.TemporaryDirectory(prefix="made")
"""Where each kind of run is made once; it goes with the process."""
NOTHING: dict[Any, Any] = {REAL: 0.0, WHOLE: 0, TEXT: "", FLAG: False, TIME: None}


@dataclass(frozen=True)
class Made:
    """What is made: how many prosumers and hours, whether there is heat, and how far the run came."""

    prosumers: int = 3
    steps: int = 6
    has_heat: bool = True
    steps_computed: int = 6
    buses: int = 5
    is_closed: bool = True

    @property
    def names(self) -> list[str]:
        """P1, P2, ..."""
        return [f"P{i + 1}" for i in range(self.prosumers)]

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks of the scenario."""
        return ("electricity", "heat") if self.has_heat else ("electricity",)


def meta(made: Made) -> RunMeta:
    """What the tables do not say."""
    return RunMeta(
        name="made",
        title="A made-up district",
        complete=made.is_closed,
        steps=made.steps,
        networks=made.networks,
        currency="CNY",
        dt_h=1.0,
        seed=1,
        scenario_hash="0123abcd",
        versions={"python": "3"},
        wall_s={"market": 1.5},
        initial_stored_kwh={"P1": INITIAL_KWH},
    )


def write_made(folder: Path, made: Made) -> Path:
    """Write scenario, tables and, of a run that ended, the summary.

    What is made twice is copied: most of the time of a test would go into writing the same folder again.
    """
    return shutil.copytree(_made(made), folder, dirs_exist_ok=True)


@cache
def _made(made: Made) -> Path:
    folder = Path(_MADE.name) / str(len(list(Path(_MADE.name).iterdir())))
    folder.mkdir()
    heat = HEAT if made.has_heat else ""
    store = ResultStore(folder)
    result_folder(folder).write("scenario.toml", SCENARIO.format(steps=made.steps, heat=heat).encode())
    for k in range(made.steps_computed):
        for table, rows in interval(made, k).items():
            store.append(table, columns(table, rows))
        store.flush()
    if made.is_closed:
        store.close()
        write_summary(folder, summarise(folder, meta(made)))
    return folder


def write_tables(folder: Path, made: Made, change: Callable[[dict[str, list[Row]], int], object]) -> Path:
    """Write the tables of a whole run after `change` has altered those of each interval; no summary."""
    store = ResultStore(folder)
    for k in range(made.steps):
        tables = interval(made, k)
        change(tables, k)
        for table, rows in tables.items():
            store.append(table, columns(table, rows))
    store.close()
    return folder


def columns(table: str, rows: list[Row]) -> dict[str, list[Any]]:
    """Rows as columns; where a row says nothing null, or what is nothing in a column that is never null."""
    unsaid = {name: None if column.null else NOTHING[column.type] for name, column in TABLES[table].columns.items()}
    return {name: [row.get(name, nothing) for row in rows] for name, nothing in unsaid.items()}


def interval(made: Made, k: int) -> dict[str, list[Row]]:
    """All tables' rows of one interval."""
    time = START + timedelta(hours=k)
    surplus = {name: surplus_kw(i, k) for i, name in enumerate(made.names)}
    heat = {name: heat_draw_kw(i, k) for i, name in enumerate(made.names)} if made.has_heat else {}
    trades = [*_trades(surplus, "electricity", TRADE_PRICE), *_trades(_sales(heat), "heat", HEAT_TRADE_PRICE)]
    prosumers = [*_positions(surplus, trades, "electricity"), *_positions(_sales(heat), trades, "heat")]
    tables: dict[str, list[Row]] = {
        "trades": trades,
        "prosumers": prosumers,
        "devices": [_device(name, i, k) for i, name in enumerate(made.names)],
        "inputs": list(_prices(made)),
        "clearing": [
            {"round": 0, "binding": True, "form": "bilateral", "status": "ok", "iterations": 30 + 3 * k}
            | {"cost": 10.0, "lower_bound": 9.995, "relative_gap": 5e-4 / (k + 1), "repaired": False}
        ],
        "settlement": list(_settlement(prosumers, trades)),
        **_electric(made, k),
    }
    if k + 1 == made.steps:
        tables["closing"] = list(_closing(made))
        tables["settlement"] += [row for case, cost in CLOSING.items() for row in _owed(case, "P1", cost)]
    if made.has_heat:
        tables["flows"] = [*tables["flows"], *_heat_flow(k)]
        tables |= _heat_tables(heat, k)
    return {table: [{"time": time, **row} for row in rows] for table, rows in tables.items()}


def surplus_kw(i: int, k: int) -> float:
    """Electric surplus of prosumer i in interval k."""
    return 12.0 * math.sin(0.9 * i + 0.5 * k) - 2.0 + 0.3 * i


def heat_draw_kw(i: int, k: int) -> float:
    """Heat drawn by prosumer i; the first one feeds in."""
    return -9.0 - math.sin(k) if i == 0 else 5.0 + math.cos(k + i)


def _sales(draws: dict[str, float]) -> dict[str, float]:
    return {name: -draw for name, draw in draws.items()}


def _trades(surplus: dict[str, float], carrier: str, price: float) -> list[Row]:
    sellers = {name: power for name, power in surplus.items() if power > 0}
    buyers = {name: -power for name, power in surplus.items() if power < 0}
    traded = min(sum(sellers.values()), sum(buyers.values()))
    shares = [(s, b, sellers[s] * buyers[b]) for s in sellers for b in buyers]
    whole = sum(share for *_, share in shares)
    charges = {f"{kind}_{end}_per_kwh": 0.0 for kind in ("charge", "surcharge") for end in ("seller", "buyer")}
    charges |= {"charge_seller_per_kwh": CHARGE, "charge_buyer_per_kwh": CHARGE}
    return [
        {"carrier": carrier, "seller": s, "buyer": b, "power_kw": traded * share / whole, "price_per_kwh": price}
        | charges
        for s, b, share in shares
    ]


def _positions(surplus: dict[str, float], trades: list[Row], carrier: str) -> Iterator[Row]:
    for name, power in surplus.items():
        own = [trade for trade in trades if trade["carrier"] == carrier]
        sold = sum(trade["power_kw"] for trade in own if trade["seller"] == name)
        bought = sum(trade["power_kw"] for trade in own if trade["buyer"] == name)
        rest = power - sold + bought
        yield {
            "prosumer": name,
            "carrier": carrier,
            "net_sale_kw": sold - bought,
            "import_kw": max(0.0, -rest),
            "export_kw": max(0.0, rest),
            "injection_kw": power,
            "q_injection_kvar": 0.0 if carrier == "electricity" else None,
            "imbalance_kw": 0.0,
            "marginal_price_per_kwh": TRADE_PRICE,
            "import_price_per_kwh": IMPORT_PRICE if carrier == "electricity" else HEAT_PRICE,
            "export_price_per_kwh": EXPORT_PRICE if carrier == "electricity" else None,
            "imbalance_price_per_kwh": SCARCITY_PRICE,
        }


def _device(name: str, i: int, k: int) -> Row:
    if i == 0:
        return {
            "prosumer": name,
            "device": "battery",
            "type": "battery",
            "family": "storage",
            "carrier": "electricity",
            "el_kw": -1.0,
            "level_kwh": 21.0 + k % 24,
            "cost": 0.1,
        }
    kind = {"type": "pv", "family": "source", "carrier": "electricity"}
    return {"prosumer": name, "device": "pv", **kind, "el_kw": 3.0, "heat_kw": 0.0, "cost": 0.0}


def _prices(made: Made) -> Iterator[Row]:
    for name in made.names:
        for device, quantity, price in (
            ("grid", "import_price_per_kwh", IMPORT_PRICE),
            ("grid", "export_price_per_kwh", EXPORT_PRICE),
            ("district", "import_price_per_kwh", HEAT_PRICE),
        ):
            yield {"prosumer": name, "device": device, "quantity": quantity, "forecast": price, "realised": price}


def _electric(made: Made, k: int) -> dict[str, list[Row]]:
    late = 6 * (k + 1) / made.steps
    voltages = [1.0 - 0.0022 * b * late * 5 / made.buses - 0.001 * math.sin(b) for b in range(made.buses)]
    buses = [{"bus": str(b + 1), "vm_pu": vm, "va_degree": 0.0} for b, vm in enumerate(voltages)]
    lines = [
        {"element": f"{b + 1}-{b + 2}", "loading_percent": 60.0 - 8 * b % 50 + 4 * late} for b in range(made.buses - 1)
    ]
    broken = [
        {"round": 0, "network": "electricity", "element": str(b + 1), "quantity": "voltage_pu", "value": vm}
        | {"limit": 0.95, "unit": "p.u.", "excess": 0.95 - vm}
        for b, vm in enumerate(voltages)
        if vm < 0.95
    ]
    flow = {
        "round": 0,
        "network": "electricity",
        "status": "ok",
        "iterations": 3,
        "slack_kw": 8.0 - 3 * late,
        "loss_kw": 0.4,
    }
    transformer = {"element": "T1", "loading_percent": 35.0 + 5 * late, "loss_kw": 0.1}
    return {"buses": buses, "lines": lines, "transformers": [transformer], "violations": broken, "flows": [flow]}


def _heat_flow(k: int) -> list[Row]:
    status = "not_converged" if k == 1 else "ok"
    solved = {"slack_kw": 6.0 + k % 5, "loss_kw": 2.5, "pump_kw": 0.05} if status == "ok" else {}
    return [{"round": 0, "network": "heat", "status": status, "iterations": 2, **solved}]


def _heat_tables(draws: dict[str, float], k: int) -> dict[str, list[Row]]:
    if k == 1:
        return {}
    exchanges = [
        {"prosumer": name, "mode": "draw" if draw > 0 else "feed", "cleared_kw": draw, "delivered_kw": draw}
        | {
            "mdot_kg_per_s": abs(draw) / 126,
            "t_supply_c": 71.0 - 1.5 * i % 8 - 0.4 * k % 2,
            "dp_bar": 0.9 - 0.1 * i % 0.3,
            "status": "ok",
        }
        for i, (name, draw) in enumerate(draws.items())
    ]
    pipes = [
        {
            "pipe": f"pipe {i + 1}",
            "velocity_m_per_s": (-1) ** (i + 1) * (0.3 + 0.05 * i % 0.5),
            "dp_pa_per_m": 40.0 + 9 * i % 80,
        }
        for i in range(len(draws))
    ]
    return {"heat_exchanges": exchanges, "pipes": pipes, "plants": [{"plant": "plant", "heat_kw": 6.0 + k}]}


def _settlement(prosumers: list[Row], trades: list[Row]) -> Iterator[Row]:
    for trade in trades:
        energy, carrier = trade["power_kw"], trade["carrier"]
        yield from _payment(
            "in_market", trade["buyer"], trade["seller"], carrier, "trade", energy, trade["price_per_kwh"]
        )
        for end in ("seller", "buyer"):
            yield from _payment("in_market", trade[end], "operator", carrier, "charge", energy, CHARGE)
    yield from _payment("in_market", "operator", "utility", "electricity", "loss", 0.4, IMPORT_PRICE)
    for row in prosumers:
        buy, sell = row["import_kw"], row["export_kw"]
        alone_buy, alone_sell = max(0.0, -row["injection_kw"]), max(0.0, row["injection_kw"])
        for case, bought, sold in (("in_market", buy, sell), ("alone", alone_buy, alone_sell)):
            yield from _contract(case, row["prosumer"], row["carrier"], bought, sold)


def _contract(case: str, name: str, carrier: str, bought: float, sold: float) -> Iterator[Row]:
    other = "utility" if carrier == "electricity" else "heat_supplier"
    price = IMPORT_PRICE if carrier == "electricity" else HEAT_PRICE
    yield from _payment(case, name, other, carrier, "import", bought, price)
    if carrier == "electricity":
        yield from _payment(case, other, name, carrier, "export", sold, EXPORT_PRICE)


def _closing(made: Made) -> Iterator[Row]:
    for case, cost in CLOSING.items():
        for i, name in enumerate(made.names):
            value = cost if i == 0 else 0.0
            costs = {"cost_from_initial": 9.0, "cost_from_reached": 9.0 + value, "closing_value": value}
            yield {"case": case, "prosumer": name, "hours": 5.0, **costs}


def _owed(case: str, name: str, cost: float) -> Iterator[Row]:
    shared = {"case": case, "item": "closing_value", "energy_kwh": 0.0}
    yield {**shared, "party": name, "counterparty": "own", "money": -cost}
    yield {**shared, "party": "own", "counterparty": name, "money": cost}


def _payment(case: str, payer: str, payee: str, carrier: str, item: str, energy: float, price: float) -> Iterator[Row]:
    shared = {"case": case, "carrier": carrier, "item": item, "energy_kwh": energy}
    yield {**shared, "party": payer, "counterparty": payee, "money": -energy * price}
    yield {**shared, "party": payee, "counterparty": payer, "money": energy * price}


SMALL = Made()
ELECTRIC_ONLY = replace(SMALL, has_heat=False)
BROKEN_OFF = replace(SMALL, steps_computed=4, is_closed=False)
VILLAGE = Made(prosumers=44, steps=24, steps_computed=24, buses=300)
