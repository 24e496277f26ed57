"""What each device adds to its owner's problem (Chen and Liu 2025, section 2, eqs. 5-20)."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from mosaik_p2p.prosumers.conversion import (
    add_chp,
    add_electric_boiler,
    add_gas_boiler,
    add_generator,
    add_heat_pump,
)
from mosaik_p2p.prosumers.devices import (
    Battery,
    Chp,
    Contract,
    Device,
    ElasticLoad,
    ElectricBoiler,
    Ev,
    FixedLoad,
    FlexibleLoad,
    GasBoiler,
    Generator,
    HeatPump,
    HeatTank,
    Prosumer,
    Pv,
    SolarCollector,
)
from mosaik_p2p.prosumers.model import CONTRACT, EXPORT, IMPORT, ModelBuilder, ProsumerModel, Variable
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.storing import Stay, add_battery, add_ev, add_heat_tank
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray, IntArray


@dataclass(frozen=True)
class Window:
    """The look-ahead of one clearing: intervals `begin .. begin + len(day) - 1` of the span, with their day numbers.

    `day` covers the look-ahead, `day_span` the whole span. `run_end` is the look-ahead's interval with which the run
    ends, where storages are to hold their final levels then; None where it ends elsewhere, or they need not.
    """

    begin: int
    horizon: int
    day_span: IntArray
    run_end: int | None = None

    @property
    def day(self) -> IntArray:
        """Day number of each interval of the look-ahead."""
        return self.day_span[self.begin : self.begin + self.horizon]

    def cut(self, series: FloatArray) -> FloatArray:
        """The look-ahead's part of a series over the span."""
        return series[self.begin : self.begin + self.horizon]

    def ends_day(self, t: int) -> bool:
        """Whether the day of interval `t` of the look-ahead, or the span, ends with it."""
        following = self.begin + t + 1
        return following >= len(self.day_span) or bool(self.day_span[following] != self.day_span[following - 1])


def prosumer_model(
    prosumer: Prosumer, state: ProsumerState, window: Window, *, dt_h: float, member: tuple[bool, ...]
) -> ProsumerModel:
    """The problem of `prosumer` over `window`, starting from `state`."""
    builder = ModelBuilder(prosumer.name, dt_h, window.horizon)
    for device in prosumer.devices:
        add_device(device, builder, window, state)
    for carrier, limits_kw in prosumer.connection_kw.items():
        builder.connection(carrier, limits_kw)
    for contract in prosumer.contracts:
        add_contract(contract, builder, window)
    return builder.build(member=member)


@singledispatch
def add_device(device: Device, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    """Add the block of one device."""
    raise TypeError(f"no block for a device of type {type(device).__name__}")


@add_device.register
def _(device: FixedLoad, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    demand = window.cut(device.demand.forecast)
    builder.fixed[device.carrier] = builder.fixed[device.carrier] + demand
    builder.size_kw += float(demand.mean())


@add_device.register
def _(device: FlexibleLoad, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    demand = window.cut(device.demand.forecast)
    curvature = 2.0 * device.discomfort_per_kw2h
    load = builder.variable(
        Variable(device.name, "flexible_load", "power"),
        lower=device.min_kw,
        upper=device.max_kw,
        price=-curvature * demand,
        curvature=curvature,
        adds={device.carrier: -1.0},
    )
    builder.constant += device.discomfort_per_kw2h * float(np.sum(demand**2)) * builder.dt_h
    builder.size_kw += float(demand.mean())
    missed = np.full(window.horizon, np.nan)
    for day, owed in owed_energy(device, window, state, dt_h=builder.dt_h).items():
        intervals = np.flatnonzero(window.day == day)
        builder.total(load, intervals, energy_kwh=owed.energy_kwh)
        if window.ends_day(int(intervals[-1])):
            missed[intervals[-1]] = owed.beyond_limits_kwh
    builder.missed_kwh[device.name] = missed


@dataclass(frozen=True)
class Owed:
    """Energy that a load must take within a look-ahead, and what its limits leave over (negative: force upon it)."""

    energy_kwh: float
    beyond_limits_kwh: float


def owed_energy(device: FlexibleLoad, window: Window, state: ProsumerState, *, dt_h: float) -> dict[int, Owed]:
    """What a flexible load must take on each day of the look-ahead.

    The forecast of the intervals covered, and today what the load already lags behind; either is clipped to what the
    limits allow in the intervals that are left.
    """
    owed = {}
    demand = window.cut(device.demand.forecast)
    for day in np.unique(window.day):
        covered = window.day == day
        behind = state.behind_kwh.get(device.name, 0.0) if int(day) == state.day else 0.0
        energy = float(np.sum(demand[covered])) * dt_h + behind
        left = int(np.sum(covered))
        possible = float(np.clip(energy, left * device.min_kw * dt_h, left * device.max_kw * dt_h))
        owed[int(day)] = Owed(possible, energy - possible)
    return owed


@add_device.register
def _(device: ElasticLoad, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    slope = device.utility_slope_per_kw2h
    builder.variable(
        Variable(device.name, "elastic_load", "power"),
        upper=device.max_kw,
        price=-device.utility_per_kwh,
        curvature=slope,
        adds={device.carrier: -1.0},
    )
    wanted = device.utility_per_kwh / slope if slope > 0 else device.max_kw
    builder.size_kw += 0.5 * min(device.max_kw, wanted)


@add_device.register
def _(device: Pv, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    _add_source(device, "pv", ELECTRICITY, builder, window)


@add_device.register
def _(device: SolarCollector, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    _add_source(device, "solar_collector", HEAT, builder, window)


def _add_source(
    device: Pv | SolarCollector, type_name: str, carrier: str, builder: ModelBuilder, window: Window
) -> None:
    available = window.cut(device.available.forecast)
    name = Variable(device.name, type_name, "power")
    builder.variable(name, upper=available, price=device.cost_per_kwh, adds={carrier: 1.0})
    builder.size_kw += float(available.mean())


@add_device.register
def _(device: Battery, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_battery(device, builder, begin_kwh=state.level_kwh[device.name], run_end=window.run_end)


@add_device.register
def _(device: HeatTank, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_heat_tank(device, builder, begin_kwh=state.level_kwh[device.name], run_end=window.run_end)


@add_device.register
def _(device: Ev, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    left = device.intervals_left
    before = left[max(window.begin - 1, 0)] >= 0
    stay = Stay(left[window.begin : window.begin + window.horizon], was_plugged=bool(before))
    begin_kwh = state.level_kwh.get(device.name, 0.0)
    add_ev(device, builder, stay, begin_kwh=begin_kwh, run_end=window.run_end)


@add_device.register
def _(device: HeatPump, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_heat_pump(device, builder, cop=window.cut(device.cop))


@add_device.register
def _(device: ElectricBoiler, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_electric_boiler(device, builder)


@add_device.register
def _(device: GasBoiler, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_gas_boiler(device, builder, price_per_kwh=window.cut(device.fuel_price_per_kwh))


@add_device.register
def _(device: Chp, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_chp(device, builder, price_per_kwh=window.cut(device.fuel_price_per_kwh))


@add_device.register
def _(device: Generator, builder: ModelBuilder, window: Window, state: ProsumerState) -> None:
    add_generator(device, builder)


def add_contract(contract: Contract, builder: ModelBuilder, window: Window) -> None:
    """Add import at its price and, where the contract has one, export at its price."""
    builder.variable(
        Variable(contract.name, CONTRACT, IMPORT),
        upper=contract.import_max_kw,
        price=window.cut(contract.import_price_per_kwh),
        adds={contract.carrier: 1.0},
    )
    if contract.export_price_per_kwh is not None:
        builder.variable(
            Variable(contract.name, CONTRACT, EXPORT),
            upper=contract.export_max_kw,
            price=-window.cut(contract.export_price_per_kwh),
            adds={contract.carrier: -1.0},
        )
