"""A quantity of many elements beside its limits: what breaks them, and what is close to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from mosaik_p2p.limits.base import LimitedQuantity, measured
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import Table


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Values and limits of one limited quantity, element by element. None: no value, or no limit."""

    of: LimitedQuantity
    names: Sequence[str]
    values: Sequence[float | None]
    limits: Sequence[float | None]


def checks(
    quantities: Iterable[LimitedQuantity], tables: Mapping[str, Table], limits: NetworkLimits
) -> tuple[Checked, ...]:
    """All values of the quantities that have a limit, beside it, in the order of `quantities`.

    `tables` are those of a solved interval, by name. Empty ones, as of an interval without a solution, give checks
    without values: ask `verdict` what that means. Raises UnknownColumn.
    """
    return tuple(_checked(of, tables[of.table], limits) for of in quantities if limits.has(of))


def _checked(of: LimitedQuantity, table: Table, limits: NetworkLimits) -> Checked:
    kept, values = measured(of, table)
    names = list(compress(table[of.element_column], kept))
    found = [None if missing else value for missing, value in zip(np.isnan(values), values.tolist(), strict=True)]
    return Checked(of=of, names=names, values=found, limits=limits.of(of, names))


def violations(checks: Iterable[Checked]) -> list[Violation]:
    """Every violated limit, in the order of the checks and their elements."""
    return [violation for check in checks for violation in _broken(check)]


def _broken(check: Checked) -> Iterable[Violation]:
    of = check.of
    for name, value, limit in zip(check.names, check.values, check.limits, strict=True):
        if value is not None and limit is not None and of.excess(value, limit) > 0.0:
            yield Violation(name, of.quantity, value, limit, of.unit, excess=of.excess(value, limit))


def near(check: Checked) -> list[int]:
    """Positions of the elements that break their limit or are near it."""
    return [
        position
        for position, (value, limit) in enumerate(zip(check.values, check.limits, strict=True))
        if value is not None and limit is not None and check.of.near(value, limit)
    ]
