"""The settlement of one interval, by double entry: every payment is two rows whose money sums to zero.

Two cases stand side by side: `in_market`, and `alone`, in which every prosumer has its contracts only. Parties are the
prosumers and

    operator       keeps the charges of trades and of places, and the surcharges (rebates counted), pays for the losses
                   of both networks and what these cost whatever flows in them
    utility        sells and buys electricity; heat_supplier the same for heat
    own            the prosumer's own devices: wear, fuel, discomfort; and the closing value: what the prosumer owes
                   itself at the end of the run, or (below zero) leaves to itself; and the operator's networks

What depends on the whole run (losses that prosumers cause, surcharges that go back) joins at its end, see `returns`.

What mutual reputation is worth to traders is nobody's payment and stands here nowhere; see `results.money`.

Money is positive where the party receives it, in the scenario's currency; `energy_kwh` is what the payment is about and
never negative.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mosaik_p2p.sections.base import PARTIES
from mosaik_p2p.units import ELECTRICITY, HEAT, SETTLEMENT_CASES, Table, table_of

OPERATOR, UTILITY, HEAT_SUPPLIER, OWN = PARTIES
IN_MARKET, ALONE = SETTLEMENT_CASES
NOBODY = "nobody"
"""No case of the settlement, but of the networks: with every prosumer at zero."""
LOSS, PLACE_CHARGE = "loss", "place_charge"
PLACE_CHARGED = {"place_charge_injected_per_kwh": "injection_kw", "place_charge_sold_per_kwh": "net_sale_kw"}
"""By the column of the table `prosumers` that holds a rate: the column with the power that it is on."""
FIXED_COST = "fixed_cost"
"""Item of the operator: what a network costs whatever flows in it."""
CLOSING_VALUE = "closing_value"
"""Item of the last interval: what going on alone costs from the levels reached, less the same from the initial ones."""
SUPPLIER = {ELECTRICITY: UTILITY, HEAT: HEAT_SUPPLIER}
COLUMNS = ("case", "party", "counterparty", "carrier", "item", "energy_kwh", "money")


class Payment(NamedTuple):
    """`payee` receives `money` from `payer`. A tuple: an hour of a large district has tens of thousands."""

    case: str
    payee: str
    payer: str
    carrier: str | None
    item: str
    energy_kwh: float
    money: float


def settle(tables: dict[str, Table], *, dt_h: float, loss_price_per_kwh: float | None) -> Table:
    """Settle one interval from its binding tables: `trades`, `prosumers`, `devices`, `alone`, `flows`, and `closing` of
    the last one, where present.

    Electric losses and pumping cost the operator `loss_price_per_kwh` (None: nothing), heat losses the lowest price at
    which a heat supplier serves anyone.
    """
    payments = [
        *_trades(tables.get("trades", {}), dt_h),
        *_exchanges(tables.get("prosumers", {}), IN_MARKET, dt_h),
        *_surcharges(tables.get("prosumers", {}), dt_h),
        *_place_charges(tables.get("prosumers", {}), dt_h),
        *_devices(tables.get("devices", {}), dt_h),
        *_losses(tables.get("flows", {}), tables.get("prosumers", {}), dt_h, loss_price_per_kwh),
        *_exchanges(tables.get("alone", {}), ALONE, dt_h),
        *_own_costs_alone(tables.get("alone", {}), dt_h),
        *_closing_values(tables.get("closing", {})),
    ]
    return entered(payments)


def entered(payments: Iterable[Payment]) -> Table:
    """Payments as rows of the settlement, two for each; those about nothing are left out."""
    entries = [entry for payment in payments if payment.energy_kwh or payment.money for entry in _both_rows(payment)]
    return table_of(COLUMNS, entries)


def _both_rows(payment: Payment) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    about = (payment.carrier, payment.item, payment.energy_kwh)
    return (
        (payment.case, payment.payee, payment.payer, *about, payment.money),
        (payment.case, payment.payer, payment.payee, *about, -payment.money),
    )


def _rows(table: Table, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name] for name in names), strict=True) if table else iter(())


def _trades(trades: Table, dt_h: float) -> Iterator[Payment]:
    paid = ("charge_seller_per_kwh", "charge_buyer_per_kwh", "surcharge_seller_per_kwh", "surcharge_buyer_per_kwh")
    about = ("carrier", "seller", "buyer", "power_kw", "price_per_kwh")
    for carrier, seller, buyer, power, price, *extras in _rows(trades, *about, *paid):
        energy = float(power) * dt_h
        yield Payment(IN_MARKET, str(seller), str(buyer), str(carrier), "trade", energy, float(price) * energy)
        for item, party, rate in zip(
            ("charge", "charge", "surcharge", "surcharge"), (seller, buyer, seller, buyer), extras, strict=True
        ):
            money = float(rate) * energy
            if money:
                yield Payment(IN_MARKET, OPERATOR, str(party), str(carrier), item, energy, money)


def _exchanges(table: Table, case: str, dt_h: float) -> Iterator[Payment]:
    """Contracts, and imbalances: what is short, and what was cleared as too much, costs the scarcity price at which it
    was cleared; what forecasts made too much costs and earns nothing."""
    power = ("import_kw", "export_kw", "imbalance_kw")
    prices = ("import_price_per_kwh", "export_price_per_kwh", "imbalance_price_per_kwh")
    about = ("prosumer", "carrier", "cleared_surplus_kw")
    for prosumer, carrier, surplus_kw, *numbers in _rows(table, *about, *power, *prices):
        bought, sold, imbalance = (float(value) * dt_h for value in numbers[:3])
        price_in, price_out, scarcity = (0.0 if value is None else float(value) for value in numbers[3:])
        supplier = SUPPLIER[carrier]
        if bought:
            yield Payment(case, supplier, prosumer, carrier, "import", bought, price_in * bought)
        if sold:
            yield Payment(case, prosumer, supplier, carrier, "export", sold, price_out * sold)
        if imbalance:
            priced = max(-imbalance, min(imbalance, float(surplus_kw or 0.0) * dt_h), 0.0)
            yield Payment(case, supplier, prosumer, carrier, "imbalance", abs(imbalance), scarcity * priced)


def _surcharges(table: Table, dt_h: float) -> Iterator[Payment]:
    """On what is exchanged outside trades (which pay theirs above): every kWh injected pays the surcharge of its place.

    What is drawn counts as injected with a minus, so that where both signs differ the operator pays: a rebate.
    """
    outside = ("import_kw", "export_kw", "imbalance_kw", "surcharge_per_kwh")
    for prosumer, carrier, bought, sold, imbalance, rate in _rows(table, "prosumer", "carrier", *outside):
        injected = (float(sold) - float(bought) + float(imbalance)) * dt_h
        if rate:
            yield Payment(
                IN_MARKET, OPERATOR, str(prosumer), str(carrier), "surcharge", abs(injected), float(rate) * injected
            )


def _place_charges(table: Table, dt_h: float) -> Iterator[Payment]:
    """Every kWh that devices feed into a network, and every kWh that is sold, pays the charge of its place, to which
    nobody else adds; what is drawn, or bought, counts with a minus."""
    for rate_column, power_column in PLACE_CHARGED.items():
        if rate_column not in table:
            continue
        for prosumer, carrier, rate, power in _rows(table, "prosumer", "carrier", rate_column, power_column):
            energy = float(power) * dt_h
            if rate:
                money = float(rate) * energy
                yield Payment(IN_MARKET, OPERATOR, str(prosumer), str(carrier), PLACE_CHARGE, abs(energy), money)


def _devices(devices: Table, dt_h: float) -> Iterator[Payment]:
    """What devices cost: those that burn fuel cost the fuel and nothing else."""
    for prosumer, cost, fuel_kw in _rows(devices, "prosumer", "cost", "fuel_kw"):
        item = "fuel" if fuel_kw > 0.0 else "device"
        yield Payment(IN_MARKET, OWN, str(prosumer), None, item, float(fuel_kw) * dt_h, float(cost))


def _own_costs_alone(alone: Table, dt_h: float) -> Iterator[Payment]:
    for prosumer, cost, fuel_kw, fuel_cost in _rows(alone, "prosumer", "cost", "fuel_kw", "fuel_cost"):
        if cost:
            yield Payment(ALONE, OWN, str(prosumer), None, "device", 0.0, float(cost))
        if fuel_kw or fuel_cost:
            yield Payment(ALONE, OWN, str(prosumer), None, "fuel", float(fuel_kw) * dt_h, float(fuel_cost))


def _closing_values(closing: Table) -> Iterator[Payment]:
    for case, prosumer, value in _rows(closing, "case", "prosumer", CLOSING_VALUE):
        if value is not None:
            yield Payment(str(case), OWN, str(prosumer), None, CLOSING_VALUE, 0.0, float(value))


def _losses(flows: Table, prosumers: Table, dt_h: float, loss_price_per_kwh: float | None) -> Iterator[Payment]:
    heat_prices = [
        float(price)
        for carrier, price in _rows(prosumers, "carrier", "import_price_per_kwh")
        if carrier == HEAT and price is not None
    ]
    prices = LossPrices(loss_price_per_kwh, min(heat_prices, default=None))
    for network, loss, pumping in _rows(flows, "network", "loss_kw", "pump_kw"):
        if loss is not None:
            yield from losses_paid(IN_MARKET, network, float(loss) * dt_h, float(pumping or 0.0) * dt_h, prices)


@dataclass(frozen=True)
class LossPrices:
    """What the operator pays per kWh that is lost, in one interval; None: there is no price."""

    electricity: float | None
    """For electric losses and pumping."""
    heat: float | None


def losses_paid(case: str, network: str, lost_kwh: float, pumped_kwh: float, prices: LossPrices) -> Iterator[Payment]:
    """What the losses of a network in one interval cost the operator; less than nothing where prosumers save some."""
    if network == HEAT:
        if prices.heat is not None:
            yield Payment(case, HEAT_SUPPLIER, OPERATOR, HEAT, LOSS, abs(lost_kwh), prices.heat * lost_kwh)
        lost_kwh = pumped_kwh
    if prices.electricity is not None:
        yield Payment(case, UTILITY, OPERATOR, ELECTRICITY, LOSS, abs(lost_kwh), prices.electricity * lost_kwh)
