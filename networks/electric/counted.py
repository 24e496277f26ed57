"""The powers of a net's own elements, interval by interval: what draws counts with the background, what is generated
with a factor of its own, what a prosumer stands for not at all.

Every power is given to pandapower as a constant one, also that of loads and wards which depend on the voltage: it is
found with the voltage, from outside. pandapower's own way lets all powers at a bus depend on it (those of prosumers
too), and takes the mean of the loads' shares whatever they draw.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.options import loads_follow_voltage
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

Element: TypeAlias = tuple[str, int]
"""Table and index of an element of a net."""

AtBuses: TypeAlias = tuple[IntArray, ComplexArray]
"""Buses, which may repeat, and a complex power at each."""

_POWER = ("p_mw", "q_mvar")
_PHASES = tuple(f"{power}_{phase}_{unit}" for power, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc")
_WARD = ("ps_mw", "qs_mvar")
_WARD_IMPEDANCE = ("pz_mw", "qz_mvar")

DRAWING: Mapping[str, tuple[str, ...]] = {
    "load": _POWER,
    "asymmetric_load": _PHASES,
    "motor": ("scaling",),
    "ward": _WARD,
    "xward": _WARD,
    "storage": _POWER,
}
"""Tables of what draws, to the columns that the background multiplies."""
FEEDING: Mapping[str, tuple[str, ...]] = {"sgen": _POWER, "asymmetric_sgen": _PHASES}
"""Tables of what feeds in with a fixed power, to the columns that the factor of generation multiplies."""
COUNTED: Mapping[str, tuple[str, ...]] = {**DRAWING, **FEEDING}


@dataclass(frozen=True)
class Factors:
    """What multiplies the powers of the net's own elements in an interval."""

    background: float = 1.0
    """On all that draws; at 0 an xward is away with its source."""
    generation: float = 1.0
    replaced: frozenset[Element] = frozenset()
    """Elements for which prosumers stand: they have no power."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a power flow is asked for in an interval."""

    injections: Mapping[int, tuple[float, float]]
    """By bus: kW and kvar that prosumers there inject together."""
    factors: Factors


@dataclass(eq=False)
class _Table:
    """The powers of one table at a factor of 1: `constant` (rows, columns), and what goes with the voltage and with its
    square, None where nothing does."""

    name: str
    index: IntArray
    buses: IntArray
    constant: FloatArray
    held: BoolArray
    linear: FloatArray | None = None
    square: FloatArray | None = None
    written: FloatArray | None = None
    kept: FloatArray | None = None
    """(rows, columns) powers that count whatever the factors, NaN where they do not."""

    def factor(self, factors: Factors) -> FloatArray:
        """(rows, 1) multiplier of each element."""
        of_kind = factors.background if self.name in DRAWING else factors.generation
        away = [index for table, index in factors.replaced if table == self.name]
        return np.where(np.isin(self.index, away), 0.0, np.where(self.held, 1.0, of_kind))[:, None]

    def values(self, factors: Factors, voltage: FloatArray) -> FloatArray:
        """(rows, columns) powers at the voltages (rows, 1) of their buses."""
        power = self.constant
        if self.linear is not None and self.square is not None:
            power = self.constant + self.linear * voltage + self.square * voltage**2
        values = np.asarray(self.factor(factors) * power, dtype=np.float64)
        return values if self.kept is None else np.where(np.isnan(self.kept), values, self.kept)

    def slope(self, factors: Factors, voltage: FloatArray) -> FloatArray:
        """(rows, columns) by how much more is drawn with the voltage, per p.u."""
        if self.linear is None or self.square is None:
            return np.zeros_like(self.constant)
        return np.asarray(self.factor(factors) * (self.linear + 2.0 * self.square * voltage), dtype=np.float64)


class CountedPowers:
    """The powers of a net's own elements. The net's tables are to keep their rows, in their order."""

    def __init__(self, net: pandapowerNet, held: Collection[Element] = ()) -> None:
        """`held` are elements that count as they stand in every interval. What depends on the voltage is taken out of
        the net's tables: its columns of shares become zero."""
        self._net = net
        self._tables = {name: _table(net, name, held) for name in COUNTED if len(net[name]) or name == "sgen"}
        self.follows_voltage = any(table.linear is not None for table in self._tables.values())
        self._xward_in_service = net.xward["in_service"].to_numpy(dtype=bool, copy=True)
        for column in [name for name in net.load.columns if name.startswith("const_")]:
            net.load[column] = 0.0
        for ward in ("ward", "xward"):
            net[ward][list(_WARD_IMPEDANCE)] = 0.0

    @property
    def names(self) -> list[str]:
        """Tables whose powers are put into the net."""
        return list(self._tables)

    def write(self, factors: Factors, more: FloatArray, voltage: "pd.Series[Any] | float" = 1.0) -> float:
        """Put the powers of an interval into the net, `more` (rows, 2) after the static generators of its own, at the
        voltages by bus, and return by how much any of them has changed, in MW or Mvar."""
        change = 0.0
        for name, table in self._tables.items():
            self._take_over(table)
            # Which voltages there are is looked up only where something follows them.
            values = table.values(factors, _at(1.0 if table.linear is None else voltage, table.buses))
            if name == "sgen":
                values = np.vstack([values, more])
            if table.written is None or values.shape != table.written.shape:
                change = np.inf
            elif values.size:
                change = max(change, float(np.abs(values - table.written).max()))
            self._put(name, values)
            table.written = values
        if len(self._xward_in_service):
            # An xward that counts for nothing holds no voltage either.
            counts = self._tables["xward"].factor(factors)[:, 0] != 0.0
            self._net.xward["in_service"] = self._xward_in_service & counts
        return change

    def keep(self, generators: Sequence[int]) -> None:
        """From now on these static generators (indices) have the powers that stand in the net."""
        table = self._tables["sgen"]
        found = self._net.sgen[list(_POWER)].to_numpy(dtype=float)[: len(table.index)]
        table.kept = np.where(np.isin(table.index, generators)[:, None], found, np.nan)

    def release(self) -> None:
        """Powers that were kept are again those of the network, by their factors."""
        self._tables["sgen"].kept = None

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While it lasts, nothing that was written has any power."""
        written = {name: table.written for name, table in self._tables.items() if table.written is not None}
        for name, values in written.items():
            self._put(name, np.zeros_like(values))
        try:
            yield
        finally:
            for name, values in written.items():
                self._put(name, values)

    def _put(self, name: str, values: FloatArray) -> None:
        # Whole columns at once: pandas takes long to find single places. What is behind our rows, the owner has added.
        elements, count = self._net[name], len(values)
        for column, numbers in zip(COUNTED[name], values.T, strict=True):
            there = elements[column].to_numpy()
            if there.dtype == np.float64 and there.flags.writeable:
                there[:count] = numbers
                continue
            behind = there.astype(float)[count:]
            elements[column] = np.concatenate([numbers, behind]) if len(behind) else numbers

    def _take_over(self, table: _Table) -> None:
        """Whoever holds the net may have set the power of a storage: from then on it counts as it was set."""
        if table.name != "storage" or table.written is None:
            return
        found = self._net.storage[list(_POWER)].to_numpy(dtype=float)[: len(table.written)]
        changed = (found != table.written).any(axis=1)
        table.constant[changed] = found[changed]
        table.held |= changed

    def slope(self, factors: Factors, voltage: "pd.Series[Any]") -> AtBuses:
        """By how much more is drawn with the magnitude of the voltage, in MVA per p.u."""
        return self._by_bus(lambda table: table.slope(factors, _at(voltage, table.buses)))

    def missing(self, factors: Factors, voltage: "pd.Series[Any]") -> AtBuses:
        """How much more would be drawn at these voltages than was written last, in MVA."""

        def missing_of(table: _Table) -> FloatArray:
            values = table.values(factors, _at(voltage, table.buses))
            return values if table.written is None else values - table.written

        return self._by_bus(missing_of)

    def _by_bus(self, powers: Callable[[_Table], FloatArray]) -> AtBuses:
        following = [table for table in self._tables.values() if table.linear is not None]
        found = [powers(table) for table in following]
        buses = [np.empty(0, dtype=np.int64), *(table.buses for table in following)]
        return np.concatenate(buses), np.concatenate([np.empty(0), *(rows[:, 0] + 1j * rows[:, 1] for rows in found)])


def entering_mva(net: pandapowerNet, table: str) -> ComplexArray:
    """(rows,) what each element of the table feeds in, active and reactive, as pandapower reckons it."""
    elements = net[table]
    # Column by column: pandas takes long to find several at once.
    power = np.column_stack([elements[column].to_numpy(dtype=float) for column in COUNTED[table]])
    if table == "motor":
        # The scaling is what changes of a motor; at 1 it draws its mechanical power by its efficiency.
        active = (elements["pn_mech_mw"] / elements["efficiency_percent"] * elements["loading_percent"]).to_numpy(float)
        factor = elements["cos_phi"].to_numpy(dtype=float)
        complex_power = power[:, 0] * active * (1.0 + 1j * np.sqrt(1.0 / factor**2 - 1.0))
    else:
        halves = np.hsplit(power, 2)
        complex_power = halves[0].sum(axis=1) + 1j * halves[1].sum(axis=1)
        if "scaling" in elements:
            complex_power = complex_power * elements["scaling"].to_numpy(dtype=float)
    sign = np.where(elements["in_service"].to_numpy(dtype=bool), 1.0 if table in FEEDING else -1.0, 0.0)
    return np.asarray(sign * complex_power, dtype=np.complex128)


def power_mw(net: pandapowerNet, table: str) -> "pd.Series[float]":
    """By index, the active power of each element in service at a factor of 1 and nominal voltage, whatever its sign."""
    elements = net[table]
    if elements.empty:
        return pd.Series(0.0, index=elements.index)
    active = np.abs(entering_mva(net, table).real)
    if table in ("ward", "xward"):
        active = active + np.abs(elements["pz_mw"].to_numpy(dtype=float)) * elements["in_service"].to_numpy(dtype=bool)
    return pd.Series(active, index=elements.index)


def _table(net: pandapowerNet, name: str, held: Collection[Element]) -> _Table:
    elements = net[name]
    constant = elements[list(COUNTED[name])].to_numpy(dtype=float, copy=True)
    linear, square = np.zeros_like(constant), np.zeros_like(constant)
    if name == "load" and loads_follow_voltage(net):
        linear, square = (constant * _shares(elements, kind) for kind in ("i", "z"))
        constant = constant - linear - square
    elif name in ("ward", "xward"):
        square = elements[list(_WARD_IMPEDANCE)].to_numpy(dtype=float, copy=True)
    follows = bool(linear.any() or square.any())
    return _Table(
        name=name,
        index=elements.index.to_numpy(dtype=np.int64),
        buses=elements["bus"].to_numpy(dtype=np.int64),
        constant=constant,
        held=np.array([(name, int(index)) in held for index in elements.index], dtype=np.bool_),
        linear=linear if follows else None,
        square=square if follows else None,
    )


def _shares(loads: pd.DataFrame, kind: str) -> FloatArray:
    """(loads, 2) parts of active and reactive power that go with the voltage (i) or its square (z)."""
    columns = [f"const_{kind}_{power}_percent" for power in "pq"]
    parts = [loads[name].to_numpy(dtype=float) if name in loads else np.zeros(len(loads)) for name in columns]
    return np.asarray(np.column_stack(parts) / 100.0, dtype=np.float64)


def _at(voltage: "pd.Series[Any] | float", buses: IntArray) -> FloatArray:
    """(rows, 1) voltages in p.u.; 1 where a bus has none."""
    if isinstance(voltage, float):
        return np.full((len(buses), 1), voltage)
    found: FloatArray = voltage.reindex(buses).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), 1.0, found)[:, None]
