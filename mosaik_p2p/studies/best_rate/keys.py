"""The keys of a scenario whose values are the rates, and the charges at other values; nothing is loaded again for them.

A charge has to be linear in each rate, or the cost of a dispatch would not be, and W not concave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.over_time import AnyCharges
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


def unit_rates(keys: Sequence[RateKey], k: int) -> FloatArray:
    """(K,) one at key `k`, zero at the others."""
    unit: FloatArray = np.eye(len(keys))[k]
    return unit


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
    for part in path:
        node = _entry(node, part, key)
    if not _is_number(node):
        raise _refused(key, f"holds {node!r}, which is no number", "Name the key of a rate.")
    return float(node)


def _entry(node: Any, part: str, key: str) -> Any:
    """What stands in a table of a charge, in a table within, or in a list of these under a name or number."""
    if isinstance(node, tuple):
        return _listed(node, part, key)
    if not isinstance(node, Section | Mapping):
        raise _refused(key, f"there is nothing within {node!r}", "Name the key of a rate.")
    held = _within(node)
    if part in held:
        return held[part]
    numbers = [name for name, value in held.items() if _is_number(value)]
    raise _refused(key, f"the charge has no key {part!r}", did_you_mean(part, numbers, what="keys with a number"))


def _listed(nodes: tuple[Any, ...], part: str, key: str) -> Any:
    if is_index(part) and int(part) < len(nodes):
        return nodes[int(part)]
    if not nodes:
        raise _refused(key, "the list there is empty", "Give the scenario an entry, such as a factor at all times.")
    before = key.split(f".{part}", maxsplit=1)[0]
    remedy = f"Say which of the {len(nodes)} entries is meant, from 0 to {len(nodes) - 1}, such as {before}.0.{part}."
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
    unit = key.own or 1.0
    try:
        tables = [charges_at(case, [key], np.array([rate]), views) for rate in (0.0, unit, 2 * unit)]
    except BadInput as bad:
        problem = f"from 0 to {2 * unit:g} there is not always a charge: {bad.faults[0].problem}"
        return [Fault(key.key, f"{key.own:g}", problem, "Name a key that the charge is proportional to.")]
    nothing, once, twice = (
        _charged(posted, CARRIERS.index(key.carrier), case.scenario.time.steps) for posted in tables
    )
    slope = once - nothing
    if np.abs(twice - nothing - 2 * slope).max(initial=0.0) > LINEAR * np.abs(twice).max(initial=0.0):
        remedy = "Name a key that the charge is proportional to, such as a rate."
        return [Fault(key.key, f"{key.own:g}", "charges are not linear in it", remedy)]
    if not slope.any():
        return [
            Fault(key.key, f"{key.own:g}", "nobody is charged by it: no two prosumers are apart", "Name another key.")
        ]
    return []


def _charged(posted: Posted, c: int, steps: int) -> FloatArray:
    """All that is charged for a carrier, per kWh, in one array."""
    pairs = np.array([np.asarray(one.total, dtype=float) for one in distinct(posted.pairs[c], steps)])
    places = [] if posted.place is None else [posted.place.injection[c].ravel(), posted.place.trades[c].ravel()]
    nowhere = np.zeros(2 * steps * pairs.shape[1])
    return np.concatenate([pairs.ravel(), *(places or [nowhere])])


def distinct(charges: AnyCharges, steps: int) -> list[Charges]:
    """What holds in some of the intervals, each once, in their order."""
    return list({id(one): one for one in (charges.at(t) for t in range(steps))}.values())


def _refused(key: str, problem: str, remedy: str) -> BadInput:
    return BadInput([Fault("--key", key, problem, remedy)])
