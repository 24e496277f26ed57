"""The quantities that decide whether a network is used within its limits, and their worst values.

The worst value is the one that breaks its element's own limit by most, or else comes nearest to it: with limits of
single elements that need not be the lowest or highest of all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.limits.base import LimitedQuantity, Quantity, Shown
from mosaik_p2p.limits.base import measured as values_of
from mosaik_p2p.limits.heat import DELIVERED
from mosaik_p2p.limits.registry import limited_quantities, told_quantities
from mosaik_p2p.results.labels.quantities import place, unit_of
from mosaik_p2p.results.store.facts import Facts, stated_limit
from mosaik_p2p.results.store.reading import Results

MOST_DIGITS = 4
"""After the point."""


def worst_values(results: Results, networks: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """The worst value of every quantity of the networks, by key; None where there is none. First those that are told
    whatever they are, then those that are only told when they are violated."""
    measured_ones, events = told_of(results.facts)
    quantities = {of.key: worst(results, of) for of in measured_ones if of.network in networks}
    broken = {of.key: _worst_event(results, of) for of in events if of.network in networks}
    return {**quantities, **broken}


def told_of(facts: Facts) -> tuple[list[LimitedQuantity], list[Quantity]]:
    """The quantities with a worst value, and those with one only where their limit is violated."""
    measured_ones = [of for of in limited_quantities() if is_told(facts, of)]
    events = [of for of in limited_quantities() if of.shown is Shown.WHEN_BROKEN]
    return measured_ones, [*events, DELIVERED]


def is_told(facts: Facts, of: LimitedQuantity) -> bool:
    """Whether the quantity is told whatever its value is."""
    if of.shown is Shown.WHERE_LIMITED:
        stated = any(_own_limit(own, of) is not None for own in facts.element_limits)
        return stated or of.key in facts.limits
    return of.shown is Shown.ALWAYS


def measured(results: Results, of: LimitedQuantity) -> pd.DataFrame:
    """The quantity as columns time, element, value; only where it counts (water flows, heat is drawn)."""
    rows = results[of.table]
    kept, values = values_of(of, {str(name): column for name, column in rows.items()})
    frame = pd.DataFrame({"time": rows["time"][kept], "element": rows[of.element_column][kept], "value": values})
    return frame.dropna(subset=["value"]).reset_index(drop=True)


def worst(results: Results, of: LimitedQuantity) -> dict[str, Any] | None:
    """The value with the worst excess over its limit (or least margin), else the extreme one; None if never measured.

    `excess` is positive where the limit is violated and None without a limit; `is_extreme` tells whether no other value
    is lower (or higher).
    """
    frame = measured(results, of)
    if frame.empty:
        return None
    limits = {element: limit_of(results.facts, of, str(element)) for element in frame["element"].unique()}
    sign = 1.0 if of.is_upper else -1.0
    frame["limit"] = frame["element"].map(limits).astype(float)
    frame["badness"] = sign * frame["value"]
    frame["excess"] = frame["badness"] - sign * frame["limit"]
    row = frame.sort_values(["excess", "badness"], ascending=False, kind="stable").iloc[0]
    is_limited = pd.notna(row["limit"])
    return {
        "network": of.network,
        "element": str(row["element"]),
        "where": place(of.element, str(row["element"])),
        "time": results.facts.local(row["time"]).isoformat(),
        "value": float(row["value"]),
        "limit": float(row["limit"]) if is_limited else None,
        "excess": float(row["excess"]) if is_limited else None,
        "unit": unit_of(of.unit),
        "is_extreme": bool(row["badness"] == frame["badness"].max()),
    }


def _worst_event(results: Results, of: Quantity) -> dict[str, Any] | None:
    rows = results.of_binding_round("violations")
    rows = rows[(rows["network"] == of.network) & (rows["quantity"] == of.quantity)]
    if rows.empty:
        return None
    row = rows.sort_values("excess", ascending=False, kind="stable").iloc[0]
    return {
        "network": of.network,
        "element": str(row["element"]),
        "where": place(of.element, str(row["element"])),
        "time": results.facts.local(row["time"]).isoformat(),
        **{name: float(row[name]) for name in ("value", "limit", "excess")},
        "unit": unit_of(of.unit),
        "is_extreme": True,
    }


def label_and_digits(key: str, entry: Mapping[str, Any]) -> tuple[str, int]:
    """What the value of the summary is called, and its digits after the point: enough for its limit too."""
    shown = next((of for of in told_quantities() if of.key == key), None)
    if shown is None:
        # Of a limited quantity that was registered when the summary was written.
        return key.replace("_", " ").capitalize(), MOST_DIGITS
    digits = _digits_of(entry["limit"], shown.digits)
    if entry["is_extreme"]:
        return shown.label, digits
    # Another element has a lower (or higher) value and yet more room, by a limit of its own.
    return f"Worst {shown.label.partition(' ')[2]}", digits


def _digits_of(limit: float | None, least: int) -> int:
    """The fewest digits, `least` or more, that show a limit as it was set; a limit of 0.135 is none of 0.14."""
    if limit is None:
        return least
    return next((digits for digits in range(least, MOST_DIGITS) if round(limit, digits) == limit), MOST_DIGITS)


def is_broken(entry: Mapping[str, Any]) -> bool:
    """Whether the value breaks its limit."""
    return entry["excess"] is not None and entry["excess"] > 0


def limit_of(facts: Facts, of: LimitedQuantity, element: str) -> float | None:
    """The limit of an element: its own where the scenario states one, else the network's."""
    for own in facts.element_limits:
        stated = _own_limit(own, of)
        if own.get("name") == element and stated is not None:
            return stated
    return facts.limits.get(of.key, of.fixed)


def _own_limit(own: Mapping[str, Any], of: LimitedQuantity) -> float | None:
    return stated_limit(own, of.own_key) if of.own_key and own.get("table") == of.element else None
