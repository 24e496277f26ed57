"""Where an electric grid simulator takes its network from: the parameters of mosaik-pandapower-2, and a scenario.

All sources give the same thing, a copy of a net with unique names; what a source does not say has a default.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from inspect import Parameter, isfunction, signature
from pathlib import Path
from typing import Any

import pandapower
import pandapower.networks
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import NetworkLimits, usual_limits
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_file, electric_net, electric_sheets
from mosaik_p2p.networks.electric.stored_limits import stored_limits
from mosaik_p2p.networks.files.nets import loading
from mosaik_p2p.networks.files.strict import Unusable
from mosaik_p2p.networks.trial import electric_trial
from mosaik_p2p.units import ELECTRICITY

DEFAULT_LIMITS = usual_limits(limited_quantities(ELECTRICITY))
"""Those of a scenario that states none, for elements of which the network says none either."""
SIMBENCH_STEP_S = 900
"""Profiles of simbench come in quarters of an hour."""

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_OWN_MODULES = "pandapower.networks."
_READERS_OF_FILES = ("sorted_from_json",)

Profiles = Mapping[tuple[str, str], pd.DataFrame]
"""Element table and column to a frame of steps by element index, as simbench gives them."""


@dataclass(frozen=True)
class GridSource:
    """A network and how it is judged and loaded."""

    network: ElectricNetwork
    limits: NetworkLimits = DEFAULT_LIMITS
    slack_voltage_pu: float | None = None
    replaced_loads: frozenset[Element] = frozenset()
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
    return GridSource(
        network=case.electric,
        limits=case.electric_limits or DEFAULT_LIMITS,
        slack_voltage_pu=case.slack_voltage_pu,
        replaced_loads=case.replaced_loads,
    )


def _from_json(path: Any, _: Mapping[str, Any]) -> GridSource:
    return _tried(electric_file(_path("json", path)), "Grid.json")


def _from_xlsx(path: Any, _: Mapping[str, Any]) -> GridSource:
    return _tried(electric_sheets(_path("xlsx", path)), "Grid.xlsx")


def _tried(network: ElectricNetwork, place: str, profiles: Profiles | None = None) -> GridSource:
    """The network, solved once, with the limits of its own; BadInput where it has no solution."""
    faults = electric_trial(network, place=place, background_scaling=1.0, generation_scaling=1.0).faults
    if faults:
        raise BadInput(faults)
    limits = replace(DEFAULT_LIMITS, elements=stored_limits(network.net))
    return GridSource(network, limits, profiles=profiles or {})


def _path(key: str, path: Any) -> Path:
    if not isinstance(path, str | Path):
        raise BadInput([Fault(f"Grid.{key}", shown(path), "is no name of a file", "Give the path of the file")])
    return Path(path)


@contextmanager
def _faults_of(what: str) -> Iterator[None]:
    """What a library says about its input, as a fault of the grid."""
    try:
        with loading(what):
            yield
    except Unusable as error:
        raise BadInput([Fault("Grid", what, error.problem, error.remedy)]) from error


def _from_net(net: Any, _: Mapping[str, Any]) -> GridSource:
    if not isinstance(net, pandapowerNet):
        raise BadInput([Fault("Grid.net", type(net).__name__, "is not a pandapowerNet", "Give a net of pandapower")])
    return _tried(electric_net(net, "net", "given by the caller"), "Grid.net")


def _from_network_function(name: Any, params: Mapping[str, Any]) -> GridSource:
    """A network that pandapower ships. Its functions hand arguments that they do not know on to its reader of files,
    which takes other texts than the file's: so only those that a function names itself."""
    function = _network_functions().get(name) if isinstance(name, str) else None
    if function is None:
        remedy = "See the list in pandapower's documentation"
        raise BadInput(
            [Fault("Grid.network_function", shown(name), "pandapower.networks has no such function", remedy)]
        )
    known = [key for key, parameter in signature(function).parameters.items() if parameter.kind in _NAMED]
    foreign = sorted(set(params) - set(known))
    if foreign:
        remedy = f"Choose among {', '.join(known)}" if known else "Leave params out"
        raise BadInput([Fault("Grid.params", ", ".join(foreign), f"{name} has no such parameter", remedy)])
    with _faults_of("pandapower"):
        net = function(**params)
    if not isinstance(net, pandapowerNet):
        problem = f"gives no single net but a {type(net).__name__}"
        raise BadInput([Fault("Grid.network_function", name, problem, "Give one of its nets as `net`")])
    return _tried(electric_net(net, name, f"pandapower.networks.{name}"), "Grid.network_function")


def _network_functions() -> dict[str, Callable[..., Any]]:
    """What pandapower.networks defines itself; it also shows what it imports, its reader of files among it."""
    return {
        name: value
        for name, value in vars(pandapower.networks).items()
        if isfunction(value)
        and not name.startswith("_")
        and value.__module__.startswith(_OWN_MODULES)
        and name not in _READERS_OF_FILES
    }


def _from_simbench(code: str, _: Mapping[str, Any]) -> GridSource:
    try:
        simbench = importlib.import_module("simbench")
    except ImportError as error:
        remedy = "Install simbench 1.6.1 (later ones need a newer pandapower)"
        raise BadInput([Fault("Grid.simbench", code, "simbench is not installed", remedy)]) from error
    with warnings.catch_warnings():
        # simbench warns about its own use of pandas; nothing that its user could change.
        warnings.simplefilter("ignore")
        with _faults_of("simbench"):
            net = simbench.get_simbench_net(code)
            values = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    for column in [name for name in net.load.columns if name.startswith("const_")]:
        # Shares of constant impedance and current that this pandapower reads differently: with them the net diverges.
        net.load[column] = 0.0
    profiles = {key: frame for key, frame in values.items() if not net[key[0]].empty}
    return _tried(electric_net(net, code, f"simbench {code}"), "Grid.simbench", profiles)


_READERS: dict[str, Callable[[Any, Mapping[str, Any]], GridSource]] = {
    "json": _from_json,
    "xlsx": _from_xlsx,
    "net": _from_net,
    "network_function": _from_network_function,
    "simbench": _from_simbench,
}
_SOURCES = ", ".join(["scenario", *_READERS])
