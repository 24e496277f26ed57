"""Tables `[networks.*.limits]` and `[[networks.*.limits.element]]`, made of the limited quantities' rows.

Which keys they have, with range, default and meaning, stands in `mosaik_p2p.limits`; here they become sections.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, create_model, model_validator

from mosaik_p2p.limits.base import ELEMENTS, LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.units import ELECTRICITY, HEAT

WIDEN = "No value can meet both limits: widen the band."
Rows: TypeAlias = Sequence[LimitedQuantity]


class Band(Section):
    """Least and largest value of a quantity."""

    if TYPE_CHECKING:  # Those that `_band` makes have them, with range and meaning.
        min: float | None = None
        max: float | None = None

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            refuse(f"is not below max = {self.max:g}", remedy=WIDEN, key="min")
        return self


class _Limits(Section):
    """A table with limits of one network."""

    of_network: ClassVar[str]

    @classmethod
    def quantities(cls) -> Rows:
        """Those that the table may limit."""
        return limited_quantities(cls.of_network)

    def stated(self, path: str) -> float | None:
        """The limit under a path such as `voltage_pu.min`; None where it is left out, or there is no path."""
        value: Any = self if path else None
        for key in path.split("."):
            value = None if value is None else getattr(value, key)
        return None if value is None else float(value)


class ElementLimits(_Limits):
    """Limits of its own for one element, in place of the general ones."""

    table: str
    """Kind of element."""
    name: Name
    """Name of the element."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        fitting = {_head(of.own_key) for of in self.quantities() if of.own_key and of.element == self.table}
        stated = {key for key in self.own_keys() if getattr(self, key) is not None}
        if not stated or not stated <= fitting:
            wanted = " or ".join(f"`{key}`" for key in self.own_keys() if key in fitting)
            refuse(f"is a {self.table}, which has a limit {wanted} and no other", remedy=f"Give {wanted}.")
        return self

    @classmethod
    def own_keys(cls) -> list[str]:
        """The keys that hold limits."""
        return [key for key in cls.model_fields if key not in ElementLimits.model_fields]

    def limits(self) -> Iterator[tuple[LimitedQuantity, float]]:
        """What is stated, quantity by quantity."""
        for of in self.quantities():
            value = self.stated(of.own_key) if of.element == self.table else None
            if value is not None:
                yield of, value


class NetworkLimitsSpec(_Limits):
    """Limits that a network is checked against."""

    if TYPE_CHECKING:  # Those that `_section` makes have it, behind the limits of all elements.
        element: tuple[ElementLimits, ...] = ()

    @model_validator(mode="after")
    def _rooms(self) -> Self:
        """A band with the usual limit on the side that is left out."""
        for least, most in bands(self.quantities()):
            low, high = (_or(self.stated(of.all_key), of.usual) for of in (least, most))
            if low is not None and high is not None and low >= high:
                refuse(f"is not below max = {high:g}", remedy=WIDEN, key=least.all_key)
        return self


def bands(quantities: Rows) -> list[tuple[LimitedQuantity, LimitedQuantity]]:
    """The quantities with limits of all elements on both sides: the lower and the upper one."""
    upper = {of.quantity: of for of in quantities if of.is_upper and of.all_key}
    return [(of, upper[of.quantity]) for of in quantities if not of.is_upper and of.all_key and of.quantity in upper]


def table_of_all(section: type[NetworkLimitsSpec], values: Mapping[str, float | None]) -> dict[str, Any]:
    """The fields of a section with `values` (by key of the limited quantity), not judged; bands are sections too."""
    table = _nested([(of.all_key, of.key) for of in section.quantities()], values)
    kinds = {key: field.annotation for key, field in section.model_fields.items()}
    return {
        key: kinds[key].model_construct(**value) if isinstance(value, dict) else value  # type: ignore[union-attr]
        for key, value in table.items()
    }


def own_table(quantities: Rows, values: Mapping[str, float | None]) -> dict[str, Any]:
    """The keys of `quantities` in the table of one element, with `values` by key of the limited quantity."""
    return _nested([(of.own_key, of.key) for of in quantities], values)


def _nested(paths: Sequence[tuple[str, str]], values: Mapping[str, float | None]) -> dict[str, Any]:
    """Under each path the value of its quantity."""
    table: dict[str, Any] = {}
    for path, key in paths:
        head, _, side = path.partition(".")
        if side:
            table.setdefault(head, {})[side] = values.get(key)
        elif path:
            table[head] = values.get(key)
    return table


def _or(value: float | None, other: float | None) -> float | None:
    return other if value is None else value


def _head(path: str) -> str:
    return path.partition(".")[0]


def _side(path: str) -> str:
    return path.partition(".")[2]


def _number(of: LimitedQuantity) -> Any:
    return Annotated[float, Field(strict=True, ge=of.least, le=of.most)]


@cache
def _band(*sides: tuple[LimitedQuantity, str, str]) -> type[Band]:
    """The table with `min` and `max` of a quantity, each with its meaning."""
    fields: dict[str, Any] = {
        side: (_number(of) | None, Field(default=None, description=meaning)) for of, side, meaning in sides
    }
    first = sides[0][0]
    made = create_model(f"{_title(first.quantity)}Band", __base__=Band, __doc__=_band_text(first), **fields)
    usual = [f"{key} = {of.usual:g}" for of, key, _ in sides if of.usual is not None]
    made.example = f"{{ {', '.join(usual)} }}" if usual else ""
    return made


def _title(quantity: str) -> str:
    return "".join(part.capitalize() for part in quantity.split("_"))


def _band_text(of: LimitedQuantity) -> str:
    return f"Limits of {of.element} {of.name} in {of.unit.rstrip('.')}."


def _of_heads(rows: Rows, paths: Sequence[str]) -> dict[str, list[LimitedQuantity]]:
    """The quantities under each key."""
    found: dict[str, list[LimitedQuantity]] = {}
    for of, path in zip(rows, paths, strict=True):
        if path:
            found.setdefault(_head(path), []).append(of)
    return found


def general_fields(rows: Rows) -> dict[str, Any]:
    """Type and field by key, of the limits of all elements."""
    fields: dict[str, Any] = {}
    for key, (first, *others) in _of_heads(rows, [of.all_key for of in rows]).items():
        if "." in first.all_key:
            band = _band(*((of, _side(of.all_key), of.meaning) for of in (first, *others)))
            fields[key] = (band, Field(default=band(), description=f"Of every {_in_unit(first)}"))
        elif first.usual is None or first.stored is not None:
            # What is left out may stand in the network's file.
            fields[key] = (_number(first) | None, Field(default=None, description=first.meaning))
        else:
            fields[key] = (_number(first), Field(default=first.usual, description=first.meaning))
    return fields


def own_fields(rows: Rows) -> dict[str, Any]:
    """Type and field by key, of the limits of single elements."""
    fields: dict[str, Any] = {}
    for key, quantities in _of_heads(rows, [of.own_key for of in rows]).items():
        first = quantities[0]
        if "." in first.own_key:
            band = _band(*((of, _side(of.own_key), of.own_meaning or of.meaning) for of in quantities))
            fields[key] = (band | None, Field(default=None, description=f"Of a {_in_unit(first)}"))
        else:
            meaning = next(of.own_meaning for of in quantities if of.own_meaning)
            fields[key] = (_number(first) | None, Field(default=None, description=meaning))
    return fields


def _in_unit(of: LimitedQuantity) -> str:
    return f"{of.element}, {of.unit.rstrip('.')}."


def _element_section(network: str, name: str, text: str) -> type[ElementLimits]:
    rows = limited_quantities(network)
    kinds = tuple(kind for kind in ELEMENTS[network] if any(of.own_key and of.element == kind for of in rows))
    table: Any = (Literal[kinds], Field(description="Kind of element."))
    made = create_model(name, __base__=ElementLimits, __doc__=text, table=table, **own_fields(rows))
    made.of_network = network
    return made


def _section(network: str, name: str, text: str, own: type[ElementLimits]) -> type[NetworkLimitsSpec]:
    element = (tuple[own, ...], Field(default=(), description="Limits of single elements."))  # type: ignore[valid-type]
    fields = general_fields(limited_quantities(network))
    made = create_model(name, __base__=NetworkLimitsSpec, __doc__=text, **fields, element=element)
    made.of_network = network
    return made


if TYPE_CHECKING:

    class ElectricElementSpec(ElementLimits):
        """See below."""

    class HeatElementSpec(ElementLimits):
        """See below."""

    class ElectricLimitsSpec(NetworkLimitsSpec):
        """See below."""

    class HeatLimitsSpec(NetworkLimitsSpec):
        """See below."""

else:
    ElectricElementSpec = _element_section(
        ELECTRICITY, "ElectricElementSpec", "Limits of its own for one element, in place of the general ones."
    )
    HeatElementSpec = _element_section(
        HEAT,
        "HeatElementSpec",
        "Limits of its own for one pipe, one prosumer's connection or one plant, in place of the general ones.",
    )
    ElectricLimitsSpec = _section(
        ELECTRICITY, "ElectricLimitsSpec", "Limits that the electric network is checked against.", ElectricElementSpec
    )
    HeatLimitsSpec = _section(
        HEAT, "HeatLimitsSpec", "Limits that the heat network is checked against.", HeatElementSpec
    )
