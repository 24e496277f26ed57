"""A GeoJSON file (RFC 7946): every bus, line, transformer, junction and pipe with its worst values.

An element without a place on the earth has no geometry: programs of geography show it in their tables. Why it has none
is said beside the features, and by the command.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.results.export.coordinates import Branch, Coordinates, Point, coordinates_of
from mosaik_p2p.results.figures.networks.net_map import net_tables
from mosaik_p2p.results.in_hand.run_results import RunResults
from mosaik_p2p.results.store.folder import ELECTRIC_NET_FILE, HEAT_NET_FILE
from mosaik_p2p.results.tables.thinning import thinned_sentences
from mosaik_p2p.units import ELECTRICITY, HEAT


@dataclass(frozen=True)
class Kind:
    """Elements of a network: their table in the net and in the results, and which results are told."""

    network: str
    net_table: str
    table: str
    element: str
    """Column of the results that names them."""
    ends: tuple[str, str] | None
    """Columns of the net with the two nodes; None of a node."""
    highest: tuple[str, ...]
    lowest: tuple[str, ...] = ()


KINDS = (
    Kind(ELECTRICITY, "bus", "buses", "bus", None, ("vm_pu",), ("vm_pu",)),
    Kind(ELECTRICITY, "line", "lines", "element", ("from_bus", "to_bus"), ("loading_percent", "loss_kw")),
    Kind(ELECTRICITY, "trafo", "transformers", "element", ("hv_bus", "lv_bus"), ("loading_percent", "loss_kw")),
    Kind(HEAT, "junction", "junctions", "junction", None, ("p_bar", "t_c"), ("p_bar", "t_c")),
    Kind(
        HEAT, "pipe", "pipes", "pipe", ("from_junction", "to_junction"), ("velocity_m_per_s", "dp_pa_per_m", "loss_kw")
    ),
)
NET_FILES = {ELECTRICITY: ELECTRIC_NET_FILE, HEAT: HEAT_NET_FILE}
BRANCH_WITH_LENGTH = {ELECTRICITY: "line", HEAT: "pipe"}
VIOLATED = "hours_violated"


@dataclass(frozen=True)
class Features:
    """The file's text, and what is to be said of places that are not known."""

    text: str
    remarks: tuple[str, ...]


def geojson_of(results: RunResults) -> Features:
    """The features of all networks of a run; times are those of the scenario's clock, with their offset."""
    features: list[dict[str, Any]] = []
    remarks = thinned_sentences(results.thinned, [kind.table for kind in KINDS])
    remarks += ["Highest and lowest values are of these intervals; hours of violated limits of all."] if remarks else []
    for network, file in NET_FILES.items():
        tables = net_tables(results.folder / file)
        if tables is None:
            continue
        places = _places(tables, network)
        if places.problem is not None:
            remarks.append(f"{network}: {places.problem}, so its elements have no geometry")
        for kind in KINDS:
            if kind.network == network and kind.net_table in tables:
                features += _features(results, kind, tables[kind.net_table], places)
    about = {"run": results.name, "title": results.title, "complete": results.complete, "remarks": remarks}
    collection = {"type": "FeatureCollection", **about, "features": features}
    return Features(json.dumps(collection, ensure_ascii=False, allow_nan=False, indent=1) + "\n", tuple(remarks))


def write_geojson(results: RunResults, path: Path) -> tuple[str, ...]:
    """Write the file; what is to be said of it. Raises OSError where it cannot be written."""
    made = geojson_of(results)
    path.write_text(made.text, encoding="utf-8")
    return made.remarks


def _places(tables: Mapping[str, pd.DataFrame], network: str) -> Coordinates:
    nodes = next(kind for kind in KINDS if kind.network == network and kind.ends is None).net_table
    of_branches = next(kind for kind in KINDS if kind.net_table == BRANCH_WITH_LENGTH[network])
    rows = tables.get(of_branches.net_table, pd.DataFrame())
    branches: dict[int, Branch] = {}
    if len(rows) and of_branches.ends is not None:
        columns = (rows[name].tolist() for name in (*of_branches.ends, "length_km"))
        branches = {
            int(index): Branch((int(begin), int(end)), float(km))
            for index, begin, end, km in zip(rows.index.tolist(), *columns, strict=True)
        }
    return coordinates_of(tables[nodes], tables.get(f"{nodes}_geodata"), rows, branches)


def _features(results: RunResults, kind: Kind, rows: pd.DataFrame, places: Coordinates) -> Iterator[dict[str, Any]]:
    worst = _worst(results, kind)
    hours = _hours_violated(results, kind)
    ends = [rows[end].tolist() for end in kind.ends or ()]
    for index, name, *at in zip(rows.index.tolist(), rows["name"].tolist(), *ends, strict=True):
        told = {"kind": kind.net_table, "name": str(name), "network": kind.network, VIOLATED: hours.get(str(name), 0.0)}
        properties = {**told, **worst.get(str(name), {})}
        geometry = _geometry(int(index), [int(end) for end in at], kind, places)
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def _geometry(index: int, ends: list[int], kind: Kind, places: Coordinates) -> dict[str, Any] | None:
    if kind.ends is None:
        return _shape("Point", places.nodes[index]) if index in places.nodes else None
    if kind.net_table in BRANCH_WITH_LENGTH.values() and index in places.branches:
        return _shape("LineString", places.branches[index])
    way = [places.nodes.get(end) for end in ends]
    return None if None in way else _shape("LineString", tuple(way))


def _shape(kind: str, coordinates: Point | tuple[Point | None, ...]) -> dict[str, Any]:
    return {"type": kind, "coordinates": coordinates}


def _worst(results: RunResults, kind: Kind) -> dict[str, dict[str, Any]]:
    """By element: highest and lowest values with their times; of one that never had any, nothing."""
    frame = results.local[kind.table]
    told: dict[str, dict[str, Any]] = {}
    for word, columns in (("highest", kind.highest), ("lowest", kind.lowest)):
        for column in columns:
            known = frame.dropna(subset=[column])
            groups = known.groupby(kind.element)[column]
            there = known.loc[groups.idxmax() if word == "highest" else groups.idxmin()]
            for element, value, time in zip(
                *(there[name].tolist() for name in (kind.element, column, "time")), strict=True
            ):
                of_element = {f"{word}_{column}": float(value), f"{word}_{column}_at": time.isoformat()}
                told.setdefault(str(element), {}).update(of_element)
    return told


def _quantities(kind: Kind) -> set[str]:
    of_kind = (of for of in limited_quantities() if (of.network, of.table) == (kind.network, kind.table))
    return {of.quantity for of in of_kind}


def _hours_violated(results: RunResults, kind: Kind) -> dict[str, float]:
    """Hours in which a limit of an element is violated in the round that binds, whichever limits of it those are."""
    rows = results.of_binding_round("violations")
    rows = rows[(rows["network"] == kind.network) & rows["quantity"].isin(_quantities(kind))]
    intervals = rows.drop_duplicates(["time", "element"])["element"].value_counts()
    return {str(element): float(count) * results.dt_h for element, count in intervals.items()}
