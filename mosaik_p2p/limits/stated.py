"""The limits that hold for a network: of all elements, and of single ones in their place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mosaik_p2p.limits.base import LimitedQuantity


@dataclass(frozen=True)
class ElementLimit:
    """A limit of one element, in place of that of all."""

    key: str
    """Of the limited quantity: `voltage_min`."""
    name: str
    value: float


@dataclass(frozen=True)
class NetworkLimits:
    """Limits of one network; a quantity that is not there has none."""

    of_all: Mapping[str, float] = field(default_factory=dict)
    """By the key of the limited quantity."""
    elements: tuple[ElementLimit, ...] = ()

    def general(self, of: LimitedQuantity) -> float | None:
        """The limit of all elements, None where there is none."""
        return self.of_all.get(of.key, of.fixed)

    def of(self, of: LimitedQuantity, names: Sequence[str]) -> list[float | None]:
        """The limit of every named element: its own where it has one, else that of all."""
        general = self.general(of)
        own = {limit.name: limit.value for limit in self.elements if limit.key == of.key}
        return [own.get(name, general) for name in names]

    def has(self, of: LimitedQuantity) -> bool:
        """Whether anything is held to a limit of this quantity."""
        return self.general(of) is not None or any(limit.key == of.key for limit in self.elements)


def usual_limits(quantities: Iterable[LimitedQuantity], elements: tuple[ElementLimit, ...] = ()) -> NetworkLimits:
    """Those of a scenario that states none, with those of single elements."""
    return NetworkLimits({of.key: of.usual for of in quantities if of.usual is not None}, elements)
