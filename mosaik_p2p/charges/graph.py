"""The graph along which path charges are measured."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class PathGraph:
    """Places and the connections between them, undirected, with a length per edge.

    Electric: `length` is |z| in ohm, referred to `base_kv` (all slack buses merged into one upstream node). Heat:
    `length` is the pipe length in km (supply side only), and nothing electric is known.
    """

    node_names: tuple[str, ...]
    from_node: IntArray
    """(edges,) index into `node_names`."""
    to_node: IntArray
    length: FloatArray
    node_of: dict[int, int]
    """Network element index (pandapower bus, pandapipes supply junction) to node of this graph."""
    r_ohm: FloatArray | None = None
    """(edges,) resistance, referred to `base_kv` as |z| is."""
    x_ohm: FloatArray | None = None
    """(edges,) reactance, likewise; negative where an edge is a capacitor."""
    is_transformer: BoolArray | None = None
    """(edges,) whether nothing but transformers joins the two places."""
    base_kv: float | None = None
    """The voltage that all ohms are referred to."""
    slack: int | None = None
    """The node of all slack buses."""

    def on_base(self, base_kv: float | None) -> "PathGraph":
        """The same graph with its ohms referred to another voltage; None: as they are. ValueError without ohms."""
        if base_kv is None or base_kv == self.base_kv:
            return self
        if self.base_kv is None or self.r_ohm is None or self.x_ohm is None:
            raise ValueError("a graph without impedances has no voltage that they are referred to")
        share = (base_kv / self.base_kv) ** 2
        length, r_ohm, x_ohm = self.length * share, self.r_ohm * share, self.x_ohm * share
        return replace(self, length=length, r_ohm=r_ohm, x_ohm=x_ohm, base_kv=base_kv)


def parts(graph: PathGraph, edges: BoolArray) -> IntArray:
    """(nodes,) number of the part that each node is in, where `edges` are all that join nodes."""
    count = len(graph.node_names)
    ends = (graph.from_node[edges], graph.to_node[edges])
    links = sp.csr_array((np.ones(len(ends[0])), ends), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def reached_from(graph: PathGraph, nodes: IntArray) -> BoolArray:
    """(nodes of the graph,) which a path joins with those given. ValueError where none joins these with each other."""
    part = parts(graph, np.ones(len(graph.length), dtype=np.bool_))
    lost = sorted({graph.node_names[node] for node in nodes[part[nodes] != part[nodes[:1]]].tolist()})
    if lost:
        raise ValueError(f"no path from {graph.node_names[int(nodes[0])]} to {', '.join(lost)}")
    return np.asarray(np.isin(part, part[nodes]), dtype=np.bool_)
