"""What a comparison has to know of the designs that it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.sections.names import did_you_mean

OPTION = "--designs"
KNOWN = {"p2p": (True, True), "none": (True, False)}


@dataclass(frozen=True)
class DesignTraits:
    """A design by its name in a scenario."""

    name: str
    negotiates: bool
    """Whether the scenario's negotiation goes with it; others hold limits themselves."""
    has_trades: bool


def named_designs(names: Sequence[str], *, allow_code: bool) -> tuple[list[DesignTraits], list[Fault]]:
    """The designs of these names, and what is wrong with them."""
    faults = [] if names else [Fault(OPTION, "(nothing)", "names no design", f"Known designs: {', '.join(KNOWN)}.")]
    designs: dict[str, DesignTraits] = {}
    for name in names:
        if name in designs:
            faults.append(Fault(OPTION, shown(name), "is named twice", "Name every design once."))
        elif name not in KNOWN:
            faults.append(Fault(OPTION, shown(name), "is no design", did_you_mean(name, KNOWN, what="designs")))
        else:
            designs[name] = DesignTraits(name, *KNOWN[name])
    return list(designs.values()), faults


@dataclass(frozen=True)
class Privacy:
    """What leaves a prosumer under a design, in sentences."""

    reveals: str
    keeps: str


def privacy_of(name: str) -> Privacy:
    """Of the design of this name."""
    return Privacy("", "")
