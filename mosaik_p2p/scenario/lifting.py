"""A scenario without one limit of one element, as an override: the limit goes as far away as the schema lets it."""

import json
from collections.abc import Mapping
from typing import Any

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.scenario.schema import Scenario


def can_be_lifted(quantity: str) -> bool:
    """Whether elements can have limits of this quantity, as the table `violations` names it, in the scenario."""
    return any(of.quantity == quantity and of.own_key for of in limited_quantities())


def lifted(scenario: Scenario, *, element: str, quantity: str, is_upper: bool) -> str:
    """The override that takes one side of an element's limit away. KeyError for what `can_be_lifted` denies."""
    sides = {of.is_upper: of for of in limited_quantities() if of.quantity == quantity and of.own_key}
    of = sides[is_upper]
    limits = getattr(scenario.networks, of.network).limits
    key, _, side = of.own_key.partition(".")
    stated = [entry.model_dump(exclude_none=True) for entry in limits.element]
    own = next((entry for entry in stated if _is_of(entry, of, element) and key in entry), None)
    value: Any = of.most if of.is_upper else of.least
    if side:
        general = {row.own_key.partition(".")[2]: limits.stated(row.all_key) for row in sides.values()}
        value = {**(general if own is None else own[key]), side: value}
    rest = [entry for entry in stated if entry is not own]
    entry = {**(own or {"table": of.element, "name": element}), key: value}
    return f"networks.{of.network}.limits.element={_inline([*rest, entry])}"


def _is_of(entry: Mapping[str, Any], of: LimitedQuantity, element: str) -> bool:
    return bool((entry["table"], entry["name"]) == (of.element, element))


def _inline(value: Any) -> str:
    """TOML on one line; what is None is left out."""
    if isinstance(value, Mapping):
        stated = {name: entry for name, entry in value.items() if entry is not None}
        return "{" + ", ".join(f"{name} = {_inline(entry)}" for name, entry in stated.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(entry) for entry in value) + "]"
    return json.dumps(value)
