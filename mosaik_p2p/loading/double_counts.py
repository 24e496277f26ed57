"""What a planner should be told of a scenario that can be run, but may not be what was meant: heat that would count
twice, and bare numbers that are indices while an element of that name stands elsewhere.

Each entry has the shape of a fault (place, value, what there is to know, what to do); none of them stops a run.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.grids import HEAT_PLACE, Grids
from mosaik_p2p.loading.places import Places
from mosaik_p2p.scenario.names import listed
from mosaik_p2p.scenario.schema import JunctionPair, ProsumerSpec, Scenario


def heat_counted_beside(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Iterator[Fault]:
    """Heat consumers of a file that go on drawing, above all where prosumers stand at the same junctions."""
    if grids.heat is None:
        return
    replaced = {place.consumer for place in places}
    kept = [consumer for consumer in grids.heat.file_consumers if consumer.element not in replaced]
    if not kept:
        return
    at = {place.junctions: spec.name for spec, place in zip(scenario.prosumers, places, strict=True)}
    beside = [f"{at[ends]} at {c.name!r}" for c in kept if (ends := (c.supply, c.return_)) in at]
    drawn_kw = float(np.nansum([consumer.heat_kw for consumer in kept]))
    problem = f"they count beside the prosumers and draw {drawn_kw:.1f} kW in every interval"
    if beside:
        problem += f"; at the same junctions: {listed(beside)}"
    remedy = "Where a prosumer stands for one of them, give it `replaces_consumer`, or take it out of service."
    yield Fault(HEAT_PLACE, f"{len(kept)} heat consumers of the network", problem, remedy)


def indices_like_names(scenario: Scenario, grids: Grids) -> Iterator[Fault]:
    """Places given by index, while another element of the network bears that number as its name."""
    for prosumer in scenario.prosumers:
        for key, wanted, elements in _places(prosumer, grids):
            if isinstance(wanted, str) or wanted not in elements.index:
                continue
            elsewhere = elements.index[(elements["name"] == str(wanted)) & (elements.index != wanted)]
            if len(elsewhere):
                problem = (
                    f"is the index of {elements.at[wanted, 'name']!r}; {str(wanted)!r} is the name of another element"
                )
                remedy = f'Write "{wanted}" where that one is meant: a bare number is an index.'
                yield Fault(f"prosumers.{prosumer.name}.{key}", str(wanted), problem, remedy)


def _places(prosumer: ProsumerSpec, grids: Grids) -> Iterator[tuple[str, int | str, pd.DataFrame]]:
    """The keys by which a prosumer names elements, what it wrote there, and the table with these elements."""
    if grids.electric is not None:
        net = grids.electric.net
        if prosumer.bus is not None:
            yield "bus", prosumer.bus, net.bus
        if prosumer.replaces_load is not None:
            yield "replaces_load", prosumer.replaces_load, net.load
    if grids.heat is not None:
        if isinstance(prosumer.junction, JunctionPair):
            yield "junction.supply", prosumer.junction.supply, grids.heat.net.junction
            yield "junction.return", prosumer.junction.return_, grids.heat.net.junction
        if prosumer.replaces_consumer is not None:
            consumers = {consumer.element: consumer.name for consumer in grids.heat.file_consumers}
            yield "replaces_consumer", prosumer.replaces_consumer, pd.Series(consumers, name="name").to_frame()
