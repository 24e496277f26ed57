"""Heat consumers of a file that go on drawing beside the prosumers, who may be meant to stand for them."""

from collections.abc import Iterator

import numpy as np

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.loading.networks.grids import HEAT_PLACE, Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import listed


def consumers_beside(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Iterator[InputWarning]:
    """One warning for all that draw, with those at whose junctions a prosumer stands."""
    if grids.heat is None:
        return
    replaced = {place.consumer for place in places}
    kept = [consumer for consumer in grids.heat.file_consumers if consumer.element not in replaced]
    if not kept:
        return
    at = {place.junctions: spec.name for spec, place in zip(scenario.prosumers, places, strict=True)}
    beside = [f"{at[ends]} at {c.name!r}" for c in kept if (ends := (c.supply, c.return_)) in at]
    heat_kw = np.array([consumer.heat_kw for consumer in kept])
    drawn = f"{'at least ' if np.isnan(heat_kw).any() else ''}{np.nansum(heat_kw):.1f} kW"
    problem = f"they count beside the prosumers and draw {drawn} in every interval"
    if beside:
        problem += f"; at the same junctions: {listed(beside)}"
    remedy = "Where a prosumer stands for one of them, give it `replaces_consumer`, or take it out of service"
    yield InputWarning(HEAT_PLACE, f"{len(kept)} heat consumers of the network", problem, remedy)
