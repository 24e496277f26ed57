"""The rows of a comparison: a design with charges each, as the overrides of an ordinary run."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.scenario.overrides import parsed
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import listed
from mosaik_p2p.studies.compare.runs.charges import NONE, ChargesChange, Posted
from mosaik_p2p.studies.compare.runs.designs import NamedDesign
from mosaik_p2p.units import CARRIERS

DESIGN_KEY = "market.design"
HOLDS_LIMITS_ITSELF = "negotiation.enabled=false"
ANY_FORM = 'market.form="auto"'
"""Of a design in which nobody trades: not every form knows a market without partners."""


@dataclass(frozen=True)
class Row:
    """What is run: a design under charges."""

    label: str
    """The name of its folder."""
    design: NamedDesign
    charges: str
    """As `--charges` says it."""
    overrides: tuple[str, ...]
    """Of the scenario: those of all rows, then its own."""


@dataclass(frozen=True)
class CheckedRow:
    """A row whose scenario can be run, and what it says."""

    row: Row
    scenario: Scenario
    charges: Mapping[str, str]
    """What is posted by carrier, such as `uniform 0.02`."""
    inputs: tuple[Path, ...]


def rows_of(
    designs: Sequence[NamedDesign], changes: Sequence[ChargesChange], overrides: Sequence[str], base: Case | None
) -> list[Row]:
    """Every design under every charge; `base` is the scenario with the `overrides` of all rows, if it can be loaded."""
    rows = [
        Row(
            label=_label(design.name, change.label if len(changes) > 1 else ""),
            design=design,
            charges=change.text,
            overrides=(*overrides, *_of_design(design), *_of_charges(change, base)),
        )
        for design, change in product(designs, changes)
    ]
    return _with_own_labels(rows)


def _label(design: str, charges: str) -> str:
    parts = [re.sub(r"[^A-Za-z0-9_.]+", "-", part).strip("-.") for part in (design, charges)]
    return "-".join(part for part in parts if part) or "row"


def _with_own_labels(rows: Iterable[Row]) -> list[Row]:
    """No two of the same name, whatever a file system makes of capital letters."""
    seen: dict[str, int] = {}
    labelled = []
    for row in rows:
        count = seen[row.label.lower()] = seen.get(row.label.lower(), 0) + 1
        labelled.append(row if count == 1 else replace(row, label=f"{row.label}-{count}"))
    return labelled


def _of_design(design: NamedDesign) -> tuple[str, ...]:
    own = [f'{DESIGN_KEY}="{design.name}"']
    own += [] if design.kind.negotiates else [HOLDS_LIMITS_ITSELF]
    return (*own, *([] if design.kind.has_trades else [ANY_FORM]))


def _of_charges(change: ChargesChange, base: Case | None) -> tuple[str, ...]:
    networks = CARRIERS if base is None else networks_of(base)
    own = {} if base is None else _own_mechanisms(base)
    return tuple(_override(carrier, posted, own.get(carrier)) for carrier, posted in change.among(networks).items())


def networks_of(case: Case) -> tuple[str, ...]:
    """The carriers whose network the scenario has."""
    return tuple(name for name, net in zip(CARRIERS, (case.electric, case.heat), strict=True) if net is not None)


def _own_mechanisms(base: Case) -> dict[str, str]:
    """The one mechanism of each carrier that the scenario has as a plain table."""
    stated = {carrier: base.scenario.charges.of(carrier) for carrier in CARRIERS}
    return {
        carrier: own[0][1].mechanism
        for carrier, own in stated.items()
        if len(own) == 1 and own[0][0] == f"charges.{carrier}"
    }


def _override(carrier: str, posted: Posted, own: str | None) -> str:
    key = f"charges.{carrier}"
    if posted.mechanism == NONE:
        return f"{key}={{}}"
    if posted.mechanism == own:
        return f'{key}.mechanism="{own}"' if posted.rate is None else f"{key}.rate={posted.rate!r}"
    rate = "" if posted.rate is None else f", rate = {posted.rate!r}"
    return f'{key}={{ mechanism = "{posted.mechanism}"{rate} }}'


@dataclass(frozen=True)
class Asked:
    """What all rows have in common."""

    scenario: str | Path
    steps: int | None
    """None: as many as the scenario says."""
    allow_code: bool

    def overrides(self, own: Sequence[str]) -> list[str]:
        """Those of a row, and the number of intervals, as `run` takes them."""
        return [*own, *([] if self.steps is None else [f"time.steps={self.steps}"])]

    def command(self, row: Row) -> str:
        """How a shell runs the row by itself, into a folder of its name."""
        parts = ["mosaik-p2p", "run", str(self.scenario), "--out", row.label]
        parts += [] if self.steps is None else ["--steps", str(self.steps)]
        parts += [part for override in row.overrides for part in ("--set", override)]
        return shlex.join([*parts, *(["--allow-code"] if self.allow_code else [])])


def checked(asked: Asked, rows: Sequence[Row], *, out: str | Path | None) -> list[CheckedRow]:
    """All rows, each loaded once. Raises BadInput with the faults of all of them, each told once."""
    found, faults = [], dict[Fault, list[str]]()
    for row in rows:
        try:
            overrides = asked.overrides(row.overrides)
            case = load(asked.scenario, overrides, results=out, allow_code=asked.allow_code)
        except BadInput as bad:
            for fault in bad.faults:
                faults.setdefault(fault, []).append(row.label)
        else:
            found.append(CheckedRow(row, case.scenario, posted_texts(case), input_files(case, overrides)))
    if faults:
        raise BadInput(_told(fault, labels, len(rows)) for fault, labels in faults.items())
    return found


def _told(fault: Fault, labels: Collection[str], count: int) -> Fault:
    """A fault with the rows that have it, where not all have."""
    if len(labels) == count:
        return fault
    what = "row" if len(labels) == 1 else "rows"
    return replace(fault, problem=f"{fault.problem} ({what} {listed(labels)})")


def posted_texts(case: Case) -> dict[str, str]:
    """By carrier that has a network: the mechanisms that charge it, with their rates."""
    return {
        carrier: " + ".join(_posted_text(mechanism) for _, mechanism in case.scenario.charges.of(carrier)) or NONE
        for carrier in networks_of(case)
    }


def _posted_text(mechanism: object) -> str:
    name, rate = getattr(mechanism, "mechanism", ""), getattr(mechanism, "rate", None)
    return str(name) if rate is None else f"{name} {rate:g}"


def override_faults(overrides: Sequence[str]) -> list[Fault]:
    """Overrides of what is compared."""
    problem, remedy = "is what differs from row to row", "Name the designs with --designs."
    return [
        Fault("--set", shown(f"{one.key}={one.value}"), problem, remedy)
        for one in parsed(overrides)[0]
        if one.key == DESIGN_KEY or one.key.startswith(f"{DESIGN_KEY}.")
    ]
