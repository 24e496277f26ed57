"""The networks that a draft is made from: a user's file or a code of SimBench, judged as a run judges them.

Where public files have gaps that keep a run from solving them, and only one thing can be meant, the draft's own copy is
mended and says so; the user's file stays as it is. Everything else that is wrong with a file is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandapipes
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.electric.files import is_workbook
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_file, electric_net
from mosaik_p2p.networks.electric.simbench import SimbenchData, simbench_data
from mosaik_p2p.networks.files.electric.control_objects import text_with_models
from mosaik_p2p.networks.files.electric.excel import electric_net_of_sheets
from mosaik_p2p.networks.files.electric.from_json import electric_net as net_of_json
from mosaik_p2p.networks.files.electric.unset_shares import with_shares_set
from mosaik_p2p.networks.files.heat.from_json import heat_net
from mosaik_p2p.networks.files.strict import Unusable, file_bytes, text_of
from mosaik_p2p.networks.heat.choice import HeatNetwork, HeatSettings, heat_file
from mosaik_p2p.scenario.parts.grids import SIMBENCH, HeatSpec

ELECTRICITY_FLAG = "--electricity"
JSON = ".json"
ELECTRIC_FILE, HEAT_FILE = f"grid{JSON}", f"heat{JSON}"
"""The names of the copies; an Excel file stays one."""
LEAST_LENGTH_KM = 1e-4
"""Of a pipe that joins two junctions of one place and has no length: ten centimetres."""


@dataclass(frozen=True, eq=False)
class Source:
    """A network with the file that the draft will name."""

    file_name: str
    content: bytes
    told: str
    """Where it comes from, for a comment."""
    mended: tuple[str, ...]
    """What the copy has otherwise than the file."""


@dataclass(frozen=True, eq=False)
class ElectricSource(Source):
    """Of electricity."""

    network: ElectricNetwork
    simbench: SimbenchData | None = None


@dataclass(frozen=True, eq=False)
class HeatSource(Source):
    """Of heat."""

    net: Any
    """As the file has it, mended."""


def of_simbench(code: str) -> ElectricSource:
    """The network of a SimBench code. Raises BadInput (places as of a file)."""
    try:
        data = simbench_data(code)
    except BadInput as bad:
        raise _at("--simbench", bad) from bad
    network = electric_net(data.net, f"{SIMBENCH}{code}", f"SimBench {code}")
    content = text_with_models(network.net).encode()
    told = (f"{data.storages} storages, which have no profile, are out of service",) if data.storages else ()
    return ElectricSource(ELECTRIC_FILE, content, f"SimBench {code}", told, network, data)


def of_electric_file(path: Path) -> ElectricSource:
    """The network of a user's pandapower file, JSON or Excel. Raises BadInput with every fault that it has."""
    try:
        content = file_bytes(path, ELECTRICITY_FLAG, "pandapower.to_json")
        network = electric_file(path)
    except BadInput as bad:
        mended = _mended(path)
        if mended is None:
            raise _at(ELECTRICITY_FLAG, bad) from bad
        return mended
    name = f"{Path(ELECTRIC_FILE).stem}{path.suffix.lower() if is_workbook(path) else JSON}"
    return ElectricSource(name, content, path.name, (), network)


def _mended(path: Path) -> ElectricSource | None:
    """The network with what the file leaves unset; None where it leaves nothing unset, or is unsound beside."""
    try:
        content = file_bytes(path, ELECTRICITY_FLAG, "pandapower.to_json")
        if is_workbook(path):
            net, faults = electric_net_of_sheets(content, str(path))
        else:
            net, faults = net_of_json(text_of(content), str(path))
        if faults or net is None or not isinstance(net.get("load"), pd.DataFrame):
            return None
        found = with_shares_set(net)
        if not found.loads:
            return None
        network = electric_net(found.net, str(path), f"file {path.name}")
    except (Unusable, BadInput):
        return None
    told = f"shares of constant impedance and current, unset in the file, are 0 for {found.loads} loads"
    return ElectricSource(ELECTRIC_FILE, text_with_models(network.net).encode(), path.name, (told,), network)


def of_heat_file(path: Path) -> HeatSource:
    """The network of a user's pandapipes file. Raises BadInput with every fault of its form."""
    flag = "--heat"
    content = file_bytes(path, flag, "pandapipes.to_json")
    try:
        net, faults = heat_net(text_of(content), str(path))
    except Unusable as error:
        raise BadInput([Fault(flag, str(path), error.problem, error.remedy)]) from error
    if net is None or faults:
        raise BadInput(faults)
    mended = _with_lengths(net)
    if mended:
        content = str(pandapipes.to_json(net)).encode()
    return HeatSource(HEAT_FILE, content, path.name, mended, net)


def judged_heat(path: Path) -> HeatNetwork:
    """The network of the draft's own copy, with the settings that the draft has. Raises BadInput."""
    spec = HeatSpec(file=path.name)
    return heat_file(path, HeatSettings(t_return_c=spec.t_return_c, t_ground_c=spec.t_ground_c))


def _with_lengths(net: Any) -> tuple[str, ...]:
    """Gives the pipes without a length one, in the draft's own net; what was done, for a comment."""
    pipes = net.get("pipe")
    if not isinstance(pipes, pd.DataFrame) or "length_km" not in pipes:
        return ()
    without = pd.to_numeric(pipes["length_km"], errors="coerce") == 0.0
    if not without.any():
        return ()
    pipes.loc[without, "length_km"] = LEAST_LENGTH_KM
    return (f"{int(without.sum())} pipes of no length are {LEAST_LENGTH_KM * 1e5:g} cm long",)


def _at(flag: str, bad: BadInput) -> BadInput:
    """The faults with the flag in the place of a file that has no name of its own in them."""
    return BadInput(
        Fault(flag if fault.place == "file" else fault.place, fault.value, fault.problem, fault.remedy)
        for fault in bad.faults
    )
