"""Draws that change what the scenario says: its weather, and who owns what.

They are worked into the scenario, so that all that is made from it fits together. Drawn again from the result, as from
the resolved scenario in a result folder, they come out the same: whether a device is kept follows from its own draw.
"""

from dataclasses import replace
from pathlib import PurePath

from mosaik_p2p.devices.base import DeviceSection
from mosaik_p2p.loading.uncertainty.draw import OWNED, WEATHER, Draw
from mosaik_p2p.loading.uncertainty.numbers import uniforms, whole_number
from mosaik_p2p.scenario.parts.uncertainty import Uncertainty
from mosaik_p2p.scenario.parts.weather import DwdTryWeather, WeatherSpec
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.schema import ProsumerSpec, Scenario


def with_draws(reading: Reading) -> Reading:
    """The scenario with the weather that was drawn, and without the devices that were not."""
    scenario, stated = reading.scenario, reading.scenario.uncertainty
    if stated is None:
        return reading
    prosumers = tuple(_with_own(prosumer, stated, scenario.seed) for prosumer in scenario.prosumers)
    changes = {"prosumers": prosumers} if stated.owners else {}
    chosen = {} if not stated.weather else {"weather": stated.weather[weather_number(scenario)]}
    return replace(reading, scenario=scenario.model_copy(update={**changes, **chosen}))


def weather_number(scenario: Scenario) -> int:
    """Which of `uncertainty.weather` was drawn, from 0 on."""
    stated = scenario.uncertainty
    count = 0 if stated is None else len(stated.weather)
    return whole_number(scenario.seed, "uncertainty.weather", 0, max(count - 1, 0))


def scenario_draws(before: Scenario) -> tuple[Draw, ...]:
    """What is drawn for the scenario as it stood before `with_draws`."""
    stated = before.uncertainty
    if stated is None:
        return ()
    number = weather_number(before)
    weather = [Draw(WEATHER, number + 1, choice=_told(spec)) for spec in stated.weather[number : number + 1]]
    owned = (
        Draw(OWNED, float(_keeps(prosumer.name, device, stated, before.seed)), prosumer.name, device.name)
        for prosumer in before.prosumers
        for device in prosumer.devices
        if device.type in stated.owners
    )
    return (*weather, *owned)


def _with_own(prosumer: ProsumerSpec, stated: Uncertainty, seed: int) -> ProsumerSpec:
    kept = tuple(device for device in prosumer.devices if _keeps(prosumer.name, device, stated, seed))
    return prosumer if len(kept) == len(prosumer.devices) else prosumer.model_copy(update={"devices": kept})


def _keeps(owner: str, device: DeviceSection, stated: Uncertainty, seed: int) -> bool:
    """One draw for all devices of a type that a prosumer has."""
    share = stated.owners.get(device.type)
    return share is None or bool(uniforms(seed, f"uncertainty.owners.{device.type}.{owner}", 1)[0] < share)


def _told(weather: WeatherSpec) -> str:
    if isinstance(weather, DwdTryWeather):
        return f"{weather.source} region {weather.region}"
    return PurePath(weather.file).name
