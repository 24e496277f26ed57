"""One prosumer's problem over one look-ahead, as a convex quadratic programme with bounds.

    minimise    dt * sum_kt (quadratic[k,t]/2 x[k,t]^2 + linear[k,t] x[k,t]) + constant
    subject to  sum_k balance[c,k,t] x[k,t] - s[c,t] = fixed[c,t]        for each carrier c and interval t
                rows @ x.ravel() = rhs                                    (storage levels, energy owed per day)
                lower <= x <= upper

`x` of shape (K, T) is the dispatch in kW (storage levels in kWh), `s` of shape (C, T) the net sale in kW. The statement
follows section 2 of Chen and Liu 2025 with each device's cost written out; every device adds its own block, so that a
prosumer may own several of a kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.units import CARRIERS, FloatArray


@dataclass(frozen=True)
class Variable:
    """The name of one row of `x`: a quantity (kW, levels in kWh) of one device."""

    device: str
    type: str
    quantity: str


@dataclass(frozen=True)
class ProsumerModel:
    """The arrays of the problem in the head of this file. Prices per kWh, powers in kW, levels in kWh."""

    name: str
    dt_h: float
    variables: tuple[Variable, ...]
    lower: FloatArray
    upper: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    balance: FloatArray
    """(C, K, T): what one kW of each variable adds to the balance of each carrier."""
    fixed: FloatArray
    """(C, T): load that must be served, kW."""
    rows: sp.csr_array
    rhs: FloatArray
    constant: float
    """Money that does not depend on the dispatch."""
    member: tuple[bool, ...]
    """Whether the prosumer can trade each carrier."""
    size_kw: float
    """Mean of what flows at this prosumer: the scale of its powers."""

    @property
    def horizon(self) -> int:
        """Number of intervals."""
        return int(self.fixed.shape[1])

    def cost(self, x: FloatArray) -> float:
        """Money spent over the look-ahead by dispatch `x` of shape (K, T), trades not counted."""
        return float(self.dt_h * np.sum(0.5 * self.quadratic * x * x + self.linear * x) + self.constant)

    def interval_cost(self, x: FloatArray, t: int) -> FloatArray:
        """Money per variable in interval `t`, of shape (K,)."""
        column = x[:, t]
        result: FloatArray = self.dt_h * (0.5 * self.quadratic[:, t] * column + self.linear[:, t]) * column
        return result

    def net_sale(self, x: FloatArray) -> FloatArray:
        """What dispatch `x` leaves over for the market, of shape (C, T), kW."""
        result: FloatArray = np.einsum("ckt,kt->ct", self.balance, x) - self.fixed
        return result

    def index(self, device: str, quantity: str) -> int:
        """Row of `x` that holds a device's quantity; raises KeyError where there is none."""
        for k, variable in enumerate(self.variables):
            if variable.device == device and variable.quantity == quantity:
                return k
        raise KeyError(f"prosumer {self.name!r} has no {quantity!r} of a device {device!r}")


@dataclass
class ModelBuilder:
    """Collects the blocks that the devices add."""

    name: str
    dt_h: float
    horizon: int
    variables: list[Variable] = field(default_factory=list)
    bounds: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)
    costs: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)
    shares: list[dict[str, FloatArray]] = field(default_factory=list)
    entries: list[tuple[int, int, int, float]] = field(default_factory=list)
    rhs: list[float] = field(default_factory=list)
    fixed: dict[str, FloatArray] = field(default_factory=dict)
    constant: float = 0.0
    size_kw: float = 0.0

    def __post_init__(self) -> None:
        self.fixed = {carrier: np.zeros(self.horizon) for carrier in CARRIERS}

    def series(self, value: float | FloatArray) -> FloatArray:
        """`value` for each interval, of shape (T,)."""
        return np.array(np.broadcast_to(np.asarray(value, dtype=float), (self.horizon,)))

    def variable(
        self,
        name: Variable,
        *,
        lower: float | FloatArray = 0.0,
        upper: float | FloatArray,
        price: float | FloatArray = 0.0,
        curvature: float | FloatArray = 0.0,
        adds: dict[str, float | FloatArray] | None = None,
    ) -> int:
        """Add one row of `x` with cost `price x + curvature/2 x^2` per hour; `adds` is what 1 kW adds per carrier."""
        self.variables.append(name)
        self.bounds.append((self.series(lower), self.series(upper)))
        self.costs.append((self.series(price), self.series(curvature)))
        self.shares.append({carrier: self.series(share) for carrier, share in (adds or {}).items()})
        return len(self.variables) - 1

    def row(self, entries: list[tuple[int, int, float]], rhs: float) -> None:
        """Add an equation; `entries` are (variable, interval, coefficient)."""
        at = len(self.rhs)
        self.entries.extend((at, k, t, value) for k, t, value in entries)
        self.rhs.append(rhs)

    def build(self, *, member: tuple[bool, ...]) -> ProsumerModel:
        """The frozen model."""
        count, horizon = len(self.variables), self.horizon
        balance = np.zeros((len(CARRIERS), count, horizon))
        for k, share in enumerate(self.shares):
            for c, carrier in enumerate(CARRIERS):
                balance[c, k] = share.get(carrier, 0.0)
        return ProsumerModel(
            name=self.name,
            dt_h=self.dt_h,
            variables=tuple(self.variables),
            lower=self._stacked(pair[0] for pair in self.bounds),
            upper=self._stacked(pair[1] for pair in self.bounds),
            linear=self._stacked(pair[0] for pair in self.costs),
            quadratic=self._stacked(pair[1] for pair in self.costs),
            balance=balance,
            fixed=np.stack([self.fixed[carrier] for carrier in CARRIERS]),
            rows=self._rows(),
            rhs=np.array(self.rhs, dtype=float),
            constant=self.constant,
            member=member,
            size_kw=self.size_kw,
        )

    def _stacked(self, series: Iterable[FloatArray]) -> FloatArray:
        return np.array(list(series)).reshape(len(self.variables), self.horizon)

    def _rows(self) -> sp.csr_array:
        shape = (len(self.rhs), len(self.variables) * self.horizon)
        row = [entry[0] for entry in self.entries]
        position = [k * self.horizon + t for _, k, t, _ in self.entries]
        return sp.csr_array(([entry[3] for entry in self.entries], (row, position)), shape=shape, dtype=float)
