"""The market alone, built by hand: two houses, four hours, no mosaik and no networks.

Anna has a roof and sells to Bert what she does not need; both pay one cent per kWh to the network operator. Everybody
has a contract as well, so that nobody depends on the other.

    python -m mosaik_p2p.scenarios.examples.market_alone
"""

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges, uniform_charges
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.blocks import Window, prosumer_model
from mosaik_p2p.prosumers.devices import Contract, Device, FixedLoad, Prosumer, Pv, Series
from mosaik_p2p.prosumers.state import initial_state
from mosaik_p2p.units import ELECTRICITY

HOURS = 4
SUN_KW = np.array([0.0, 4.0, 6.0, 2.0])
LOAD_KW = np.array([2.0, 1.0, 1.0, 3.0])
IMPORT_PRICE, EXPORT_PRICE, CHARGE = 0.30, 0.08, 0.01


def house(name: str, *, has_roof: bool) -> Prosumer:
    """A house with a load, perhaps a roof, and a contract with the utility."""
    load = FixedLoad("load", ELECTRICITY, Series(forecast=LOAD_KW, realised=LOAD_KW))
    roof: list[Device] = [Pv("roof", Series(forecast=SUN_KW, realised=SUN_KW), cost_per_kwh=0.0)] if has_roof else []
    contract = Contract(
        name="grid",
        carrier=ELECTRICITY,
        import_price_per_kwh=np.full(HOURS, IMPORT_PRICE),
        export_price_per_kwh=np.full(HOURS, EXPORT_PRICE),
        import_max_kw=10.0,
        export_max_kw=10.0,
    )
    return Prosumer(name, None, None, 1.0, (load, *roof), (contract,))


def problem() -> MarketProblem:
    """Both houses over one look-ahead of four hours; they trade electricity and no heat."""
    houses = (house("Anna", has_roof=True), house("Bert", has_roof=False))
    window = Window(begin=0, horizon=HOURS, day_span=np.zeros(HOURS, dtype=np.int64))
    models = tuple(
        prosumer_model(one, initial_state(one, day=0), window, dt_h=1.0, member=(True, False)) for one in houses
    )
    places = np.arange(len(houses))
    charges = (uniform_charges(places, rate_per_kwh=CHARGE, payer="both"), no_charges(places))
    return MarketProblem(models, charges, dt_h=1.0)


def cleared() -> Clearing:
    """All four hours bind, to a gap of 1e-6."""
    return clear(problem(), Settings(relative_gap=1e-6, binding=HOURS))


def main() -> None:
    """Clear it and say who sells what to whom."""
    clearing, names = cleared(), problem().names
    print(f"status {clearing.status}, cost {clearing.cost:.2f}, relative gap {clearing.relative_gap:.0e}")
    for hour, trades in enumerate((clearing.trades, *clearing.later_trades)):
        of_electricity = trades[0]
        for seller, buyer, power, price in zip(
            of_electricity.seller,
            of_electricity.buyer,
            of_electricity.power_kw,
            of_electricity.price_per_kwh,
            strict=True,
        ):
            print(f"hour {hour}: {names[seller]} sells {power:.2f} kW to {names[buyer]} at {price:.3f} per kWh")


if __name__ == "__main__":
    main()
