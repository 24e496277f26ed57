"""Where the elements of a solved network lie, out of the network files of a result folder.

The files are those of pandapower and pandapipes; only their tables are read, without either library. Where a file says
of every node where it lies, that is where it is drawn. Else places follow the network itself: across, the length of the
way from where it is fed; down, the branches.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd

from mosaik_p2p.results.inventory import read_inventory
from mosaik_p2p.results.store.facts import read_prosumers
from mosaik_p2p.results.store.folder import ELECTRIC_NET_FILE, HEAT_NET_FILE
from mosaik_p2p.units import ELECTRICITY

SUPPLY = "supply"
PLANT_ENDS = {SUPPLY: "flow_junction", "return": "return_junction"}
"""By side: where the pumps of plants stand."""
USED = frozenset(
    [
        "bus",
        "bus_geodata",
        "line",
        "trafo",
        "impedance",
        "switch",
        "ext_grid",
        "junction",
        "junction_geodata",
        "pipe",
        "valve",
        "pump",
        "pressure_control",
        "circ_pump_pressure",
        "circ_pump_mass",
    ]
)
"""The tables of the files that places, edges and feeds follow from."""
TRANSFORMER_KM = 0.02
"""Drawn length of a transformer or switch, so that its two ends can be told apart."""
SWITCHED = {"line": "l", "trafo": "t"}
"""What pandapower's switches say that they are at."""
MOST_DEGREES = (180.0, 90.0)
"""Coordinates within these are degrees east and north, and those beyond lengths: a degree east is shorter by the cosine
of the latitude."""


@dataclass(frozen=True)
class NetMap:
    """Nodes with their places, the edges between them, and which prosumers stand where."""

    x_km: Mapping[str, float]
    """By node: length of the shortest way from where the network is fed."""
    y: Mapping[str, float]
    edges: tuple[tuple[str, str, str, str], ...]
    """Table of the results, element, node, node."""
    prosumers: Mapping[str, tuple[str, ...]]
    """By node: the prosumers there."""
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By node: how far east and north it lies, in one unit; nothing where the file does not say it of every node."""

    @property
    def has_places(self) -> bool:
        """Whether the file says where the nodes lie."""
        return bool(self.places)

    def at(self, node: str) -> tuple[float, float]:
        """Where a node is drawn, across and up (with places) or down (without)."""
        return self.places[node] if self.places else (self.x_km[node], self.y[node])


def electric_map(folder: Path) -> NetMap | None:
    """The electric network; None where the folder has no file of it."""
    tables = net_tables(folder / ELECTRIC_NET_FILE)
    if tables is None:
        return None
    names = _names(tables["bus"])
    edges = [
        *_edges("lines", _joined(tables, "line"), ("from_bus", "to_bus"), names),
        *_edges("transformers", _joined(tables, "trafo"), ("hv_bus", "lv_bus"), names),
        *_edges("", tables.get("impedance"), ("from_bus", "to_bus"), names),
        *_edges("", _closed(tables.get("switch")), ("bus", "element"), names),
    ]
    feeds = [names[int(bus)] for bus in tables["ext_grid"]["bus"]]
    net = _placed(edges, feeds, _by_bus(folder, names))
    return None if net is None else _with_places(net, tables, "bus", names)


def heat_map(folder: Path, side: str = SUPPLY) -> NetMap | None:
    """One side of the heat network, `supply` or `return`; None where the folder has no file of it."""
    tables = net_tables(folder / HEAT_NET_FILE)
    if tables is None or "circ_pump_pressure" not in tables:
        return None
    names = _names(tables["junction"])
    edges = _heat_edges(tables, names)
    plants = tables["circ_pump_pressure"]
    feeds = [names[int(node)] for node in plants.loc[plants["plift_bar"] > 0, PLANT_ENDS[side]]]
    supply = _reached(edges, feeds)
    prosumers: dict[str, set[str]] = {}
    pumps = tables.get("circ_pump_mass", pd.DataFrame(columns=["name", "return_junction", "flow_junction"]))
    for name, *ends in zip(pumps["name"], pumps["return_junction"], pumps["flow_junction"], strict=True):
        for node in {names[int(end)] for end in ends} & supply:
            prosumers.setdefault(node, set()).add(str(name).rpartition(" ")[0])
    own = {name for name, _ in read_prosumers(folder)}
    kept = {node: tuple(sorted(found & own)) for node, found in prosumers.items()}
    net = _placed([edge for edge in edges if edge[3] in supply and edge[4] in supply], feeds, kept)
    return None if net is None else _with_places(net, tables, "junction", names)


_Edge = tuple[str, str, float, str, str]
"""Table, element, km, node, node."""


def net_tables(path: Path) -> Mapping[str, pd.DataFrame] | None:
    """The tables of a network file, without results; None where there is no such file."""
    if not path.exists():
        return None
    stamp = path.stat()
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _size: int) -> dict[str, pd.DataFrame]:
    """The tables of a file as it stood then; several figures of a run ask for them."""
    entries: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["_object"]
    return {
        name: pd.DataFrame(**json.loads(entry["_object"]))
        for name, entry in entries.items()
        if name in USED and isinstance(entry, dict) and entry.get("_class") == "DataFrame"
    }


def _names(nodes: pd.DataFrame) -> dict[int, str]:
    """The name of every node by its index."""
    return {int(index): str(name) for index, name in zip(nodes.index, nodes["name"], strict=True)}


def _edges(table: str, rows: pd.DataFrame | None, ends: tuple[str, str], names: Mapping[int, str]) -> list[_Edge]:
    if rows is None:
        return []
    rows = rows[rows["in_service"].astype(bool)] if "in_service" in rows else rows
    count = len(rows)
    labels = rows["name"].tolist() if "name" in rows else [""] * count
    lengths = rows["length_km"].tolist() if "length_km" in rows else [TRANSFORMER_KM] * count
    return [
        (table, str(label), float(km), names[int(a)], names[int(b)])
        for label, km, a, b in zip(labels, lengths, rows[ends[0]], rows[ends[1]], strict=True)
    ]


def _heat_edges(tables: Mapping[str, pd.DataFrame], names: Mapping[int, str]) -> list[_Edge]:
    """What leads on within one side: pipes without a shut valve, open valves between junctions, pumps and reducers."""
    ends = ("from_junction", "to_junction")
    pipes, valves = tables.get("pipe"), tables.get("valve")
    edges: list[_Edge] = []
    if valves is not None and "et" in valves:
        is_open = valves["opened"].astype(bool)
        at_pipe = valves["et"] == "pi"
        shut = set(valves.loc[at_pipe & ~is_open, "element"])
        pipes = None if pipes is None else pipes[~pipes.index.isin(shut)]
        edges += _edges("", valves[~at_pipe & is_open], ("junction", "element"), names)
    elif valves is not None:
        edges += _edges("", valves[valves["opened"].astype(bool)], ends, names)
    for table in ("pump", "pressure_control"):
        edges += _edges("", tables.get(table), ends, names)
    return [*_edges("pipes", pipes, ends, names), *edges]


def _with_places(net: NetMap, tables: Mapping[str, pd.DataFrame], table: str, names: Mapping[int, str]) -> NetMap:
    """The same where the file places its nodes, if it does so for each one that is drawn, and not all at one spot."""
    stated = tables.get(f"{table}_geodata")
    if stated is not None and {"x", "y"} <= set(stated):
        found = {
            index: (float(x), float(y)) for index, x, y in zip(stated.index, stated["x"], stated["y"], strict=True)
        }
    elif "geo" in tables[table]:
        found = {index: point for index, geo in tables[table]["geo"].items() if (point := _point(geo)) is not None}
    else:
        return net
    by_name = {names[int(index)]: point for index, point in found.items() if int(index) in names}
    places = {node: by_name[node] for node in net.y if node in by_name and all(map(math.isfinite, by_name[node]))}
    if len(places) < len(net.y) or len(set(places.values())) < 2:
        return net
    return replace(net, places=_in_one_unit(places))


def _point(geo: object) -> tuple[float, float] | None:
    """The place of a GeoJSON point, as text or as it was decoded; None where it is none."""
    try:
        x, y, *_ = (json.loads(geo) if isinstance(geo, str) else geo)["coordinates"]  # type: ignore[index]
        return float(x), float(y)
    except (TypeError, ValueError, KeyError):
        return None


def _in_one_unit(places: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Degrees east as many as degrees north that are as long; lengths as they are."""
    if any(abs(x) > MOST_DEGREES[0] or abs(y) > MOST_DEGREES[1] for x, y in places.values()):
        return dict(places)
    shrink = math.cos(math.radians(sum(y for _, y in places.values()) / len(places)))
    return {node: (x * shrink, y) for node, (x, y) in places.items()}


def _joined(tables: Mapping[str, pd.DataFrame], table: str) -> pd.DataFrame | None:
    """The branches of a table without an open switch at an end: over one nothing is fed."""
    rows, switches = tables.get(table), tables.get("switch")
    if rows is None or switches is None:
        return rows
    is_open = (switches["et"] == SWITCHED[table]) & ~switches["closed"].astype(bool)
    return rows[~rows.index.isin(switches.loc[is_open, "element"])]


def _closed(switches: pd.DataFrame | None) -> pd.DataFrame | None:
    """Switches between two buses that let through."""
    return None if switches is None else switches[(switches["et"] == "b") & switches["closed"].astype(bool)]


def _by_bus(folder: Path, names: Mapping[int, str]) -> dict[str, tuple[str, ...]]:
    """The prosumers by bus: as the run placed them, or, in folders of earlier versions, as the scenario says."""
    network = read_inventory(folder).get("inventory", {}).get(ELECTRICITY) or {}
    placed = network.get("prosumers_at", {name: spec.get("bus") for name, spec in read_prosumers(folder)})
    found: dict[str, list[str]] = {}
    for prosumer, bus in placed.items():
        node = names.get(bus) if isinstance(bus, int) else bus
        if node is not None:
            found.setdefault(str(node), []).append(prosumer)
    return {node: tuple(there) for node, there in found.items()}


def _graph(edges: Iterable[_Edge]) -> nx.Graph:
    graph = nx.Graph()
    for _, _, km, a, b in edges:
        graph.add_edge(a, b, km=max(km, 1e-6))
    return graph


def _reached(edges: Iterable[_Edge], feeds: Iterable[str]) -> set[str]:
    graph = _graph(edges)
    return {node for feed in feeds if feed in graph for node in nx.node_connected_component(graph, feed)}


def _placed(edges: list[_Edge], feeds: list[str], prosumers: Mapping[str, tuple[str, ...]]) -> NetMap | None:
    graph = _graph(edges)
    roots = [feed for feed in dict.fromkeys(feeds) if feed in graph]
    if not roots:
        return None
    distance, way = nx.multi_source_dijkstra(graph, set(roots), weight="km")
    children: dict[str, list[str]] = {}
    for node in sorted(distance, key=lambda node: (distance[node], node)):
        if len(way[node]) > 1:
            children.setdefault(way[node][-2], []).append(node)
    y: dict[str, float] = {}
    for root in roots:
        _spread(root, children, y)
    shown = tuple((table, name, a, b) for table, name, _, a, b in edges if a in y and b in y)
    return NetMap({node: float(distance[node]) for node in y}, y, shown, prosumers)


def _spread(root: str, children: Mapping[str, list[str]], y: dict[str, float]) -> None:
    """Give every end of a branch below `root` a row of its own, and every fork the row of its longest branch."""
    below: dict[str, int] = {}
    order: list[str] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting += children.get(node, [])
    for node in reversed(order):
        below[node] = 1 + max((below[child] for child in children.get(node, [])), default=0)
    row = max(y.values(), default=-1.0)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        branches = sorted(children.get(node, []), key=lambda child: (below[child], child))
        waiting += branches
        if not branches:
            row += 1.0
            y[node] = row
    for node in reversed(order):
        if node not in y:
            y[node] = y[max(children[node], key=lambda child: (below[child], child))]
