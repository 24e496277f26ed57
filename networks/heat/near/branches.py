"""The branches of a heat net as the near start takes them, and what of a net it knows.

All are of one kind, rows of equal arrays: pipes, open valves, flows that are given (bypasses, flow controls, a file's
steady pumps), the plants that balance, and the exchangers. What differs is whether water leaves at the temperature at
which it came, less what the pipe loses, or at a set one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.branches import loss_kw_per_k
from mosaik_p2p.units import KELVIN_AT_ZERO_C, M_PER_KM, MM_PER_M, FloatArray, IntArray, kelvin

ALONG = ("pipe", "valve")
KNOWN = ("junction", *ALONG, "flow_control", "circ_pump_mass", "circ_pump_pressure")
NOBODY = np.nan
"""As set temperature: water passes."""


@dataclass(frozen=True, kw_only=True)
class Branches:
    """Arrays of shape (branches,) unless said otherwise; nodes are rows of the net's junctions."""

    start: IntArray
    end: IntArray
    loss_kw_per_k: FloatArray
    t_ground_c: FloatArray
    t_forward_c: FloatArray
    """What leaves at `end` where water runs from `start` to `end`; NaN: as it comes, less what is lost."""
    t_backward_c: FloatArray
    """What leaves at `start` where it runs the other way."""

    def together(self, other: "Branches") -> "Branches":
        """These, and the others after them."""
        return Branches(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _COLUMNS})

    def at(self, chosen: IntArray) -> "Branches":
        """Those chosen."""
        return Branches(**{name: getattr(self, name)[chosen] for name in _COLUMNS})

    def __len__(self) -> int:
        return len(self.start)


_COLUMNS = ("start", "end", "loss_kw_per_k", "t_ground_c", "t_forward_c", "t_backward_c")


@dataclass(frozen=True, kw_only=True)
class Friction:
    """What makes the pressure that is lost along pipes and valves; arrays of shape (pipes and valves,)."""

    diameter_m: FloatArray
    length_m: FloatArray
    roughness: FloatArray
    """k / d."""
    loss_coefficient: FloatArray
    rise_m: FloatArray
    """From start to end."""

    def at(self, chosen: IntArray) -> "Friction":
        """Of those chosen."""
        return Friction(**{name: column[chosen] for name, column in vars(self).items()})


def is_known(elements: HeatElements) -> bool:
    """Whether all that is in service is of a kind that the near start knows."""
    net = elements.net
    for component in net.component_list:
        table = component.table_name()
        if table not in KNOWN and isinstance(net.get(table), pd.DataFrame) and _at_work(net, table).any():
            return False
    own_plants = 2 * len(elements.network.balancing)
    foreign = _at_work(net, "circ_pump_pressure")[: _count(net, "circ_pump_pressure") - own_plants]
    controls = _at_work(net, "flow_control")
    steers = not controls.any() or bool(net.flow_control["control_active"].to_numpy(dtype=bool)[controls].all())
    return steers and not foreign.any()


def pipes_and_valves(elements: HeatElements) -> tuple[Branches, Friction]:
    """Those that are open."""
    net, ground_c = elements.net, elements.network.settings.t_ground_c
    pipe = net.pipe[_at_work(net, "pipe")]
    valve = _open_valves(net)
    ends = [_nodes(net, pipe["from_junction"], pipe["to_junction"])]
    ends += [] if valve is None else [_nodes(net, valve["junction"], valve["element"])]
    start, end = (np.concatenate(side) for side in zip(*ends, strict=True))
    more = 0 if valve is None else len(valve)
    t_ground = pipe["text_k"].astype(float).fillna(kelvin(ground_c)).to_numpy() - KELVIN_AT_ZERO_C
    branches = Branches(
        start=start,
        end=end,
        loss_kw_per_k=np.r_[loss_kw_per_k(pipe), np.zeros(more)],
        t_ground_c=np.r_[t_ground, np.full(more, ground_c)],
        t_forward_c=np.full(len(start), NOBODY),
        t_backward_c=np.full(len(start), NOBODY),
    )
    height_m = net.junction["height_m"].to_numpy(dtype=np.float64)
    diameter_m = _values(pipe, valve, "inner_diameter_mm") / MM_PER_M
    friction = Friction(
        diameter_m=diameter_m,
        length_m=np.r_[pipe["length_km"].to_numpy(dtype=np.float64) * M_PER_KM, np.zeros(more)],
        roughness=np.r_[pipe["k_mm"].to_numpy(dtype=np.float64) / MM_PER_M, np.zeros(more)] / diameter_m,
        loss_coefficient=_values(pipe, valve, "loss_coefficient"),
        rise_m=height_m[end] - height_m[start],
    )
    return branches, friction


def rows_along(net: pandapipesNet) -> dict[str, IntArray]:
    """The rows of their tables that `pipes_and_valves` takes, in its order."""
    rows = {"pipe": np.flatnonzero(_at_work(net, "pipe"))}
    if _count(net, "valve"):
        rows["valve"] = np.flatnonzero(_open_between_junctions(net))
    return rows


def given_flows(elements: HeatElements) -> tuple[Branches, FloatArray, npt.NDArray[np.bool_]]:
    """Branches whose flow is given, that flow in kg/s, and which of them are bypasses of ours.

    Bypasses close where somebody feeds in; all are listed, in the order of `elements.bypass_supply`, before the others.
    """
    net, ground_c = elements.net, elements.network.settings.t_ground_c
    start, end, mdot, set_c = (np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, float, float))
    bypasses = np.zeros(0, dtype=bool)
    if _count(net, "flow_control"):
        controls = net.flow_control
        own = controls.index.isin(elements.bypasses)
        rows = [*np.flatnonzero(own), *np.flatnonzero(~own & _at_work(net, "flow_control"))]
        start, end = _nodes(net, *(controls[side].iloc[rows] for side in ("from_junction", "to_junction")))
        mdot = controls["controlled_mdot_kg_per_s"].to_numpy(dtype=np.float64)[rows]
        set_c, bypasses = np.full(len(rows), NOBODY), own[rows]
    if _count(net, "circ_pump_mass"):
        pumps = net.circ_pump_mass.iloc[: _count(net, "circ_pump_mass") - 2 * len(elements.supply)]
        pumps = pumps[pumps["in_service"].astype(bool) & (pumps["mdot_flow_kg_per_s"] != 0.0)]
        ends = _nodes(net, pumps["return_junction"], pumps["flow_junction"])
        start, end = np.r_[start, ends[0]], np.r_[end, ends[1]]
        mdot = np.r_[mdot, pumps["mdot_flow_kg_per_s"].to_numpy(dtype=np.float64)]
        set_c = np.r_[set_c, pumps["t_flow_k"].to_numpy(dtype=np.float64) - KELVIN_AT_ZERO_C]
        bypasses = np.r_[bypasses, np.zeros(len(pumps), dtype=bool)]
    return _without_loss(start, end, set_c, set_c, ground_c), mdot, bypasses


def plants_that_balance(elements: HeatElements) -> Branches:
    """From return to supply, one each."""
    network = elements.network
    start, end = _nodes(
        elements.net, *([getattr(p, side) for p in network.balancing] for side in ("return_", "supply"))
    )
    takes_c = np.full(len(network.balancing), network.settings.t_return_c)
    return _without_loss(start, end, elements.t_plant_c, takes_c, network.settings.t_ground_c)


def exchangers(elements: HeatElements) -> Branches:
    """From supply to return, one each."""
    start, end = _nodes(elements.net, elements.supply, elements.return_)
    return _without_loss(start, end, elements.t_draw_c, elements.t_feed_c, elements.network.settings.t_ground_c)


def _without_loss(
    start: IntArray, end: IntArray, t_forward_c: FloatArray, t_backward_c: FloatArray, ground_c: float
) -> Branches:
    nothing = np.zeros(len(start))
    return Branches(
        start=start,
        end=end,
        loss_kw_per_k=nothing,
        t_ground_c=nothing + ground_c,
        t_forward_c=t_forward_c,
        t_backward_c=t_backward_c,
    )


def _count(net: pandapipesNet, table: str) -> int:
    return len(net[table]) if table in net else 0


def _at_work(net: pandapipesNet, table: str) -> npt.NDArray[np.bool_]:
    if not _count(net, table):
        return np.zeros(0, dtype=bool)
    state = "opened" if table == "valve" else "in_service"
    if state not in net[table]:
        return np.ones(len(net[table]), dtype=bool)
    return np.asarray(net[table][state].to_numpy(dtype=bool))


def _open_valves(net: pandapipesNet) -> pd.DataFrame | None:
    """Those between two junctions; at the end of a pipe, what is closed has been taken out with the pipe."""
    if not _count(net, "valve"):
        return None
    valves: pd.DataFrame = net.valve
    return valves[_open_between_junctions(net)]


def _open_between_junctions(net: pandapipesNet) -> npt.NDArray[np.bool_]:
    return np.asarray(_at_work(net, "valve") & (net.valve["et"] == "ju").to_numpy(), dtype=np.bool_)


def _values(pipe: pd.DataFrame, valve: pd.DataFrame | None, column: str) -> FloatArray:
    tables = [pipe] if valve is None else [pipe, valve]
    return np.concatenate([table[column].to_numpy(dtype=np.float64) for table in tables])


def _nodes(net: pandapipesNet, start: object, end: object) -> tuple[IntArray, IntArray]:
    """Rows in the table of junctions of both ends."""
    begin, stop = (np.asarray(net.junction.index.get_indexer(side), dtype=np.int64) for side in (start, end))
    return begin, stop
