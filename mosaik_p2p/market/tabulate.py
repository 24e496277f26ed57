"""A cleared interval as rows of the results tables (columns as in the README, without time, round and binding)."""

from collections.abc import Iterable

import numpy as np

from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.realise import Realised
from mosaik_p2p.prosumers.blocks import Window
from mosaik_p2p.prosumers.devices import FixedLoad, FlexibleLoad, HeatPump, Prosumer, Pv, SolarCollector
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray, Table

CLEARING = (
    "form status cause iterations primal_residual dual_residual cost lower_bound relative_gap gap_of_gain repaired"
)


def interval_tables(
    prosumers: tuple[Prosumer, ...],
    problem: MarketProblem,
    clearing: Clearing,
    happened: tuple[Realised, ...],
    alone: tuple[Realised, ...],
    window: Window,
    *,
    steps: int,
) -> dict[str, Table]:
    """The tables of one binding interval of `steps`."""
    return {
        "inputs": inputs_table(prosumers, window, last=window.begin + 1 == steps),
        "charges": charges_table(problem, window),
        "clearing": clearing_table(clearing),
        "trades": trades_table(problem, clearing),
        "prosumers": prosumers_table(prosumers, clearing, happened),
        "devices": devices_table(prosumers, happened),
        "alone": alone_table(prosumers, alone, clearing.scarcity_price_per_kwh),
    }


def _columns(names: str, rows: Iterable[tuple[object, ...]]) -> Table:
    keys = names.split()
    listed = list(rows)
    return {key: [row[n] for row in listed] for n, key in enumerate(keys)}


def inputs_table(prosumers: tuple[Prosumer, ...], window: Window, *, last: bool) -> Table:
    """Forecast and realised value of every profile and price as they bind; in the last interval the look-ahead too.

    `offset` counts intervals from the binding one.
    """
    offsets = range(window.horizon if last else 1)
    rows = [
        (
            offset,
            prosumer.name,
            device,
            quantity,
            float(forecast[window.begin + offset]),
            float(real[window.begin + offset]),
        )
        for prosumer in prosumers
        for device, quantity, forecast, real in _profiles(prosumer)
        for offset in offsets
    ]
    return _columns("offset prosumer device quantity forecast realised", rows)


def _profiles(prosumer: Prosumer) -> list[tuple[str, str, FloatArray, FloatArray]]:
    found: list[tuple[str, str, FloatArray, FloatArray]] = []
    for device in prosumer.devices:
        if isinstance(device, FixedLoad | FlexibleLoad):
            found.append((device.name, "demand_kw", device.demand.forecast, device.demand.realised))
        elif isinstance(device, Pv | SolarCollector):
            found.append((device.name, "available_kw", device.available.forecast, device.available.realised))
        elif isinstance(device, HeatPump):
            found.append((device.name, "cop", device.cop, device.cop))
    for contract in prosumer.contracts:
        price = contract.import_price_per_kwh
        found.append((contract.name, "import_price_per_kwh", price, price))
        if contract.export_price_per_kwh is not None:
            price = contract.export_price_per_kwh
            found.append((contract.name, "export_price_per_kwh", price, price))
    return found


def charges_table(problem: MarketProblem, window: Window) -> Table:
    """What each end of a possible trade pays per kWh; told once, since these charges do not change."""
    names, rows = problem.names, []
    for carrier, charges, who in zip(CARRIERS, problem.charges, problem.member, strict=True):
        inside = np.flatnonzero(who) if window.begin == 0 else np.array([], dtype=int)
        posted = np.asarray(charges.posted) if len(inside) else np.zeros((0, 0))
        for i in inside:
            for j in inside[inside > i]:
                ends = (float(posted[i, j]) * charges.seller_share, float(posted[i, j]) * charges.buyer_share)
                rows.append((carrier, names[i], names[j], *ends))
    return _columns("carrier prosumer partner charge_seller_per_kwh charge_buyer_per_kwh", rows)


def clearing_table(clearing: Clearing) -> Table:
    """One row about the clearing itself."""
    row = (
        clearing.form,
        str(clearing.status),
        clearing.cause,
        clearing.iterations,
        clearing.primal_residual,
        clearing.dual_residual,
        clearing.cost,
        clearing.lower_bound,
        clearing.relative_gap,
        clearing.gap_of_gain,
        clearing.repaired,
    )
    return _columns(CLEARING, [row])


def failed_table(form: str, cause: str) -> Table:
    """The row of a clearing that has no solution at all."""
    return _columns(CLEARING, [(form, "not_converged", cause, *[None] * 7, False)])


def trades_table(problem: MarketProblem, clearing: Clearing) -> Table:
    """One row per trade; what each end pays in charges beside the price. No surcharges without negotiation."""
    names, rows = problem.names, []
    for carrier, trades, charges in zip(CARRIERS, clearing.trades, problem.charges, strict=True):
        posted = charges.posted[trades.seller, trades.buyer]
        for i, j, power, price, charge in zip(
            trades.seller, trades.buyer, trades.power_kw, trades.price_per_kwh, posted, strict=True
        ):
            ends = (float(charge * charges.seller_share), float(charge * charges.buyer_share))
            rows.append((carrier, names[i], names[j], float(power), float(price), *ends, 0.0, 0.0))
    columns = (
        "carrier seller buyer power_kw price_per_kwh charge_seller_per_kwh charge_buyer_per_kwh "
        "surcharge_seller_per_kwh surcharge_buyer_per_kwh"
    )
    return _columns(columns, rows)


def prosumers_table(prosumers: tuple[Prosumer, ...], clearing: Clearing, happened: tuple[Realised, ...]) -> Table:
    """One row per prosumer and carrier that it has anything to do with."""
    rows = []
    for i, (prosumer, result) in enumerate(zip(prosumers, happened, strict=True)):
        for carrier, exchange in result.exchanges.items():
            electric = carrier == ELECTRICITY
            reactive = exchange.injection_kw * reactive_share(prosumer.power_factor) if electric else None
            rows.append(
                (
                    prosumer.name,
                    carrier,
                    exchange.net_sale_kw,
                    exchange.import_kw,
                    exchange.export_kw,
                    exchange.injection_kw,
                    reactive,
                    exchange.imbalance_kw,
                    float(clearing.price_per_kwh[CARRIERS.index(carrier), 0, i]),
                    exchange.import_price_per_kwh,
                    exchange.export_price_per_kwh,
                    clearing.scarcity_price_per_kwh,
                )
            )
    columns = (
        "prosumer carrier net_sale_kw import_kw export_kw injection_kw q_injection_kvar imbalance_kw "
        "marginal_price_per_kwh import_price_per_kwh export_price_per_kwh imbalance_price_per_kwh"
    )
    return _columns(columns, rows)


def devices_table(prosumers: tuple[Prosumer, ...], happened: tuple[Realised, ...]) -> Table:
    """One row per device; produced power is positive."""
    rows = [
        (prosumer.name, entry.device, entry.type, entry.el_kw, entry.heat_kw, 0.0, entry.level_kwh, entry.cost)
        for prosumer, result in zip(prosumers, happened, strict=True)
        for entry in result.devices
    ]
    return _columns("prosumer device type el_kw heat_kw fuel_kw level_kwh cost", rows)


def alone_table(prosumers: tuple[Prosumer, ...], alone: tuple[Realised, ...], scarcity: float) -> Table:
    """The counterfactual without peers: exchange per carrier, and cost of devices and storage level per prosumer.

    The devices' cost and the stored energy stand in the prosumer's first row.
    """
    rows = []
    for prosumer, result in zip(prosumers, alone, strict=True):
        cost = sum(entry.cost for entry in result.devices)
        level = sum(result.level_kwh.values())
        for n, (carrier, exchange) in enumerate(result.exchanges.items()):
            own = (cost, level) if n == 0 else (0.0, 0.0)
            prices = (exchange.import_price_per_kwh, exchange.export_price_per_kwh, scarcity)
            rows.append(
                (prosumer.name, carrier, exchange.import_kw, exchange.export_kw, exchange.imbalance_kw, *own, *prices)
            )
    columns = (
        "prosumer carrier import_kw export_kw imbalance_kw cost level_kwh import_price_per_kwh export_price_per_kwh "
        "imbalance_price_per_kwh"
    )
    return _columns(columns, rows)
