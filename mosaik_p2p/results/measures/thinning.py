"""Leaves out what a scenario does not want to keep of the tables of network elements, while a run goes on.

What is left out was counted before: verdicts look at violations, which are always whole, and at the number of rows; of
worst values the intervals are kept. The worst value of any number of intervals from the first on is therefore among
what is kept of them, also of a run that broke off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.base import measured as values_of
from mosaik_p2p.results.measures.worst_values import limit_of, told_of
from mosaik_p2p.results.store.facts import Facts
from mosaik_p2p.results.tables.thinning import NETWORK_OF, THINNED
from mosaik_p2p.units import Table

NO_LIMIT = -np.inf
"""In place of the excess over a limit: any limit comes before it."""


class Thinner:
    """What is kept of the intervals of one run, which come one after the other."""

    def __init__(self, facts: Facts, stored: Mapping[str, Mapping[str, Any]]) -> None:
        """`stored` are the tables of the intervals before the first one that is to come."""
        self._every = facts.thinned
        self._worst = _WorstSoFar(facts)
        self._worst.networks_made_worse(stored)

    def kept(self, interval: int, tables: Sequence[tuple[str, Table]]) -> Iterator[tuple[str, Table]]:
        """The tables of an interval, each with its rows or none at all, and that of what there was."""
        worse = self._worst.networks_made_worse(dict(tables))
        counted: Table = {"time": [], "table": [], "rows": [], "stored": []}
        for name, rows in tables:
            if name not in self._every:
                yield name, rows
                continue
            is_kept = NETWORK_OF[name] in worse or _is_due(interval, self._every[name])
            times = rows["time"]
            if is_kept:
                yield name, rows
            if times:
                for column, value in zip(counted, (times[0], name, len(times), is_kept), strict=True):
                    counted[column].append(value)
        yield THINNED, counted


def _is_due(interval: int, every: int) -> bool:
    return every > 0 and interval % every == 0


class _WorstSoFar:
    """Of each quantity with a worst value: the worst by its limit, and the most extreme one."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._quantities = [of for of in told_of(facts)[0] if of.table in facts.thinned]
        self._limits: dict[tuple[str, str], float] = {}
        self._worst: dict[str, tuple[float, float]] = {}
        self._extreme: dict[str, float] = {}

    def networks_made_worse(self, tables: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """The networks of which the tables hold a value that is worse than any before; from now on these count."""
        there = [of for of in self._quantities if of.table in tables and len(tables[of.table]["time"])]
        return {of.network for of in there if self._is_worse(of, tables[of.table])}

    def _is_worse(self, of: LimitedQuantity, rows: Mapping[str, Any]) -> bool:
        kept, values = values_of(of, rows)
        is_known = ~np.isnan(values)
        if not is_known.any():
            return False
        elements = np.asarray(rows[of.element_column], dtype=object)[kept][is_known]
        sign = 1.0 if of.is_upper else -1.0
        badness = sign * values[is_known]
        excess = badness - sign * np.array(list(self._limits_of(of, elements)))
        excess = np.where(np.isnan(excess), NO_LIMIT, excess)
        highest = float(excess.max())
        worst, extreme = (highest, float(badness[excess == highest].max())), float(badness.max())
        is_worse = worst > self._worst.get(of.key, (-np.inf, -np.inf)) or extreme > self._extreme.get(of.key, -np.inf)
        self._worst[of.key] = max(worst, self._worst.get(of.key, worst))
        self._extreme[of.key] = max(extreme, self._extreme.get(of.key, extreme))
        return is_worse

    def _limits_of(self, of: LimitedQuantity, elements: Iterable[Any]) -> Iterator[float]:
        for element in elements:
            key = (of.key, str(element))
            if key not in self._limits:
                limit = limit_of(self._facts, of, str(element))
                self._limits[key] = np.nan if limit is None else limit
            yield self._limits[key]
