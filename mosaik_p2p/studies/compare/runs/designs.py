"""The designs that a comparison is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.market.designs.base import Design
from mosaik_p2p.market.designs.registry import DESIGNS
from mosaik_p2p.sections.registry import KindRefused

OPTION = "--designs"


@dataclass(frozen=True)
class NamedDesign:
    """A design by its name in a scenario."""

    name: str
    kind: type[Design]


def named_designs(names: Sequence[str], *, allow_code: bool) -> tuple[list[NamedDesign], list[Fault]]:
    """The designs of these names, and what is wrong with them."""
    known = ", ".join(DESIGNS.names())
    faults = [] if names else [Fault(OPTION, "(nothing)", "names no design", f"Known designs: {known}.")]
    designs: dict[str, NamedDesign] = {}
    for name in names:
        if name in designs:
            faults.append(Fault(OPTION, shown(name), "is named twice", "Name every design once."))
            continue
        try:
            designs[name] = NamedDesign(name, DESIGNS.find(name, allow_code=allow_code))
        except KindRefused as refused:
            faults.append(Fault(OPTION, shown(name), refused.problem, refused.remedy))
    return list(designs.values()), faults
