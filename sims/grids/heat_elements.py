"""The elements of the heat grid as mosaik sees them: entities, and attributes as columns of the result tables."""

from collections.abc import Mapping
from typing import Any

from mosaik_api_v3.types import CreateResult

from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.networks.heat.flow import HeatFlowResult
from mosaik_p2p.sims.grids.rounds import GRID_ID
from mosaik_p2p.units import Table

CONSUMER_COLUMNS = {
    "T_supply[degC]": "t_supply_c",
    "T_return[degC]": "t_return_c",
    "mdot[kg/s]": "mdot_kg_per_s",
    "Q_delivered[kW]": "delivered_kw",
    "dp[bar]": "dp_bar",
}
JUNCTION_COLUMNS = {"p[bar]": "p_bar", "T[degC]": "t_c"}
PIPE_COLUMNS = {
    "mdot[kg/s]": "mdot_kg_per_s",
    "v[m/s]": "velocity_m_per_s",
    "dp[Pa/m]": "dp_pa_per_m",
    "T_in[degC]": "t_in_c",
    "T_out[degC]": "t_out_c",
    "loss[kW]": "loss_kw",
}
PLANT_COLUMNS = {
    "Q[kW]": "heat_kw",
    "mdot[kg/s]": "mdot_kg_per_s",
    "T_supply[degC]": "t_supply_c",
    "T_return[degC]": "t_return_c",
    "head[bar]": "head_bar",
    "P_pump[kW]": "pump_kw",
}
TOTALS = {"loss[kW]": "loss_kw", "Q_slack[kW]": "slack_kw", "P_pump[kW]": "pump_kw"}
"""Attributes of the whole grid, and the figures of a heat flow that they show."""


def children(heat: HeatNetwork) -> list[CreateResult]:
    """Junctions, pipes and plants; prosumers come with the scenario."""
    net = heat.net
    junctions = [_child("Junction", index, name, []) for index, name in net.junction["name"].items()]
    ends = zip(net.pipe["from_junction"], net.pipe["to_junction"], strict=True)
    pipes = [
        _child("Pipe", index, name, [f"Junction-{first}", f"Junction-{second}"])
        for (index, name), (first, second) in zip(net.pipe["name"].items(), ends, strict=True)
    ]
    plants = [
        _child("Plant", number, plant.name, [f"Junction-{plant.supply}", f"Junction-{plant.return_}"])
        for number, plant in enumerate(heat.plants)
    ]
    return [*junctions, *pipes, *plants]


def _child(kind: str, index: Any, name: str, related: list[str]) -> CreateResult:
    extra_info = {"name": name, "index": int(index)}
    return {"eid": f"{kind}-{index}", "type": kind, "rel": related, "extra_info": extra_info}


def shown_values(heat: HeatNetwork, result: HeatFlowResult) -> dict[str, dict[str, Any]]:
    """The attributes of every entity; empty, or None, where there is no solution."""
    net = heat.net
    junction_ids = {name: f"Junction-{index}" for index, name in net.junction["name"].items()}
    pipe_ids = {name: f"Pipe-{index}" for index, name in net.pipe["name"].items()}
    plant_ids = {plant.name: f"Plant-{number}" for number, plant in enumerate(heat.plants)}
    exchanges = result.heat_exchanges
    consumer_ids = {name: f"Consumer-{name}" for name in exchanges.get("prosumer", [])}
    return (
        _by_entity(result.junctions, "junction", junction_ids, JUNCTION_COLUMNS)
        | _by_entity(result.pipes, "pipe", pipe_ids, PIPE_COLUMNS)
        | _by_entity(exchanges, "prosumer", consumer_ids, CONSUMER_COLUMNS)
        | _by_entity(result.plants, "plant", plant_ids, PLANT_COLUMNS)
        | {GRID_ID: {attribute: getattr(result, figure) for attribute, figure in TOTALS.items()}}
    )


def _by_entity(table: Table, key: str, ids: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        ids[name]: {attribute: table[column][row] for attribute, column in columns.items()}
        for row, name in enumerate(table.get(key, []))
        if name in ids
    }
