"""The charges that a case posts: its mechanisms, put before its networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import TypeAlias, TypeVar

import numpy as np

from mosaik_p2p.charges.base import (
    AppliesTo,
    ChargeMechanism,
    ChargeParts,
    NetworkView,
    PlaceChargeMechanism,
    UnfitParts,
    checked_parts,
    stated_factor,
)
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.charges.network import ChargedNetwork
from mosaik_p2p.charges.over_time import AnyCharges, over_time
from mosaik_p2p.charges.place import PlaceCharges, place_charges
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.network import ChargedElectric, ChargedHeat, read_series
from mosaik_p2p.networks.electric.network import electric_graph
from mosaik_p2p.networks.heat.choice import heat_graph
from mosaik_p2p.sections.clock import zone_of
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT, BoolArray, FloatArray

Result = TypeVar("Result")
Views: TypeAlias = Mapping[str, NetworkView]
"""By carrier."""


@dataclass(frozen=True)
class Posted:
    """What a case posts: charges of pairs by carrier, over the span, and charges of places where there are any."""

    pairs: tuple[AnyCharges, ...]
    place: PlaceCharges | None


def posted_charges(case: Case, views: Views | None = None) -> Posted:
    """The charges of all carriers. Raises BadInput where a mechanism does not fit its network, or fails.

    `views` are those of the case, or of one that differs in its charges alone: what they have measured serves again.
    """
    views = views_of(case) if views is None else views
    parts, faults = {}, []
    for carrier in CARRIERS:
        parts[carrier], unfit = _parts(case, carrier, views[carrier])
        faults += unfit
    if faults:
        raise BadInput(faults)
    return Posted(
        pairs=tuple(_pairs(parts[carrier], views[carrier]) for carrier in CARRIERS),
        place=place_charges([_places(parts[carrier], views[carrier]) for carrier in CARRIERS]),
    )


def charge_faults(case: Case) -> list[Fault]:
    """What the mechanisms of a case that is sound otherwise make of its networks, where that is no charge."""
    try:
        posted_charges(case)
    except BadInput as bad:
        return list(bad.faults)
    return []


def electric_view(case: Case) -> NetworkView:
    """What a mechanism sees of the electric network."""
    elements = [prosumer.bus for prosumer in case.prosumers]
    if case.electric is None:
        return _view(case, ELECTRICITY, elements, None, None)
    network = ChargedElectric(case)
    return _view(case, ELECTRICITY, elements, network, partial(electric_graph, case.electric))


def heat_view(case: Case) -> NetworkView:
    """What a mechanism sees of the heat network: its supply side."""
    elements = [None if prosumer.junctions is None else prosumer.junctions[0] for prosumer in case.prosumers]
    if case.heat is None:
        return _view(case, HEAT, elements, None, None)
    return _view(case, HEAT, elements, ChargedHeat(case), partial(heat_graph, case.heat))


def views_of(case: Case) -> Views:
    """What mechanisms see of all networks."""
    return {carrier: view_of(case, carrier) for carrier in CARRIERS}


def view_of(case: Case, carrier: str) -> NetworkView:
    """What a mechanism sees of the network of a carrier."""
    return electric_view(case) if carrier == ELECTRICITY else heat_view(case)


def _view(
    case: Case,
    carrier: str,
    elements: list[int | None],
    network: ChargedNetwork | None,
    measured: Callable[[], PathGraph] | None,
) -> NetworkView:
    names = {} if network is None else network.names()
    return NetworkView(
        carrier=carrier,
        prosumers=tuple(prosumer.name for prosumer in case.prosumers),
        element=np.array([-1 if element is None else element for element in elements], dtype=np.int64),
        element_name=tuple("" if element is None else names.get(element, "") for element in elements),
        measured=measured,
        network=network,
        read_series=partial(read_series, case),
        begins=case.times.tz_convert(zone_of(case.scenario.time)),
        step_minutes=case.scenario.time.step_minutes,
        folder=case.path.parent,
        partners=partners_of(case),
    )


def partners_of(case: Case) -> BoolArray | None:
    """(N, N): who may trade with whom; None: everyone."""
    pairs, count = case.scenario.market.partners, len(case.prosumers)
    if not case.scenario.market.chosen_design.has_trades:
        return np.zeros((count, count), dtype=np.bool_)
    if pairs is None:
        return None
    at = {prosumer.name: n for n, prosumer in enumerate(case.prosumers)}
    allowed = np.zeros((count, count), dtype=np.bool_)
    for first, second in pairs:
        allowed[at[first], at[second]] = allowed[at[second], at[first]] = True
    return allowed


@dataclass(frozen=True)
class _Part:
    """What one mechanism of a carrier gave, with all factors (T,) that are on it, and what its place charge is on."""

    given: ChargeParts
    factor: FloatArray | None
    applies_to: AppliesTo


def _parts(case: Case, carrier: str, view: NetworkView) -> tuple[list[_Part], list[Fault]]:
    """What the mechanisms of a carrier give, and the faults of those that give nothing that fits."""
    parts, faults = [], []
    for table, mechanism in case.scenario.charges.of(carrier) if view.measured is not None else ():
        try:
            found = _asked(partial(_unfit, mechanism, view))
            faults += [replace(fault, place=f"{table}.{fault.place}") for fault in found]
            if not found:
                parts.append(_asked(partial(_part, mechanism, view)))
        except UnfitParts as error:
            faults.append(Fault(f"{table}.mechanism", repr(mechanism.mechanism), str(error), "Mend the mechanism."))
    return parts, faults


def _unfit(mechanism: ChargeMechanism, view: NetworkView) -> list[Fault]:
    return [*mechanism.faults(view)]


def _part(mechanism: ChargeMechanism, view: NetworkView) -> _Part:
    given, stated = checked_parts(mechanism.parts(view), view), stated_factor(mechanism, view)
    factors = [factor for factor in (given.factor, stated) if factor is not None]
    return _Part(
        given=given,
        factor=np.prod(factors, axis=0) if factors else None,
        applies_to=mechanism.applies_to if isinstance(mechanism, PlaceChargeMechanism) else "injection",
    )


def _pairs(parts: Sequence[_Part], view: NetworkView) -> AnyCharges:
    """What pairs pay, the mechanisms added up."""
    posted = [(part.given.pair, part.factor) for part in parts if part.given.pair is not None]
    return over_time(posted, len(view.begins)) if posted else no_charges(view.element)


def _places(parts: Sequence[_Part], view: NetworkView) -> tuple[FloatArray, FloatArray]:
    """(T, N) on injections, and on trades: what places are charged; nothing where somebody is not connected."""
    shape = len(view.begins), len(view.prosumers)
    charged = {"injection": np.zeros(shape), "trades": np.zeros(shape)}
    for part in parts:
        if part.given.place is not None:
            factor = np.ones(shape[0]) if part.factor is None else part.factor
            charged[part.applies_to] += factor[:, None] * np.where(view.is_connected, part.given.place, 0.0)
    return charged["injection"], charged["trades"]


def _asked(question: Callable[[], Result]) -> Result:
    """What a mechanism answers; whatever it raises, as UnfitParts with the line of its file."""
    try:
        return question()
    except UnfitParts:
        raise
    except Exception as error:
        last = extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        raise UnfitParts(f"failed with {type(error).__name__}: {error} ({where})") from error
