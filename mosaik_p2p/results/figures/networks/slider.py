"""A slider over a map's intervals: what the page needs to draw any of them, as compact as numbers can be.

The page gets each number as two bytes: of an edge its use, with the direction of flow as its sign, of a node its value;
shades of edges a byte each. Where this is too much, the intervals are kept in which most is amiss.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from mosaik_p2p.results.figures.networks.sheet import ARROW_PX, MOST_ARROWS, fitting_names, node_px
from mosaik_p2p.results.figures.networks.states import States
from mosaik_p2p.results.figures.style import BLACK, LIMIT_COLOUR, Clock
from mosaik_p2p.units import FloatArray

MOST_BYTES = 1_400_000
"""Of one map's intervals, before they are written as text."""
NOTHING = -32768
"""What stands for no value."""
STEPS = 32000
"""Into so many parts the range of values is divided, at each side of zero."""


def slider_of(states: States, clock: Clock, opened: int, shades: np.ndarray) -> dict[str, Any] | None:
    """What the page draws from, opened at one of the intervals; None where there is one only."""
    kept = _kept(states, opened)
    if len(kept) < 2:
        return None
    some, net = states.of(kept), states.net
    names = fitting_names(
        net, states.nodes, [node for k, node in enumerate(states.nodes) if states.is_broken[opened, k]]
    )
    return {
        "opened": kept.index(opened),
        "told": [clock.told(time) for time in some.times],
        "left_out": len(states.times) - len(kept),
        "edges": [[name, *_rounded(net.at(a)), *_rounded(net.at(b))] for _, name, a, b in states.edges],
        "nodes": [
            [node, ", ".join(net.prosumers.get(node, ())), names.get(node, ""), *_rounded(net.at(node))]
            for node in states.nodes
        ],
        "sizes": [node_px(net, node, len(states.nodes)) for node in states.nodes],
        "words": [states.words.edge, states.words.edge_unit, states.words.node, states.words.node_unit],
        "arrow": ARROW_PX,
        "most_arrows": MOST_ARROWS,
        "ring": LIMIT_COLOUR,
        "ink": BLACK,
        "digits": states.words.node_digits,
        "shades": _text(shades[kept]),
        "use": _words(np.where(some.flow < 0.0, -some.use, some.use)),
        "still": _text((some.flow == 0.0).astype(np.uint8)),
        "values": _words(some.values),
        "broken": _text(some.is_broken.astype(np.uint8)),
    }


def _kept(states: States, opened: int) -> list[int]:
    """The intervals that there is room for: the worst ones of them, in their order."""
    count = len(states.times)
    room = max(MOST_BYTES // (4 * len(states.edges) + 3 * len(states.nodes)), 2)
    if count <= room:
        return list(range(count))
    amiss = states.is_broken.sum(axis=1) + (states.share > 1.0).sum(axis=1)
    largest = np.nan_to_num(states.share, nan=0.0).max(axis=1, initial=0.0)
    ranked: Sequence[int] = np.lexsort((np.arange(count), -largest, -amiss))[:room].tolist()
    return sorted({opened, *ranked})


def _rounded(place: tuple[float, float]) -> list[float]:
    return [round(float(number), 7) for number in place]


def _words(numbers: FloatArray) -> dict[str, Any]:
    """Numbers as two bytes each: `zero` + `step` times what is written."""
    known = numbers[~np.isnan(numbers)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if low < 0.0 or not len(known):
        # Signs are directions: nothing may move them.
        zero, step = 0.0, max(abs(low), abs(high)) / STEPS or 1.0
    else:
        zero, step = low, (high - low) / STEPS or 1.0
    written = np.where(np.isnan(numbers), NOTHING, np.round((np.nan_to_num(numbers) - zero) / step))
    return {"zero": zero, "step": step, "words": _text(written.astype("<i2"))}


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")
