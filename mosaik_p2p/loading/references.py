"""Names that refer to each other inside a scenario, and prosumers that nothing connects."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.networks.own_elements import BUS_KEYS, bus_key
from mosaik_p2p.scenario.parts.market_design import PARAMETERS
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.schema import ProsumerSpec, Scenario
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT


def reference_faults(reading: Reading, mentions: Iterable[Use]) -> list[Fault]:
    """Faults between the tables of a scenario. What was taken out as faulty counts as there: its fault is known."""
    return [
        *_unknown_profiles(reading, mentions),
        *_unknown_tariffs(reading),
        *_doubles(reading.scenario),
        *_unconnected(reading),
        *_empty(reading),
        *_costs_without_network(reading),
        *_parameters_of_nothing(reading),
        *_unknown_in_design(reading),
        *_unknown_in_part(reading),
    ]


def traded(scenario: Scenario) -> tuple[str, ...]:
    """The carriers whose network the scenario has."""
    networks = {ELECTRICITY: scenario.networks.electricity, HEAT: scenario.networks.heat}
    return tuple(carrier for carrier in CARRIERS if networks[carrier] is not None)


def place_keys(spec: ProsumerSpec) -> dict[str, str | None]:
    """By carrier, the key by which a prosumer is connected to its network; None where it is not."""
    consumer = None if spec.replaces_consumer is None else "replaces_consumer"
    return {ELECTRICITY: bus_key(spec), HEAT: consumer if spec.junction is None else "junction"}


def _unknown_profiles(reading: Reading, mentions: Iterable[Use]) -> Iterator[Fault]:
    known = reading.scenario.profiles
    for use in mentions:
        if use.profile not in known and not reading.lost(f"profiles.{use.profile}"):
            remedy = did_you_mean(use.profile, (*known, *reading.columns), what="profiles")
            yield Fault(use.place, repr(use.profile), "there is no such profile", remedy)


def _unknown_tariffs(reading: Reading) -> Iterator[Fault]:
    known = reading.scenario.tariffs
    for prosumer in reading.scenario.prosumers:
        place = f"prosumers.{prosumer.name}.tariffs"
        for name in prosumer.tariffs:
            if name not in known and not reading.lost(f"tariffs.{name}"):
                yield Fault(place, repr(name), "there is no such tariff", did_you_mean(name, known, what="tariffs"))
        carriers = Counter(known[name].carrier for name in prosumer.tariffs if name in known)
        for carrier, count in carriers.items():
            if count > 1:
                remedy = "Leave one of them."
                yield Fault(place, repr(list(prosumer.tariffs)), f"has {count} tariffs for {carrier}", remedy)


def _doubles(scenario: Scenario) -> Iterator[Fault]:
    for name, count in Counter(prosumer.name for prosumer in scenario.prosumers).items():
        if count > 1:
            remedy = "Give each prosumer a name of its own."
            yield Fault(f"prosumers.{name}.name", repr(name), f"{count} prosumers have this name", remedy)
    for prosumer in scenario.prosumers:
        for name, count in Counter(device.name for device in prosumer.devices).items():
            if count > 1:
                place = f"prosumers.{prosumer.name}.{name}.name"
                remedy = "Several devices of a type need a `name` each."
                yield Fault(place, repr(name), f"{count} devices of this prosumer have this name", remedy)


def _unconnected(reading: Reading) -> Iterator[Fault]:
    for prosumer in reading.scenario.prosumers:
        keys = place_keys(prosumer)
        places = [carrier for carrier in traded(reading.scenario) if keys[carrier]]
        if not places and _surely_unconnected(reading, prosumer):
            value = f"bus = {prosumer.bus!r}, junction = {_written(prosumer)}"
            remedy = "Give it a `bus` of the electric network, or a `junction` of the heat network."
            yield Fault(f"prosumers.{prosumer.name}", value, "is on no network of the scenario", remedy)
            continue
        yield from _contracts_without_place(reading, prosumer)


def _surely_unconnected(reading: Reading, prosumer: ProsumerSpec) -> bool:
    place = f"prosumers.{prosumer.name}"
    lost = [reading.lost(f"{place}.{key}") for key in (*BUS_KEYS, "junction", "replaces_consumer")]
    return bool(traded(reading.scenario)) and not any(lost) and not reading.lost("networks")


def _contracts_without_place(reading: Reading, prosumer: ProsumerSpec) -> Iterator[Fault]:
    place = f"prosumers.{prosumer.name}"
    for name in prosumer.tariffs:
        tariff = reading.scenario.tariffs.get(name)
        if tariff is None or tariff.carrier not in traded(reading.scenario):
            continue
        key = "bus" if tariff.carrier == ELECTRICITY else "junction"
        if place_keys(prosumer)[tariff.carrier] is None and not reading.lost(f"{place}.{key}"):
            problem = f"is a contract for {tariff.carrier}, and the prosumer is not connected to that network"
            yield Fault(
                f"{place}.tariffs", repr(name), problem, f"Give the prosumer a `{key}`, or leave the tariff out."
            )


def _written(prosumer: ProsumerSpec) -> str:
    return repr(prosumer.junction if isinstance(prosumer.junction, str | int | None) else "a pair")


def _empty(reading: Reading) -> Iterator[Fault]:
    if not reading.scenario.prosumers and not reading.lost("prosumers"):
        yield Fault("prosumers", "(none)", "there is nobody to trade", "Add [[prosumers]], or a prosumers_file.")
    if not traded(reading.scenario) and not reading.lost("networks"):
        remedy = "Add [networks.electricity] or [networks.heat], with a `case` or a `file`."
        yield Fault("networks", "(none)", "the scenario has no network", remedy)


def _parameters_of_nothing(reading: Reading) -> Iterator[Fault]:
    """`[market.parameters]` without a design that is named by its place in Python."""
    market = reading.scenario.market
    if PARAMETERS in market.design_tables and ":" not in market.design and not reading.lost("market.design"):
        problem = f"belongs to a design named as package.module:name, and the design is {market.design}"
        yield Fault(
            f"market.{PARAMETERS}",
            "(a table)",
            problem,
            "Leave it out; `mosaik-p2p keys` tells which tables designs have.",
        )


def _unknown_in_design(reading: Reading) -> Iterator[Fault]:
    """Prosumers that the table of the market's design names and that there are not."""
    market, known = reading.scenario.market, [prosumer.name for prosumer in reading.scenario.prosumers]
    if reading.lost("prosumers") or reading.lost("market.design"):
        return
    table = PARAMETERS if ":" in market.design else market.design
    for key, name in market.chosen_design.prosumers_named().items():
        if name not in known:
            remedy = did_you_mean(name, known, what="prosumers")
            yield Fault(f"market.{table}.{key}", repr(name), f"there is no prosumer {name!r}", remedy)


def _unknown_in_part(reading: Reading) -> Iterator[Fault]:
    """Prosumers whose part is scaled and that there are not."""
    part = reading.scenario.scale.part
    if part is None or reading.lost("prosumers"):
        return
    known = [prosumer.name for prosumer in reading.scenario.prosumers]
    for name in part.prosumers:
        if name not in known and not reading.lost(f"prosumers.{name}"):
            remedy = did_you_mean(name, known, what="prosumers")
            yield Fault("scale.part.prosumers", repr(name), f"there is no prosumer {name!r}", remedy)


def partner_faults(reading: Reading) -> Iterator[Fault]:
    """Pairs of `market.partners` that are none."""
    pairs = [
        (place, "", pair)
        for place, pair in zip(reading.pair_places, reading.scenario.market.partners or (), strict=True)
    ]
    yield from _pair_faults(reading, pairs)


def preference_faults(reading: Reading) -> Iterator[Fault]:
    """Pairs of `market.preferences` that are none."""
    listed = list(zip(reading.preference_places, reading.scenario.market.preferences, strict=True))
    yield from _pair_faults(reading, [(place, one.carrier, one.pair) for place, one in listed])
    prosumers = reading.scenario.prosumers
    apart = {
        ELECTRICITY: {prosumer.name for prosumer in prosumers if prosumer.bus is None},
        HEAT: {prosumer.name for prosumer in prosumers if prosumer.junction is None},
    }
    for place, one in listed:
        for name in one.pair:
            if name in apart[one.carrier]:
                remedy = "Leave the preference out, or give the prosumer a place there."
                yield Fault(place, repr(name), f"trades no {one.carrier}", remedy)


def _pair_faults(reading: Reading, pairs: Sequence[tuple[str, str, tuple[str, str]]]) -> Iterator[Fault]:
    """Of pairs, each with its place and what it is about: a pair stands once for each of these."""
    known = {prosumer.name for prosumer in reading.scenario.prosumers}
    seen: set[tuple[str, frozenset[str]]] = set()
    for place, about, pair in pairs:
        value = " and ".join(map(repr, pair))
        unknown = [] if reading.lost("prosumers") else [name for name in pair if name not in known]
        for name in unknown:
            yield Fault(place, repr(name), "is no prosumer", did_you_mean(name, known))
        if pair[0] == pair[1]:
            yield Fault(place, value, "is one prosumer", "Name two, or leave the pair out: nobody trades with itself.")
        elif (about, frozenset(pair)) in seen:
            yield Fault(place, value, "stands here a second time", "Keep one of both.")
        seen.add((about, frozenset(pair)))


def _costs_without_network(reading: Reading) -> Iterator[Fault]:
    """What is to be recovered of a network that the scenario lacks would be a cost of nothing."""
    costs = reading.scenario.settlement.fixed_cost_per_day
    for carrier, cost in ((ELECTRICITY, costs.electricity), (HEAT, costs.heat)):
        if cost and carrier not in traded(reading.scenario) and not reading.lost("networks"):
            place, problem = f"settlement.fixed_cost_per_day.{carrier}", f"the scenario has no network of {carrier}"
            yield Fault(place, f"{cost:g}", problem, f"Add [networks.{carrier}], or leave the cost out.")
