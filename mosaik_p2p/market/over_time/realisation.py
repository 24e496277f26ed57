"""From the cleared plan to what happens: the binding interval with its realised loads and weather.

Forecasts miss. What a load takes more, or a plant gives less, than was forecast goes to the prosumer's utility
contract; trades stand as agreed. What the contract cannot take is an imbalance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, reactive_injection_kvar
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, LACKING, Role
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
    family: Family
    carrier: str | None
    """The one that it draws, gives or stores; None of what turns one into another."""
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
    power, rows = done.x[:, 0], _rows_by_device(model)
    outcomes = {
        device.name: device.follow(Plan(interval, model.dt_h, power[rows.get(device.name, [])]))
        for device in prosumer.devices
    }
    # As in the problem's balance, what no variable stands for is summed up last.
    in_order = sorted(prosumer.devices, key=lambda device: device.name not in rows)
    devices = [_dispatch(device, model, rows.get(device.name, []), outcomes[device.name]) for device in in_order]
    exchanges = {
        carrier: _exchange(model, carrier, power, float(sale_kw[c]), devices, prosumer.connection_kw.get(carrier))
        for c, carrier in enumerate(CARRIERS)
        if _touches(prosumer, model, c)
    }
    return Realised(
        exchanges=exchanges,
        devices=tuple(sorted(devices, key=lambda entry: entry.device)),
        level_kwh={entry.device: entry.level_kwh for entry in devices if entry.level_kwh is not None},
        behind_kwh={name: found.behind_kwh for name, found in outcomes.items() if found.behind_kwh is not None},
    )


def _rows_by_device(model: ProsumerModel) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for k, variable in enumerate(model.variables):
        if variable.is_device:
            rows.setdefault(variable.device, []).append(k)
    return rows


def _touches(prosumer: Prosumer, model: ProsumerModel, c: int) -> bool:
    return bool(
        model.balance[c].any()
        or model.fixed[c].any()
        or model.member[c]
        or any(contract.carrier == CARRIERS[c] for contract in prosumer.contracts)
    )


def _dispatch(device: Device, model: ProsumerModel, rows: list[int], outcome: Outcome) -> DeviceDispatch:
    """Sum up what one device does; its cost is that of what it pays for."""
    if outcome.power_kw.shape != (len(rows),) or outcome.paid_kw.shape != (len(rows),):
        problem = f"says of {outcome.power_kw.shape} and {outcome.paid_kw.shape} variables what they do"
        raise ValueError(f"{device.type} {device.name!r} of prosumer {model.name!r} {problem}, and has {len(rows)}")
    power, paid = outcome.power_kw.tolist(), outcome.paid_kw.tolist()
    cost = sum(
        model.dt_h * (0.5 * model.quadratic[k, 0] * kw + model.linear[k, 0]) * kw
        for k, kw in zip(rows, paid, strict=True)
    )
    produced = (
        sum(model.balance[c, k, 0] * kw for k, kw in zip(rows, power, strict=True)) - outcome.drawn_kw.get(carrier, 0.0)
        for c, carrier in enumerate(CARRIERS)
    )
    el_kw, heat_kw = (float(kw) for kw in produced)
    return DeviceDispatch(
        device=device.name,
        type=device.type,
        family=device.family,
        carrier=device.own_carrier,
        el_kw=el_kw,
        heat_kw=heat_kw,
        level_kwh=_level_kwh(model, rows, power),
        cost=float(cost) + outcome.constant_cost,
        fuel_kw=sum((kw for k, kw in zip(rows, power, strict=True) if model.variables[k].role == Role.FUEL), 0.0),
        missed_kwh=_missed_kwh(device.name, model, rows, power),
    )


def _level_kwh(model: ProsumerModel, rows: list[int], power: list[float]) -> float | None:
    """The level at the end of the interval, without what it lacks and counts all the same; None of what is no storage,
    or is away and can hold nothing."""
    by_row = list(zip(rows, power, strict=True))
    levels = (kwh for k, kwh in by_row if model.variables[k].role == Role.LEVEL and model.upper[k, 0] > 0)
    lacking_kwh = sum(model.dt_h * kw for k, kw in by_row if model.variables[k].role in LACKING)
    return next((kwh - lacking_kwh for kwh in levels), None)


def _missed_kwh(name: str, model: ProsumerModel, rows: list[int], power: list[float]) -> float | None:
    if name in model.missed_kwh:
        missed = float(model.missed_kwh[name][0])
        return None if np.isnan(missed) else missed
    by_row = zip(rows, power, strict=True)
    lacking = (kw for k, kw in by_row if model.variables[k].role in LACKING and model.upper[k, 0] > 0)
    return next((model.dt_h * kw for kw in lacking), None)


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
    bought, given = _contract_row(model, c, Role.IMPORT), _contract_row(model, c, Role.EXPORT)
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


def _contract_row(model: ProsumerModel, c: int, role: Role) -> int | None:
    """The contract's row of `x`; a prosumer has at most one contract per carrier."""
    for k, variable in enumerate(model.variables):
        if variable.type == CONTRACT and variable.role == role and model.balance[c, k].any():
            return k
    return None
