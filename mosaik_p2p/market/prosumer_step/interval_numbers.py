"""One interval of everyone's problem as plain numbers: what a dispatch is summed up from, prosumer by prosumer.

Most prosumers own the same kinds of devices; where their rows are is found once for all that are laid out alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from mosaik_p2p.market.prosumer_step.completions import Completions, side_by_side
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, LACKING, Role, Variable
from mosaik_p2p.prosumers.table import LINEAR, QUADRATIC, SHARE, UPPER, ModelTable, parts_of
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

FIRST = 0
"""The interval that binds."""


@dataclass(frozen=True)
class DevicePlace:
    """Rows of a prosumer's problem that belong to one device; and which of these (counted from 0) are its fuel, its
    level, and what it lacks at a deadline."""

    rows: tuple[int, ...]
    fuel: tuple[int, ...]
    level: tuple[int, ...]
    lacking: tuple[int, ...]

    @cached_property
    def positions(self) -> IntArray:
        """The rows as an array."""
        return np.array(self.rows, dtype=np.int64)


NOWHERE = DevicePlace((), (), (), ())
"""Of a device without variables."""


@dataclass(frozen=True)
class Layout:
    """What the rows of a prosumer's problem stand for."""

    devices: Mapping[str, DevicePlace]
    imports: tuple[int, ...]
    exports: tuple[int, ...]
    imbalances: tuple[int, ...]

    def place_of(self, device: str) -> DevicePlace:
        """A device's rows."""
        return self.devices.get(device, NOWHERE)


@lru_cache(maxsize=4096)
def layout_of(variables: tuple[Variable, ...]) -> Layout:
    """Where in the rows of `x` everything is."""
    rows: dict[str, list[int]] = {}
    for k, variable in enumerate(variables):
        if variable.is_device:
            rows.setdefault(variable.device, []).append(k)
    contracts = [(k, variable.role) for k, variable in enumerate(variables) if variable.type == CONTRACT]
    return Layout(
        {name: _place([(k, variables[k].role) for k in own]) for name, own in rows.items()},
        imports=tuple(k for k, role in contracts if role == Role.IMPORT),
        exports=tuple(k for k, role in contracts if role == Role.EXPORT),
        imbalances=tuple(k for k, variable in enumerate(variables) if variable.type == IMBALANCE),
    )


def _place(own: list[tuple[int, Role]]) -> DevicePlace:
    def which(roles: Sequence[Role]) -> tuple[int, ...]:
        return tuple(n for n, (_, role) in enumerate(own) if role in roles)

    return DevicePlace(tuple(k for k, _ in own), which((Role.FUEL,)), which((Role.LEVEL,)), which(LACKING))


class IntervalNumbers(NamedTuple):
    """A prosumer's problem in one interval and what was cleared there: K rows in the units of `ProsumerModel`."""

    name: str
    dt_h: float
    layout: Layout
    power_kw: FloatArray
    """(K,) what was cleared."""
    balance: tuple[list[float], ...]
    """By carrier (K,); with `enters`, whether a row ever has a share of it."""
    enters: tuple[list[bool], ...]
    linear: list[float]
    quadratic: list[float]
    upper: list[float]
    touched: Sequence[bool]
    """By carrier: whether the prosumer has anything to do with it, contracts aside."""
    missed_kwh: Mapping[str, float]

    def power_of(self, device: str) -> FloatArray:
        """(k,) what was cleared for one device."""
        return self.power_kw[self.layout.place_of(device).positions]

    def contract_row(self, c: int, rows: tuple[int, ...]) -> int | None:
        """That of these rows which is of a carrier; a prosumer has at most one contract per carrier."""
        enters = self.enters[c]
        for k in rows:
            if enters[k]:
                return k
        return None


def numbers_of(model: ProsumerModel, power_kw: FloatArray) -> IntervalNumbers:
    """The first interval of one prosumer's problem, with the dispatch (K,) there."""
    some: BoolArray = np.asarray(model.balance.any(axis=-1), dtype=np.bool_)
    loads: BoolArray = np.asarray(model.fixed.any(axis=-1), dtype=np.bool_)
    return IntervalNumbers(
        name=model.name,
        dt_h=model.dt_h,
        layout=layout_of(model.variables),
        power_kw=power_kw,
        balance=tuple(model.balance[:, :, FIRST].tolist()),
        enters=tuple(some.tolist()),
        linear=model.linear[:, FIRST].tolist(),
        quadratic=model.quadratic[:, FIRST].tolist(),
        upper=model.upper[:, FIRST].tolist(),
        touched=(some.any(axis=-1) | loads | np.array(model.member)).tolist(),
        missed_kwh={name: float(kwh[FIRST]) for name, kwh in model.missed_kwh.items()},
    )


def numbers_of_all(table: ModelTable, dispatch: Sequence[Completion]) -> Iterator[IntervalNumbers]:
    """The same of each prosumer of a table, with everyone's dispatch."""
    power = _cleared_kw(dispatch)
    balance = [table.at(SHARE + c, FIRST).tolist() for c in range(len(CARRIERS))]
    enters = [table.is_some(SHARE + c).tolist() for c in range(len(CARRIERS))]
    linear, quadratic, upper = (table.at(quantity, FIRST).tolist() for quantity in (LINEAR, QUADRATIC, UPPER))
    missed, touched = _missed_kwh(table), table.touched.tolist()
    layouts: dict[bytes, Layout] = {}
    for i, (begin, end) in enumerate(parts_of(table.first)):
        kinds = table.kind[begin:end]
        known = kinds.tobytes()
        if known not in layouts:
            layouts[known] = layout_of(tuple(table.kinds[k] for k in kinds.tolist()))
        own = slice(begin, end)
        yield IntervalNumbers(
            name=table.names[i],
            dt_h=table.dt_h,
            layout=layouts[known],
            power_kw=power[own],
            balance=tuple(share[own] for share in balance),
            enters=tuple(is_some[own] for is_some in enters),
            linear=linear[own],
            quadratic=quadratic[own],
            upper=upper[own],
            touched=touched[i],
            missed_kwh=missed.get(i, {}),
        )


def _cleared_kw(dispatch: Sequence[Completion]) -> FloatArray:
    """(R,) everyone's, row by row."""
    if isinstance(dispatch, Completions):
        return side_by_side(dispatch.x).at(FIRST)
    return np.concatenate([done.x[:, FIRST] for done in dispatch])


def _missed_kwh(table: ModelTable) -> dict[int, dict[str, float]]:
    """By prosumer and device."""
    owner = np.repeat(np.arange(len(table)), np.diff(table.first_missed))
    energy = table.expanded(table.missed_value, table.missed_series)[:, FIRST]
    found: dict[int, dict[str, float]] = {}
    for i, name, kwh in zip(owner.tolist(), table.missed_name.tolist(), energy.tolist(), strict=True):
        found.setdefault(i, {})[table.missed_names[name]] = kwh
    return found
