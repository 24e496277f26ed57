"""What an answer of `check` has to mean: nothing wrong is let through, and what is refused is said in words of ours."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fuzz.csvs import header_twice, too_long_row
from fuzz.dice import ABSURD
from fuzz.findings import Finding
from fuzz.netfiles import repeated_keys
from fuzz.trees import leaves, value_at
from mosaik_p2p.errors import Fault

JARGON = re.compile(
    r"C error|Traceback|object at 0x|NoneType|not subscriptable|has no attribute|unhashable|Errno|<class '|numpy\.|"
    r"\b(?:Key|Type|Index|Attribute|Value|Overflow|Recursion|Assertion|ZeroDivision|UFuncTypeError)Error\b|"
    r"could not convert|cannot (?:reindex|convert)|truth value of|invalid literal|codec can't|dtype"
)
"""Words of a library or of Python that tell a user of this program nothing."""

NONSENSE: tuple[str, ...] = (
    *("prosumers.A.heat_pump.cop=1e9", "prosumers.A.heat_pump.cop=1e-6"),
    *("networks.electricity.limits.line_loading_percent=1e14", "networks.electricity.limits.line_loading_percent=1e-9"),
    *("networks.electricity.limits.voltage_pu.max=1e6", "networks.heat.limits.velocity_m_per_s=1e14"),
    *("networks.heat.limits.pressure_gradient_pa_per_m=1e15", "networks.heat.limits.differential_pressure_bar=1e9"),
    *("scale.pv=1e308", "scale.load=1e200", "scale.heat_load=1e30", "charges.heat.t_mean_c=1e6"),
    *("charges.heat.kappa_kw_per_km_k=1e12", "charges.electricity.rate=1e12", "networks.heat.t_ground_c=-400"),
    *("prosumers.A.pv.peak_kw=1e30", "prosumers.A.battery.power_kw=1e30", "prosumers.A.pv.cost_per_kwh=1e30"),
    *("prosumers.A.solar_collector.area_m2=1e30", "prosumers.A.battery.efficiency.charge=1e-12"),
    *("tariffs.grid.import_per_kwh=1e20", "settlement.loss_price_per_kwh=1e30"),
)
"""Overrides of the base `cases` that no district can mean; some were found accepted, the others are of their kind."""

HARMLESS = frozenset({"seed"})
"""Numbers without a size."""


def of_faults(faults: tuple[Fault, ...]) -> Iterator[Finding]:
    """What is wrong with the messages."""
    for fault in faults:
        if not (fault.place.strip() and fault.problem.strip() and fault.remedy.strip()):
            yield Finding("message", f"a fault without place, problem or remedy at {_kind_of(fault)}", str(fault)[:300])
        found = JARGON.search(fault.problem)
        if found:
            yield Finding("message", f"{found[0]!r} at {_kind_of(fault)}", str(fault)[:300])


def of_accepted(folder: Path, tables: Mapping[str, Any] | None) -> Iterator[Finding]:
    """What `check` let through though a plain reader sees that it is wrong: `tables` and the files in `folder`."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv" and path.is_file():
            yield from _of_csv(path)
        if path.suffix == ".json" and path.is_file():
            twice = repeated_keys(path.read_text(encoding="utf-8", errors="replace"))
            if twice:
                yield Finding("accepted", f"repeated keys in {path.name}", ", ".join(twice[:5]))
    if tables is not None:
        yield from _absurd(tables)


def _of_csv(path: Path) -> Iterator[Finding]:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        line, name = too_long_row(text), header_twice(text)
    except ValueError:
        return
    if line is not None:
        yield Finding("accepted", f"a row of {path.name} with more values than the header", f"line {line}")
    if name is not None:
        yield Finding("accepted", f"a column of {path.name} that stands twice", repr(name))


def _absurd(tables: Mapping[str, Any]) -> Iterator[Finding]:
    for place in leaves(dict(tables)):
        value = value_at(tables, place)
        if place[0] in HARMLESS or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value) or abs(value) >= ABSURD:
            name = ".".join(part for part in place if isinstance(part, str))
            yield Finding("accepted", f"an absurd number at {name}", repr(value))


def _kind_of(fault: Fault) -> str:
    """The place without what differs from input to input."""
    place = re.sub(r"^/\S*/|'.*?'|\[\d+\]|line \d+|\d+", "", fault.place)
    return place[-60:]
