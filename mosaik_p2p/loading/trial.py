"""The trial solve of a scenario's networks, once everything else about them is sound."""

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.grids import ELECTRICITY_PLACE, HEAT_PLACE, Grids
from mosaik_p2p.loading.places import Places
from mosaik_p2p.loading.series import AllSeries
from mosaik_p2p.networks.heat_flow import HeatConnection
from mosaik_p2p.networks.trial import electric_trial, heat_trial
from mosaik_p2p.scenario.grids import ElectricitySpec, HeatSpec
from mosaik_p2p.scenario.schema import Scenario


def trial_faults(scenario: Scenario, grids: Grids, places: tuple[Places, ...], series: AllSeries) -> list[Fault]:
    """Networks that do not solve; a network with a fault of its own has not been made, and is not tried."""
    spec = scenario.networks
    faults: list[Fault] = []
    if grids.electric is not None and spec.electricity is not None:
        faults += electric_trial(
            grids.electric,
            place=_place(ELECTRICITY_PLACE, spec.electricity),
            slack_voltage_pu=spec.electricity.slack_voltage_pu,
            prosumer_buses={place.bus for place in places if place.bus is not None},
            background_scaling=_first_background(spec.electricity, series),
        )
    if grids.heat is not None and spec.heat is not None:
        connections = [
            HeatConnection(prosumer=prosumer.name, supply=place.junctions[0], return_=place.junctions[1])
            for prosumer, place in zip(scenario.prosumers, places, strict=True)
            if place.junctions is not None
        ]
        faults += heat_trial(grids.heat, connections, place=_place(HEAT_PLACE, spec.heat))
    return faults


def _place(table: str, spec: ElectricitySpec | HeatSpec) -> str:
    return f"{table}.file" if spec.case is None else f"{table}.case"


def _first_background(spec: ElectricitySpec, series: AllSeries) -> float:
    profile = series.profiles.get(str(spec.background))
    return 0.0 if profile is None or not len(profile.realised) else float(profile.realised[0])
