"""What every source of an input said last: mosaik hands over only what arrived for this step.

Several simulators may feed one attribute, each at steps of its own. Who is silent in a step has not stopped: what it
said last holds until it says something else, and what an entity gets is the sum over all of them.
"""

import math
from collections.abc import Mapping
from typing import Any

from mosaik_p2p.sims.shared import Sources, in_order


class LastValues:
    """The last value of each source, by entity and attribute."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], dict[str, float]] = {}

    def take(self, eid: str, attribute: str, sources: Sources) -> None:
        """Keep what arrived."""
        self._said.setdefault((eid, attribute), {}).update(sources)

    def total(self, eid: str, attribute: str) -> float:
        """Sum over all sources so far, the same in every run; 0 where nobody has said anything."""
        return math.fsum(in_order(self._said.get((eid, attribute), {})))

    def by_source(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """By full id of a source, and by entity that it feeds: its last value of each attribute."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for (eid, attribute), sources in self._said.items():
            for source, value in sources.items():
                found.setdefault(source, {}).setdefault(eid, {})[attribute] = value
        return found


def position(place: str, sources: Mapping[str, Any]) -> Any:
    """The value of what cannot be summed, such as a tap; ValueError where two sources say different things at once."""
    values = in_order(sources)
    if any(value != values[0] for value in values):
        said = ", ".join(f"{source}: {sources[source]}" for source in sorted(sources))
        raise ValueError(f"{place}: several sources disagree about a setting that cannot be added up ({said})")
    return values[0]
