"""The charges that a case posts: its mechanisms, put before its networks."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

import numpy as np
import pandas as pd

from mosaik_p2p.charges.base import ChargeMechanism, NetworkView, UnfitParts, checked_parts, stated_factor
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges, no_charges
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.network import electric_graph
from mosaik_p2p.networks.heat.choice import heat_graph
from mosaik_p2p.sections.clock import zone_of
from mosaik_p2p.units import ELECTRICITY, HEAT, BoolArray

Result = TypeVar("Result")


def posted_charges(case: Case) -> tuple[Charges, Charges]:
    """The charges of both carriers. Raises BadInput where a mechanism does not fit its network, or fails."""
    posted = case.scenario.charges
    electricity, no_electricity = _posted(posted.electricity, ELECTRICITY, electric_view(case))
    heat, no_heat = _posted(posted.heat, HEAT, heat_view(case))
    faults = [*no_electricity, *no_heat]
    if faults:
        raise BadInput(faults)
    return electricity, heat


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
    return _view(case, ELECTRICITY, elements, case.electric.net.bus, partial(electric_graph, case.electric))


def heat_view(case: Case) -> NetworkView:
    """What a mechanism sees of the heat network: its supply side."""
    elements = [None if prosumer.junctions is None else prosumer.junctions[0] for prosumer in case.prosumers]
    if case.heat is None:
        return _view(case, HEAT, elements, None, None)
    return _view(case, HEAT, elements, case.heat.net.junction, partial(heat_graph, case.heat))


def _view(
    case: Case,
    carrier: str,
    elements: list[int | None],
    table: pd.DataFrame | None,
    measured: Callable[[], PathGraph] | None,
) -> NetworkView:
    names = {} if table is None else dict(zip(table.index.tolist(), table["name"].astype(str), strict=True))
    return NetworkView(
        carrier=carrier,
        prosumers=tuple(prosumer.name for prosumer in case.prosumers),
        element=np.array([-1 if element is None else element for element in elements], dtype=np.int64),
        element_name=tuple("" if element is None else names.get(element, "") for element in elements),
        measured=measured,
        begins=case.times.tz_convert(zone_of(case.scenario.time)),
        step_minutes=case.scenario.time.step_minutes,
        folder=case.path.parent,
        partners=partners_of(case),
    )


def partners_of(case: Case) -> BoolArray | None:
    """(N, N): who may trade with whom; None: everyone."""
    pairs, count = case.scenario.market.partners, len(case.prosumers)
    if case.scenario.market.design != "p2p":
        return np.zeros((count, count), dtype=np.bool_)
    if pairs is None:
        return None
    at = {prosumer.name: n for n, prosumer in enumerate(case.prosumers)}
    allowed = np.zeros((count, count), dtype=np.bool_)
    for first, second in pairs:
        allowed[at[first], at[second]] = allowed[at[second], at[first]] = True
    return allowed


def _posted(mechanism: ChargeMechanism | None, carrier: str, view: NetworkView) -> tuple[Charges, list[Fault]]:
    """The charges, and the faults of a mechanism that gives none."""
    if mechanism is None or view.measured is None:
        return no_charges(view.element), []
    table = f"charges.{carrier}"
    try:
        unfit = [replace(fault, place=f"{table}.{fault.place}") for fault in _asked(lambda: [*mechanism.faults(view)])]
        if not unfit:
            return _asked(lambda: _pair(mechanism, view)), []
    except UnfitParts as error:
        unfit = [Fault(f"{table}.mechanism", repr(mechanism.mechanism), str(error), "Mend the mechanism.")]
    return no_charges(view.element), unfit


def _pair(mechanism: ChargeMechanism, view: NetworkView) -> Charges:
    parts = checked_parts(mechanism.parts(view), view)
    if parts.place is not None or parts.factor is not None or stated_factor(mechanism, view) is not None:
        raise UnfitParts("gave a `place` or a `factor`, which this version does not compute yet")
    assert parts.pair is not None
    return parts.pair


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
