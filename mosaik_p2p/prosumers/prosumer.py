"""A prosumer: its devices, its contracts, its connections, and its problem over a look-ahead after
Chen and Liu 2025, section 2.

The span of a run is its intervals and those that its look-aheads cover after it. Power is in kW, prices in the
scenario's currency per kWh.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, Role, named
from mosaik_p2p.prosumers.state import ProsumerState, reactive_share
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Contract:
    """What the utility (electricity) or the heat supplier (heat) offers; prices of shape (span,)."""

    name: str
    carrier: str
    import_price_per_kwh: FloatArray
    export_price_per_kwh: FloatArray | None
    """None: nothing can be exported."""
    import_max_kw: float
    export_max_kw: float


@dataclass(frozen=True)
class Prosumer:
    """A member of the market and its places in the networks."""

    name: str
    bus: int | None
    """Index of its bus in the pandapower net, None where it has no electric connection."""
    junctions: tuple[int, int] | None
    """Indices of its supply and return junction in the pandapipes net, None where it has no heat connection."""
    power_factor: float
    """Of what draws electricity."""
    devices: tuple[Device, ...]
    contracts: tuple[Contract, ...]
    connection_kw: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """By carrier: what it may feed into the network at the least (negative: draw at the most) and at the most."""

    @cached_property
    def inputs(self) -> tuple[tuple[str, str, FloatArray, FloatArray], ...]:
        """All that it goes by: device or contract, quantity with its unit, forecast and realised values (span,)."""
        profiles = (
            (device.name, profile.quantity, profile.series.forecast, profile.series.realised)
            for device in self.devices
            for profile in device.profiles()
        )
        prices = (
            (contract.name, quantity, price, price)
            for contract in self.contracts
            for quantity, price in (
                ("import_price_per_kwh", contract.import_price_per_kwh),
                ("export_price_per_kwh", contract.export_price_per_kwh),
            )
            if price is not None
        )
        return (*profiles, *prices)

    @cached_property
    def series_by_stem(self) -> Mapping[str, Mapping[str, Series]]:
        """By the stem of an attribute, and by device: the series that others may bring instead of the scenario."""
        found: dict[str, dict[str, Series]] = {}
        for device in self.devices:
            for stem, series in device.series_by_stem().items():
                found.setdefault(stem, {})[device.name] = series
        return found

    @cached_property
    def load_reactive_share(self) -> float:
        """kvar per kW of what draws."""
        return reactive_share(self.power_factor)

    @cached_property
    def own_reactive_shares(self) -> Mapping[str, float]:
        """The same of each device that has a power factor of its own."""
        own = {device.name: device.own_power_factor for device in self.devices}
        return {name: reactive_share(factor) for name, factor in own.items() if factor is not None}


def prosumer_model(
    prosumer: Prosumer, state: ProsumerState, window: Window, *, dt_h: float, member: tuple[bool, ...]
) -> ProsumerModel:
    """The problem of `prosumer` over `window`, starting from `state`."""
    return stated(prosumer, state, window, dt_h=dt_h).build(member=member)


def stated(prosumer: Prosumer, state: ProsumerState, window: Window, *, dt_h: float) -> ModelBuilder:
    """The same, as its devices and contracts have stated it: not yet a model, nor part of a table."""
    builder = ModelBuilder(prosumer.name, dt_h, window.horizon)
    for device in prosumer.devices:
        device.block(Block(builder, device.name, device.type), window, state)
    for carrier, limits_kw in prosumer.connection_kw.items():
        builder.connection(carrier, limits_kw)
    for contract in prosumer.contracts:
        add_contract(contract, builder, window)
    return builder


def add_contract(contract: Contract, builder: ModelBuilder, window: Window) -> None:
    """Add import at its price and, where the contract has one, export at its price."""
    builder.variable(
        named(contract.name, CONTRACT, Role.IMPORT),
        upper=contract.import_max_kw,
        price=window.cut(contract.import_price_per_kwh),
        adds={contract.carrier: 1.0},
    )
    if contract.export_price_per_kwh is not None:
        builder.variable(
            named(contract.name, CONTRACT, Role.EXPORT),
            upper=contract.export_max_kw,
            price=-window.cut(contract.export_price_per_kwh),
            adds={contract.carrier: -1.0},
        )


def initial_state(prosumer: Prosumer, *, day: int, after: int = 0) -> ProsumerState:
    """The state before the first interval: initial levels, nothing served.

    With `after` intervals of the run gone by, the same levels then: of a vehicle that is there, that with which it
    began the run, or came where it was away.
    """
    levels = {device.name: device.initial_kwh(after) for device in prosumer.devices}
    stored = {name: level for name, level in levels.items() if level is not None}
    return ProsumerState(level_kwh=stored, behind_kwh={}, day=day)


def own_reactive_share(prosumer: Prosumer, device: str) -> float:
    """kvar per kW of a device of `prosumer`: a machine's own, else that of what draws."""
    return prosumer.own_reactive_shares.get(device, prosumer.load_reactive_share)


def reactive_injection_kvar(prosumer: Prosumer, el_kw: Mapping[str, float]) -> float:
    """What the devices of `prosumer` inject at electric powers `el_kw` (produced +), each at its own power factor."""
    own, usual = prosumer.own_reactive_shares, prosumer.load_reactive_share
    # Nothing is added for a power of zero, so that no reactive power has a sign of its own.
    return sum((kw * own.get(name, usual) for name, kw in el_kw.items() if kw != 0.0), 0.0)
