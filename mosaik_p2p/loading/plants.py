"""Devices that convert or make energy on the intervals of the span."""

from collections.abc import Mapping

import numpy as np

from mosaik_p2p.prosumers.devices import Chp, ElectricBoiler, GasBoiler, Generator, HeatPump
from mosaik_p2p.scenario.devices import ChpSpec, ElectricBoilerSpec, GasBoilerSpec, GeneratorSpec, HeatPumpSpec
from mosaik_p2p.sections.prices import price_per_kwh
from mosaik_p2p.sections.series import Series, Span

ConversionSpec = HeatPumpSpec | ElectricBoilerSpec | GasBoilerSpec | ChpSpec | GeneratorSpec
ConversionDevice = HeatPump | ElectricBoiler | GasBoiler | Chp | Generator


def conversion_device(device: ConversionSpec, profiles: Mapping[str, Series], span: Span) -> ConversionDevice | None:
    """The device that the scenario describes; None where a profile of it could not be read."""
    if isinstance(device, ElectricBoilerSpec):
        return ElectricBoiler(device.name, device.el_max_kw, device.efficiency)
    if isinstance(device, GeneratorSpec):
        return Generator(
            device.name, device.min_kw, device.max_kw, device.cost_per_kwh, device.cost_per_kw2h, device.power_factor
        )
    if isinstance(device, HeatPumpSpec):
        return _heat_pump(device, profiles, span)
    price = price_per_kwh(device.fuel_price_per_kwh, profiles, span)
    if price is None:
        return None
    if isinstance(device, GasBoilerSpec):
        return GasBoiler(device.name, device.heat_max_kw, device.efficiency, price)
    return Chp(device.name, device.el_max_kw, device.efficiency, device.power_to_heat, price, device.power_factor)


def _heat_pump(device: HeatPumpSpec, profiles: Mapping[str, Series], span: Span) -> HeatPump | None:
    if isinstance(device.cop, str):
        series = profiles.get(device.cop)
        cop = None if series is None else series.realised
    else:
        cop = np.full(len(span.times), float(device.cop))
    return None if cop is None else HeatPump(name=device.name, el_max_kw=device.el_max_kw, cop=cop)
