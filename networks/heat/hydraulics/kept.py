"""The set-up of a pipe flow, kept from one to the next.

Before it solves anything, pandapipes writes the whole net into arrays anew, a third of a pipe flow's time, although
only mass flows and states of pumps and flow controls differ from one hour to the next. Here the arrays are kept, and
those are written into them: the solver starts from the same numbers, bit for bit. That this is so is seen to by
`Guard`: full pipe flows beside those with a kept set-up, now and then.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet
from pandapipes.pf.calculation import execute_heat, execute_hydraulics
from pandapipes.pf.result_extraction import extract_all_results

from mosaik_p2p.networks.heat.hydraulics.beginning import Beginning, Temperatures, begin_with
from mosaik_p2p.networks.heat.hydraulics.internals import (
    BRANCHES,
    ROWS_OF_BRANCHES,
    Internals,
    SetUp,
    UnknownInside,
    array_of,
    internals,
    put,
    rows_of,
    set_up_of,
)
from mosaik_p2p.units import FloatArray

CONTROLLED_EVERY = 24
"""Of the pipe flows with a kept set-up so many are followed by a full one."""
SAME = 1e-6
"""Relative or absolute difference between the two, in the library's units, that is let pass."""
MOST_KEPT = 16
"""Set-ups of one net, one for each choice of pumps that hold a pressure."""
PUMPS, CONTROLS, HOLDING = "circ_pump_mass", "flow_control", "circ_pump_pressure"
WRITTEN = {(PUMPS, "mdot_flow_kg_per_s"), (PUMPS, "in_service"), (CONTROLS, "in_service"), (HOLDING, "in_service")}
"""Columns that may differ between pipe flows with the same set-up: they are written into it, or choose it."""
HOLDS_PRESSURE = ("p", "pt")


@dataclass(eq=False)
class Guard:
    """Whether set-ups are kept; of one network in one run, also where its elements are made anew meanwhile."""

    off: bool = False
    uses: int = 0
    seen: set[Hashable] = field(default_factory=set)
    """Set-ups that have been controlled."""

    def is_due(self, choice: Hashable) -> bool:
        """Whether this use of a kept set-up is to be controlled: its first, and every `CONTROLLED_EVERY`-th of all."""
        self.uses += 1
        first = choice not in self.seen
        self.seen.add(choice)
        return first or self.uses % CONTROLLED_EVERY == 0

    def turn_off(self, why: str) -> None:
        """For the rest of the run; says so once."""
        self.off = True
        warn_once(f"heat network: every pipe flow is set up anew from here on: {why}")


@cache
def warn_once(message: str) -> None:
    """Once per process."""
    from loguru import logger

    logger.warning(message)


class PipeFlows:
    """Pipe flows of one net. Its tables may be written to between them; whatever is changed is seen."""

    def __init__(self, net: pandapipesNet, guard: Guard) -> None:
        self._net, self._guard = net, guard
        self._stamp: Hashable = None
        self._holding: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        """(pumps of given flow,) those of a file that hold a pressure as well."""
        self._kept: dict[Hashable, SetUp] = {}
        self.pressures_fit = False
        """Whether pressures and flows belong to the temperatures of the last pipe flow: it began with those that it
        found."""
        self._inside: Internals | None = None
        try:
            self._inside = internals()
        except UnknownInside as error:
            self._guard.turn_off(str(error))

    def solve(self, options: dict[str, Any], beginning: Beginning | None) -> None:
        """Raises PipeflowNotConverged, and UserWarning, as pandapipes does."""
        self.pressures_fit = False
        if self._inside is None:
            pp.pipeflow(self._net, **options)
        elif self._guard.off:
            self._from_scratch(self._inside, options, beginning)
        else:
            self._with_kept(self._inside, options, beginning)

    def _with_kept(self, inside: Internals, options: dict[str, Any], beginning: Beginning | None) -> None:
        self._drop_if_changed(options)
        choice = self._choice()
        if choice not in self._kept:
            self._from_scratch(inside, options, beginning, choice)
            return
        due = self._guard.is_due(choice)
        try:
            self._again(inside, self._kept[choice], beginning)
        except Exception as error:  # noqa: BLE001 (whatever it is, the full pipe flow has the last word)
            self._kept.clear()
            self._from_scratch(inside, options, beginning)
            self._guard.turn_off(f"a kept set-up led to no solution where there is one ({error})")
            return
        if due:
            kept = _results(self._net)
            self._from_scratch(inside, options, beginning)
            if not _same(kept, _results(self._net)):
                self._kept.clear()
                self._guard.turn_off(
                    f"a kept set-up led elsewhere; up to {CONTROLLED_EVERY} results before may be wrong"
                )

    def _from_scratch(
        self, inside: Internals, options: dict[str, Any], beginning: Beginning | None, choice: Hashable = None
    ) -> None:
        """As `pandapipes.pipeflow`; keeps the set-up under `choice`, if there is one."""
        try:
            inside.set_up(self._net, **options)
            if choice is not None:
                self._keep(choice)
                # The library itself fills up a column with it: the ground's temperature of pipes that have none.
                self._stamp = _stamp(self._net, options)
            self.pressures_fit = _solve(self._net, inside, beginning)
        except Exception:
            self._kept.clear()
            raise

    def _keep(self, choice: Hashable) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        try:
            self._kept[choice] = set_up_of(self._net)
        except UnknownInside as error:
            self._guard.turn_off(str(error))

    def _again(self, inside: Internals, kept: SetUp, beginning: Beginning | None) -> None:
        net = self._net
        put(kept, net)
        branches = array_of(net, BRANCHES)
        for table in (PUMPS, CONTROLS):
            if table in net:
                branches[rows_of(net, ROWS_OF_BRANCHES, table), inside.active] = net[table]["in_service"].to_numpy()
        if PUMPS in net:
            pumps = net[PUMPS]["mdot_flow_kg_per_s"].to_numpy()
            branches[rows_of(net, ROWS_OF_BRANCHES, PUMPS), inside.mdot] = pumps
        with _those_with_rows(net):
            self.pressures_fit = _solve(net, inside, beginning)

    def _drop_if_changed(self, options: dict[str, Any]) -> None:
        """Forgets everything if the net or the options are not what they were."""
        stamp = _stamp(self._net, options)
        if stamp != self._stamp:
            if self._kept:
                self._guard.seen.clear()
            self._kept.clear()
            self._stamp = stamp
            types = self._net[PUMPS]["type"] if PUMPS in self._net else pd.Series(dtype=object)
            self._holding = types.isin(HOLDS_PRESSURE).to_numpy()

    def _choice(self) -> Hashable:
        """Which pumps hold a pressure: their states choose the set-up."""
        return tuple(
            self._net[table]["in_service"].to_numpy()[rows].tobytes()
            for table, rows in ((HOLDING, slice(None)), (PUMPS, self._holding))
            if table in self._net
        )


def _solve(net: pandapipesNet, inside: Internals, beginning: Beginning | None) -> bool:
    """Whether pressures and flows belong to the temperatures found."""
    if beginning is not None:
        begin_with(net, inside, beginning)
    at = Temperatures.of(net, inside)
    execute_hydraulics(net)
    execute_heat(net)
    extract_all_results(net)
    return at.still_hold(net, inside)


@contextmanager
def _those_with_rows(net: pandapipesNet) -> Iterator[None]:
    """While it lasts, the library asks no kind of element of which there is none for its equations and results."""
    every = net["component_list"]
    net["component_list"] = [component for component in every if len(net[component.table_name()])]
    try:
        yield
    finally:
        net["component_list"] = every


def _stamp(net: pandapipesNet, options: dict[str, Any]) -> Hashable:
    """All that a set-up depends on and that is not written into it: equal stamps, equal set-ups."""
    tables = tuple(component.table_name() for component in net["component_list"])
    filled = [table for table in tables if len(net[table])]
    columns = ((net[table], column) for table in filled for column in net[table] if (table, column) not in WRITTEN)
    contents = tuple((column, _content(table[column])) for table, column in columns)
    labels = tuple((table, _content(net[table].index)) for table in filled)
    stored = tuple(net["user_pf_options"].items())
    return tables, labels, contents, stored, tuple(options.items()), net["fluid"]


def _content(column: "pd.Series[Any] | pd.Index[Any]") -> Hashable:
    values = column.to_numpy()
    return tuple(values.tolist()) if values.dtype == object else values.tobytes()


def _results(net: pandapipesNet) -> list[FloatArray]:
    names = (f"res_{component.table_name()}" for component in net["component_list"])
    return [net[name].to_numpy(dtype=np.float64, copy=True) for name in names if name in net]


def _same(first: list[FloatArray], second: list[FloatArray]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(
        ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=SAME, atol=SAME, equal_nan=True)
        for ours, theirs in pairs
    )
