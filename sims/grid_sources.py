"""Where an electric grid simulator takes its network from: the parameters of mosaik-pandapower-2, and a scenario.

All sources give the same thing, a copy of a net with unique names; what a source does not say has a default.
"""

import copy
import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandapower
import pandapower.networks
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.feasibility.limits import ElectricLimits
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric import ElectricNetwork, electric_file
from mosaik_p2p.networks.electric_files import NAMED_TABLES
from mosaik_p2p.networks.names import with_unique_names
from mosaik_p2p.scenario.grids import ElectricLimitsSpec

_LIMITS = ElectricLimitsSpec()
DEFAULT_LIMITS = ElectricLimits(
    voltage_min_pu=_LIMITS.voltage_pu.min,
    voltage_max_pu=_LIMITS.voltage_pu.max,
    line_loading_percent=_LIMITS.line_loading_percent,
    transformer_loading_percent=_LIMITS.transformer_loading_percent,
)
"""Those of a scenario that states none."""
SIMBENCH_STEP_S = 900
"""Profiles of simbench come in quarters of an hour."""

Profiles = Mapping[tuple[str, str], pd.DataFrame]
"""Element table and column to a frame of steps by element index, as simbench gives them."""


@dataclass(frozen=True)
class GridSource:
    """A network and how it is judged and loaded."""

    network: ElectricNetwork
    limits: ElectricLimits = DEFAULT_LIMITS
    slack_voltage_pu: float | None = None
    replaced_loads: frozenset[int] = frozenset()
    profiles: Profiles = field(default_factory=dict)


def grid_source(case: Case | None, params: Mapping[str, Any]) -> GridSource:
    """The one network that the parameters name; BadInput where they name none or several."""
    named = [name for name in ("json", "xlsx", "net", "simbench", "network_function") if params.get(name) is not None]
    if len(named) + (case is not None) != 1:
        found = ", ".join([*named, *(["scenario"] if case is not None else [])]) or "none"
        raise BadInput([Fault("Grid", found, "needs exactly one source of its network", f"Give one of: {_SOURCES}")])
    if case is not None:
        return _from_case(case)
    return _READERS[named[0]](params[named[0]], params.get("params") or {})


def _from_case(case: Case) -> GridSource:
    if case.electric is None:
        problem = "the scenario has no electric network"
        raise BadInput([Fault("Grid", case.scenario.name, problem, "Leave the grid out")])
    stated = case.scenario.networks.electricity
    return GridSource(
        network=case.electric,
        limits=case.electric_limits or DEFAULT_LIMITS,
        slack_voltage_pu=None if stated is None else stated.slack_voltage_pu,
        replaced_loads=case.replaced_loads,
    )


def _named(net: pandapowerNet, name: str, provenance: str) -> ElectricNetwork:
    own = copy.deepcopy(net)
    for table in NAMED_TABLES:
        own[table] = with_unique_names(own[table])
    return ElectricNetwork(name=name, net=own, provenance=provenance)


def _from_json(path: str, _: Mapping[str, Any]) -> GridSource:
    return GridSource(electric_file(Path(path)))


def _from_xlsx(path: str, _: Mapping[str, Any]) -> GridSource:
    try:
        net = pandapower.from_excel(path)
    except (OSError, ValueError, KeyError, ImportError) as error:
        problem = f"pandapower cannot load it ({error})"
        raise BadInput([Fault("Grid.xlsx", path, problem, "Write the file with pandapower.to_excel")]) from error
    return GridSource(_named(net, Path(path).stem, f"file {Path(path).name}"))


def _from_net(net: Any, _: Mapping[str, Any]) -> GridSource:
    if not isinstance(net, pandapowerNet):
        raise BadInput([Fault("Grid.net", type(net).__name__, "is not a pandapowerNet", "Give a net of pandapower")])
    return GridSource(_named(net, "net", "given by the caller"))


def _from_network_function(name: str, params: Mapping[str, Any]) -> GridSource:
    function = getattr(pandapower.networks, name, None)
    if function is None:
        remedy = "See the list in pandapower's documentation"
        raise BadInput([Fault("Grid.network_function", name, "pandapower.networks has no such function", remedy)])
    return GridSource(_named(function(**params), name, f"pandapower.networks.{name}"))


def _from_simbench(code: str, _: Mapping[str, Any]) -> GridSource:
    try:
        simbench = importlib.import_module("simbench")
    except ImportError as error:
        remedy = "Install simbench 1.6.1 (later ones need a newer pandapower)"
        raise BadInput([Fault("Grid.simbench", code, "simbench is not installed", remedy)]) from error
    with warnings.catch_warnings():
        # simbench warns about its own use of pandas; nothing that its user could change.
        warnings.simplefilter("ignore")
        net = simbench.get_simbench_net(code)
        values = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    for column in [name for name in net.load.columns if name.startswith("const_")]:
        # Shares of constant impedance and current that this pandapower reads differently: with them the net diverges.
        net.load[column] = 0.0
    profiles = {key: frame for key, frame in values.items() if not net[key[0]].empty}
    return GridSource(_named(net, code, f"simbench {code}"), profiles=profiles)


_READERS: dict[str, Callable[[Any, Mapping[str, Any]], GridSource]] = {
    "json": _from_json,
    "xlsx": _from_xlsx,
    "net": _from_net,
    "network_function": _from_network_function,
    "simbench": _from_simbench,
}
_SOURCES = ", ".join(["scenario", *_READERS])
