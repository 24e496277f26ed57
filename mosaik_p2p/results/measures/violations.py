"""The violated limits of a run as a table to read: one row per element and quantity."""

from dataclasses import dataclass

import pandas as pd

from mosaik_p2p.results.labels.quantities import kind_of, name_of, place, unit_of
from mosaik_p2p.results.store.reading import Results


@dataclass(frozen=True)
class ViolationRow:
    """An element that broke a limit: for how long, and its worst interval."""

    network: str
    element: str
    quantity: str
    hours: float
    worst: str
    limit: str
    when: str


def violation_rows(results: Results) -> list[ViolationRow]:
    """The violated limits of the binding rounds, those that were violated longest first."""
    rows = results.of_binding_round("violations")
    groups = rows.groupby(["network", "element", "quantity"], sort=True)
    table = [_row(results, tuple(str(part) for part in key), group) for key, group in groups]
    return sorted(table, key=lambda row: (row.network, -row.hours, row.quantity, row.element))


def _row(results: Results, key: tuple[str, ...], group: pd.DataFrame) -> ViolationRow:
    worst = group.sort_values("excess", kind="stable", na_position="first").iloc[-1]
    return ViolationRow(
        network=key[0],
        element=place(kind_of(key[2]), key[1]),
        quantity=name_of(key[2]),
        hours=group["time"].nunique() * results.facts.dt_h,
        worst=_with_unit(worst["value"], worst["unit"]),
        limit=_with_unit(worst["limit"], worst["unit"]),
        when=results.facts.local(worst["time"]).strftime("%a %d %b %H:%M"),
    )


def _with_unit(value: float | None, unit: str | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g} {unit_of(unit)}".strip()
