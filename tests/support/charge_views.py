"""What a charge mechanism sees of an electric net with a prosumer at each of some buses, without a scenario."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from mosaik_p2p.charges.base import NetworkView
from mosaik_p2p.loading.charged_network import ChargedElectric
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_graph

BEGINS = pd.date_range("2017-03-28", periods=2, freq="h", tz="Europe/Berlin")


def view_at(network: ElectricNetwork, buses: Sequence[int | None], folder: Path = Path()) -> NetworkView:
    """The view with prosumers P0, P1, ... at these buses, by index; None: not connected."""
    names = network.net.bus["name"]
    return NetworkView(
        carrier="electricity",
        prosumers=tuple(f"P{n}" for n in range(len(buses))),
        element=np.array([-1 if bus is None else bus for bus in buses], dtype=np.int64),
        element_name=tuple("" if bus is None else str(names.at[bus]) for bus in buses),
        measured=lambda: electric_graph(network),
        begins=BEGINS,
        step_minutes=60,
        folder=folder,
        network=ChargedElectric(SimpleNamespace(electric=network)),
    )


def of_all_buses(network: ElectricNetwork) -> NetworkView:
    """A prosumer at each bus in service."""
    return view_at(network, [int(bus) for bus in network.net.bus.index[network.net.bus["in_service"]]])
