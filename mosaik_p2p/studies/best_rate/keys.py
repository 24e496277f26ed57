"""The keys of a scenario whose values are the rates, and the charges at other values; nothing is loaded again for them.

A charge has to be linear in each rate, or the cost of a dispatch would not be, and W not concave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.posted import Posted, Views, views_of
from mosaik_p2p.loading.market_case import market_charges
from mosaik_p2p.loading.references import traded
from mosaik_p2p.sections.base import Section
from mosaik_p2p.sections.names import did_you_mean, is_index
from mosaik_p2p.units import CARRIERS, FloatArray

TABLE = "charges"
LINEAR = 1e-9
"""Of the largest charge: by how much charges at twice a rate may miss twice those at the rate, for rounding."""


@dataclass(frozen=True)
class RateKey:
    """A key such as `charges.electricity.rate`, and what the scenario itself has there."""

    key: str
    own: float

    @property
    def parts(self) -> tuple[str, ...]:
        """The names along the way."""
        return tuple(self.key.split("."))

    @property
    def carrier(self) -> str:
        """Whose trades it charges."""
        return self.parts[1]


def rate_keys(case: Case, keys: Sequence[str]) -> tuple[RateKey, ...]:
    """The keys, each found in the scenario. Raises BadInput with every fault of them."""
    faults: list[Fault] = []
    found = []
    for key in keys:
        try:
            found.append(RateKey(key, _own(case, key)))
        except BadInput as bad:
            faults += bad.faults
    if not keys:
        faults.append(Fault("--key", "(nothing)", "names no rate", "Give a key such as charges.electricity.rate."))
    faults += [
        Fault("--key", key, "is given twice", "Give each key once.")
        for key in dict.fromkeys(keys)
        if keys.count(key) > 1
    ]
    if not case.scenario.market.chosen_design.has_trades:
        faults.append(
            Fault(
                "market.design", f'"{case.scenario.market.design}"', "nobody trades, and no rate is paid", 'Use "p2p".'
            )
        )
    if not faults:
        views = views_of(case)
        faults = [fault for key in found for fault in _unfit(case, key, views)]
    if faults:
        raise BadInput(faults)
    return tuple(found)


def charges_at(case: Case, keys: Sequence[RateKey], rates: FloatArray, views: Views | None = None) -> Posted:
    """The charges of all carriers with these rates (K,) at the keys, everything else as the scenario has it; those of
    pairs for who may trade, all of them over the intervals of the run. `views` of the case need measuring once only."""
    table = case.scenario.charges
    for key, rate in zip(keys, rates.tolist(), strict=True):
        table = _with(table, key.parts[1:], float(rate))
    changed = case.scenario.model_copy(update={TABLE: table})
    posted = market_charges(replace(case, scenario=changed), views)
    steps = case.scenario.time.steps
    place = None if posted.place is None else posted.place.window(0, steps)
    return Posted(tuple(own.window(0, steps) for own in posted.pairs), place)


def unit_of(key: RateKey) -> float:
    """A rate by which charges are measured: the scenario's own, at which there is a charge, or one."""
    return key.own or 1.0


def unit_rates(keys: Sequence[RateKey], k: int) -> FloatArray:
    """(K,) the unit at key `k`, zero at the others."""
    unit: FloatArray = np.eye(len(keys))[k] * unit_of(keys[k])
    return unit


def faults_at(case: Case, keys: Sequence[RateKey], highest: FloatArray, views: Views) -> list[Fault]:
    """Why there are no charges at the highest rates, (K,)."""
    try:
        charges_at(case, keys, highest, views)
    except BadInput as bad:
        named = ", ".join(f"{rate:g}" for rate in highest.tolist())
        problem = f"there is no charge at {named}: {bad.faults[0].problem}"
        return [Fault("--max", named, problem, "Give the highest rate that may be taken, such as the scenario's own.")]
    return []


def _own(case: Case, key: str) -> float:
    table, carrier, *path = (*key.split("."), "", "")[: max(2, key.count(".") + 1)]
    if table != TABLE or carrier not in CARRIERS or not path:
        known = [f"{TABLE}.{name}.rate" for name in traded(case.scenario)]
        raise _refused(key, "is no key of a charge", did_you_mean(key, known, what="keys"))
    if carrier not in traded(case.scenario):
        raise _refused(key, f"the scenario has no network of {carrier}", "Name a charge of a network that it has.")
    node: Any = getattr(case.scenario.charges, carrier)
    if node is None or node == ():
        remedy = f'Give the scenario a charge, such as {TABLE}.{carrier}.mechanism = "uniform".'
        raise _refused(key, f"nothing is charged for {carrier}", remedy)
    for depth, part in enumerate(path):
        node = _entry(node, part, key, ".".join([table, carrier, *path[:depth]]))
    if not _is_number(node):
        raise _refused(key, f"holds {node!r}, which is no number", "Name the key of a rate.")
    return float(node)


def _entry(node: Any, part: str, key: str, above: str) -> Any:
    """What stands in a table of a charge, in a table within, or in a list of these under a name or number; `above` is
    the key so far."""
    if isinstance(node, tuple):
        return _listed(node, part, key, above)
    if not isinstance(node, Section | Mapping):
        raise _refused(key, f"there is nothing within {node!r}", "Name the key of a rate.")
    held = _within(node)
    if part in held:
        return held[part]
    numbers = [name for name, value in held.items() if _is_number(value)]
    raise _refused(key, f"the charge has no key {part!r}", did_you_mean(part, numbers, what="keys with a number"))


def _listed(nodes: tuple[Any, ...], part: str, key: str, above: str) -> Any:
    if is_index(part) and int(part) < len(nodes):
        return nodes[int(part)]
    if not nodes:
        raise _refused(key, "the list there is empty", "Give the scenario an entry, such as a factor at all times.")
    last = f"{len(nodes)} entries is meant, from 0 to {len(nodes) - 1}" if len(nodes) > 1 else "entries is meant, 0"
    remedy = f"Say which of the {last}, such as {above}.0.{part}."
    raise _refused(key, f"there is no entry {part!r} in the list", remedy)


def _within(node: Section | Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: getattr(node, name) for name in type(node).model_fields} if isinstance(node, Section) else node


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _with(node: Any, path: Sequence[str], value: float) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(node, tuple):
        at = int(first)
        return (*node[:at], _with(node[at], rest, value), *node[at + 1 :])
    if isinstance(node, Mapping):
        return {**node, first: _with(node[first], rest, value)}
    return node.model_copy(update={first: _with(getattr(node, first), rest, value)})


def _unfit(case: Case, key: RateKey, views: Views) -> list[Fault]:
    """Why charges do not follow this key as a rate."""
    unit = unit_of(key)
    try:
        posted = [charges_at(case, [key], np.array([rate]), views) for rate in (0.0, unit, 2 * unit)]
    except BadInput as bad:
        problem = f"from 0 to {2 * unit:g} there is not always a charge: {bad.faults[0].problem}"
        return [Fault(key.key, f"{key.own:g}", problem, "Name a key that the charge is proportional to.")]
    tables = _charged(posted, CARRIERS.index(key.carrier), case.scenario.time.steps)
    slopes = [once - nothing for nothing, once, _ in tables]
    missed = [np.abs(twice - nothing - 2 * (once - nothing)).max(initial=0.0) for nothing, once, twice in tables]
    if max(missed) > LINEAR * max(np.abs(twice).max(initial=0.0) for _, _, twice in tables):
        remedy = "Name a key that the charge is proportional to, such as a rate."
        return [Fault(key.key, f"{key.own:g}", "charges are not linear in it", remedy)]
    if not any(slope.any() for slope in slopes):
        return [
            Fault(key.key, f"{key.own:g}", "nobody is charged by it: no two prosumers are apart", "Name another key.")
        ]
    return []


def _charged(posted: Sequence[Posted], c: int, steps: int) -> list[tuple[FloatArray, ...]]:
    """All that is charged for a carrier, per kWh, side by side for each of some charges: of pairs where an interval
    differs from those before in any of them, and of places."""
    pairs = [one.pairs[c] for one in posted]
    held = [tuple(charges.at(t) for charges in pairs) for t in range(steps)]
    distinct = {tuple(map(id, charges)): charges for charges in held}.values()
    result = [tuple(np.asarray(one.total, dtype=float) for one in charges) for charges in distinct]
    if any(one.place is not None for one in posted):
        nothing = np.zeros(1)
        places = [nothing if one.place is None else _of_places(one.place, c) for one in posted]
        size = max(map(len, places))
        result.append(tuple(np.broadcast_to(own, (size,)) for own in places))
    return result


def _of_places(place: PlaceCharges, c: int) -> FloatArray:
    return np.concatenate([place.injection[c].ravel(), place.trades[c].ravel()])


def _refused(key: str, problem: str, remedy: str) -> BadInput:
    return BadInput([Fault("--key", key, problem, remedy)])
