"""Shares of constant impedance and current that a file leaves unset: pandapower finds no solution with them.

Networks of older versions, SimBench's among them, come without these columns; the library then adds them empty. What
nobody has set is none of both: constant power, as the older version took it.
"""

from copy import copy
from dataclasses import dataclass

from pandapower import pandapowerNet

_STEM = "const_"


@dataclass(frozen=True, eq=False)
class Set:
    """The net with all of them set, and how many loads had unset ones."""

    net: pandapowerNet
    loads: int


def with_shares_set(net: pandapowerNet) -> Set:
    """A copy of the net (the other tables are the same) whose loads have no share unset."""
    loads = net["load"]
    columns = [name for name in loads.columns if name.startswith(_STEM)]
    unset = loads[columns].isna().all(axis=1)
    if not unset.any():
        return Set(net, 0)
    mended = copy(net)
    mended["load"] = loads.assign(**{name: loads[name].where(~unset, 0.0) for name in columns})
    return Set(mended, int(unset.sum()))
