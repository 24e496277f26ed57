"""The commands as Python functions; `run` is in `mosaik_p2p.cosim`."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from warnings import warn

from mosaik_p2p import loading
from mosaik_p2p.charges.registry import MECHANISMS
from mosaik_p2p.charges.sheet import ChargeSheet
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import shipped_scenarios
from mosaik_p2p.loading.charges.sheets import changing_sheets, sheets_at
from mosaik_p2p.loading.in_python import Source, as_file
from mosaik_p2p.market.algorithm_registry import ALGORITHMS
from mosaik_p2p.market.designs.registry import DESIGNS
from mosaik_p2p.networks.electric.network import ELECTRIC_CASES
from mosaik_p2p.networks.heat.choice import HEAT_CASES
from mosaik_p2p.results.charge_files import charge_files, write_charges
from mosaik_p2p.results.quantities.registry import known_quantities
from mosaik_p2p.results.rebuilding import rebuild_report
from mosaik_p2p.scenario.in_python import Overrides, override_texts
from mosaik_p2p.scenario.reference import in_a_line

CLEARINGS = {
    "rolling": "a clearing with look-ahead in every interval, of which only that interval binds; may negotiate",
    "day_ahead": "a clearing every `horizon_steps` intervals, all of which bind; may negotiate beforehand",
}
MARKET_FORMS = {
    "auto": "the network form where it fits, else the partner form",
    "bilateral": "every trade, one copy at each end; any charges, partners and preferences",
    "network": "flows on the branches of radial networks; charges that are lengths of paths",
    "partners": "flows on the graph of pairs; any charges, partners and preferences",
}
"""By the values of `time.clearing` and `market.form`."""


@dataclass(frozen=True)
class Shipped:
    """What comes with the package: name to one line of description."""

    scenarios: Mapping[str, str]
    electric_cases: Mapping[str, str]
    heat_cases: Mapping[str, str]
    charge_mechanisms: Mapping[str, str]
    market_designs: Mapping[str, str]
    clearings: Mapping[str, str]
    market_forms: Mapping[str, str]
    market_algorithms: Mapping[str, str]
    device_types: Mapping[str, str]
    """Those that other installed packages bring, too."""
    result_quantities: Mapping[str, str]
    """These as well."""


def check(scenario: Source, *, overrides: Overrides = (), allow_code: bool = False) -> tuple[Fault, ...]:
    """Every fault of a scenario with its overrides; none: it can be run. Scenario, overrides and `allow_code` as of
    `run`."""
    return examine(scenario, overrides=overrides, allow_code=allow_code).faults


def examine(scenario: Source, *, overrides: Overrides = (), allow_code: bool = False) -> loading.Examination:
    """Faults of a scenario; where it has none, its warnings and the inventory of what it holds."""
    try:
        with as_file(scenario) as file:
            return loading.examine(file, override_texts(overrides), allow_code=allow_code)
    except BadInput as bad:
        return loading.Examination(faults=bad.faults)


def charge_sheets(
    scenario: str | Path,
    *,
    overrides: Sequence[str] = (),
    carrier: str | None = None,
    at: str | None = None,
    csv: str | Path | None = None,
    picture: str | Path | None = None,
    allow_code: bool = False,
) -> tuple[ChargeSheet, ...]:
    """What each pair of a scenario is charged in one interval, the first or that of the time `at`, by carrier.

    `csv` and `picture` (an HTML page) are files to be written; without `at` the CSV has every interval of the run whose
    charges are other ones than in the interval before. Raises BadInput; nothing but an earlier file of this kind is
    replaced.
    """
    files = charge_files(csv, picture)
    case = loading.load(scenario, overrides, allow_code=allow_code)
    sheets = sheets_at(case, carrier=carrier, at=at)
    rows = changing_sheets(case, carrier=carrier) if at is None and csv is not None else sheets
    write_charges(files, rows, sheets)
    return sheets


def list_shipped() -> Shipped:
    """Scenarios, network cases, types of devices, charge mechanisms, and how markets can be designed and cleared."""
    return Shipped(
        scenarios=_scenarios(),
        electric_cases=ELECTRIC_CASES,
        heat_cases=HEAT_CASES,
        charge_mechanisms={name: in_a_line(kind) for name, kind in MECHANISMS.known().items()},
        market_designs={name: in_a_line(kind) for name, kind in DESIGNS.known().items()},
        clearings=CLEARINGS,
        market_forms=MARKET_FORMS,
        market_algorithms={name: in_a_line(kind) for name, kind in ALGORITHMS.known().items()},
        device_types={name: in_a_line(kind) for name, kind in device_kinds().items()},
        result_quantities={name: in_a_line(type(named.of)) for name, named in known_quantities().items()},
    )


def report(folder: str | Path, *, allow_code: bool = False) -> Path:
    """Build `report.html` again from a result folder; BadInput where the folder holds no results, or damaged ones.

    Warns (UserWarning) of figures that cannot be shown since what made them is not installed. `allow_code` as of `run`.
    """
    rebuilt = rebuild_report(Path(folder), allow_code=allow_code)
    for text in rebuilt.unshown:
        warn(text, stacklevel=2)
    return rebuilt.path


def _scenarios() -> dict[str, str]:
    texts = {name: path.read_text(encoding="utf-8") for name, path in shipped_scenarios().items()}
    return {name: tomllib.loads(text).get("title", "") for name, text in texts.items()}
