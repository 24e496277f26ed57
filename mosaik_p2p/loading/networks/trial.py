"""The trial solve of a scenario's networks, once everything else about them is sound."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.errors import Fault, InputWarning
from mosaik_p2p.loading.networks.grids import ELECTRICITY_PLACE, HEAT_PLACE, Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.heat.flow import HeatConnection
from mosaik_p2p.networks.trial import electric_trial, heat_trial
from mosaik_p2p.scenario.parts.grids import GENERATION_WORDS, KEPT, ElectricitySpec, HeatSpec
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.series import AllSeries
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Trials:
    """What came of solving each network once, as the first interval will have it, with prosumers at rest."""

    faults: tuple[Fault, ...]
    warnings: tuple[InputWarning, ...]


def trials(scenario: Scenario, grids: Grids, places: tuple[Places, ...], series: AllSeries) -> Trials:
    """Networks that do not solve; a network with a fault of its own has not been made, and is not tried."""
    spec = scenario.networks
    faults: list[Fault] = []
    warnings: list[InputWarning] = []
    if grids.electric is not None and spec.electricity is not None:
        found = electric_trial(
            grids.electric,
            place=_place(ELECTRICITY_PLACE, spec.electricity),
            slack_voltage_pu=spec.electricity.slack_voltage_pu,
            prosumer_buses={place.bus for place in places if place.bus is not None},
            background_scaling=_first(background_of(spec.electricity, series), default=0.0),
            generation_scaling=_first(generation_of(spec.electricity, series, 1), default=1.0),
            replaced_loads=replaced_elements(places),
        )
        faults += found.faults
        warnings += found.warnings
    if grids.heat is not None and spec.heat is not None:
        connections = [
            HeatConnection(prosumer=prosumer.name, supply=place.junctions[0], return_=place.junctions[1])
            for prosumer, place in zip(scenario.prosumers, places, strict=True)
            if place.junctions is not None
        ]
        faults += heat_trial(grids.heat, connections, place=_place(HEAT_PLACE, spec.heat))
    return Trials(tuple(faults), tuple(warnings))


def replaced_elements(places: tuple[Places, ...]) -> frozenset[Element]:
    """What of the electric network prosumers stand for."""
    named = (element for place in places for element in (place.load, place.generator))
    return frozenset(element for element in named if element is not None)


def background_of(spec: ElectricitySpec | None, series: AllSeries) -> FloatArray | None:
    """(span,) factor on what the network's own elements draw; None: nothing."""
    profile = None if spec is None or spec.background is None else series.profiles.get(spec.background)
    return None if profile is None else profile.realised


def generation_of(spec: ElectricitySpec | None, series: AllSeries, intervals: int) -> FloatArray:
    """(span,) factor on the network's static generators; where a word says it, (intervals,) of the same one."""
    stated = KEPT if spec is None or spec.generation is None else spec.generation
    profile = None if stated in GENERATION_WORDS else series.profiles.get(stated)
    return np.full(intervals, GENERATION_WORDS.get(stated, 1.0)) if profile is None else profile.realised


def _first(factors: FloatArray | None, *, default: float) -> float:
    return default if factors is None or not len(factors) else float(factors[0])


def _place(table: str, spec: ElectricitySpec | HeatSpec) -> str:
    return f"{table}.file" if spec.case is None else f"{table}.case"
