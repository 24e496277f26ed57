"""Result rows of the plants that do not balance: those that feed a share, and the steady pumps of a file."""

from collections.abc import Sequence

import numpy as np

from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import MIN_FLOW_KG_PER_S
from mosaik_p2p.networks.heat.hydraulics.water import density_kg_per_m3, heat_kw
from mosaik_p2p.networks.heat.network import Plant
from mosaik_p2p.units import KELVIN_AT_ZERO_C, PA_PER_BAR, W_PER_KW, FloatArray, Table


def fed_rows(elements: HeatElements, plants: Sequence[Plant], mdot: FloatArray, t_supply_c: FloatArray) -> Table:
    """Rows of plants that feed `mdot` kg/s at `t_supply_c` from the return side: their pump lifts what the place asks.

    Arrays of shape (plants,).
    """
    net = elements.net
    supply, return_ = np.array([p.supply for p in plants], dtype=int), np.array([p.return_ for p in plants], dtype=int)
    mdot = np.where(np.abs(mdot) < MIN_FLOW_KG_PER_S, 0.0, mdot)
    t_return = elements.junction_t_c(return_)
    pressure = net.res_junction["p_bar"]
    head_bar = np.where(mdot > 0.0, pressure.reindex(supply).to_numpy() - pressure.reindex(return_).to_numpy(), 0.0)
    heads_pa = np.maximum(head_bar, 0.0) * PA_PER_BAR
    return {
        "plant": [plant.name for plant in plants],
        "heat_kw": (heat_kw(mdot, t_supply_c, t_return) + 0.0).tolist(),
        "mdot_kg_per_s": (mdot + 0.0).tolist(),
        "t_supply_c": [t if flow else None for t, flow in zip(t_supply_c.tolist(), mdot.tolist(), strict=True)],
        "t_return_c": [t if flow else None for t, flow in zip(t_return.tolist(), mdot.tolist(), strict=True)],
        "head_bar": head_bar.tolist(),
        "pump_kw": (mdot * heads_pa / density_kg_per_m3(t_return) / W_PER_KW).tolist(),
    }


def steady_rows(elements: HeatElements) -> Table:
    """Rows of the pumps of constant mass flow that a file brought along."""
    plants = elements.network.steady
    index = [plant.element for plant in plants]
    pumps, results = elements.net.circ_pump_mass.loc[index], elements.net.res_circ_pump_mass.loc[index]
    t_supply_c = pumps["t_flow_k"].to_numpy(dtype=np.float64) - KELVIN_AT_ZERO_C
    mdot = np.nan_to_num(results["mdot_from_kg_per_s"].to_numpy(dtype=np.float64))
    return fed_rows(elements, plants, mdot, t_supply_c)
