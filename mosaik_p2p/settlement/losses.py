"""What is lost on account of whom: the losses of an interval by party and by what each exchanged with whom.

A prosumer's loss is `per_kwh` times what it injected, and what its reactive power loses. What it injected is what it
sold to others, less what it bought, and the rest, over its contract (imbalances with it). So every trade has two rows,
the seller's and the buyer's, and their sum `(per_kwh_seller - per_kwh_buyer)` times its energy is what the trade loses;
what reactive power loses stands with the contract, for no trade moves it. What belongs to nobody is the operator's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mosaik_p2p.settlement.ledger import OPERATOR, UTILITY
from mosaik_p2p.units import ELECTRICITY, Table, table_of

LOSS_COLUMNS = ("party", "counterparty", "carrier", "energy_kwh", "loss_kwh")


@dataclass(frozen=True)
class OwnLoss:
    """What is lost on account of one prosumer in an interval."""

    injected_kwh: float
    """Into the network, + where it feeds in."""
    per_kwh: float
    """Lost for each kWh injected; less than nothing where it relieves the network."""
    reactive_kwh: float
    """Lost by its reactive power."""


def loss_entries(own: Mapping[str, OwnLoss], trades_kwh: Iterable[tuple[str, str, float]], whole_kwh: float) -> Table:
    """Rows of the table `losses` without their time: of every prosumer, by what it exchanged with whom.

    `trades_kwh`: seller, buyer and energy. `whole_kwh` is what the network lost in all, which all rows add up to.
    """
    exchanged = {name: dict[str, float]() for name in own}
    for seller, buyer, energy in trades_kwh:
        exchanged[seller][buyer] = exchanged[seller].get(buyer, 0.0) + energy
        exchanged[buyer][seller] = exchanged[buyer].get(seller, 0.0) - energy
    rows: list[tuple[str, str, str, float, float]] = []
    for name, loss in own.items():
        rows += [(name, peer, ELECTRICITY, kwh, loss.per_kwh * kwh) for peer, kwh in exchanged[name].items()]
        rest = loss.injected_kwh - sum(exchanged[name].values())
        rows.append((name, UTILITY, ELECTRICITY, rest, loss.per_kwh * rest + loss.reactive_kwh))
    allocated = sum(row[-1] for row in rows)
    return table_of(LOSS_COLUMNS, [*rows, (OPERATOR, UTILITY, ELECTRICITY, 0.0, whole_kwh - allocated)])
