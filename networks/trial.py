"""One trial solve of a network before anything relies on it: with everything that would move at rest.

What passes every rule of the tables may still have no solution, or make a library stumble. Whoever is to stand in the
network is there, with nothing to give or take; the loads of an electric file count as they will in the first interval.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault, InputWarning, Status
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.networks.files.columns import Kind, Table
from mosaik_p2p.networks.files.electric.columns import electric_tables
from mosaik_p2p.networks.files.electric.control_objects import TABLE as CONTROLLERS
from mosaik_p2p.networks.files.heat.columns import heat_tables
from mosaik_p2p.networks.files.nets import loading
from mosaik_p2p.networks.files.numbers import named, some
from mosaik_p2p.networks.files.strict import Unusable
from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.networks.heat.network import HeatNetwork

SMALL_KG_PER_S = 0.05
"""Some networks have a solution only while water moves."""
EXTREME = 100.0
"""Multiple of the median from which on a value stands out."""


@dataclass(frozen=True)
class Trial:
    """What came of it."""

    faults: list[Fault]
    warnings: list[InputWarning] = field(default_factory=list)


def electric_trial(
    network: ElectricNetwork,
    *,
    place: str,
    slack_voltage_pu: float | None = None,
    prosumer_buses: Iterable[int] = (),
    background_scaling: float = 0.0,
    generation_scaling: float = 0.0,
    replaced_loads: frozenset[Element] = frozenset(),
) -> Trial:
    """The fault of a network without power flow at rest, or in which pandapower stumbles with its own loads; a warning
    where it has none under the loads and generators of an interval, with prosumers at rest. At rest controllers hold
    where they stand, under load they have to settle."""

    def made(network: ElectricNetwork) -> PowerFlow:
        return PowerFlow(network, slack_voltage_pu=slack_voltage_pu, prosumer_buses=buses)

    def solved(flow: PowerFlow, background_scaling: float, generation_scaling: float) -> PowerFlowResult:
        return flow.solve(
            {},
            background_scaling=background_scaling,
            generation_scaling=generation_scaling,
            replaced_loads=replaced_loads,
        )

    buses = frozenset(prosumer_buses)
    bare = _without_controllers(network)
    try:
        with loading("pandapower", "compute"):
            still = made(bare)
            flow = still if bare is network else made(network)
            at_rest = solved(still, 0.0, 0.0)
            loaded = solved(flow, background_scaling, generation_scaling)
    except Unusable as error:
        return Trial([_stumbled(place, error, _suspects(network.net, electric_tables()))])
    if at_rest.status is not Status.OK:
        return Trial([_unsolved(place, network.name, "power flow", _suspects(network.net, electric_tables()))])
    if flow.unrest is not None:
        return Trial([], [_unsettled(place, network.name, flow.unrest)])
    if loaded.status is not Status.OK:
        # What prosumers feed in may mend it, so the run goes on.
        suspects = _suspects(network.net, electric_tables())
        return Trial([], [_overloaded(place, network.name, suspects, str(loaded.cause))])
    return Trial([])


def _without_controllers(network: ElectricNetwork) -> ElectricNetwork:
    """The network itself where it has none."""
    if network.net[CONTROLLERS].empty:
        return network
    net = deepcopy(network.net)
    net[CONTROLLERS] = net[CONTROLLERS].iloc[:0]
    return replace(network, net=net)


def _unsettled(place: str, name: str, unrest: str) -> InputWarning:
    problem = f"the power flow of the network {name!r} has no solution in the first interval: {unrest}"
    remedy = "Widen the band of a tap changer beyond its step, flatten the curve of an inverter, or leave one out"
    return InputWarning(place, "table controller", problem, remedy)


def heat_trial(network: HeatNetwork, connections: Sequence[HeatConnection] = (), *, place: str) -> list[Fault]:
    """The fault of a network without heat flow, neither at rest nor with a little flow to everybody."""
    try:
        with loading("pandapipes", "compute"):
            at_rest = HeatFlow(network, connections).solve(np.zeros(len(connections)))
            solved = at_rest.status is not Status.NOT_CONVERGED
            if not solved:
                elements = HeatElements(network, connections)
                solved = elements.solve(np.full(len(elements.names), SMALL_KG_PER_S))
    except Unusable as error:
        return [_stumbled(place, error, _suspects(network.net, heat_tables()))]
    return [] if solved else [_unsolved(place, network.name, "heat flow", _suspects(network.net, heat_tables()))]


def _stumbled(place: str, error: Unusable, suspects: str) -> Fault:
    return Fault(
        place, suspects, error.problem, "Mend the values named here, or solve the network in the library first"
    )


def _unsolved(place: str, name: str, flow: str, suspects: str) -> Fault:
    problem = f"the {flow} of the network {name!r} has no solution, even with prosumers and loads at rest"
    return Fault(place, suspects, problem, "Solve it in the library first; look for wrong units and extreme values")


def _overloaded(place: str, name: str, suspects: str, cause: str) -> InputWarning:
    problem = (
        f"the power flow of the network {name!r} has no solution in the first interval while prosumers are at rest "
        f"({cause})"
    )
    return InputWarning(place, suspects, problem, "Look for wrong units in loads and generators; lower the background")


def _suspects(net: Mapping[str, Any], tables: Mapping[str, Table]) -> str:
    """Tables, columns and elements without a number where most others have one, else the extremes."""
    absent = [text for table, rules in tables.items() for text in _without_number(net, table, rules)]
    if absent:
        return some(absent)
    extreme = [text for table, rules in tables.items() for text in _extremes(net, table, rules)]
    return some(extreme) or "(no value stands out)"


def _without_number(net: Mapping[str, Any], table: str, rules: Table) -> Iterable[str]:
    elements = net.get(table)
    if not isinstance(elements, pd.DataFrame) or elements.empty:
        return
    for column, rule in rules.items():
        if rule.kind is not Kind.NUMBER or column not in elements:
            continue
        values = pd.to_numeric(elements[column], errors="coerce")
        wrong = ~np.isfinite(values.to_numpy(dtype=float))
        if wrong.any() and not wrong.all():
            yield f"{table}.{column} without a number at {some(named(elements[wrong]))}"


def _extremes(net: Mapping[str, Any], table: str, rules: Table) -> Iterable[str]:
    """Elements whose value is far above the table's usual one."""
    elements = net.get(table)
    if not isinstance(elements, pd.DataFrame) or elements.empty:
        return
    for column, rule in rules.items():
        if rule.kind is not Kind.NUMBER or rule.range is None or column not in elements:
            continue
        values = np.abs(pd.to_numeric(elements[column], errors="coerce").to_numpy(dtype=float))
        usual = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        far = (values > EXTREME * usual) & (usual > 0.0)
        if far.any():
            yield f"{table}.{column} far above the others at {some(named(elements[far]))}"
