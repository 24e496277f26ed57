"""Former places of what README, docs and examples once named: they lead to the new ones, with a DeprecationWarning.

Modules that have another name are found by a finder before Python's own, which would load the files of a moved package
a second time, as other classes than those that the package itself uses. Names that stood in a module whose place a
package has taken, or that went to several modules, are found by the `__getattr__` of the former place.
"""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MODULES: Mapping[str, str] = {
    "mosaik_p2p.charges.thevenin": "mosaik_p2p.charges.measures.thevenin",
    "mosaik_p2p.feasibility": "mosaik_p2p.limits",
    "mosaik_p2p.limits.checked": "mosaik_p2p.limits.checking",
    "mosaik_p2p.limits.limits": "mosaik_p2p.limits.stated",
    "mosaik_p2p.loading.houses": "mosaik_p2p.loading.prosumers.houses",
    "mosaik_p2p.market.case": "mosaik_p2p.market.over_time.case",
    "mosaik_p2p.market.day_ahead": "mosaik_p2p.market.over_time.day_ahead",
    "mosaik_p2p.market.directions": "mosaik_p2p.market.prosumer_step.direction_search",
    "mosaik_p2p.market.partners": "mosaik_p2p.market.network_step.coordinate_descent",
    "mosaik_p2p.networks.files.control_objects": "mosaik_p2p.networks.files.electric.control_objects",
    "mosaik_p2p.networks.files.control_uses": "mosaik_p2p.networks.files.electric.control_uses",
    "mosaik_p2p.networks.files.electric_columns": "mosaik_p2p.networks.files.electric.columns",
    "mosaik_p2p.networks.files.heat_columns": "mosaik_p2p.networks.files.heat.columns",
    "mosaik_p2p.networks.files.heat_shapes": "mosaik_p2p.networks.files.heat.shapes",
    "mosaik_p2p.networks.files.heat_uses": "mosaik_p2p.networks.files.heat.uses",
    "mosaik_p2p.networks.heat_flow": "mosaik_p2p.networks.heat.flow",
    "mosaik_p2p.networks.heat_screen": "mosaik_p2p.networks.heat.radial.screen",
    "mosaik_p2p.plain": "mosaik_p2p.single_period",
    "mosaik_p2p.results.report.inventory": "mosaik_p2p.results.inventory",
    "mosaik_p2p.results.report.limits": "mosaik_p2p.results.figures.networks.limits",
    "mosaik_p2p.results.report.maps": "mosaik_p2p.results.figures.networks.maps",
    "mosaik_p2p.results.report.market": "mosaik_p2p.results.figures.market.trades",
    "mosaik_p2p.results.report.money": "mosaik_p2p.results.figures.money.costs",
    "mosaik_p2p.results.report.negotiation": "mosaik_p2p.results.figures.market.negotiation",
    "mosaik_p2p.results.report.net_map": "mosaik_p2p.results.figures.networks.net_map",
    "mosaik_p2p.results.report.nodal_prices": "mosaik_p2p.results.figures.market.nodal_prices",
    "mosaik_p2p.results.report.operator": "mosaik_p2p.results.figures.money.operator",
    "mosaik_p2p.scenario.base": "mosaik_p2p.sections.base",
    "mosaik_p2p.scenario.names": "mosaik_p2p.sections.names",
    "mosaik_p2p.scenario.ranges": "mosaik_p2p.sections.ranges",
    "mosaik_p2p.sections.uses": "mosaik_p2p.sections.profile_references",
    "mosaik_p2p.sims.progress": "mosaik_p2p.sims.world.progress",
    "mosaik_p2p.sims.wiring": "mosaik_p2p.sims.world.wiring",
}
"""New place by former one. What lies below a package moved with it, and may have another name there."""

_KINDS = "mosaik_p2p.devices.kinds"
NAMES: Mapping[str, Mapping[str, str]] = {
    "mosaik_p2p.market.iteration": {
        "mosaik_p2p.market.iteration.driver": "Agreement Algorithm Outcome Residuals Sides Start State",
    },
    "mosaik_p2p.networks.electric": {
        "mosaik_p2p.networks.electric.network": "ELECTRIC_CASES ElectricNetwork electric_case electric_file "
        "electric_graph electric_net electric_sheets text_with_models",
    },
    "mosaik_p2p.networks.heat": {
        "mosaik_p2p.networks.heat.choice": "HEAT_CASES HeatNetwork HeatSettings heat_case heat_file",
    },
    "mosaik_p2p.prosumers.blocks": {
        "mosaik_p2p.prosumers.prosumer": "prosumer_model",
        "mosaik_p2p.prosumers.window": "Window",
    },
    "mosaik_p2p.prosumers.devices": {
        "mosaik_p2p.prosumers.device": "Device",
        "mosaik_p2p.prosumers.prosumer": "Contract Prosumer",
        "mosaik_p2p.sections.series": "Series",
        f"{_KINDS}.battery": "Battery",
        f"{_KINDS}.chp": "Chp",
        f"{_KINDS}.elastic_load": "ElasticLoad",
        f"{_KINDS}.electric_boiler": "ElectricBoiler",
        f"{_KINDS}.ev": "Ev",
        f"{_KINDS}.fixed_load": "FixedLoad",
        f"{_KINDS}.flexible_load": "FlexibleLoad",
        f"{_KINDS}.gas_boiler": "GasBoiler",
        f"{_KINDS}.generator": "Generator",
        f"{_KINDS}.heat_pump": "HeatPump",
        f"{_KINDS}.heat_tank": "HeatTank",
        f"{_KINDS}.pv": "Pv",
        f"{_KINDS}.solar_collector": "SolarCollector",
    },
    "mosaik_p2p.prosumers.state": {"mosaik_p2p.prosumers.prosumer": "initial_state"},
    "mosaik_p2p.results.store": {
        "mosaik_p2p.results.store.parts": "DamagedTable ResultStore read_arrow read_table",
    },
}
"""By former module: names, by the module in which they are now."""


def new_place(module: str) -> str | None:
    """The name that a module has now, where it had another one."""
    package, _, rest = module.rpartition(".")
    if module in MODULES or not package:
        return MODULES.get(module)
    moved = new_place(package)
    return None if moved is None else MODULES.get(f"{moved}.{rest}", f"{moved}.{rest}")


def names_of(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module in which names stood that are elsewhere now."""
    homes = {name: new for new, names in NAMES[module].items() for name in names.split()}

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        _warn(f"{module}.{name}", f"{homes[name]}.{name}")
        return getattr(import_module(homes[name]), name)

    return found


def _warn(former: str, new: str) -> None:
    """Of the line that asked; the frames of Python's own import do not count."""
    warnings.warn(f"{former} is {new} now", DeprecationWarning, stacklevel=3)


class FormerPlaces(MetaPathFinder, Loader):
    """Finds modules under the names that they had, and makes those of which only names are left."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for former places alone; a package that took the place of a module is Python's to find."""
        is_gone = fullname in NAMES and PathFinder.find_spec(fullname, path, target) is None
        return ModuleSpec(fullname, self) if is_gone or new_place(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that was moved in this one's place, which Python then hands out; or let it find names."""
        former = module.__name__
        new = new_place(former)
        if new is None:
            vars(module)["__getattr__"] = names_of(former)
            return
        _warn(former, new)
        sys.modules[former] = import_module(new)


def install() -> None:
    """Let Python find former places; once, however often it is asked."""
    if not any(isinstance(finder, FormerPlaces) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerPlaces())
