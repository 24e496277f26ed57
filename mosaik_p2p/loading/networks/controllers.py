"""Controllers of an electric network's own file, as the scenario leaves them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.loading.networks.grids import ELECTRICITY_PLACE, Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.files.electric.control_build import controls_of, without_elements
from mosaik_p2p.scenario.parts.grids import DROPPED
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import listed


def with_controllers_left(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Grids:
    """The networks without controllers of generators that are dropped, or for which prosumers stand."""
    gone = _gone(scenario, grids, places)
    if grids.electric is None or not gone:
        return grids
    net = without_elements(deepcopy(grids.electric.net), gone)
    return replace(grids, electric=replace(grids.electric, net=net))


def controllers_gone(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Iterator[InputWarning]:
    """Controllers that go with their generators. `grids` as they were read."""
    gone = _gone(scenario, grids, places)
    if grids.electric is not None and gone:
        names = grids.electric.net.sgen["name"]
        told = listed([f"{names.at[index]} (index {index})" for _, index in sorted(gone)])
        problem = "static generators that are dropped or that prosumers stand for take their controllers with them"
        remedy = "Keep them, or give the prosumers' devices a power_factor"
        yield InputWarning(f"{ELECTRICITY_PLACE}.file", told, problem, remedy)


def _gone(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> set[Element]:
    """Generators with a controller that are not there."""
    spec = scenario.networks.electricity
    if grids.electric is None or spec is None:
        return set()
    controlled = {(one.table, index) for one in controls_of(grids.electric.net) for index in one.elements}
    if spec.generation == DROPPED:
        return {element for element in controlled if element[0] == "sgen"}
    return controlled & {place.generator for place in places if place.generator is not None}
