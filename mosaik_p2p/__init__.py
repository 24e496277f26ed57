"""Peer-to-peer markets of electricity and heat, co-simulated with the networks that carry them.

The commands of `mosaik-p2p` as functions: `run`, `check`, `charge_sheets`, `list`, `clear`, `report`, `export`,
`compare`, `diff`, `sweep`, `collect`, `hosting_capacity` and `optimal_charge`; `read` and `read_runs` give results as
data frames. They are imported when they are first used: the market core below works without mosaik and without the
network libraries.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mosaik_p2p import former_places
from mosaik_p2p.jit.share import limit_libraries

# Before numpy is loaded.
limit_libraries()

if TYPE_CHECKING:
    from mosaik_p2p.api import charge_sheets, check, examine, report
    from mosaik_p2p.api import list_shipped as list
    from mosaik_p2p.cosim import RunOutcome, run
    from mosaik_p2p.loading.in_python import write_scenario
    from mosaik_p2p.results.differences.command import diff
    from mosaik_p2p.results.export.command import export
    from mosaik_p2p.results.in_hand.many import read_runs
    from mosaik_p2p.results.in_hand.run_results import RunResults, read
    from mosaik_p2p.single_period.clearing import clear_plain as clear
    from mosaik_p2p.studies.best_rate.command import optimal_charge
    from mosaik_p2p.studies.compare.command import compare
    from mosaik_p2p.studies.hosting.command import hosting_capacity
    from mosaik_p2p.studies.sweep.command import collect, sweep

__all__ = [
    "RunOutcome",
    "RunResults",
    "charge_sheets",
    "check",
    "clear",
    "collect",
    "compare",
    "diff",
    "examine",
    "export",
    "hosting_capacity",
    "list",
    "optimal_charge",
    "read",
    "read_runs",
    "report",
    "run",
    "sweep",
    "write_scenario",
]

_HOMES = {
    "run": ("mosaik_p2p.cosim", "run"),
    "RunOutcome": ("mosaik_p2p.cosim", "RunOutcome"),
    "RunResults": ("mosaik_p2p.results.in_hand.run_results", "RunResults"),
    "write_scenario": ("mosaik_p2p.loading.in_python", "write_scenario"),
    "read": ("mosaik_p2p.results.in_hand.run_results", "read"),
    "read_runs": ("mosaik_p2p.results.in_hand.many", "read_runs"),
    "export": ("mosaik_p2p.results.export.command", "export"),
    "charge_sheets": ("mosaik_p2p.api", "charge_sheets"),
    "check": ("mosaik_p2p.api", "check"),
    "list": ("mosaik_p2p.api", "list_shipped"),
    "examine": ("mosaik_p2p.api", "examine"),
    "clear": ("mosaik_p2p.single_period.clearing", "clear_plain"),
    "optimal_charge": ("mosaik_p2p.studies.best_rate.command", "optimal_charge"),
    "compare": ("mosaik_p2p.studies.compare.command", "compare"),
    "diff": ("mosaik_p2p.results.differences.command", "diff"),
    "sweep": ("mosaik_p2p.studies.sweep.command", "sweep"),
    "collect": ("mosaik_p2p.studies.sweep.command", "collect"),
    "hosting_capacity": ("mosaik_p2p.studies.hosting.command", "hosting_capacity"),
    "report": ("mosaik_p2p.api", "report"),
}

former_places.install()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> Iterable[str]:
    return sorted({*globals(), *_HOMES})
