"""One prosumer's problem over one look-ahead, as a convex quadratic programme with bounds.

    minimise    dt * sum_kt (quadratic[k,t]/2 x[k,t]^2 + linear[k,t] x[k,t]) + constant
    subject to  sum_k balance[c,k,t] x[k,t] - s[c,t] = fixed[c,t]                  per carrier c and interval t
                level[t] - retention level[t-1] + sum_k withdrawal_k x[k,t] = inflow[t]     per storage and interval
                sum of x[k,t] over the intervals of a total = its power            per total
                x[k,t] - sum_j balance[c,j,t] x[j,t] = -fixed[c,t]                 per connection k of c; j no contract
                lower <= x <= upper

`x` of shape (K, T) is the dispatch in kW (storage levels in kWh), `s` of shape (C, T) the net sale in kW. The statement
follows section 2 of Chen and Liu 2025 with each device's cost written out; every device adds its own block, so that a
prosumer may own several of a kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.prosumers.roles import CONNECTION, Role, Variable
from mosaik_p2p.units import CARRIERS, FloatArray, IntArray

SIZE_OF_REACH = 1e-3
"""Least size of a prosumer, of the most that its largest device can do: limits must stay within a solver's sight."""


@dataclass(frozen=True)
class Storage:
    """The energy balance of one storage: row of its level, what it retains, what fills (-) and empties (+) it."""

    level: int
    retention: float
    """Part of the level that is left after an interval."""
    withdrawal: tuple[tuple[int, float], ...]
    """(row of x, kWh by which 1 kW there lowers the level)."""
    inflow_kwh: FloatArray
    """(T,) kWh; the level to start from enters the first interval."""


@dataclass(frozen=True)
class Total:
    """A sum over intervals that is given: of row `k`, over `intervals`, in kW."""

    k: int
    intervals: tuple[int, ...]
    power_kw: float


@dataclass(frozen=True)
class Connection:
    """What a prosumer feeds into a network, whoever it is sold to: row `k` of `x`, of carrier `c`; its limits are those
    of the connection."""

    k: int
    c: int


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
    storages: tuple[Storage, ...]
    totals: tuple[Total, ...]
    constant: float
    """Money that does not depend on the dispatch."""
    member: tuple[bool, ...]
    """Whether the prosumer can trade each carrier."""
    size_kw: float
    """Mean of what flows at this prosumer: the scale of its powers."""
    connections: tuple[Connection, ...] = ()
    """Those whose limits can bind."""
    missed_kwh: Mapping[str, FloatArray] = field(default_factory=dict)
    """By flexible load, (T,): energy of a day that its limits leave unserved (negative: taken too much) where the day
    ends, NaN elsewhere."""

    @cached_property
    def equations(self) -> tuple[sp.csr_array, FloatArray]:
        """Storages, totals and connections as `matrix @ x.ravel() = right-hand side`: the storages interval by interval
        first."""
        entries: list[tuple[int, int, float]] = []
        rhs: list[float] = []
        for storage in self.storages:
            for t in range(self.horizon):
                entries.append((len(rhs), storage.level * self.horizon + t, 1.0))
                if t > 0:
                    entries.append((len(rhs), storage.level * self.horizon + t - 1, -storage.retention))
                entries += [(len(rhs), k * self.horizon + t, withdrawal) for k, withdrawal in storage.withdrawal]
                rhs.append(float(storage.inflow_kwh[t]))
        for total in self.totals:
            entries += [(len(rhs), total.k * self.horizon + t, 1.0) for t in total.intervals]
            rhs.append(total.power_kw)
        for connection in self.connections:
            for t in range(self.horizon):
                entries.append((len(rhs), connection.k * self.horizon + t, 1.0))
                shares = ((k, float(self.balance[connection.c, k, t])) for k in self._behind_the_meter)
                entries += [(len(rhs), k * self.horizon + t, -share) for k, share in shares if share != 0.0]
                rhs.append(-float(self.fixed[connection.c, t]))
        row = [entry[0] for entry in entries]
        column = [entry[1] for entry in entries]
        value = [entry[2] for entry in entries]
        matrix = sp.csr_array((value, (row, column)), shape=(len(rhs), self.lower.size), dtype=float)
        return matrix, np.array(rhs, dtype=float)

    def missed_by(self, x: FloatArray) -> float:
        """kWh by which dispatch `x` of shape (K, T) misses its `equations`, whichever way, all of them together.

        The same as by their matrix, which takes far longer to make than this.
        """
        missed = 0.0
        for storage in self.storages:
            left = x[storage.level] - storage.inflow_kwh
            left[1:] -= storage.retention * x[storage.level, :-1]
            for k, withdrawal in storage.withdrawal:
                left += withdrawal * x[k]
            missed += float(np.abs(left).sum())
        for total in self.totals:
            missed += self.dt_h * abs(float(x[total.k, list(total.intervals)].sum()) - total.power_kw)
        for connection in self.connections:
            behind = self._behind_the_meter
            own = np.einsum("kt,kt->t", self.balance[connection.c, behind], x[behind]) - self.fixed[connection.c]
            missed += self.dt_h * float(np.abs(x[connection.k] - own).sum())
        return missed

    @property
    def _behind_the_meter(self) -> list[int]:
        """Rows of `x` that go over the connection: not contracts, which only say whose energy that is."""
        return [k for k, variable in enumerate(self.variables) if variable.is_behind_meter]

    @property
    def horizon(self) -> int:
        """Number of intervals."""
        return int(self.fixed.shape[1])

    @property
    def scale_kw(self) -> float:
        """Its size, as `ModelBuilder` says it too."""
        return self.size_kw

    def cost(self, x: FloatArray) -> float:
        """Money spent over the look-ahead by dispatch `x` of shape (K, T), trades not counted."""
        return float(self.dt_h * np.sum(0.5 * self.quadratic * x * x + self.linear * x) + self.constant)

    def net_sale(self, x: FloatArray) -> FloatArray:
        """What dispatch `x` leaves over for the market, of shape (C, T), kW."""
        result: FloatArray = np.einsum("ckt,kt->ct", self.balance, x) - self.fixed
        return result

    def index(self, device: str, role: str) -> int:
        """Row of `x` that has this role for a device; raises KeyError where there is none."""
        for k, variable in enumerate(self.variables):
            if variable.device == device and variable.role == role:
                return k
        raise KeyError(f"prosumer {self.name!r} has no {str(role)!r} of a device {device!r}")


def held_once(array: FloatArray) -> FloatArray:
    """The same numbers, read-only, that take the room of one interval where all intervals (the last axis) are alike."""
    first = array[..., :1]
    if array.shape[-1] == 1 or not (array == first).all():
        return array
    result: FloatArray = np.broadcast_to(first.copy(), array.shape)
    return result


def is_held_once(array: FloatArray) -> bool:
    """Whether it takes the room of one interval, see `held_once`."""
    return array.shape[-1] > 1 and array.strides[-1] == 0


@dataclass
class ModelBuilder:
    """Collects the blocks that the devices add."""

    name: str
    dt_h: float
    horizon: int
    variables: list[Variable] = field(default_factory=list)
    bounds: list[tuple[float | FloatArray, float | FloatArray]] = field(default_factory=list)
    """Lower and upper, as costs and shares either one number for all intervals, or (T,)."""
    costs: list[tuple[float | FloatArray, float | FloatArray]] = field(default_factory=list)
    shares: list[Mapping[str, float | FloatArray]] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    fixed: dict[str, FloatArray] = field(default_factory=dict)
    constant: float = 0.0
    size_kw: float = 0.0
    reach_kw: float = 0.0
    """The largest number that a variable of a device without a load or plant profile can have."""
    missed_kwh: dict[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fixed = {carrier: np.zeros(self.horizon) for carrier in CARRIERS}

    def series(self, value: float | FloatArray) -> FloatArray:
        """`value` for each interval, of shape (T,)."""
        made = np.empty(self.horizon)
        made[:] = value
        return made

    def variable(
        self,
        name: Variable,
        *,
        lower: float | FloatArray = 0.0,
        upper: float | FloatArray,
        price: float | FloatArray = 0.0,
        curvature: float | FloatArray = 0.0,
        adds: Mapping[str, float | FloatArray] | None = None,
    ) -> int:
        """Add one row of `x` with cost `price x + curvature/2 x^2` per hour; `adds` is what 1 kW adds per carrier."""
        self.variables.append(name)
        self.bounds.append((lower, upper))
        self.costs.append((price, curvature))
        self.shares.append(adds or {})
        return len(self.variables) - 1

    def reach(self, power_kw: float) -> None:
        """Note the largest number that one of a device's variables can have (levels in kWh)."""
        self.reach_kw = max(self.reach_kw, power_kw)

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
        with_begin_kwh = self.series(inflow_kwh)
        with_begin_kwh[0] += retention * begin_kwh
        self.storages.append(Storage(level, retention, tuple(withdrawal.items()), with_begin_kwh))

    def total(self, k: int, intervals: IntArray | Sequence[int], *, energy_kwh: float) -> None:
        """Row `k` of `x` takes `energy_kwh` over the intervals."""
        listed = intervals.tolist() if isinstance(intervals, np.ndarray) else intervals
        self.totals.append(Total(k, tuple(listed), energy_kwh / self.dt_h))

    def connection(self, carrier: str, limits_kw: tuple[float | None, float | None]) -> None:
        """Hold what is fed into a network (negative: drawn) within limits, of which either may be None.

        Called when all devices are there: what they cannot reach needs no limit.
        """
        low, high = (np.full(self.horizon, -1.0) * self.fixed[carrier] for _ in range(2))
        for (lower, upper), share in zip(self.bounds, (own.get(carrier) for own in self.shares), strict=True):
            if share is not None:
                low, high = (
                    low + np.minimum(share * lower, share * upper),
                    high + np.maximum(share * lower, share * upper),
                )
        least, most = limits_kw
        if (least is None or (low >= least).all()) and (most is None or (high <= most).all()):
            return
        name = Variable(carrier, CONNECTION, Role.INJECTION)
        row = self.variable(
            name,
            lower=np.minimum(low, 0.0) if least is None else least,
            upper=np.maximum(high, 0.0) if most is None else most,
        )
        self.connections.append(Connection(row, CARRIERS.index(carrier)))

    @property
    def scale_kw(self) -> float:
        """See `ProsumerModel.size_kw`."""
        return max(self.size_kw, SIZE_OF_REACH * self.reach_kw)

    def build(self, *, member: tuple[bool, ...]) -> ProsumerModel:
        """The frozen model."""
        count, horizon = len(self.variables), self.horizon
        balance = np.zeros((len(CARRIERS), count, horizon))
        for k, share in enumerate(self.shares):
            for carrier, adds in share.items():
                balance[CARRIERS.index(carrier), k] = adds
        return ProsumerModel(
            name=self.name,
            dt_h=self.dt_h,
            variables=tuple(self.variables),
            lower=held_once(self._stacked(pair[0] for pair in self.bounds)),
            upper=self._stacked(pair[1] for pair in self.bounds),
            linear=self._stacked(pair[0] for pair in self.costs),
            quadratic=held_once(self._stacked(pair[1] for pair in self.costs)),
            balance=held_once(balance),
            fixed=np.stack([self.fixed[carrier] for carrier in CARRIERS]),
            storages=tuple(self.storages),
            totals=tuple(self.totals),
            constant=self.constant,
            member=member,
            connections=tuple(self.connections),
            size_kw=self.scale_kw,
            missed_kwh=self.missed_kwh,
        )

    def _stacked(self, series: Iterable[float | FloatArray]) -> FloatArray:
        # Row by row: to make a series of every number first takes longer than all that the devices compute.
        stacked = np.empty((len(self.variables), self.horizon))
        for k, value in enumerate(series):
            stacked[k] = value
        return stacked
