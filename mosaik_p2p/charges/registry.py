"""Which charge mechanisms there are."""

from collections.abc import Mapping

from mosaik_p2p.charges.base import ChargeMechanism
from mosaik_p2p.charges.functions import as_mechanism
from mosaik_p2p.sections.registry import Registry
from mosaik_p2p.units import CARRIERS

GROUP = "mosaik_p2p.charges"


def _lacking(kind: type[ChargeMechanism]) -> str | None:
    """What a mechanism does not say of itself."""
    if not kind.__doc__:
        return "has no docstring, which says what it charges"
    silent = [key for key in kind.known_keys() if key != "mechanism" and not kind.meaning(key)]
    if silent:
        return f"does not say what `{silent[0]}` means, by a text below the key"
    if kind.model_fields["factor"].annotation != ChargeMechanism.model_fields["factor"].annotation:
        return "has a key `factor` of its own, which is that of the times of use"
    if not kind.carriers or set(kind.carriers) - set(CARRIERS):
        return f"has carriers {kind.carriers!r}, which have to be some of {', '.join(CARRIERS)}"
    return None


MECHANISMS = Registry(
    sort="charge mechanism",
    group=GROUP,
    package="mosaik_p2p.charges.kinds",
    base=ChargeMechanism,  # type: ignore[type-abstract]  # others are compared with it, it is not called
    lacking=_lacking,
    adapted=as_mechanism,
)


def mechanisms_of(carrier: str) -> Mapping[str, type[ChargeMechanism]]:
    """The mechanisms that a network of this carrier may have, by name. Raises BadInput where a kind is unusable."""
    return {name: kind for name, kind in MECHANISMS.known().items() if carrier in kind.carriers}
