"""Electric networks: the cases that ship, users' own files, and what others ask of a network.

Nothing here writes to a network that it was given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pandapower import pandapowerNet
from pandapower.topology import unsupplied_buses as _unsupplied

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.electric.cases.bus15 import BUS15, bus15_net
from mosaik_p2p.networks.electric.cases.bus33 import BUS33, bus33_net
from mosaik_p2p.networks.electric.cases.bus69 import BUS69, bus69_net
from mosaik_p2p.networks.electric.cases.schutterwald import SCHUTTERWALD, schutterwald_net
from mosaik_p2p.networks.electric.files import given_net, is_workbook, read_net, read_sheets
from mosaik_p2p.networks.electric.graph import path_graph
from mosaik_p2p.networks.electric.simbench import simbench_data
from mosaik_p2p.networks.files.electric.control_objects import text_with_models as text_with_models

_BUILDERS: dict[str, Callable[[], pandapowerNet]] = {
    "bus15": bus15_net,
    "bus33": bus33_net,
    "bus69": bus69_net,
    "schutterwald": schutterwald_net,
}

ELECTRIC_CASES: dict[str, str] = {"bus15": BUS15, "bus33": BUS33, "bus69": BUS69, "schutterwald": SCHUTTERWALD}
"""Name of a case to one line that says where it comes from and what in it is ours."""


@dataclass(frozen=True)
class ElectricNetwork:
    """A pandapower net whose buses, lines, transformers and loads have unique names (strings)."""

    name: str
    net: pandapowerNet
    provenance: str


def electric_case(name: str) -> ElectricNetwork:
    """The case of this name. Raises BadInput where none ships under it."""
    if name not in _BUILDERS:
        known = ", ".join(sorted(_BUILDERS))
        raise BadInput(
            [Fault("networks.electricity.case", repr(name), "no such case ships", f"Choose one of: {known}")]
        )
    return ElectricNetwork(name=name, net=_BUILDERS[name](), provenance=ELECTRIC_CASES[name])


def electric_file(path: Path | str) -> ElectricNetwork:
    """A user's pandapower file, JSON or, by its ending, Excel. Raises BadInput with every fault of the file."""
    path = Path(path)
    if is_workbook(path):
        return electric_sheets(path)
    return ElectricNetwork(name=path.stem, net=read_net(path), provenance=f"file {path.name}")


def electric_net(net: pandapowerNet, name: str, provenance: str) -> ElectricNetwork:
    """A copy of a net that somebody built. Raises BadInput with every fault of it."""
    return ElectricNetwork(name=name, net=given_net(net, name), provenance=provenance)


def electric_simbench(code: str) -> ElectricNetwork:
    """The network of a SimBench code. Raises BadInput where there is none, or the package simbench is missing."""
    return electric_net(simbench_data(code).net, code, f"SimBench {code}")


def electric_sheets(path: Path | str) -> ElectricNetwork:
    """A user's pandapower Excel file. Raises BadInput with every fault of the file."""
    path = Path(path)
    return ElectricNetwork(name=path.stem, net=read_sheets(path), provenance=f"file {path.name}")


def electric_graph(network: ElectricNetwork) -> PathGraph:
    """Buses and the impedances between them, for path charges; see `electric_graph.path_graph`."""
    return path_graph(network.net)


def bus_index(network: ElectricNetwork, reference: str | int) -> int | None:
    """Index of the bus with this name (string) or index (integer); None where there is none."""
    buses = network.net.bus
    if isinstance(reference, str):
        found = buses.index[buses["name"] == reference]
        return int(found[0]) if len(found) else None
    return int(reference) if reference in buses.index else None


def unsupplied_buses(network: ElectricNetwork) -> set[int]:
    """Buses in service from which no path leads to a slack (open switches do not count as connections)."""
    return {int(bus) for bus in _unsupplied(network.net)}
