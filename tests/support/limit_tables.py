"""Limits and checks of hand-written tables, for tests of what breaks them."""

from typing import Any

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.checking import Checked, checks, violations
from mosaik_p2p.limits.heat import undelivered
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import Table


def quantity(key: str) -> LimitedQuantity:
    """The limited quantity of this key."""
    (found,) = (of for of in limited_quantities() if of.key == key)
    return found


def limits(*elements: ElementLimit, **of_all: float) -> NetworkLimits:
    """Limits of all elements by the keys of the quantities, and of single ones."""
    return NetworkLimits(of_all, elements)


def electric_checks(buses: Table, lines: Table, transformers: Table, held: NetworkLimits) -> tuple[Checked, ...]:
    """The checks of an electric network's tables."""
    return checks(
        limited_quantities("electricity"), {"buses": buses, "lines": lines, "transformers": transformers}, held
    )


def heat_checks(
    heat_exchanges: Table, plants: Table, junctions: Table, pipes: Table, held: NetworkLimits
) -> tuple[Checked, ...]:
    """The checks of a heat network's tables."""
    tables = {"heat_exchanges": heat_exchanges, "plants": plants, "junctions": junctions, "pipes": pipes}
    return checks(limited_quantities("heat"), tables, held)


def check_electric(buses: Table, lines: Table, transformers: Table, held: NetworkLimits) -> list[Violation]:
    """What breaks the limits of an electric network."""
    return violations(electric_checks(buses, lines, transformers, held))


def check_heat(
    heat_exchanges: Table, plants: Table, junctions: Table, pipes: Table, held: NetworkLimits
) -> list[Violation]:
    """What breaks the limits of a heat network, undelivered heat after them."""
    checked = heat_checks(heat_exchanges, plants, junctions, pipes, held)
    return [*violations(checked), *undelivered(heat_exchanges)]


def made_quantity(**changes: Any) -> LimitedQuantity:
    """A limited quantity `q` of lines in the unit `u`, near within 0.5 and a tenth of the limit."""
    made = {
        "key": "made",
        "quantity": "q",
        "network": "electricity",
        "element": "line",
        "name": "made",
        "label": "Highest made",
        "unit": "u",
        "digits": 1,
        "is_upper": True,
        "margin": 0.5,
        "margin_share": 0.1,
        "table": "lines",
        "element_column": "element",
        "columns": ("i_ka",),
        "all_key": "made_u",
        "meaning": "Largest made, u.",
        "least": 0.0,
        "most": 100.0,
    }
    return LimitedQuantity(**{**made, **changes})
