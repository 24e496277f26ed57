"""Generators that hold a voltage no further than their reactive power reaches.

pandapower's own way (`enforce_q_lims`) limits for good whatever is beyond a limit in some iterate, also where the first
run, in which all hold their voltages, has no solution; generators then end at the wrong limit. Here a solution is one
in which each generator holds its voltage within its limits, or is at the largest reactive power below that voltage, or
at the least above it.
"""

from collections.abc import Iterable
from math import inf, isfinite, isnan

import numpy as np
import pandapower
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.options import stored_options
from mosaik_p2p.networks.files.numbers import numbers

SAME_MVAR = 1e-7
SAME_PU = 1e-7
LEAST, MOST = "min_q_mvar", "max_q_mvar"


class ReactiveLimits:
    """Which generators of a net are at a limit. Such a one is out of service, and a static generator in its place."""

    def __init__(self, net: pandapowerNet) -> None:
        """`net` has all its other static generators."""
        self._net = net
        honoured = stored_options(net).get("enforce_q_lims", True)
        generators = net.gen[net.gen["in_service"].astype(bool)] if honoured else net.gen.iloc[:0]
        least, most = (_bound(generators, side) for side in (LEAST, MOST))
        bounds = zip(map(int, generators.index), least, most, strict=True)
        self._bounds = {
            index: {LEAST: low, MOST: high} for index, low, high in bounds if isfinite(low) or isfinite(high)
        }
        self._stand_in = {
            index: pandapower.create_sgen(
                net, net.gen["bus"].at[index], 0.0, in_service=False, name=f"generator {index}"
            )
            for index in self._bounds
        }
        self._at: dict[int, str] = {}
        """By generator that is at a limit, which one."""
        self._seen: set[frozenset[tuple[int, str]]] = set()

    @property
    def are_there(self) -> bool:
        """Whether any generator has limits."""
        return bool(self._bounds)

    def begin(self) -> None:
        """A new search, from what was found last."""
        self._seen = {frozenset(self._at.items())}

    def give_way(self) -> bool:
        """Take all generators for being at their largest power, where not all voltages can be held; False where that
        has been tried."""
        return self._take({index: MOST if isfinite(self._bounds[index][MOST]) else LEAST for index in self._bounds})

    def fit(self) -> bool:
        """Whether the solution in the net is one; else the nearest next state is taken. LookupError where none is
        left that was not tried."""
        beyond = {index: side for index in self._holding() if (side := self._exceeded(index)) is not None}
        if beyond:
            following = {**self._at, **beyond}
        else:
            pulls = {index: self._pull_pu(index) for index in self._at}
            worst = max(pulls, key=lambda index: pulls[index], default=None)
            if worst is None or pulls[worst] <= SAME_PU:
                self._show()
                return True
            following = {index: side for index, side in self._at.items() if index != worst}
        if not self._take(following):
            raise LookupError("no state of the generators is a solution")
        return False

    def _holding(self) -> Iterable[int]:
        return [index for index in self._bounds if index not in self._at]

    def _exceeded(self, index: int) -> str | None:
        reactive = float(self._net.res_gen["q_mvar"].at[index])
        if reactive > self._bounds[index][MOST] + SAME_MVAR:
            return MOST
        return LEAST if reactive < self._bounds[index][LEAST] - SAME_MVAR else None

    def _pull_pu(self, index: int) -> float:
        """By how much the voltage is on the side on which the generator would do less."""
        generator = self._net.gen.loc[index]
        above = float(self._net.res_bus["vm_pu"].at[generator["bus"]] - generator["vm_pu"])
        return above if self._at[index] == MOST else -above

    def _take(self, state: dict[int, str]) -> bool:
        found = frozenset(state.items())
        if found in self._seen:
            return False
        self._seen.add(found)
        self._at = state
        net = self._net
        for index, place in self._stand_in.items():
            side = state.get(index)
            net.gen.loc[index, "in_service"] = side is None
            reactive = 0.0 if side is None else float(self._bounds[index][side])
            active = float(net.gen["p_mw"].at[index] * net.gen["scaling"].at[index])
            net.sgen.loc[place, ["p_mw", "q_mvar"]] = [active, reactive]
            net.sgen.loc[place, "in_service"] = side is not None
        return True

    def _show(self) -> None:
        """Results of generators at a limit, in the table of generators."""
        net = self._net
        for index in self._at:
            power, bus = net.res_sgen.loc[self._stand_in[index]], net.res_bus.loc[net.gen["bus"].at[index]]
            net.res_gen.loc[index, ["p_mw", "q_mvar"]] = power[["p_mw", "q_mvar"]].to_numpy()
            net.res_gen.loc[index, ["vm_pu", "va_degree"]] = bus[["vm_pu", "va_degree"]].to_numpy()


def _bound(generators: pd.DataFrame, side: str) -> list[float]:
    """The limits of one side, infinite where there is none."""
    open_end = -inf if side == LEAST else inf
    values = numbers(generators[side]) if side in generators else np.full(len(generators), np.nan)
    return [open_end if isnan(value) else float(value) for value in values]
