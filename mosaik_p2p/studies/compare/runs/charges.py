"""What `--charges` says: which charge takes the place of the scenario's own in a row.

    own                               the scenario's own charges
    none                              no charges
    uniform:0.02                      this mechanism at this rate, for every carrier that it can be the charge of
    electricity=zonal:0.01,heat=none  carrier by carrier; those that are not named keep their own

A mechanism that the scenario has there anyway keeps its other keys, and only its rate changes.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mosaik_p2p.charges.base import ChargeMechanism
from mosaik_p2p.charges.registry import MECHANISMS
from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.sections.names import did_you_mean, listed
from mosaik_p2p.sections.registry import KindRefused
from mosaik_p2p.units import CARRIERS

OPTION = "--charges"
OWN, NONE = "own", "none"
REMEDY = f"Write {OWN}, {NONE}, or a mechanism and its rate such as uniform:0.02 or electricity=zonal:0.01,heat=none."


@dataclass(frozen=True)
class Posted:
    """A charge to be posted: a mechanism with its rate, `own` or `none`."""

    mechanism: str
    rate: float | None = None
    """None: the mechanism has none, or keeps that of the scenario."""


@dataclass(frozen=True)
class ChargesChange:
    """What one `--charges` changes."""

    text: str
    posted: Mapping[str, Posted]
    """By carrier; those that keep the scenario's own charges are left out."""
    named: frozenset[str] = frozenset()
    """The carriers that are named; the others change where the scenario has their network."""

    def among(self, networks: Collection[str]) -> Mapping[str, Posted]:
        """What changes in a scenario with the networks of these carriers."""
        return {carrier: one for carrier, one in self.posted.items() if carrier in networks or carrier in self.named}

    @property
    def label(self) -> str:
        """As part of a folder's name."""
        return re.sub(r"[^A-Za-z0-9_.]+", "-", self.text).strip("-.")


OWN_CHARGES = ChargesChange(OWN, {})


class _Misstated(Exception):
    """A part of the text that cannot be followed."""

    def __init__(self, problem: str, remedy: str = REMEDY) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def parsed_charges(text: str, *, allow_code: bool) -> tuple[ChargesChange, list[Fault]]:
    """What the text asks for, and what is wrong with it."""
    said: dict[str, Posted] = {}
    faults, parts = [], text.split(",")
    for part in parts:
        try:
            for carrier, posted in _part(part.strip(), allow_code=allow_code).items():
                if carrier in said:
                    raise _Misstated(f"says twice what {carrier} is charged", "Say it once.")
                said[carrier] = posted
        except _Misstated as wrong:
            faults.append(Fault(OPTION, shown(text), wrong.problem, wrong.remedy))
    changed = {carrier: posted for carrier, posted in said.items() if posted.mechanism != OWN}
    named = frozenset(part.partition("=")[0].strip() for part in parts if "=" in part)
    return ChargesChange(text.strip(), changed, named), faults


def _part(part: str, *, allow_code: bool) -> dict[str, Posted]:
    """By carrier what one part posts."""
    named, equals, rest = (word.strip() for word in part.partition("="))
    if equals and named not in CARRIERS:
        raise _Misstated(f"{named!r} is no carrier", did_you_mean(named, CARRIERS, what="carriers"))
    carriers = (named,) if equals else CARRIERS
    posted = _posted(rest if equals else part)
    if posted.mechanism in (OWN, NONE):
        return dict.fromkeys(carriers, posted)
    kind = _kind(posted, allow_code=allow_code)
    served = [carrier for carrier in carriers if carrier in kind.carriers]
    if not served:
        raise _Misstated(f"{posted.mechanism} is no mechanism of {named}", f"It is one of {listed(kind.carriers)}.")
    return dict.fromkeys(served, posted)


def _posted(said: str) -> Posted:
    """A name, or a name and a rate; the name may have a colon itself (`package.module:name:0.02`)."""
    name, colon, number = said.rpartition(":")
    is_place = "." in name and number.isidentifier()
    if not colon or is_place:
        return Posted(_named(said))
    try:
        rate = float(number)
    except ValueError:
        raise _Misstated(f"{shown(number)} is no rate") from None
    if not (math.isfinite(rate) and rate >= 0.0):
        raise _Misstated(f"the rate {number} is not 0 or more")
    if name in (OWN, NONE):
        raise _Misstated(f"{name} has no rate", f"Write {name} alone.")
    return Posted(_named(name), rate)


def _named(name: str) -> str:
    if not name:
        raise _Misstated("names no charge")
    return name


def _kind(posted: Posted, *, allow_code: bool) -> type[ChargeMechanism]:
    name = posted.mechanism
    try:
        kind: type[ChargeMechanism] = MECHANISMS.find(name, allow_code=allow_code)
    except KindRefused as refused:
        raise _Misstated(f"{name}: {refused.problem}", refused.remedy) from refused
    if posted.rate is not None and "rate" not in kind.known_keys():
        raise _Misstated(f"{name} has no rate", f"Write {name} alone.")
    return kind
