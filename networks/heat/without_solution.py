"""Why a heat flow has no solution, or somebody no heat, as far as it can be told: what is determined is said, and
nothing else."""

from collections.abc import Callable, Sequence

import numpy as np

from mosaik_p2p.errors import NOT_DETERMINED
from mosaik_p2p.networks.carried_share import carried_share, shown_share
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.units import FloatArray

COMPLAINTS = {
    "Colebrook": "the friction of the pipes is not found",
    "hydraulic": "flows and pressures are not found",
    "heat transfer": "temperatures are not found",
    "do not settle": "flows and temperatures do not settle",
    "circulation pump": "a plant's pump would run backwards",
    "singular": "flows, pressures or temperatures are left open",
    "supplied": "nothing feeds the network",
}
"""Part of what the library says, to what it means."""


def meaning(error: Exception) -> str:
    """What the library's complaint means."""
    return next((told for part, told in COMPLAINTS.items() if part in str(error)), NOT_DETERMINED)


def cause_without_heat_flow(
    complaint: str, names: Sequence[str], draw_kw: FloatArray, solved_at: Callable[[float], bool]
) -> str:
    """A phrase; its part before the first colon is the kind of cause.

    `complaint` is that of the last pipe flow; `draw_kw` (prosumers,) heat that was cleared, + draws; `solved_at` says
    whether a share of it has a solution.
    """
    if not np.isfinite(draw_kw).all():
        return f"heat is no number: {some([names[row] for row in np.flatnonzero(~np.isfinite(draw_kw)).tolist()])}"
    share = carried_share(solved_at)
    if share is None:
        return f"{complaint}: nor is there a solution with all prosumers at rest"
    return f"{complaint}: a solution {shown_share(share)} the heat; {_largest(names, draw_kw)}"


def cause_not_delivered(lost: Sequence[tuple[str, float, float]]) -> str | None:
    """The same where some are without flow: name, and temperatures in degC at which their water would come and leave;
    None where nobody is."""
    told = [f"{name} (water comes at {t_in:.1f} °C, to leave at {t_out:.1f} °C)" for name, t_in, t_out in lost]
    return f"heat cannot be exchanged: {some(told)}" if told else None


def _largest(names: Sequence[str], draw_kw: FloatArray) -> str:
    """Like `largest draw 812 kW of B`."""
    row = int(np.argmax(np.abs(draw_kw)))
    return f"largest {'feed-in' if draw_kw[row] < 0.0 else 'draw'} {abs(draw_kw[row]):,.0f} kW of {names[row]}"
