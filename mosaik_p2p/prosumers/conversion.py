"""Blocks of the devices that turn one form of energy into another, or make it (Chen and Liu 2025, section 2)."""

from mosaik_p2p.prosumers.devices import Chp, ElectricBoiler, GasBoiler, Generator, HeatPump
from mosaik_p2p.prosumers.model import ModelBuilder, Variable
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray

FUEL = "fuel"
"""Quantity of the variables that stand for fuel burnt, kW."""


def add_heat_pump(device: HeatPump, builder: ModelBuilder, *, cop: FloatArray) -> None:
    """Heat from electricity at a coefficient of performance `cop` (T,)."""
    name = Variable(device.name, "heat_pump", "power")
    builder.variable(name, upper=device.el_max_kw, adds={ELECTRICITY: -1.0, HEAT: cop})
    builder.reach(device.el_max_kw)


def add_electric_boiler(device: ElectricBoiler, builder: ModelBuilder) -> None:
    """Heat from electricity."""
    name = Variable(device.name, "electric_boiler", "power")
    builder.variable(name, upper=device.el_max_kw, adds={ELECTRICITY: -1.0, HEAT: device.efficiency})
    builder.reach(device.el_max_kw)


def add_gas_boiler(device: GasBoiler, builder: ModelBuilder, *, price_per_kwh: FloatArray) -> None:
    """Heat from fuel at prices (T,) per kWh of fuel."""
    most_kw = device.heat_max_kw / device.efficiency
    name = Variable(device.name, "gas_boiler", FUEL)
    builder.variable(name, upper=most_kw, price=price_per_kwh, adds={HEAT: device.efficiency})
    builder.reach(most_kw)


def add_chp(device: Chp, builder: ModelBuilder, *, price_per_kwh: FloatArray) -> None:
    """Electricity and heat, in a fixed ratio, from fuel at prices (T,) per kWh of fuel."""
    most_kw = device.el_max_kw / device.efficiency_el
    adds: dict[str, float | FloatArray] = {ELECTRICITY: device.efficiency_el, HEAT: device.efficiency_heat}
    builder.variable(Variable(device.name, "chp", FUEL), upper=most_kw, price=price_per_kwh, adds=adds)
    builder.reach(most_kw)
    builder.size_kw += 0.5 * device.el_max_kw


def add_generator(device: Generator, builder: ModelBuilder) -> None:
    """Electricity at a quadratic cost."""
    builder.variable(
        Variable(device.name, "generator", "power"),
        lower=device.min_kw,
        upper=device.max_kw,
        price=device.cost_per_kwh,
        curvature=device.cost_per_kw2h,
        adds={ELECTRICITY: 1.0},
    )
    builder.reach(device.max_kw)
    builder.size_kw += 0.5 * device.max_kw
