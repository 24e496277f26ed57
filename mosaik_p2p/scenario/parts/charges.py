"""Network utilization charges, per kWh of a trade and end: which mechanism, with the keys that it has.

Several mechanisms of one carrier are a list of tables, `[[charges.electricity]]`; what they charge adds up.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Discriminator, SerializeAsAny, Tag, ValidationInfo

from mosaik_p2p.charges.base import ChargeMechanism
from mosaik_p2p.charges.registry import MECHANISMS, mechanisms_of
from mosaik_p2p.sections.base import OpenKinds, Section, allows_code, refuse, refuse_kind
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.registry import KindRefused, KindUnknown
from mosaik_p2p.units import ELECTRICITY, HEAT

KIND = "mechanism"


def _picked(value: Any, info: ValidationInfo, *, carrier: str) -> Any:
    """The table as its mechanism reads it; None for a table that asks for no charge."""
    if not isinstance(value, Mapping):
        return value
    if KIND not in value:
        return _no_charge(value, carrier)
    kind = _kind(value[KIND], info, carrier)
    return kind.model_validate(value, context=info.context)


def _kind(name: Any, info: ValidationInfo, carrier: str) -> type[ChargeMechanism]:
    if not isinstance(name, str):
        refuse_kind("is not a text in quotes", remedy="Give the name of a mechanism.", key=KIND)
    try:
        kind = MECHANISMS.find(name, allow_code=allows_code(info))
    except KindUnknown as unknown:
        refuse_kind(unknown.problem, remedy=did_you_mean(name, _usable(carrier), what="values"), key=KIND)
    except KindRefused as refused:
        refuse_kind(refused.problem, remedy=refused.remedy, key=KIND)
    if carrier not in kind.carriers:
        refuse_kind(
            f"is no mechanism of {carrier}", remedy=did_you_mean(name, _usable(carrier), what="values"), key=KIND
        )
    return kind


def _no_charge(value: Mapping[str, Any], carrier: str) -> None:
    """A table without mechanism is no charge, provided that it asks for none."""
    kinds = _usable(carrier)
    known = tuple(dict.fromkeys([KIND, *(key for kind in kinds.values() for key in kind.known_keys())]))
    for key in value:
        if key not in known:
            refuse("is not a known key", remedy=did_you_mean(key, known, what="keys here"), key=key)
    if set(value) - {"payer"}:
        remedy = f"Name a `mechanism` ({', '.join(kinds)}), or leave the table out for no charge."
        said = "a rate" if "rate" in value else f"`{min(set(value) - {'payer'})}`"
        refuse(f"has {said} and no mechanism that it belongs to", remedy=remedy)


def _usable(carrier: str) -> Mapping[str, type[ChargeMechanism]]:
    return {name: kind for name, kind in MECHANISMS.usable().items() if carrier in kind.carriers}


def _entry(value: Any, info: ValidationInfo, *, carrier: str) -> Any:
    """One of several tables: each has a mechanism."""
    if isinstance(value, Mapping) and KIND not in value:
        remedy = f"Name a `mechanism` ({', '.join(_usable(carrier))}), or take the table out of the list."
        refuse("is one of several charges and names no mechanism", remedy=remedy)
    return _picked(value, info, carrier=carrier)


def _how_many(value: Any) -> str:
    return "charges:several" if isinstance(value, list | tuple) else "charges:one"


ElectricityCharge: TypeAlias = Annotated[
    SerializeAsAny[ChargeMechanism], OpenKinds(KIND, partial(mechanisms_of, ELECTRICITY))
]
HeatCharge: TypeAlias = Annotated[SerializeAsAny[ChargeMechanism], OpenKinds(KIND, partial(mechanisms_of, HEAT))]
ElectricityCharges: TypeAlias = Annotated[
    Annotated[ElectricityCharge | None, BeforeValidator(partial(_picked, carrier=ELECTRICITY)), Tag("charges:one")]
    | Annotated[
        tuple[Annotated[ElectricityCharge, BeforeValidator(partial(_entry, carrier=ELECTRICITY))], ...],
        Tag("charges:several"),
    ],
    Discriminator(_how_many),
]
HeatCharges: TypeAlias = Annotated[
    Annotated[HeatCharge | None, BeforeValidator(partial(_picked, carrier=HEAT)), Tag("charges:one")]
    | Annotated[
        tuple[Annotated[HeatCharge, BeforeValidator(partial(_entry, carrier=HEAT))], ...], Tag("charges:several")
    ],
    Discriminator(_how_many),
]


class Charges(Section):
    """Charges of each network, a table or a list of tables that add up; None, or a table without any key: no charge."""

    electricity: ElectricityCharges = None
    """Of electric trades."""
    heat: HeatCharges = None
    """Of heat trades."""

    def of(self, carrier: str) -> tuple[tuple[str, ChargeMechanism], ...]:
        """The mechanisms of a carrier, each with the place of its table in the scenario."""
        posted = self.electricity if carrier == ELECTRICITY else self.heat
        place = f"charges.{carrier}"
        if isinstance(posted, tuple):
            return tuple((f"{place}[{n}]", mechanism) for n, mechanism in enumerate(posted))
        return () if posted is None else ((place, posted),)
