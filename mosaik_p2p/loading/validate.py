"""The one door: schema, files, profiles and networks together, checked once and with every fault at once.

Each layer checks what the layers before it left standing, so that one mistake hides no other; nothing behind this door
checks input again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mosaik_p2p.devices.base import BuildContext
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.errors import BadInput, Fault, InputWarning
from mosaik_p2p.files import result_place_faults
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.posted import charge_faults
from mosaik_p2p.loading.charges.sheets import charge_warnings
from mosaik_p2p.loading.fault_lines import with_lines
from mosaik_p2p.loading.inventory import inventory_of
from mosaik_p2p.loading.market_case import design_faults, form_faults
from mosaik_p2p.loading.networks.controllers import controllers_gone, with_controllers_left
from mosaik_p2p.loading.networks.grids import Grids, grids_of
from mosaik_p2p.loading.networks.places import Places, parted_heat_faults, places_of, shared_load_faults
from mosaik_p2p.loading.networks.trial import Trials, background_of, generation_of, replaced_elements, trials
from mosaik_p2p.loading.profile_references import origins_of, range_faults, uses
from mosaik_p2p.loading.profiles.ends import covered_steps
from mosaik_p2p.loading.profiles.in_line import with_mentioned
from mosaik_p2p.loading.profiles.offsets import offset_warnings
from mosaik_p2p.loading.profiles.span import all_series, span_of
from mosaik_p2p.loading.prosumers.build import devices_of, plan_faults
from mosaik_p2p.loading.prosumers.houses import with_houses
from mosaik_p2p.loading.prosumers.partner_file import with_partners
from mosaik_p2p.loading.prosumers.preference_file import with_preferences
from mosaik_p2p.loading.prosumers.tariffs import contract
from mosaik_p2p.loading.references import partner_faults, preference_faults, reference_faults
from mosaik_p2p.loading.result_quantities import quantities_of
from mosaik_p2p.loading.sizes import refuse_too_many, without_excess
from mosaik_p2p.loading.source import scenario_path, scenario_tables
from mosaik_p2p.loading.uncertainty.chance import Chance, chance_of
from mosaik_p2p.loading.uncertainty.draw import Draw
from mosaik_p2p.loading.warned import warnings_of
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer
from mosaik_p2p.scenario.overrides import overridden, parsed
from mosaik_p2p.scenario.placed_tables import PlacedTable, placed
from mosaik_p2p.scenario.read import Reading, read_tree
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.scenario.templates import expanded
from mosaik_p2p.scenario.write import with_absolute_files
from mosaik_p2p.sections.names import listed
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.series import AllSeries, Span
from mosaik_p2p.sections.time import Time

_OF_MANY = re.compile(r"(prosumers|profiles)\.([^.]+\.(?:csv|csv\.gz|parquet|pq):[^.]*|[^.]*)(?:\.(.*))?", re.DOTALL)
"""A place at one of many prosumers or profiles, whose name is also what stands for a column of a file."""


def load(
    source: str | Path,
    overrides: Sequence[str] = (),
    *,
    results: str | Path | None = None,
    allow_code: bool = False,
) -> Case:
    """The scenario `source`, a file or the name of one that ships, with `overrides` such as `time.steps=3`.

    `results` is the folder that results will be written to, if it is known. With `allow_code` what the scenario names
    as `package.module:name` is imported, which runs it. Raises BadInput with every fault of every
    layer, that of the folder's path among them.
    """
    no_place = [] if results is None else result_place_faults(results)
    try:
        path = scenario_path(source)
        reading = reading_of(path, overrides, allow_code=allow_code)
    except BadInput as bad:
        raise BadInput([*bad.faults, *no_place]) from None
    case, faults = _case(reading, path, allow_code=allow_code)
    every = (*summed_up([*reading.faults, *faults]), *no_place) or tuple(charge_faults(case) or form_faults(case))
    if every:
        raise BadInput(with_lines(every, path, _keys(overrides)))
    return case


@dataclass(frozen=True)
class Examination:
    """What is to be said about a scenario before it is run."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[InputWarning, ...] = ()
    """Of a scenario without faults."""
    inventory: Mapping[str, Any] = field(default_factory=dict)
    """What it holds and what of its network files is used, see `inventory`; empty where it has faults."""


def examine(source: str | Path, overrides: Sequence[str] = (), *, allow_code: bool = False) -> Examination:
    """Every fault of a scenario, or, where it can be run, what in it may not be meant."""
    try:
        case = load(source, overrides, allow_code=allow_code)
    except BadInput as error:
        return Examination(faults=error.faults)
    warnings = with_lines((*case.warnings, *charge_warnings(case)), case.path, _keys(overrides))
    return Examination(warnings=warnings, inventory=case.inventory)


def _keys(overrides: Sequence[str]) -> list[str]:
    return [override.key for override in parsed(overrides)[0]]


def check(source: str | Path, overrides: Sequence[str] = (), *, allow_code: bool = False) -> tuple[Fault, ...]:
    """Every fault of a scenario; empty where it can be run."""
    return examine(source, overrides, allow_code=allow_code).faults


def reading_of(path: Path, overrides: Sequence[str], *, allow_code: bool) -> Reading:
    """The scenario as the schema sees it, once overrides, houses and templates are worked in."""
    device_kinds()  # what other packages bring must be usable before anything is read by it
    tree = placed(dict(scenario_tables(path)))
    assert isinstance(tree, PlacedTable)
    tree = tree if "name" in tree else tree.with_entry("name", path.stem, place="name")
    wanted, faults_of_text = parsed(overrides)
    general = [override for override in wanted if not override.of_prosumers]
    tree, faults_of_general = overridden(tree, general)
    houses = with_houses(tree, path.parent)
    tree, faults_of_partners = with_partners(houses.tree, path.parent)
    tree, faults_of_preferences = with_preferences(tree, path.parent)
    refuse_too_many(tree)
    tree, faults_of_templates = expanded(tree, houses.own_devices)
    tree, faults_of_prosumers = overridden(tree, [override for override in wanted if override.of_prosumers])
    reading = read_tree(tree, allow_code=allow_code)
    reading = without_excess(reading)
    early = (
        *(*faults_of_text, *faults_of_general, *houses.faults, *faults_of_partners, *faults_of_preferences),
        *(*faults_of_templates, *faults_of_prosumers),
    )
    reading, faults_of_profiles = with_mentioned(reading, path.parent)
    complete = reading.scenario.model_copy(update={"templates": {}, "prosumers_file": None, "profiles_file": None})
    scenario = with_absolute_files(complete, path.parent)
    return replace(reading, scenario=scenario, faults=(*early, *reading.faults, *faults_of_profiles))


def _case(reading: Reading, path: Path, *, allow_code: bool) -> tuple[Case, list[Fault]]:
    """The case as far as it can be made, and the faults of all layers above the schema."""
    chance = chance_of(reading)
    reading = chance.reading
    scenario = reading.scenario
    mentions = tuple(uses(scenario))
    time = _known_time(reading)
    used = {use.profile for use in mentions}
    span = span_of(time, covered_steps(scenario, time, path.parent, used))
    series, faults_of_series = _series(reading, span, path.parent, mentions)
    read = grids_of(scenario, path.parent)
    places = places_of(scenario, read)
    grids = with_controllers_left(scenario, read, places)
    contracts, warnings_of_tariffs = _contracts(scenario, series, span)
    known_end = not _unknown_lengths(reading)
    context = BuildContext(series.profiles, series.horizontal_kw_per_m2, span, known_end, scenario.scale)
    prosumers, draws, faults_of_devices = _prosumers(scenario, places, contracts, context, chance)
    devices = [device for prosumer in prosumers for device in prosumer.devices]
    tried = trials(scenario, grids, places, series)
    quantities, faults_of_quantities = quantities_of(scenario, allow_code=allow_code)
    faults = [
        *reference_faults(reading, mentions),
        *faults_of_series,
        *grids.faults,
        *(fault for place in places for fault in place.faults),
        *shared_load_faults(scenario, places),
        *parted_heat_faults(scenario, places, grids.heat),
        *tried.faults,
        *faults_of_devices,
        *chance.faults(devices),
        *plan_faults(reading),
        *design_faults(scenario),
        *partner_faults(reading),
        *preference_faults(reading),
        *faults_of_quantities,
    ]
    case = _assembled(scenario, path, prosumers, grids, places, series, span, tried)
    clocks = offset_warnings(scenario, span, path.parent)
    gone = controllers_gone(scenario, read, places)
    warnings = (*case.warnings, *clocks, *warnings_of_tariffs, *gone, *chance.warnings(devices))
    return replace(case, warnings=warnings, quantities=quantities, draws=(*chance.draws, *draws)), faults


def _assembled(
    scenario: Scenario,
    path: Path,
    prosumers: tuple[Prosumer, ...],
    grids: Grids,
    places: tuple[Places, ...],
    series: AllSeries,
    span: Span,
    tried: Trials,
) -> Case:
    electricity = grids.electricity
    networks = scenario.networks.model_copy(update={"electricity": electricity})
    replaced = frozenset(place.consumer for place in places if place.consumer is not None)
    return Case(
        scenario=scenario.model_copy(update={"networks": networks}),
        path=path,
        prosumers=prosumers,
        electric=grids.electric,
        heat=None if grids.heat is None else grids.heat.without_consumers(replaced),
        electric_limits=grids.electric_limits,
        heat_limits=grids.heat_limits,
        background=background_of(electricity, series),
        generation=generation_of(electricity, series, len(span.times)),
        replaced_loads=replaced_elements(places),
        times=span.times,
        day=span.day,
        dt_h=span.dt_h,
        warnings=(*series.warnings, *warnings_of(scenario, grids, places), *tried.warnings),
        inventory=inventory_of(scenario, prosumers, grids, places),
    )


def _known_time(reading: Reading) -> Time:
    """The scenario's time; one interval for each length that is not known, so that no profile seems too short."""
    time = reading.scenario.time
    return time.model_copy(update=dict.fromkeys(_unknown_lengths(reading), 1))


def _unknown_lengths(reading: Reading) -> list[str]:
    return [key for key in ("steps", "horizon_steps") if reading.lost(f"time.{key}")]


def _series(reading: Reading, span: Span, folder: Path, mentions: tuple[Use, ...]) -> tuple[AllSeries, list[Fault]]:
    if reading.lost("time.start"):
        return AllSeries({}, None, ()), []
    series = all_series(reading.scenario, span, folder, {use.profile for use in mentions})
    origins = origins_of(reading.scenario)
    faults = [*series.faults, *range_faults(mentions, series.profiles, origins, span.own_times)]
    if reading.scenario.weather is None and not reading.lost("weather"):
        faults.extend(
            Fault(
                f"prosumers.{prosumer.name}.{device.name}",
                device.weather_need,
                "needs the weather, which the scenario does not give",
                "Add a table [weather], or give the device a profile.",
            )
            for prosumer in reading.scenario.prosumers
            for device in prosumer.devices
            if device.weather_need
        )
    return series, faults


def _contracts(scenario: Scenario, series: AllSeries, span: Span) -> tuple[dict[str, Contract], list[InputWarning]]:
    contracts: dict[str, Contract] = {}
    warnings: list[InputWarning] = []
    for name, tariff in scenario.tariffs.items():
        offer, found = contract(name, tariff, series.profiles, span)
        warnings.extend(found)
        if offer is not None:
            contracts[name] = offer
    return contracts, warnings


def _prosumers(
    scenario: Scenario,
    places: tuple[Places, ...],
    contracts: dict[str, Contract],
    context: BuildContext,
    chance: Chance,
) -> tuple[tuple[Prosumer, ...], list[Draw], list[Fault]]:
    prosumers: list[Prosumer] = []
    draws: list[Draw] = []
    faults: list[Fault] = []
    draw = chance.for_devices(context.span)
    for spec, place in zip(scenario.prosumers, places, strict=True):
        built = devices_of(spec, context, draw)
        draws.extend(built.draws)
        faults.extend(built.faults)
        prosumers.append(
            Prosumer(
                name=spec.name,
                bus=place.bus,
                junctions=place.junctions,
                power_factor=spec.power_factor,
                devices=built.devices,
                contracts=tuple(contracts[name] for name in spec.tariffs if name in contracts),
                connection_kw={} if spec.connection is None else spec.connection.limits_kw(),
            )
        )
    return tuple(prosumers), draws, faults


def summed_up(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The faults; one mistake that many prosumers or profiles share (by a template or a file, say) is one fault."""
    alike: dict[tuple[str, ...], dict[str, None]] = {}
    first: dict[tuple[str, ...], Fault] = {}
    for fault in faults:
        parts = _OF_MANY.fullmatch(fault.place)
        head, name, rest = ("", "", fault.place) if parts is None else parts.groups("")
        key = (head, rest, fault.value, fault.problem, fault.remedy)
        first.setdefault(key, fault)
        alike.setdefault(key, {})[name] = None
    return tuple(_with_others(fault, list(alike[key])[1:] if key[0] else []) for key, fault in first.items())


def _with_others(fault: Fault, names: Sequence[str]) -> Fault:
    if not names:
        return fault
    return replace(fault, problem=f"{fault.problem} (so too at {listed(names)})")
