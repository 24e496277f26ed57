"""What grows: a scenario's photovoltaics, heat pumps or vehicles, everywhere or on one feeder, or any key."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.overrides import parsed
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.studies.hosting.search import Range

GROW, FROM, TO, WITHIN = "--grow", "--from", "--to", "--within"
PART = "scale.part"
HIGHEST_FACTOR = 10.0
PARTS_WITHIN = 100
"""Left out, `--within` is the range in so many parts."""
FINEST = 1e-6
"""The finest tolerance, as a share of the range."""


@dataclass(frozen=True)
class Kind:
    """A kind of device that grows by a key of `scale`."""

    called: str
    rating: str
    """The key of a device that says its size, kW."""
    unit: str


KINDS = {
    "pv": Kind("photovoltaics", "peak_kw", "kWp"),
    "heat_pump": Kind("heat pumps", "el_max_kw", "kW of electricity"),
    "ev": Kind("electric vehicles", "power_kw", "kW of charging"),
}
"""By the names that `--grow` knows, which are types of devices and keys of `scale`."""


@dataclass(frozen=True)
class Growth:
    """What grows, and what a value of the search means."""

    what: str
    """A name of `KINDS`, or a key."""
    own: Decimal
    """What the key has in the scenario for a value of 1; 1 where the value is that of the key itself."""
    rated: float | None = None
    """What the scenario has of it at a value of 1, in its unit; None of a key."""
    feeder: str | None = None
    """On which it grows; None: everywhere."""
    busbars: tuple[str, ...] = ()
    """What feeds the feeder."""
    prosumers: tuple[str, ...] = ()
    """Who has it there."""

    @property
    def kind(self) -> Kind | None:
        """Of what grows by a factor."""
        return KINDS.get(self.what)

    @property
    def key(self) -> str:
        """The scenario's key that grows."""
        if self.feeder is not None:
            return f"{PART}.{self.what}"
        return self.what if self.kind is None else f"scale.{self.what}"

    def keys(self, value: Decimal) -> dict[str, str]:
        """What makes it grow, as after `--set`."""
        whose = {} if self.feeder is None else {f"{PART}.prosumers": self._whose()}
        return {**whose, self.key: self.text(value)}

    def as_one(self, value: Decimal) -> str:
        """The same as a single `--set`."""
        if self.feeder is None:
            return f"{self.key}={self.text(value)}"
        return f"{PART}={{ prosumers = {self._whose()}, {self.what} = {self.text(value)} }}"

    def _whose(self) -> str:
        return json.dumps(self.prosumers, ensure_ascii=False)

    @property
    def called(self) -> str:
        """In words."""
        return self.what if self.kind is None else self.kind.called

    @property
    def unit(self) -> str:
        """Of the amounts; empty of a key."""
        return "" if self.kind is None else self.kind.unit

    def text(self, value: Decimal) -> str:
        """What `--set` puts behind the key."""
        return plain_text(self.own * value)

    def amount(self, value: Decimal) -> float | None:
        """How much of it there is in all; None of a key."""
        return None if self.rated is None else self.rated * float(value)


def plain_text(value: Decimal) -> str:
    """The number without exponent and without zeros at its end."""
    return f"{value.normalize():f}"


def growth_of(what: str, scenario: Scenario) -> tuple[Growth, list[Fault]]:
    """What grows in the scenario, which was read without faults; the faults of what cannot."""
    kind = KINDS.get(what)
    if kind is None:
        return Growth(what, Decimal(1)), []
    own = float(getattr(scenario.scale, what))
    sizes = _sizes(kind, what, scenario)
    growth = Growth(what, Decimal(repr(own)), own * float(sum(sizes.values())))
    if growth.rated:
        return growth, []
    problem = f"no prosumer has any {kind.called}" if not sizes else f"{growth.key} is 0 in the scenario"
    remedy = "Give some to prosumers: what they have is multiplied." if not sizes else f"Set {growth.key} to 1."
    return growth, [Fault(GROW, shown(what), f"nothing can grow: {problem}", remedy)]


def on_feeder(growth: Growth, scenario: Scenario, feeder: str, busbars: Sequence[str], there: Container[str]) -> Growth:
    """The same of the prosumers who are `there`; a value multiplies what they have, whatever all have it times."""
    assert growth.kind is not None
    sizes = {name: size for name, size in _sizes(growth.kind, growth.what, scenario).items() if size and name in there}
    rated = float(growth.own) * float(sum(sizes.values()))
    return replace(growth, own=Decimal(1), rated=rated, feeder=feeder, busbars=tuple(busbars), prosumers=tuple(sizes))


def _sizes(kind: Kind, what: str, scenario: Scenario) -> dict[str, float]:
    """What everyone has of it who has a device of this kind, by name."""
    sizes: dict[str, float] = {}
    for owner in scenario.prosumers:
        for device in owner.devices:
            if device.type == what:
                sizes[owner.name] = sizes.get(owner.name, 0.0) + getattr(device, kind.rating)
    return sizes


def key_faults(what: str) -> list[Fault]:
    """Of what is neither a name nor a key."""
    _, wrong = parsed([f"{what}=1"])
    if what in KINDS or (not wrong and "." in what):
        return []
    remedy = f"{did_you_mean(what, KINDS)} Or give a key, such as scale.load or prosumers.A.pv.peak_kw."
    return [Fault(GROW, shown(what), "is neither a kind that grows nor a key", remedy)]


def range_of(what: str, low: float, high: float | None, within: float | None) -> tuple[Range | None, list[Fault]]:
    """Where is sought; None where what is said about it is at fault."""
    if high is None and what not in KINDS:
        return None, [Fault(TO, "(nothing)", f"how far {what} may grow is not said", "Give the largest value.")]
    said = {FROM: low, TO: HIGHEST_FACTOR if high is None else high}
    numbers, faults = _numbers(said if within is None else {**said, WITHIN: within})
    if faults:
        return None, faults
    width = numbers[TO] - numbers[FROM]
    if width <= 0:
        return None, [Fault(TO, shown(float(numbers[TO])), f"is not above {FROM} = {low:g}", "Give a larger value.")]
    if what in KINDS and low < 0:
        return None, [Fault(FROM, shown(low), "is below 0", "Begin with 0: nothing of it.")]
    sought = Range(numbers[FROM], numbers[TO], numbers.get(WITHIN, width / PARTS_WITHIN))
    if not Decimal(FINEST) * width <= sought.within <= width:
        problem = f"must lie between {FINEST:g} and 1 times the range, which is {float(width):g} wide"
        return None, [Fault(WITHIN, shown(float(sought.within)), problem, "Leave it out: a hundredth of the range.")]
    return sought, []


def _numbers(said: dict[str, float]) -> tuple[dict[str, Decimal], list[Fault]]:
    numbers, faults = {}, []
    for option, value in said.items():
        try:
            number = Decimal(repr(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and abs(number) <= Decimal("1e9"):
            numbers[option] = number
        else:
            faults.append(Fault(option, shown(value), "is no number to count with", "Give one, such as 10."))
    return numbers, faults


def value_faults(faults: Sequence[Fault], growth: Growth, value: Decimal, option: str) -> list[Fault]:
    """The faults of an end of the range, with what makes them."""
    problem = f"cannot be: {growth.key} would be {growth.text(value)}"
    return [Fault(option, plain_text(value), f"{problem} ({fault.problem})", fault.remedy) for fault in faults]
