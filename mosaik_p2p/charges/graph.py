"""The graph along which path charges are measured."""

from dataclasses import dataclass

from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class PathGraph:
    """Places and the connections between them, undirected, with a length per edge.

    Electric: `length` is |z| in ohm (transformers referred to the low-voltage side, all slack buses merged into one
    upstream node). Heat: `length` is the pipe length in km (supply side only).
    """

    node_names: tuple[str, ...]
    from_node: IntArray
    """(edges,) index into `node_names`."""
    to_node: IntArray
    length: FloatArray
    node_of: dict[int, int]
    """Network element index (pandapower bus, pandapipes supply junction) to node of this graph."""
