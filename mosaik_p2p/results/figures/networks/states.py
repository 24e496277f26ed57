"""What a network did in every interval, as numbers for a map: how much of its limit each edge carries and which way,
and the value at each node."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaik_p2p.limits.registry import by_key
from mosaik_p2p.results.figures.networks.net_map import NetMap, electric_map, heat_map
from mosaik_p2p.results.labels.quantities import kind_of
from mosaik_p2p.results.measures.worst_values import limit_of, measured
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.thinning import THINNED
from mosaik_p2p.units import ELECTRICITY, HEAT, BoolArray, FloatArray

DIRECTIONS = {
    "lines": ("element", "p_from_kw"),
    "transformers": ("element", "p_hv_kw"),
    "pipes": ("pipe", "mdot_kg_per_s"),
}
"""By table: the column with the element's name, and the one that is positive from its first end to its second."""
DRAWN_TABLES = {ELECTRICITY: ("lines", "transformers", "buses"), HEAT: ("pipes", "junctions")}
"""By network: the tables that its states come from."""


@dataclass(frozen=True)
class Words:
    """What the values of edges and nodes are, and how they are printed."""

    edge: str
    edge_unit: str
    node: str
    node_unit: str
    node_digits: int


WORDS = {
    True: Words("loading", "%", "voltage", "p.u.", 4),
    False: Words("velocity", "m/s", "temperature", "°C", 1),
}
"""Of electricity, and of heat."""


@dataclass(frozen=True)
class States:
    """The network in each interval; arrays have a row per interval, and a column per edge or node."""

    net: NetMap
    words: Words
    times: pd.DatetimeIndex
    edges: tuple[tuple[str, str, str, str], ...]
    """Table, element, node, node: of `net`, in the order of the columns."""
    nodes: tuple[str, ...]
    use: FloatArray
    """Of each edge, in the edge's unit; NaN where nothing was measured."""
    share: FloatArray
    """The same over the edge's own limit; NaN without one."""
    flow: FloatArray
    """1 from the first end to the second, -1 back, 0 at rest or where it is not known."""
    values: FloatArray
    """Of each node; NaN where nothing was measured."""
    is_broken: BoolArray
    """Whether a limit was violated at the node, or at a prosumer there."""

    def worst(self) -> int:
        """The interval in which most is amiss: nodes and edges beyond their limits, then the largest share of one."""
        beyond = self.is_broken.sum(axis=1) + (self.share > 1.0).sum(axis=1)
        shares = np.nan_to_num(self.share, nan=0.0)
        largest = shares.max(axis=1, initial=0.0)
        stress = np.nan_to_num(self.use, nan=0.0).max(axis=1, initial=0.0)
        # Where nothing is limited, what is used most has to do.
        rank = largest if largest.any() else stress / max(float(stress.max(initial=0.0)), 1e-12)
        return int(np.lexsort((-np.arange(len(beyond)), rank, beyond))[-1])

    def of(self, rows: Sequence[int]) -> "States":
        """Some of the intervals."""
        kept = list(rows)
        arrays = {name: getattr(self, name)[kept] for name in ("use", "share", "flow", "values", "is_broken")}
        return States(self.net, self.words, self.times[kept], self.edges, self.nodes, **arrays)


def network_states(results: Results, network: str) -> States | None:
    """None where the folder has no file of the network, or no interval was solved and stored."""
    net = electric_map(results.folder) if network == ELECTRICITY else heat_map(results.folder)
    solved = results.of_binding_round("flows").query("network == @network")["time"]
    times = pd.DatetimeIndex(solved[~solved.isin(_left_out(results, network))]).unique()
    if net is None or not len(times):
        return None
    edges, nodes = net.edges, tuple(sorted(net.y, key=lambda node: (net.x_km[node], node)))
    keys = ("line_loading", "transformer_loading") if network == ELECTRICITY else ("velocity",)
    use, share = _uses(results, keys, edges, times)
    values = _values(results, network).reindex(index=times, columns=list(nodes)).to_numpy(dtype=float)
    return States(
        net=net,
        words=WORDS[network == ELECTRICITY],
        times=times,
        edges=edges,
        nodes=nodes,
        use=use,
        share=share,
        flow=_flow(results, edges, times),
        values=values,
        is_broken=_broken(results, network, net, nodes, times),
    )


def _left_out(results: Results, network: str) -> pd.Series:
    """The intervals of which not all states are stored."""
    rows = results[THINNED]
    times: pd.Series = rows.loc[rows["table"].isin(DRAWN_TABLES[network]) & ~rows["stored"].astype(bool), "time"]
    return times


def _uses(
    results: Results, keys: Sequence[str], edges: Sequence[tuple[str, str, str, str]], times: pd.DatetimeIndex
) -> tuple[FloatArray, FloatArray]:
    use = np.full((len(times), len(edges)), np.nan)
    share = use.copy()
    for of in (by_key()[key] for key in keys):
        rows = measured(results, of).assign(element=lambda frame: frame["element"].astype(str))
        table = rows.pivot(index="time", columns="element", values="value").reindex(times)
        for k, (where, name, _, _) in enumerate(edges):
            if where != of.table or name not in table.columns:
                continue
            limit = limit_of(results.facts, of, name)
            use[:, k] = table[name].to_numpy(dtype=float)
            share[:, k] = use[:, k] / limit if limit else np.nan
    return use, share


def _flow(results: Results, edges: Sequence[tuple[str, str, str, str]], times: pd.DatetimeIndex) -> FloatArray:
    flow = np.zeros((len(times), len(edges)))
    for where in {table for table, *_ in edges} & set(DIRECTIONS):
        element, column = DIRECTIONS[where]
        table = results[where].pivot(index="time", columns=element, values=column).reindex(times)
        for k, (own, name, _, _) in enumerate(edges):
            if own == where and name in table.columns:
                flow[:, k] = np.sign(np.nan_to_num(table[name].to_numpy(dtype=float)))
    return flow


def _values(results: Results, network: str) -> pd.DataFrame:
    """Time by node: the voltage, or the temperature of flowing water on the supply side."""
    if network == ELECTRICITY:
        return results["buses"].pivot(index="time", columns="bus", values="vm_pu")
    rows = results["junctions"]
    rows = rows[(rows["side"] == "supply") & rows["flowing"].astype(bool)]
    return rows.pivot(index="time", columns="junction", values="t_c")


def _broken(results: Results, network: str, net: NetMap, nodes: Sequence[str], times: pd.DatetimeIndex) -> BoolArray:
    at = {node: k for k, node in enumerate(nodes)}
    of_prosumer = {name: node for node, names in net.prosumers.items() for name in names}
    found = np.zeros((len(times), len(nodes)), dtype=bool)
    rows = results.of_binding_round("violations")
    rows = rows[(rows["network"] == network) & rows["time"].isin(times)]
    for time, element, quantity in zip(rows["time"], rows["element"], rows["quantity"], strict=True):
        kind = kind_of(str(quantity))
        node = of_prosumer.get(str(element)) if kind == "prosumer" else str(element)
        if kind in ("bus", "junction", "prosumer") and node in at:
            found[times.get_loc(time), at[node]] = True
    return found
