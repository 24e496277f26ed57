"""Many intervals of one heat network solved as one flow: in as many copies of it, side by side.

A pipe flow of a small network is mostly the library's handling of tables, which hardly grows with their length. The
copies have nothing in common, so that each one's state is that of its interval alone; they are made once, and filled
with one handful of intervals after the other. Networks with elements besides
junctions, pipes and valves, and intervals in which somebody's heat cannot be exchanged, are left to be solved singly.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Status
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.network import HeatNetwork
from mosaik_p2p.networks.heat.tables import HEAT_TABLES
from mosaik_p2p.units import Table

COPIED = ("junction", "pipe", "valve")
MOST_COPIES = 48
MOST_EXCHANGERS = 150
"""Of all copies: the loop over mass flows has matrices of that size."""
MARK = ":"
"""Between the number of a copy and the name of what stands in it."""


class SideBySide:
    """One network with its prosumers, in as many copies as are solved together."""

    def __init__(self, network: HeatNetwork, connections: Sequence[HeatConnection]) -> None:
        self._network, self._connections = network, connections
        size = min(MOST_COPIES, MOST_EXCHANGERS // max(len(connections), 1))
        self._size = size if _can_be_copied(network) else 0
        self._flows: dict[int, HeatFlow] = {}
        """By number of copies: the largest one that was asked for."""

    def solved(self, draws_kw: Sequence[tuple[float, ...]]) -> dict[tuple[float, ...], HeatFlowResult]:
        """By the heat of an interval (see `HeatFlow.solve`) its flow, for those that could be solved together."""
        wanted = list(dict.fromkeys(draws_kw))
        if self._size < 2:
            return {}
        found: dict[tuple[float, ...], HeatFlowResult] = {}
        for begin in range(0, len(wanted), self._size):
            some = wanted[begin : begin + self._size]
            copies = min((number for number in self._flows if number >= len(some)), default=len(some))
            if copies > 1:
                # A network with more copies is filled up: to make another one takes longer than to solve it.
                filled = [*some, *some[:1] * (copies - len(some))]
                found |= _solved(self._flow(copies), filled)
        return found

    def _flow(self, copies: int) -> HeatFlow:
        if copies not in self._flows:
            # The largest one serves for the others.
            self._flows = {copies: HeatFlow(*_copies(self._network, self._connections, copies))}
        self._flows[copies].forget()
        return self._flows[copies]


def _can_be_copied(network: HeatNetwork) -> bool:
    """Whether pipes, valves and plants that balance are all there is."""
    tables = [table for table, _ in _elements(network.net)]
    return set(tables) <= set(COPIED) and len(network.balancing) == len(network.plants) and not network.consumers


def _elements(net: pandapipesNet) -> list[tuple[str, pd.DataFrame]]:
    names = (component.table_name() for component in net.component_list)
    return [(name, net[name]) for name in names if name in net and len(net[name])]


def _solved(flow: HeatFlow, draws_kw: Sequence[tuple[float, ...]]) -> dict[tuple[float, ...], HeatFlowResult]:
    together = flow.tried(np.concatenate([np.asarray(draw, dtype=np.float64) for draw in draws_kw]))
    if together is None:
        return {}
    lost = {_apart(name)[0] for name in together.undeliverable}
    tables = {name: _by_copy(getattr(together, name), len(draws_kw)) for name in HEAT_TABLES}
    return {
        draw: _one(together.iterations, {name: tables[name][copy] for name in HEAT_TABLES})
        for copy, draw in enumerate(draws_kw)
        if copy not in lost
    }


def _copies(
    network: HeatNetwork, connections: Sequence[HeatConnection], count: int
) -> tuple[HeatNetwork, list[HeatConnection]]:
    net, step = deepcopy(network.net), int(network.net.junction.index.max()) + 1
    for table in COPIED:
        if table in net:
            net[table] = _table_copies(network.net, table, step, count)
    pairs = [(k, k * step) for k in range(count)]
    plants = tuple(
        replace(plant, name=f"{k}{MARK}{plant.name}", supply=plant.supply + more, return_=plant.return_ + more)
        for k, more in pairs
        for plant in network.plants
    )
    bypasses = tuple((supply + more, return_ + more) for _, more in pairs for supply, return_ in network.bypasses)
    places = [
        HeatConnection(prosumer=f"{k}{MARK}{at.prosumer}", supply=at.supply + more, return_=at.return_ + more)
        for k, more in pairs
        for at in connections
    ]
    return replace(network, net=net, plants=plants, bypasses=bypasses), places


def _table_copies(net: pandapipesNet, table: str, step: int, count: int) -> pd.DataFrame:
    """The table once per copy; whatever refers to a junction, or to a pipe, moves on with it."""
    rows = net[table]
    number = np.repeat(np.arange(count), len(rows))
    copies: pd.DataFrame = pd.concat([rows] * count)
    own_step, pipe_step = (int(net[name].index.max()) + 1 if len(net[name]) else 1 for name in (table, "pipe"))
    copies.index = pd.Index(copies.index.to_numpy() + number * own_step)
    copies["name"] = [f"{k}{MARK}{name}" for k, name in zip(number, copies["name"], strict=True)]
    for column in copies.columns:
        if column == "junction" or column.endswith("_junction"):
            copies[column] = copies[column].to_numpy() + number * step
    if table == "valve":
        at_pipe = (copies["et"] == "pi").to_numpy()
        copies["element"] = copies["element"].to_numpy() + number * np.where(at_pipe, pipe_step, step)
    return copies


def _apart(name: str) -> tuple[int, str]:
    """The copy, and the name in it."""
    copy, _, own = name.partition(MARK)
    return int(copy), own


def _by_copy(table: Table, count: int) -> list[Table]:
    """The rows of each copy under their own names, in their order; names stand in the first column."""
    copies: list[Table] = [{column: [] for column in table} for _ in range(count)]
    for values in zip(*table.values(), strict=True):
        copy, own = _apart(values[0])
        for column, value in zip(table, (own, *values[1:]), strict=True):
            copies[copy][column].append(value)
    return copies


def _one(iterations: int, tables: Mapping[str, Table]) -> HeatFlowResult:
    moves = any(mdot != 0.0 for mdot in tables["heat_exchanges"]["mdot_kg_per_s"])
    return HeatFlowResult(
        status=Status.OK if moves else Status.IDLE,
        iterations=iterations,
        slack_kw=sum(tables["plants"]["heat_kw"]),
        loss_kw=sum(tables["pipes"]["loss_kw"]),
        pump_kw=sum(tables["plants"]["pump_kw"]),
        heat_exchanges=tables["heat_exchanges"],
        plants=tables["plants"],
        junctions=tables["junctions"],
        pipes=tables["pipes"],
    )
