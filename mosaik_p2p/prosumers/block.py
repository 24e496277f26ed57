"""The block that one device adds to its owner's problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.prosumers.model import ModelBuilder
from mosaik_p2p.prosumers.roles import Role, named
from mosaik_p2p.units import FloatArray, IntArray


def sum_of(series: FloatArray) -> float:
    """As `numpy.sum`, which for a day's series looks longer for what it is asked than it adds up."""
    return float(np.add.reduce(series))


def mean_of(series: FloatArray) -> float:
    """As `numpy.mean`, likewise."""
    return float(np.add.reduce(series) / len(series))


@dataclass(frozen=True)
class Block:
    """Where a device of this name and type puts its variables, limits and costs; several of a type do not meet."""

    builder: ModelBuilder
    device: str
    type: str

    @property
    def dt_h(self) -> float:
        """Length of an interval in hours."""
        return self.builder.dt_h

    @property
    def horizon(self) -> int:
        """Number of intervals T of the look-ahead."""
        return self.builder.horizon

    def series(self, value: float | FloatArray) -> FloatArray:
        """`value` for each interval, of shape (T,)."""
        return self.builder.series(value)

    def variable(
        self,
        role: Role,
        *,
        lower: float | FloatArray = 0.0,
        upper: float | FloatArray,
        price: float | FloatArray = 0.0,
        curvature: float | FloatArray = 0.0,
        adds: Mapping[str, float | FloatArray] | None = None,
    ) -> int:
        """Add a row of `x` with cost `price x + curvature/2 x^2` per hour and return its number; `adds` is what 1 kW
        adds to the balance of each carrier (positive: gives)."""
        name = named(self.device, self.type, role)
        return self.builder.variable(name, lower=lower, upper=upper, price=price, curvature=curvature, adds=adds)

    def fixed_load(self, carrier: str, demand_kw: FloatArray) -> None:
        """Draw (T,) kW of a carrier, whatever is dispatched."""
        self.builder.fixed[carrier] = self.builder.fixed[carrier] + demand_kw

    def storage(
        self,
        level: int,
        *,
        withdrawal: dict[int, float],
        begin_kwh: float,
        retention: float = 1.0,
        inflow_kwh: float | FloatArray = 0.0,
    ) -> None:
        """Add a storage's balance; `withdrawal` is the kWh by which 1 kW of a row lowers the level in an interval.

        `inflow_kwh` is what comes (negative: goes) in each interval whatever is dispatched.
        """
        self.builder.storage(
            level, withdrawal=withdrawal, begin_kwh=begin_kwh, retention=retention, inflow_kwh=inflow_kwh
        )

    def total(self, k: int, intervals: IntArray | Sequence[int], *, energy_kwh: float) -> None:
        """Row `k` of `x` takes `energy_kwh` over the intervals."""
        self.builder.total(k, intervals, energy_kwh=energy_kwh)

    def constant_cost(self, money: float) -> None:
        """Money over the look-ahead that does not depend on the dispatch."""
        self.builder.constant += money

    def mean_kw(self, power_kw: float) -> None:
        """Note what flows at the device on average: the sum is the scale of its owner's powers."""
        self.builder.size_kw += power_kw

    def reach(self, power_kw: float) -> None:
        """Note the largest number that a variable of a device without a profile can have (levels in kWh)."""
        self.builder.reach(power_kw)

    def missed(self, energy_kwh: FloatArray) -> None:
        """Note energy (T,) that limits leave unserved where a deadline ends with an interval; NaN elsewhere."""
        self.builder.missed_kwh[self.device] = energy_kwh
