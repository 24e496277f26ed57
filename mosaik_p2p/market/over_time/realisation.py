"""From the cleared plan to what happens: the binding interval with its realised loads and weather.

Forecasts miss. What a load takes more, or a plant gives less, than was forecast goes to the prosumer's utility
contract; trades stand as agreed. What the contract cannot take is an imbalance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.interval_numbers import DevicePlace, IntervalNumbers, numbers_of, numbers_of_all
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, reactive_injection_kvar
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT, FloatArray


class Exchange(NamedTuple):
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


class DeviceDispatch(NamedTuple):
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
    return _realised(prosumer, numbers_of(model, done.x[:, 0]), sale_kw.tolist(), interval)


def realise_all(
    prosumers: Sequence[Prosumer],
    problem: MarketProblem,
    dispatch: Sequence[Completion],
    sale_kw: FloatArray,
    *,
    interval: int,
) -> tuple[Realised, ...]:
    """The same of everyone, of the first interval of `problem`; `sale_kw` has shape (C, N)."""
    everyone = zip(prosumers, numbers_of_all(problem.table, dispatch), sale_kw.T.tolist(), strict=True)
    return tuple(_realised(prosumer, own, sale, interval) for prosumer, own, sale in everyone)


def _realised(prosumer: Prosumer, own: IntervalNumbers, sale_kw: list[float], interval: int) -> Realised:
    places = own.layout.devices
    outcomes = {
        device.name: device.follow(Plan(interval, own.dt_h, own.power_of(device.name))) for device in prosumer.devices
    }
    # As in the problem's balance, what no variable stands for is summed up last.
    in_order = sorted(prosumer.devices, key=lambda device: device.name not in places)
    devices = [_dispatch(device, own, outcomes[device.name]) for device in in_order]
    contracts = {contract.carrier for contract in prosumer.contracts}
    exchanges = {
        carrier: _exchange(own, c, sale_kw[c], devices, prosumer.connection_kw.get(carrier))
        for c, carrier in enumerate(CARRIERS)
        if own.touched[c] or carrier in contracts
    }
    return Realised(
        exchanges=exchanges,
        devices=tuple(sorted(devices, key=lambda entry: entry.device)),
        level_kwh={entry.device: entry.level_kwh for entry in devices if entry.level_kwh is not None},
        behind_kwh={name: found.behind_kwh for name, found in outcomes.items() if found.behind_kwh is not None},
    )


def _dispatch(device: Device, own: IntervalNumbers, outcome: Outcome) -> DeviceDispatch:
    """Sum up what one device does; its cost is that of what it pays for."""
    place = own.layout.place_of(device.name)
    rows, dt_h = place.rows, own.dt_h
    if outcome.power_kw.shape != (len(rows),) or outcome.paid_kw.shape != (len(rows),):
        problem = f"says of {outcome.power_kw.shape} and {outcome.paid_kw.shape} variables what they do"
        raise ValueError(f"{device.type} {device.name!r} of prosumer {own.name!r} {problem}, and has {len(rows)}")
    power, paid = outcome.power_kw.tolist(), outcome.paid_kw.tolist()
    cost, el_kw, heat_kw = 0.0, 0.0, 0.0
    el, heat = own.balance
    for k, kw, paid_kw in zip(rows, power, paid, strict=True):
        cost += dt_h * (0.5 * own.quadratic[k] * paid_kw + own.linear[k]) * paid_kw
        el_kw += el[k] * kw
        heat_kw += heat[k] * kw
    if outcome.drawn_kw:
        el_kw -= outcome.drawn_kw.get(ELECTRICITY, 0.0)
        heat_kw -= outcome.drawn_kw.get(HEAT, 0.0)
    return DeviceDispatch(
        device=device.name,
        type=device.type,
        family=device.family,
        carrier=device.own_carrier,
        el_kw=float(el_kw),
        heat_kw=float(heat_kw),
        level_kwh=_level_kwh(own, place, power) if place.level else None,
        cost=float(cost + outcome.constant_cost),
        fuel_kw=sum((power[n] for n in place.fuel), 0.0) if place.fuel else 0.0,
        missed_kwh=_missed_kwh(device.name, own, place, power),
    )


def _level_kwh(own: IntervalNumbers, place: DevicePlace, power: list[float]) -> float | None:
    """The level at the end of the interval, without what it lacks and counts all the same; None of what is no storage,
    or is away and can hold nothing."""
    for n in place.level:
        if own.upper[place.rows[n]] > 0.0:
            return power[n] - sum(own.dt_h * power[n] for n in place.lacking)
    return None


def _missed_kwh(name: str, own: IntervalNumbers, place: DevicePlace, power: list[float]) -> float | None:
    if name in own.missed_kwh:
        missed = own.missed_kwh[name]
        return None if math.isnan(missed) else missed
    for n in place.lacking:
        if own.upper[place.rows[n]] > 0.0:
            return own.dt_h * power[n]
    return None


def _exchange(
    own: IntervalNumbers,
    c: int,
    sale_kw: float,
    devices: list[DeviceDispatch],
    limits_kw: tuple[float | None, float | None] | None,
) -> Exchange:
    """Balance what the devices really do against the trades: the contract takes the rest, as far as it goes and the
    connection carries it."""
    produced = sum([entry.el_kw for entry in devices] if c == 0 else [entry.heat_kw for entry in devices])
    bought, given = own.contract_row(c, own.layout.imports), own.contract_row(c, own.layout.exports)
    most_in = own.upper[bought] if bought is not None else 0.0
    most_out = own.upper[given] if given is not None else 0.0
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
        import_price_per_kwh=own.linear[bought] if bought is not None else None,
        export_price_per_kwh=-own.linear[given] if given is not None else None,
        cleared_surplus_kw=sum([own.power_kw.item(k) for k in own.layout.imbalances if own.balance[c][k] < 0.0], 0.0),
    )
