"""The design of the market: its name, and the tables `[market.NAME]` of those designs that have keys."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, SerializeAsAny, ValidationInfo, create_model

from mosaik_p2p.market.designs.base import Design
from mosaik_p2p.market.designs.registry import DESIGNS, designs_with_keys
from mosaik_p2p.sections.base import Name, OpenNames, Section, allows_code, refuse
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.registry import KindRefused

PARAMETERS = "parameters"
"""The table of a design that is named by its place in Python."""


def _known_design(name: str, info: ValidationInfo) -> str:
    try:
        DESIGNS.find(name, allow_code=allows_code(info))
    except KindRefused as refused:
        refuse(refused.problem, remedy=refused.remedy)
    return name


DesignName: TypeAlias = Annotated[Name, AfterValidator(_known_design), OpenNames(DESIGNS.names)]


def _written_whole(kind: type[Design]) -> Any:
    """The type of a table that is written with the keys of its own kind."""
    as_it_is: Any = SerializeAsAny
    return as_it_is[kind]


@cache
def _tables_of(designs: tuple[tuple[str, type[Design]], ...]) -> type[Section]:
    """A section with the tables of these designs: so every fault in one of them has its place."""
    kinds: dict[str, Any] = {name: (_written_whole(kind) | None, None) for name, kind in designs}
    return create_model("DesignTables", __base__=Section, **kinds)


def with_design_tables(data: Mapping[str, Any], own: tuple[str, ...], info: ValidationInfo) -> dict[str, Any]:
    """The table `[market]`, of which `own` are the keys that all designs share, with the tables of designs read."""
    tables = {key: value for key, value in data.items() if key not in own}
    rest = {key: value for key, value in data.items() if key in own}
    designs = designs_with_keys()
    known = (*own, *designs)
    for key in tables:
        if key not in (*known, PARAMETERS):
            refuse("is not a known key", remedy=did_you_mean(key, known, what="keys here"), key=key)
    given = tables.pop(PARAMETERS, None)
    if given is not None:
        rest[PARAMETERS] = _of_place(data.get("design"), given, info)
    read = _tables_of(tuple(designs.items())).model_validate(tables, context=info.context)
    return rest | {key: getattr(read, key) for key in tables}


def _of_place(design: Any, given: Any, info: ValidationInfo) -> Any:
    """The parameters of a design that is named by its place; an empty table where there is none to read them."""
    try:
        if not (isinstance(design, str) and ":" in design):
            return Section()
        kind = DESIGNS.find(design, allow_code=allows_code(info))
    except KindRefused:
        return Section()
    holder = create_model("DesignParameters", __base__=Section, parameters=(_written_whole(kind), ...))
    return holder.model_validate({PARAMETERS: given}, context=info.context).parameters  # type: ignore[attr-defined]


def design_of(name: str, tables: Mapping[str, Any]) -> Design:
    """The design of this name with its table, if there is one; what code it may name was settled at reading."""
    table = tables.get(PARAMETERS if ":" in name else name)
    return table if isinstance(table, Design) else DESIGNS.find(name, allow_code=True)()
