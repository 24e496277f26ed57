"""A cleared interval as rows of the results tables (docs/tables.md, without time, round and binding)."""

from collections.abc import Iterable

import numpy as np

from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.designs.base import NO_MORE, Effort
from mosaik_p2p.market.negotiation.protocol import RoundLog
from mosaik_p2p.market.network_step.messages import BYTES_OF_A_NUMBER, told_in_all
from mosaik_p2p.market.over_time.charges_table import ToldCharges
from mosaik_p2p.market.over_time.realisation import Realised
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.reputation import clipped_pairs, counted_benefit
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray, Table, table_of

CLEARING = (
    "form status cause iterations primal_residual dual_residual cost lower_bound relative_gap gap_of_gain repaired "
    "since_clearing clipped_pairs exchanges sent_bytes further_clearings"
)

OPERATOR = "operator"
"""Beside the prosumers' names, of which it can be none."""


def interval_tables(
    prosumers: tuple[Prosumer, ...],
    problem: MarketProblem,
    clearing: Clearing,
    realised: tuple[Realised, ...],
    alone: tuple[Realised, ...],
    window: Window,
    *,
    steps: int,
    charges_change: tuple[bool, ...],
    since_clearing: int = 0,
    surcharge_per_kwh: FloatArray | None = None,
    effort: Effort = NO_MORE,
    told: ToldCharges | None = None,
) -> dict[str, Table]:
    """The tables of one binding interval of `steps`, the first one of `problem` and `clearing`, which was cleared
    `since_clearing` intervals before; `charges_change` says by carrier whether charges differ from those of the
    interval before, `surcharge_per_kwh` (C, N) is there where the networks negotiated or a
    design has surcharges; `effort` is what the clearing took beyond its iterations; `told` knows the table of charges
    where it was told before."""
    nothing = np.zeros(problem.member.shape)
    surcharge = nothing if surcharge_per_kwh is None else surcharge_per_kwh
    on_injection, on_trades = (nothing, nothing) if problem.place is None else problem.place.at(0)
    return {
        "inputs": inputs_table(prosumers, window, last=window.begin + 1 == steps),
        "charges": (told or ToldCharges()).table(problem, charges_change, since_clearing=since_clearing),
        "clearing": clearing_table(problem, clearing, effort, since_clearing=since_clearing),
        "regrets": regrets_table(problem, clearing, since_clearing=since_clearing),
        "trades": trades_table(problem, clearing, surcharge),
        "prosumers": prosumers_table(prosumers, clearing, realised, (surcharge, on_injection, on_trades)),
        "devices": devices_table(prosumers, realised),
        "alone": alone_table(prosumers, alone, clearing.scarcity_price_per_kwh),
        "alone_devices": devices_table(prosumers, alone),
    }


def _columns(names: str, rows: Iterable[tuple[object, ...]]) -> Table:
    return table_of(names.split(), rows)


def inputs_table(prosumers: tuple[Prosumer, ...], window: Window, *, last: bool) -> Table:
    """Forecast and realised value of every profile and price as they bind; in the last interval the look-ahead too.

    `offset` counts intervals from the binding one.
    """
    many = window.horizon if last else 1
    at = slice(window.begin, window.begin + many)
    listed = [(prosumer.name, *about) for prosumer in prosumers for about in prosumer.inputs]
    names = [[row[n] for row in listed for _ in range(many)] for n in range(3)]
    forecast, realised = (np.array([row[n][at] for row in listed], dtype=float).ravel().tolist() for n in (3, 4))
    return {
        "offset": list(range(many)) * len(listed),
        **dict(zip(("prosumer", "device", "quantity"), names, strict=True)),
        "forecast": forecast,
        "realised": realised,
    }


def clearing_table(
    problem: MarketProblem, clearing: Clearing, effort: Effort = NO_MORE, *, since_clearing: int = 0
) -> Table:
    """One row about the clearing itself, for the interval that begins `since_clearing` intervals after it."""
    told = told_in_all(problem, clearing.form, clearing.end.z.shape[1])
    spoken = 0 if not told else clearing.iterations if effort.exchanges is None else effort.exchanges
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
        since_clearing,
        clipped_pairs(problem.charges, problem.member),
        spoken,
        spoken * told * BYTES_OF_A_NUMBER,
        effort.rounds,
    )
    return _columns(CLEARING, [row])


def regrets_table(problem: MarketProblem, clearing: Clearing, *, since_clearing: int = 0) -> Table:
    """What everyone, and last the operator, would have saved over the look-ahead by doing as it likes at the clearing's
    prices; told once for each clearing."""
    rows: list[tuple[str, float]] = []
    if clearing.regrets is not None and not since_clearing:
        own = zip(problem.names, clearing.regrets.prosumers.tolist(), strict=True)
        rows = [*own, (OPERATOR, clearing.regrets.network)]
    return _columns("prosumer money", rows)


def failed_table(form: str, cause: str) -> Table:
    """The row of a clearing that has no solution at all."""
    return _columns(CLEARING, [(form, "not_converged", cause, *[None] * 7, False, 0, *[None] * 4)])


def trades_table(problem: MarketProblem, clearing: Clearing, surcharge_per_kwh: FloatArray) -> Table:
    """One row per trade; what each end pays beside the price: charges, and surcharges (negative: rebates).

    A surcharge is on what is injected, so that the buyer, who draws, pays its own with the other sign.
    """
    names, rows = problem.names, []
    for carrier, trades, over_time, surcharge in zip(
        CARRIERS, clearing.trades, problem.charges, surcharge_per_kwh, strict=True
    ):
        charges = over_time.at(0)
        about = (trades.seller, trades.buyer, trades.power_kw, trades.price_per_kwh)
        paid = charges.end_charges(trades.seller, trades.buyer)
        benefit = counted_benefit(charges, trades.seller, trades.buyer)
        for i, j, power, price, *ends, worth in zip(*about, *paid, benefit, strict=True):
            surcharges = (float(surcharge[i]), 0.0 - float(surcharge[j]))
            told = (*(float(value) for value in (power, price, *ends)), *surcharges, float(worth))
            rows.append((carrier, names[i], names[j], *told))
    columns = (
        "carrier seller buyer power_kw price_per_kwh charge_seller_per_kwh charge_buyer_per_kwh "
        "surcharge_seller_per_kwh surcharge_buyer_per_kwh benefit_per_kwh"
    )
    return _columns(columns, rows)


def prosumers_table(
    prosumers: tuple[Prosumer, ...],
    clearing: Clearing,
    realised: tuple[Realised, ...],
    rates_per_kwh: tuple[FloatArray, FloatArray, FloatArray],
) -> Table:
    """One row per prosumer and carrier that it has anything to do with; `rates_per_kwh` (C, N) are surcharges, and the
    charges of places on injections and on trades."""
    rows = []
    for i, (prosumer, result) in enumerate(zip(prosumers, realised, strict=True)):
        for carrier, exchange in result.exchanges.items():
            electric = carrier == ELECTRICITY
            reactive = result.reactive_kvar(prosumer) if electric else None
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
                    *(float(rate[CARRIERS.index(carrier), i]) for rate in rates_per_kwh),
                    exchange.cleared_surplus_kw,
                )
            )
    columns = (
        "prosumer carrier net_sale_kw import_kw export_kw injection_kw q_injection_kvar imbalance_kw "
        "marginal_price_per_kwh import_price_per_kwh export_price_per_kwh imbalance_price_per_kwh surcharge_per_kwh "
        "place_charge_injected_per_kwh place_charge_sold_per_kwh cleared_surplus_kw"
    )
    return _columns(columns, rows)


def devices_table(prosumers: tuple[Prosumer, ...], realised: tuple[Realised, ...]) -> Table:
    """One row per device; produced power is positive."""
    rows = [
        (
            *(prosumer.name, entry.device, entry.type, str(entry.family), entry.carrier),
            *(entry.el_kw, entry.heat_kw, entry.fuel_kw, entry.level_kwh, entry.cost, entry.missed_kwh),
        )
        for prosumer, result in zip(prosumers, realised, strict=True)
        for entry in result.devices
    ]
    return _columns("prosumer device type family carrier el_kw heat_kw fuel_kw level_kwh cost missed_kwh", rows)


def alone_table(prosumers: tuple[Prosumer, ...], alone: tuple[Realised, ...], scarcity: float) -> Table:
    """The counterfactual without peers: exchange per carrier, and cost of devices and storage level per prosumer.

    What devices cost (fuel apart), the fuel and its cost, stored energy and missed energy (see `DeviceDispatch`) stand
    in the prosumer's first row.
    """
    rows = []
    for prosumer, result in zip(prosumers, alone, strict=True):
        burning = [entry for entry in result.devices if entry.fuel_kw > 0.0]
        fuel = (sum(entry.fuel_kw for entry in burning), sum(entry.cost for entry in burning))
        cost = sum(entry.cost for entry in result.devices if entry.fuel_kw <= 0.0)
        level = sum(result.level_kwh.values())
        missed = sum(max(entry.missed_kwh or 0.0, 0.0) for entry in result.devices)
        for n, (carrier, exchange) in enumerate(result.exchanges.items()):
            own = (cost, level, *fuel, missed) if n == 0 else (0.0,) * 5
            prices = (exchange.import_price_per_kwh, exchange.export_price_per_kwh, scarcity)
            power = (exchange.import_kw, exchange.export_kw, exchange.imbalance_kw)
            reactive = result.reactive_kvar(prosumer) if carrier == ELECTRICITY else None
            injected = (exchange.injection_kw, reactive)
            last = exchange.cleared_surplus_kw
            rows.append((prosumer.name, carrier, *power, *injected, *own[:2], *prices, *own[2:], last))
    columns = (
        "prosumer carrier import_kw export_kw imbalance_kw injection_kw q_injection_kvar cost level_kwh "
        "import_price_per_kwh export_price_per_kwh imbalance_price_per_kwh fuel_kw fuel_cost missed_kwh "
        "cleared_surplus_kw"
    )
    return _columns(columns, rows)


def negotiation_table(log: RoundLog) -> Table:
    """One row per limit that a round of the negotiation held now, with its price; without limits, the move alone. What
    it held in later intervals is about what is negotiated anew there.

    `multiplier` in currency per unit and hour; `slack` in the unit: by how much the row stays violated.
    """
    rows: list[tuple[object, ...]] = [
        (
            str(log.move),
            CARRIERS[row.carrier],
            row.element,
            row.quantity,
            row.unit,
            row.is_upper,
            row.limit,
            float(multiplier),
            float(slack),
            row.key not in log.beyond,
        )
        for row, multiplier, slack in zip(log.rows, log.multiplier, log.slack, strict=True)
        if row.interval == 0
    ]
    columns = "move network element quantity unit is_upper limit multiplier slack within_means"
    return _columns(columns, rows or [(str(log.move), *[None] * 9)])
