"""The heat networks that ship."""

from collections.abc import Callable

from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.files.names import with_unique_names
from mosaik_p2p.networks.heat.cases.barry32 import BARRY32, barry32
from mosaik_p2p.networks.heat.cases.heat8 import heat8
from mosaik_p2p.networks.heat.cases.heat23 import HEAT23, heat23
from mosaik_p2p.networks.heat.cases.schutterwald import schutterwald_heat
from mosaik_p2p.networks.heat.graph import strand_ends
from mosaik_p2p.networks.heat.hydraulics.friction import DEFAULT_FRICTION
from mosaik_p2p.networks.heat.network import STRAND_ENDS, HeatNetwork, HeatSettings, Plant
from mosaik_p2p.networks.heat.plants import with_shares, with_temperatures

HEAT_CASES: dict[str, str] = {
    "heat8": "8-node tree with 1.3 km of trench; invented by this project, no published network",
    "heat23": HEAT23,
    "barry32": BARRY32,
    "schutterwald_heat": (
        "488 junctions, 2.6 km of trench, from pandapipes.networks.schutterwald_heat (Kisse et al. 2020); "
        "inner diameter 80 mm, pressures and bypasses are ours"
    ),
}

NAMED_TABLES = ("junction", "pipe")

_Builder = Callable[[HeatSettings], tuple[pandapipesNet, dict[str, tuple[int, int]], tuple[Plant, ...]]]
_BUILDERS: dict[str, _Builder] = {
    "heat8": heat8,
    "heat23": heat23,
    "barry32": barry32,
    "schutterwald_heat": schutterwald_heat,
}


def heat_case(name: str, settings: HeatSettings) -> HeatNetwork:
    """Builds the case `name` of `HEAT_CASES`; raises BadInput for an unknown case or bypass node."""
    if name not in HEAT_CASES:
        known = ", ".join(sorted(HEAT_CASES))
        raise BadInput([Fault("networks.heat.case", repr(name), "no heat case has this name", f"Known cases: {known}")])
    net, nodes, plants = _BUILDERS[name](settings)
    for table in NAMED_TABLES:
        net[table] = with_unique_names(net[table])
    plants, faults = with_temperatures(plants, settings)
    plants, faults_of_shares = with_shares(plants, net, settings)
    if faults or faults_of_shares:
        raise BadInput([*faults, *faults_of_shares])
    return HeatNetwork(
        name=name,
        net=net,
        provenance=HEAT_CASES[name],
        nodes=nodes,
        plants=plants,
        bypasses=_bypasses(settings, net, nodes, plants),
        settings=settings,
        friction=settings.friction or DEFAULT_FRICTION,
    )


def _bypasses(
    settings: HeatSettings, net: pandapipesNet, nodes: dict[str, tuple[int, int]], plants: tuple[Plant, ...]
) -> tuple[tuple[int, int], ...]:
    node_at = {supply: name for name, (supply, _) in nodes.items()}
    ends = [node_at[junction] for junction in strand_ends(net, plants) if junction in node_at]
    names = [n for name in settings.bypass_nodes for n in (ends if name == STRAND_ENDS else [name])]
    faults = [
        Fault(
            "networks.heat.bypass.nodes",
            repr(name),
            "the case has no node of this name",
            f'Name a node of the case, or "{STRAND_ENDS}" for all dead ends of the supply side',
        )
        for name in names
        if name not in nodes
    ]
    if faults:
        raise BadInput(faults)
    return tuple(nodes[name] for name in dict.fromkeys(names))
