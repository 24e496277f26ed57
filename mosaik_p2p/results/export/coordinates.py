"""Where the elements of a network lie on the earth, out of the coordinates in its file.

Coordinates in a net may be degrees in either order, metres of some national grid, or drawn by hand. Degrees are
believed only where they agree with what the net says of its own lengths; GeoJSON has no place for anything else.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import asin, cos, hypot, isfinite, log, radians, sin, sqrt
from statistics import median
from typing import Any

import pandas as pd

Point = tuple[float, float]
"""Longitude and latitude in degrees."""
EARTH_KM = 6371.0
AGREES = log(1.5)
"""Largest usual ratio, as its logarithm, of a length on the map to that in the net: cables have slack."""
MUCH_BETTER = log(1.1)
LEAST_KM = 0.002
"""Shorter branches say nothing: coordinates are rounded."""
GEO, X_Y = "geo", ("x", "y")


@dataclass(frozen=True)
class Coordinates:
    """Points of nodes and lines of branches, by their index; `problem` says why there are none."""

    nodes: Mapping[int, Point] = field(default_factory=dict)
    branches: Mapping[int, tuple[Point, ...]] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class Branch:
    """A line or pipe: its two nodes, and the length that the net says it has."""

    ends: tuple[int, int]
    length_km: float


def coordinates_of(
    nodes: pd.DataFrame,
    node_places: pd.DataFrame | None,
    rows: pd.DataFrame,
    branches: Mapping[int, Branch],
) -> Coordinates:
    """The coordinates of a network: its nodes (and their table of x and y, if it has one), rows of its branches."""
    points = _points(nodes, node_places)
    if not points:
        return Coordinates(problem="the net has no coordinates")
    lines = {index: found for index, raw in _of_column(rows) if len(found := _line(raw)) > 1}
    if not all(_is_degrees(*point) or _is_degrees(*point[::-1]) for point in points.values()):
        return Coordinates(problem="the coordinates of the net are no degrees of longitude and latitude")
    usual, swapped = (_misfit(*_turned(points, lines, order), branches) for order in (1, -1))
    order = -1 if swapped + MUCH_BETTER < usual else 1
    if min(usual, swapped) > AGREES:
        return Coordinates(
            problem="the coordinates of the net are drawn by hand: they do not fit the lengths of its lines"
        )
    nodes_at, lines_at = _turned(points, lines, order)
    return Coordinates(nodes_at, lines_at)


def _points(nodes: pd.DataFrame, places: pd.DataFrame | None) -> dict[int, Point]:
    found = {index: points[0] for index, raw in _of_column(nodes) if (points := _line(raw))}
    if not found and places is not None and set(X_Y) <= set(places):
        known = places.dropna(subset=list(X_Y))
        found = {
            int(index): (float(x), float(y)) for index, x, y in zip(known.index, known["x"], known["y"], strict=True)
        }
    return found


def _of_column(rows: pd.DataFrame) -> Iterator[tuple[int, Any]]:
    if GEO in rows:
        yield from zip(map(int, rows.index.tolist()), rows[GEO].tolist(), strict=True)


def _line(raw: Any) -> tuple[Point, ...]:
    """The points of a GeoJSON geometry, a text or an object; none where it is no point and no line."""
    try:
        geometry = json.loads(raw) if isinstance(raw, str) else raw
        coordinates = geometry["coordinates"]
        listed: Sequence[Any] = [coordinates] if geometry["type"] == "Point" else coordinates
        points = tuple((float(point[0]), float(point[1])) for point in listed)
    except (ValueError, TypeError, LookupError):
        return ()
    return points if all(isfinite(number) for point in points for number in point) else ()


def _is_degrees(longitude: float, latitude: float) -> bool:
    return abs(longitude) <= 180.0 and abs(latitude) <= 90.0


def _turned(
    nodes: Mapping[int, Point], lines: Mapping[int, tuple[Point, ...]], order: int
) -> tuple[dict[int, Point], dict[int, tuple[Point, ...]]]:
    """As they stand (1), or with longitude and latitude exchanged (-1)."""

    def turned(point: Point) -> Point:
        x, y = point[::order]
        return x, y

    return (
        {index: turned(point) for index, point in nodes.items()},
        {index: tuple(map(turned, line)) for index, line in lines.items()},
    )


def _misfit(
    nodes: Mapping[int, Point], lines: Mapping[int, tuple[Point, ...]], branches: Mapping[int, Branch]
) -> float:
    """The usual ratio between lengths on the map and in the net, as the size of its logarithm; infinite without any."""
    if not all(_is_degrees(*point) for point in nodes.values()):
        return float("inf")
    ratios = []
    for index, branch in branches.items():
        ends = tuple(nodes[end] for end in branch.ends if end in nodes)
        way = lines.get(index, ends)
        on_map_km = sum(_distance_km(*pair) for pair in itertools.pairwise(way))
        if len(way) > 1 and branch.length_km > LEAST_KM and on_map_km > LEAST_KM:
            ratios.append(abs(log(on_map_km / branch.length_km)))
    return median(ratios) if ratios else float("inf")


def _distance_km(one: Point, other: Point) -> float:
    (lon_1, lat_1), (lon_2, lat_2) = (tuple(map(radians, point)) for point in (one, other))
    across = sqrt(cos(lat_1) * cos(lat_2)) * sin((lon_2 - lon_1) / 2.0)
    return 2.0 * EARTH_KM * asin(min(1.0, hypot(sin((lat_2 - lat_1) / 2.0), across)))
