"""Consumers of a user's file that control a temperature, put into elements that can be solved in one go.

pandapipes solves flow and heat in turns where a consumer controls its return temperature, and then finds no solution in
hours in which others feed in about as much as is drawn. So such a consumer is treated like a prosumer who draws: its
mass flow is found in the same loop. Where a consumer controls a temperature difference, its heat and mass flow follow
from each other at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes as pp
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.files.names import unique_names
from mosaik_p2p.networks.heat.hydraulics.water import cp_kj_per_kg_k
from mosaik_p2p.units import KELVIN_AT_ZERO_C, W_PER_KW

USUAL_C = 60.0
"""Where the heat capacity is taken that links a consumer's heat, mass flow and temperature difference (to 0.3 %)."""
TABLE = "heat_consumer"
MADE_OF = "made_of_consumer"
"""Column of the pumps: index of the consumer that such a pump stands for."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Draws `heat_kw` and lets the water out at `t_return_c`, hour after hour."""

    name: str
    supply: int
    """Junction where the water enters."""
    return_: int
    heat_kw: float
    t_return_c: float
    element: int = -1
    """Index in the file's table."""


@dataclass(frozen=True, kw_only=True)
class FileConsumer:
    """A consumer in service in a file, of whichever kind; a prosumer may stand for it."""

    element: int
    """Index in the file's table."""
    name: str
    """Unique."""
    supply: int
    return_: int
    heat_kw: float
    """What it draws; NaN where that follows from the flow."""


def file_consumers(net: pandapipesNet) -> tuple[FileConsumer, ...]:
    """All consumers in service of a file's net."""
    table = _rows(net)
    rows: Any = table.itertuples()
    return tuple(
        FileConsumer(
            element=int(row.Index),
            name=name,
            supply=int(row.from_junction),
            return_=int(row.to_junction),
            heat_kw=float(row.qext_w) / W_PER_KW,
        )
        for name, row in zip(unique_names(table), rows, strict=True)
    )


def without_consumers(net: pandapipesNet, elements: Collection[int]) -> pandapipesNet:
    """A copy of a net that `without_controls` made, without these consumers of the file."""
    net = net.deepcopy()
    if TABLE in net:
        net[TABLE] = net[TABLE].drop(index=[element for element in elements if element in net[TABLE].index])
    if MADE_OF in net.get("circ_pump_mass", ()):
        net["circ_pump_mass"] = net.circ_pump_mass[~net.circ_pump_mass[MADE_OF].isin(list(elements))]
    return net


def controlled_consumers(path: Path, net: pandapipesNet) -> tuple[tuple[Consumer, ...], list[Fault]]:
    """The consumers in service with given heat and return temperature, and those that cannot be meant so."""
    rows = _rows(net, "qext_w", "treturn_k")
    feeding = rows[rows["qext_w"] < 0.0]
    faults = [
        Fault(
            f"{path}, table {TABLE}",
            f"{name} (index {index})",
            "has a return temperature and gives heat instead of taking it",
            "Make it a circulation pump of constant mass flow from return to supply",
        )
        for index, name in feeding["name"].items()
    ]
    drawing: Any = rows[rows["qext_w"] > 0.0].itertuples()
    consumers = tuple(
        Consumer(
            name=str(row.name or f"consumer {row.Index}"),
            supply=int(row.from_junction),
            return_=int(row.to_junction),
            heat_kw=float(row.qext_w) / W_PER_KW,
            t_return_c=float(row.treturn_k) - KELVIN_AT_ZERO_C,
            element=int(row.Index),
        )
        for row in drawing
    )
    return consumers, faults


def without_controls(net: pandapipesNet) -> pandapipesNet:
    """A copy in which no consumer controls a temperature; those of `controlled_consumers` are gone."""
    net = net.deepcopy()
    if TABLE not in net or net[TABLE].empty:
        return net
    table = net[TABLE]
    cp_kj = float(cp_kj_per_kg_k(np.array(USUAL_C)))
    by_heat, by_flow = _rows(net, "qext_w", "deltat_k").index, _rows(net, "controlled_mdot_kg_per_s", "deltat_k").index
    spread_kj = cp_kj * table["deltat_k"].astype(float)
    table.loc[by_heat, "controlled_mdot_kg_per_s"] = (table["qext_w"] / W_PER_KW / spread_kj).loc[by_heat]
    table.loc[by_flow, "qext_w"] = (table["controlled_mdot_kg_per_s"] * spread_kj * W_PER_KW).loc[by_flow]
    cooled = _rows(net, "controlled_mdot_kg_per_s", "treturn_k")
    for index, row in cooled.iterrows():
        # A pump without pressure of its own, with this mass flow and outlet temperature, does the same.
        pp.create_circ_pump_const_mass_flow(
            net,
            int(row["from_junction"]),
            int(row["to_junction"]),
            None,
            float(row["controlled_mdot_kg_per_s"]),
            float(row["treturn_k"]),
            type="t",
            name=row["name"],
            **{MADE_OF: index},
        )
    gone = cooled.index.union(_rows(net, "qext_w", "treturn_k").index)
    net[TABLE] = table.drop(index=gone)
    net[TABLE][["deltat_k", "treturn_k"]] = np.nan
    return net


def _rows(net: pandapipesNet, *given: str) -> pd.DataFrame:
    """Consumers in service that have all of these values."""
    if TABLE not in net or net[TABLE].empty:
        return pd.DataFrame(columns=["name", "from_junction", "to_junction", "qext_w", "treturn_k"])
    table: pd.DataFrame = net[TABLE]
    return table[table["in_service"].astype(bool) & table[list(given)].notna().all(axis=1)]
