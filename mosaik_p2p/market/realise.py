"""From the cleared plan to what happens: the binding interval with its realised loads and weather.

Forecasts miss. What a load takes more, or a plant gives less, than was forecast goes to the prosumer's utility
contract; trades stand as agreed. What the contract cannot take is an imbalance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.subproblem import Completion
from mosaik_p2p.prosumers.conversion import FUEL
from mosaik_p2p.prosumers.devices import FixedLoad, FlexibleLoad, Prosumer, Pv, SolarCollector
from mosaik_p2p.prosumers.model import CONNECTION, CONTRACT, IMBALANCE, LACKING, ProsumerModel
from mosaik_p2p.prosumers.state import reactive_injection_kvar
from mosaik_p2p.prosumers.storing import LEVEL
from mosaik_p2p.units import CARRIERS, FloatArray


@dataclass(frozen=True)
class Exchange:
    """What a prosumer exchanges of one carrier in the binding interval, kW; prices None without a contract."""

    net_sale_kw: float
    import_kw: float
    export_kw: float
    imbalance_kw: float
    import_price_per_kwh: float | None
    export_price_per_kwh: float | None
    cleared_surplus_kw: float
    """What was cleared as too much, at the price of an imbalance; what forecasts add to it costs nothing."""

    @property
    def injection_kw(self) -> float:
        """What physically enters the network here."""
        return self.net_sale_kw + self.export_kw - self.import_kw + self.imbalance_kw


@dataclass(frozen=True)
class DeviceDispatch:
    """What one device does in the binding interval: power produced (+) per carrier, fuel burnt, level at its end, cost.

    `missed_kwh` is energy whose deadline this interval was and that was not had: of a vehicle that departs, of a
    storage at the end of the run, of a flexible load whose day ends (negative: it had to take more than its forecast).
    None where there is no deadline.
    """

    device: str
    type: str
    el_kw: float
    heat_kw: float
    level_kwh: float | None
    cost: float
    fuel_kw: float = 0.0
    missed_kwh: float | None = None


@dataclass(frozen=True)
class Realised:
    """One prosumer's binding interval."""

    exchanges: Mapping[str, Exchange]
    devices: tuple[DeviceDispatch, ...]
    level_kwh: Mapping[str, float]
    behind_kwh: Mapping[str, float]
    """Energy by which each flexible load was cleared less than its forecast."""

    def reactive_kvar(self, prosumer: Prosumer) -> float:
        """Reactive power that its owner injects: that of each device, so that a roof does not change a load's."""
        return reactive_injection_kvar(prosumer, {entry.device: entry.el_kw for entry in self.devices})


def realise(
    prosumer: Prosumer, model: ProsumerModel, done: Completion, sale_kw: FloatArray, *, interval: int
) -> Realised:
    """The binding interval of `prosumer`: `interval` counts from the begin of the span, `sale_kw` has shape (C,)."""
    power = done.x[:, 0]
    deviation = _deviations(prosumer, model, power, interval)
    devices = [_dispatch(device_name, model, power, deviation) for device_name in _device_names(model)]
    devices += _fixed_loads(prosumer, interval)
    exchanges = {
        carrier: _exchange(model, carrier, power, float(sale_kw[c]), devices, prosumer.connection_kw.get(carrier))
        for c, carrier in enumerate(CARRIERS)
        if _touches(prosumer, model, c)
    }
    return Realised(
        exchanges=exchanges,
        devices=tuple(sorted(devices, key=lambda entry: entry.device)),
        level_kwh={entry.device: entry.level_kwh for entry in devices if entry.level_kwh is not None},
        behind_kwh={
            device.name: float(device.demand.forecast[interval] - power[model.index(device.name, "power")]) * model.dt_h
            for device in prosumer.devices
            if isinstance(device, FlexibleLoad)
        },
    )


def _touches(prosumer: Prosumer, model: ProsumerModel, c: int) -> bool:
    return bool(
        model.balance[c].any()
        or model.fixed[c].any()
        or model.member[c]
        or any(contract.carrier == CARRIERS[c] for contract in prosumer.contracts)
    )


def _device_names(model: ProsumerModel) -> list[str]:
    return list(dict.fromkeys(v.device for v in model.variables if v.type not in (CONTRACT, CONNECTION, IMBALANCE)))


def _deviations(prosumer: Prosumer, model: ProsumerModel, power: FloatArray, interval: int) -> dict[str, float]:
    """kW by which each flexible load takes more, and each source gives more, than was cleared."""
    result = {}
    for device in prosumer.devices:
        if isinstance(device, FlexibleLoad):
            cleared = power[model.index(device.name, "power")]
            missed = device.demand.realised[interval] - device.demand.forecast[interval]
            result[device.name] = float(max(cleared + missed, 0.0) - cleared)
        elif isinstance(device, Pv | SolarCollector):
            cleared = power[model.index(device.name, "power")]
            available = device.available.realised[interval]
            expected = device.available.forecast[interval]
            result[device.name] = float(np.clip(cleared + available - expected, 0.0, available)) - cleared
    return result


def _dispatch(name: str, model: ProsumerModel, power: FloatArray, deviation: dict[str, float]) -> DeviceDispatch:
    """Sum up the rows of one device; its cost is that of what it does, discomfort that of the plan."""
    rows = [k for k, variable in enumerate(model.variables) if variable.device == name]
    actual = power.copy()
    kind = model.variables[rows[0]].type
    # A load's discomfort is about the hours that it was asked to move, not about a forecast that missed.
    paid = power if kind == "flexible_load" else actual
    actual[rows[0]] += deviation.get(name, 0.0)
    produced = np.array([sum(model.balance[c, k, 0] * actual[k] for k in rows) for c in range(len(CARRIERS))])
    cost = sum(model.dt_h * (0.5 * model.quadratic[k, 0] * paid[k] + model.linear[k, 0]) * paid[k] for k in rows)
    if kind == "flexible_load":
        # The model's constant, this interval's part: c d_forecast^2 = linear^2 / (2 quadratic).
        curvature = model.quadratic[rows[0], 0]
        cost += model.dt_h * model.linear[rows[0], 0] ** 2 / (2 * curvature) if curvature > 0 else 0.0
    fuel = sum(float(actual[k]) for k in rows if model.variables[k].quantity == FUEL)
    level, missed = _level_kwh(model, rows, actual), _missed_kwh(name, model, rows, actual)
    return DeviceDispatch(name, kind, float(produced[0]), float(produced[1]), level, float(cost), fuel, missed)


def _level_kwh(model: ProsumerModel, rows: list[int], power: FloatArray) -> float | None:
    """The level at the end of the interval, without what it lacks and counts all the same; None of what is no storage,
    or is away and can hold nothing."""
    levels = (k for k in rows if model.variables[k].quantity == LEVEL and model.upper[k, 0] > 0)
    lacking_kwh = sum(model.dt_h * float(power[k]) for k in rows if model.variables[k].quantity in LACKING)
    return next((float(power[k]) - lacking_kwh for k in levels), None)


def _missed_kwh(name: str, model: ProsumerModel, rows: list[int], power: FloatArray) -> float | None:
    if name in model.missed_kwh:
        missed = float(model.missed_kwh[name][0])
        return None if np.isnan(missed) else missed
    lacking = (k for k in rows if model.variables[k].quantity in LACKING and model.upper[k, 0] > 0)
    return next((model.dt_h * float(power[k]) for k in lacking), None)


def _fixed_loads(prosumer: Prosumer, interval: int) -> list[DeviceDispatch]:
    result = []
    for device in prosumer.devices:
        if isinstance(device, FixedLoad):
            taken = [-float(device.demand.realised[interval]) if device.carrier == c else 0.0 for c in CARRIERS]
            result.append(DeviceDispatch(device.name, "fixed_load", taken[0], taken[1], None, 0.0))
    return result


def _exchange(
    model: ProsumerModel,
    carrier: str,
    power: FloatArray,
    sale_kw: float,
    devices: list[DeviceDispatch],
    limits_kw: tuple[float | None, float | None] | None,
) -> Exchange:
    """Balance what the devices really do against the trades: the contract takes the rest, as far as it goes and the
    connection carries it."""
    c = CARRIERS.index(carrier)
    produced = sum(entry.el_kw if c == 0 else entry.heat_kw for entry in devices)
    bought, given = _contract_row(model, c, "import"), _contract_row(model, c, "export")
    most_in = float(model.upper[bought, 0]) if bought is not None else 0.0
    most_out = float(model.upper[given, 0]) if given is not None else 0.0
    # What goes over the connection is the sale less what the contract brings.
    least, most = limits_kw or (None, None)
    most_in = most_in if least is None else min(most_in, sale_kw - least)
    most_out = most_out if most is None else min(most_out, most - sale_kw)
    taken = float(min(max(sale_kw - produced, -most_out), most_in))
    return Exchange(
        net_sale_kw=sale_kw,
        import_kw=max(taken, 0.0),
        export_kw=max(-taken, 0.0),
        imbalance_kw=produced + taken - sale_kw,
        import_price_per_kwh=float(model.linear[bought, 0]) if bought is not None else None,
        export_price_per_kwh=-float(model.linear[given, 0]) if given is not None else None,
        cleared_surplus_kw=_cleared_surplus_kw(model, c, power),
    )


def _cleared_surplus_kw(model: ProsumerModel, c: int, power: FloatArray) -> float:
    too_much = (k for k, v in enumerate(model.variables) if v.type == IMBALANCE and model.balance[c, k, 0] < 0.0)
    return sum((float(power[k]) for k in too_much), 0.0)


def _contract_row(model: ProsumerModel, c: int, quantity: str) -> int | None:
    """The contract's row of `x`; a prosumer has at most one contract per carrier."""
    for k, variable in enumerate(model.variables):
        if variable.type == "contract" and variable.quantity == quantity and model.balance[c, k].any():
            return k
    return None
