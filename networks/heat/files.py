"""Users' heat networks: pandapipes JSON files, checked before and after they are loaded.

What balances the network in the file, a circulation pump of constant pressure or a pair of external grids, becomes the
plant. Where several such pumps stand in one connected network, all but one need a share of the heat. The file's own
consumers, exchangers, flow controls and pumps of constant mass flow stay as they are, as background; such pumps that
lead from return to supply are listed with the plants. Pipes keep the ground temperature that the file gives them; the
scenario's stands in where it gives none.
"""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.files.columns import table_faults, with_kinds
from mosaik_p2p.networks.files.heat.columns import heat_tables
from mosaik_p2p.networks.files.heat.from_json import heat_net
from mosaik_p2p.networks.files.heat.sense import sense_faults
from mosaik_p2p.networks.files.heat.uses import refused_tables
from mosaik_p2p.networks.files.names import with_plain_names, with_unique_names
from mosaik_p2p.networks.files.nets import loading
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.networks.files.strict import Unusable, file_bytes, text_of
from mosaik_p2p.networks.heat.cases.choice import NAMED_TABLES
from mosaik_p2p.networks.heat.consumers import Consumer, controlled_consumers, file_consumers, without_controls
from mosaik_p2p.networks.heat.graph import RETURN, SUPPLY, junction_sides
from mosaik_p2p.networks.heat.in_service import reached_junctions, with_plain_states
from mosaik_p2p.networks.heat.network import HeatNetwork, HeatSettings, Plant
from mosaik_p2p.networks.heat.options import AMBIENT, friction_of, option_faults, stored_options
from mosaik_p2p.networks.heat.plants import temperature_faults, with_shares, with_temperatures
from mosaik_p2p.scenario.parts.grids import USUAL_SUPPLY_C
from mosaik_p2p.units import KELVIN_AT_ZERO_C

_KEY = "networks.heat.file"


def heat_file(path: str | Path, settings: HeatSettings) -> HeatNetwork:
    """The network in this file. Raises BadInput with every fault that it has.

    `nodes` is empty: prosumers are placed by the names or indices of their junctions.
    """
    place = Path(path)
    content = file_bytes(place, _KEY, "pandapipes.to_json")
    try:
        net, faults = heat_net(text_of(content), str(place))
        if net is None:
            raise BadInput(faults)
        with loading("pandapipes"):
            net, plants, consumers = _judged(place, net, settings)
    except Unusable as error:
        raise BadInput([Fault(_KEY, str(place), error.problem, error.remedy)]) from error
    return HeatNetwork(
        name=place.stem,
        net=_prepared(without_controls(net)),
        friction=friction_of(net, settings.friction),
        file_consumers=file_consumers(net),
        provenance=f"file {place.name}",
        nodes={},
        plants=plants,
        bypasses=(),
        settings=settings,
        consumers=consumers,
    )


def _judged(
    path: Path, net: pandapipesNet, settings: HeatSettings
) -> tuple[pandapipesNet, tuple[Plant, ...], tuple[Consumer, ...]]:
    """The net with plain states, its plants and consumers. Raises BadInput with every fault of its tables."""
    structure = structure_faults(path, net)
    beside = [*refused_tables(path, net), *_bypass_faults(settings)]
    faults = [*structure, *beside, *option_faults(path, net, friction=settings.friction)]
    if structure:
        raise BadInput(faults)
    net = with_plain_states(_with_kinds(net))
    plants, unclear = _plants(path, net, settings)
    consumers, unlikely = controlled_consumers(path, net)
    faults = [*unclear, *faults, *unlikely]
    if plants:
        faults += _unreached(path, net)
    if faults:
        raise BadInput(faults)
    return net, plants, consumers


def structure_faults(path: Path, net: pandapipesNet) -> list[Fault]:
    """What would make pandapipes stumble: tables, indices, columns, kinds, references, implausible numbers."""
    faults = [
        Fault(f"{path}, table {table}", "(missing)", "the net has no such table", "Write it with pandapipes.to_json")
        for table in ("junction", "pipe")
        if not isinstance(net.get(table), pd.DataFrame)
    ]
    if not faults and net.junction.empty:
        faults.append(Fault(f"{path}, table junction", "(empty)", "the net has no junction", "Add junctions"))
    faults += table_faults(path, net, heat_tables())
    return faults or sense_faults(path, net)


def _with_kinds(net: pandapipesNet) -> pandapipesNet:
    """A copy with columns of the kinds that the library has in mind; None among numbers is NaN; names are texts; pipes
    have one section each."""
    net = net.deepcopy()
    for table, rules in heat_tables().items():
        if table in net:
            kinds = {name: rule.kind for name, rule in rules.items()}
            net[table] = with_plain_names(with_kinds(net[table], kinds))
    # Along one section the exponential law is exact; with several, the library's outlets of reversed pipes are wrong.
    net.pipe["sections"] = 1
    return net


def _prepared(net: pandapipesNet) -> pandapipesNet:
    """Without what balances it (the plants do that now), and with unique names."""
    for table in ("circ_pump_pressure", "ext_grid"):
        if table in net:
            net[table] = net[table].iloc[:0]
    for table in NAMED_TABLES:
        net[table] = with_unique_names(net[table])
    ambient_k = stored_options(net).get(AMBIENT)
    if ambient_k is not None:
        net.pipe["text_k"] = net.pipe["text_k"].fillna(float(ambient_k))
    net["user_pf_options"] = {}
    return net


def _plants(path: Path, net: pandapipesNet, settings: HeatSettings) -> tuple[tuple[Plant, ...], list[Fault]]:
    pumps = _in_service(net, "circ_pump_pressure")
    grids = sorted(_in_service(net, "ext_grid"), key=lambda grid: -float(grid["p_bar"]))
    if pumps and not grids:
        return _told(tuple(_of_pump(number, pump) for number, pump in enumerate(pumps)), net, settings)
    if len(grids) == 2 and not pumps and grids[0]["p_bar"] > grids[1]["p_bar"]:
        return _told((_of_grids(*grids),), net, settings)
    place = f"{path}, tables circ_pump_pressure and ext_grid"
    value = f"{len(pumps)} pumps, {len(grids)} external grids"
    remedy = "Give it circulation pumps of constant pressure, or two external grids of different pressure"
    return (), [Fault(place, value, "there is no plant to be found that balances the network", remedy)]


def _of_pump(number: int, pump: dict[str, Any]) -> Plant:
    return Plant(
        name=str(pump["name"] or f"plant {number}"),
        supply=int(pump["flow_junction"]),
        return_=int(pump["return_junction"]),
        p_supply_bar=float(pump["p_flow_bar"]),
        lift_bar=float(pump["plift_bar"]),
        t_supply_c=_outlet_c(pump, "t_flow_k"),
    )


def _of_grids(high: dict[str, Any], low: dict[str, Any]) -> Plant:
    return Plant(
        name="plant",
        supply=int(high["junction"]),
        return_=int(low["junction"]),
        p_supply_bar=float(high["p_bar"]),
        lift_bar=float(high["p_bar"] - low["p_bar"]),
        t_supply_c=_outlet_c(high, "t_k"),
    )


def _outlet_c(element: dict[str, Any], column: str) -> float:
    """The temperature that a pump or an external grid sets; `USUAL_SUPPLY_C` where it sets none."""
    given = float(element[column])
    sets = "t" in element["type"] and math.isfinite(given)
    return given - KELVIN_AT_ZERO_C if sets else USUAL_SUPPLY_C


def _told(
    plants: tuple[Plant, ...], net: pandapipesNet, settings: HeatSettings
) -> tuple[tuple[Plant, ...], list[Fault]]:
    """The plants that the file has, with its steady pumps, as the settings have them."""
    every, faults = with_temperatures((*plants, *_steady(net, plants)), settings)
    every, faults_of_shares = with_shares(every, net, settings)
    cold = [fault for plant in every if plant.element is None for fault in temperature_faults(plant, settings)]
    return every, [*faults, *faults_of_shares, *cold]


def _steady(net: pandapipesNet, plants: tuple[Plant, ...]) -> tuple[Plant, ...]:
    """The file's own pumps of constant mass flow that lead from the return to the supply side."""
    sides = junction_sides(net, plants)
    return tuple(
        Plant(
            name=str(pump["name"] or f"steady plant {index}"),
            supply=int(pump["flow_junction"]),
            return_=int(pump["return_junction"]),
            element=int(index),
        )
        for index, pump in zip(_indices(net, "circ_pump_mass"), _in_service(net, "circ_pump_mass"), strict=True)
        if (sides.get(int(pump["return_junction"])), sides.get(int(pump["flow_junction"]))) == (RETURN, SUPPLY)
    )


def _bypass_faults(settings: HeatSettings) -> list[Fault]:
    if not settings.bypass_nodes:
        return []
    problem = "bypasses can be named for a case only"
    remedy = "Put them into the file, as flow controls from supply to return"
    return [Fault("networks.heat.bypass.nodes", str(list(settings.bypass_nodes)), problem, remedy)]


def _unreached(path: Path, net: pandapipesNet) -> list[Fault]:
    in_service = net.junction.index[net.junction["in_service"].astype(bool)]
    reached = reached_junctions(net)
    lonely = [int(junction) for junction in in_service if int(junction) not in reached]
    if not lonely:
        return []
    names = some([f"{net.junction['name'].get(junction)} (index {junction})" for junction in lonely])
    remedy = "Open a valve, add a pipe, or set the junctions out of service"
    return [Fault(f"{path}, table junction", names, "no path leads from there to a plant", remedy)]


def _in_service(net: pandapipesNet, table: str) -> list[dict[str, Any]]:
    if table not in net or net[table].empty:
        return []
    rows: list[dict[str, Any]] = net[table][net[table]["in_service"].astype(bool)].to_dict("records")
    return rows


def _indices(net: pandapipesNet, table: str) -> list[int]:
    """Of the rows that `_in_service` gives."""
    if table not in net or net[table].empty:
        return []
    return [int(index) for index in net[table].index[net[table]["in_service"].astype(bool)]]
