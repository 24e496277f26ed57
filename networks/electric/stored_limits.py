"""Limits that a pandapower net carries itself, in the columns that the limited quantities name."""

from collections.abc import Iterable, Iterator

import numpy as np
from pandapower import pandapowerNet

from mosaik_p2p.limits.base import LimitedQuantity, Stored
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import ElementLimit
from mosaik_p2p.networks.files.numbers import named, numbers
from mosaik_p2p.units import ELECTRICITY, BoolArray, FloatArray

TABLES = {"bus": "bus", "line": "line", "transformer": "trafo"}
"""Kind of element to pandapower's table of it."""


def stored_limits(net: pandapowerNet) -> tuple[ElementLimit, ...]:
    """The limits of the elements in service, by their names; see `limits_left_out` for what is none. Quantities that
    can be limited for all elements at once."""
    return tuple(_stored_of(net, (of for of in limited_quantities(ELECTRICITY) if of.all_key)))


def stored_ratings(net: pandapowerNet) -> tuple[ElementLimit, ...]:
    """The same of quantities that only single elements are limited by, such as `max_p_mw` of a line: a column that the
    library does not know."""
    return tuple(_stored_of(net, (of for of in limited_quantities(ELECTRICITY) if not of.all_key)))


def limits_left_out(net: pandapowerNet) -> list[str]:
    """Elements in service with values that are no limits: bands without room (so optimisations fix a voltage; none
    is held to it), and voltages or loadings out of all proportion."""
    told, quantities = [], _with_column(limited_quantities(ELECTRICITY))
    for of, _ in quantities:
        table = TABLES[of.element]
        if not of.is_upper:
            told += [f"{table} {name}" for name in named(net[table][_active(net, table) & ~_has_room(net, of)])]
    for of, stored in quantities:
        table = TABLES[of.element]
        wrong = _active(net, table) & _is_unusable(net, table, stored)
        told += [f"{table} {name}: {stored.column}" for name in named(net[table][wrong])]
    return told


def _stored_of(net: pandapowerNet, quantities: Iterable[LimitedQuantity]) -> Iterator[ElementLimit]:
    for of, stored in _with_column(quantities):
        table = TABLES[of.element]
        values = _values(net, table, stored)
        kept = _active(net, table) & np.isfinite(values) & _has_room(net, of)
        for name, value in zip(net[table]["name"][kept], values[kept], strict=True):
            yield ElementLimit(of.key, str(name), float(value) * stored.factor)


def _with_column(quantities: Iterable[LimitedQuantity]) -> list[tuple[LimitedQuantity, Stored]]:
    return [(of, of.stored) for of in quantities if of.stored is not None]


def _has_room(net: pandapowerNet, of: LimitedQuantity) -> BoolArray:
    """Elements whose least value is below their largest, where they have both."""
    table = TABLES[of.element]
    sides = _with_column(side for side in limited_quantities(ELECTRICITY) if side.quantity == of.quantity)
    least, most = np.full(len(net[table]), -np.inf), np.full(len(net[table]), np.inf)
    for side, stored in sides:
        values = _values(net, table, stored)
        if side.is_upper:
            most = np.where(np.isnan(values), most, values)
        else:
            least = np.where(np.isnan(values), least, values)
    return np.asarray(least < most, dtype=np.bool_)


def _values(net: pandapowerNet, table: str, stored: Stored) -> FloatArray:
    """The limits of a table, NaN for none."""
    values = _stated(net, table, stored.column)
    return np.where((values >= stored.least) & (values <= stored.most), values, np.nan)


def _is_unusable(net: pandapowerNet, table: str, stored: Stored) -> BoolArray:
    stated = _stated(net, table, stored.column)
    says_none = np.isnan(stated) | np.isin(stated, stored.none)
    return np.asarray(~says_none & np.isnan(_values(net, table, stored)), dtype=np.bool_)


def _stated(net: pandapowerNet, table: str, column: str) -> FloatArray:
    return numbers(net[table][column]) if column in net[table] else np.full(len(net[table]), np.nan)


def _active(net: pandapowerNet, table: str) -> BoolArray:
    return np.asarray(net[table]["in_service"], dtype=np.bool_)
