"""A scenario once chance has spoken: what was drawn, and what of it makes no sense."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mosaik_p2p.errors import Fault, InputWarning
from mosaik_p2p.loading.profile_references import needs_weather
from mosaik_p2p.loading.uncertainty.draw import Draw
from mosaik_p2p.loading.uncertainty.in_scenario import scenario_draws, with_draws
from mosaik_p2p.loading.uncertainty.of_devices import Drawn, drawn_device, group_of, is_profiled
from mosaik_p2p.prosumers.device import Device, Family
from mosaik_p2p.scenario.parts.uncertainty import Uncertainty
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.schema import ProsumerSpec, Scenario
from mosaik_p2p.sections.series import Span
from mosaik_p2p.units import HEAT

PLACE = "uncertainty"
REMEDY = "Leave it out, or give the scenario what it is about."


@dataclass(frozen=True)
class Chance:
    """What the scenario became, and why."""

    reading: Reading
    before: Scenario
    """As it was written."""

    def for_devices(self, span: Span) -> Callable[[Device, str], Drawn]:
        """What draws for a device and its owner."""
        scenario = self.reading.scenario
        return lambda device, owner: drawn_device(device, owner, scenario.uncertainty, span, seed=scenario.seed)

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Of the scenario itself; those of devices come with them."""
        return scenario_draws(self.before)

    def faults(self, built: Iterable[Device]) -> list[Fault]:
        """What cannot be meant, once devices are built."""
        stated = self.before.uncertainty
        if stated is None:
            return []
        found = [*_shorter_than_an_interval(self.before, stated), *_left_cold(self.before, stated)]
        return found if stated.owners else [*found, *self._without_effect(stated, built)]

    def warnings(self, built: Iterable[Device]) -> list[InputWarning]:
        """Tables without effect, where that may be because devices were drawn away: another seed may keep them."""
        stated = self.before.uncertainty
        empty = [] if stated is None or not stated.owners else self._without_effect(stated, built)
        return [InputWarning(fault.place, fault.value, fault.problem, fault.remedy) for fault in empty]

    def _without_effect(self, stated: Uncertainty, built: Iterable[Device]) -> Iterator[Fault]:
        if any(self.reading.lost(place) for place in (PLACE, "prosumers", "profiles", "weather")):
            return
        devices = tuple(built)
        # A device that could not be built has a fault of its own.
        if len(devices) == sum(len(prosumer.devices) for prosumer in self.reading.scenario.prosumers):
            yield from _groups_without_effect(stated, devices)
        types = {device.type for prosumer in self.before.prosumers for device in prosumer.devices}
        for kind, share in stated.owners.items():
            if kind not in types:
                problem = "draws nothing: nobody has a device of this type"
                yield Fault(f"{PLACE}.owners.{kind}", f"{share:g}", problem, REMEDY)
        if stated.weather and not needs_weather(self.before):
            told = f"({len(stated.weather)} tables)"
            yield Fault(f"{PLACE}.weather", told, "draws nothing: nothing here is made from the weather", REMEDY)


def chance_of(reading: Reading) -> Chance:
    """What chance makes of a scenario that could be read."""
    return Chance(with_draws(reading), reading.scenario)


def _groups_without_effect(stated: Uncertainty, built: Iterable[Device]) -> Iterator[Fault]:
    there = {group_of(device) for device in built if is_profiled(device)}
    for key, table in stated.groups.items():
        if table.draws_something and key not in there:
            yield Fault(f"{PLACE}.{key}", "(a table)", "draws nothing: nobody has such a device with a profile", REMEDY)


def _shorter_than_an_interval(scenario: Scenario, stated: Uncertainty) -> Iterator[Fault]:
    step = scenario.time.step_minutes
    for key, table in stated.groups.items():
        if 0 < table.most_minutes < step:
            problem = f"is less than an interval of {step} min, and nothing is shifted by a part of one"
            remedy = f"Give {step} or more, 0, or a shorter time.step_minutes."
            yield Fault(f"{PLACE}.{key}.shift_minutes", str(table.most_minutes), problem, remedy)


def _left_cold(scenario: Scenario, stated: Uncertainty) -> Iterator[Fault]:
    """Prosumers whose heat comes from nothing but what they may lose."""
    of_heat = {name for name, tariff in scenario.tariffs.items() if tariff.carrier == HEAT}
    for prosumer in scenario.prosumers:
        giving = [device for device in prosumer.devices if device.device.family is Family.CONVERTER]
        is_supplied = of_heat & set(prosumer.tariffs) or any(
            place is not None for place in (prosumer.junction, prosumer.replaces_consumer)
        )
        if is_supplied or not _draws_heat(prosumer) or any(stated.owners.get(of.type, 1.0) == 1.0 for of in giving):
            continue
        for device in giving:
            problem = "draws away what heats this prosumer, who has neither a heat network nor a contract for heat"
            told = f"uncertainty.owners.{device.type} = {stated.owners[device.type]:g}"
            remedy = "Leave this type out, or give another way to heat."
            yield Fault(f"prosumers.{prosumer.name}.{device.name}", told, problem, remedy)


def _draws_heat(prosumer: ProsumerSpec) -> bool:
    loads = (device for device in prosumer.devices if device.device.family is Family.LOAD)
    return any(getattr(load, "carrier", None) == HEAT for load in loads)
