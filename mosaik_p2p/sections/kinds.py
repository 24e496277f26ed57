"""Tables whose key says of which kind they are, where the kinds are known only when the program runs.

Which kinds there are is a function: packages that are installed may bring more of them by entry points.
"""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.base import Section, refuse
from mosaik_p2p.sections.names import listed

S = TypeVar("S", bound=Section)


def picked(value: Any, info: ValidationInfo, kinds: Mapping[str, type[S]], *, key: str = "type") -> S:
    """The table as the section of the kind that its `key` names; one that is a section already as it is.

    Raises what pydantic raises for a union that is told apart by this key.
    """
    for kind in kinds.values():
        if isinstance(value, kind):
            return value
    if not isinstance(value, dict):
        raise PydanticKnownError("model_attributes_type")
    if key not in value:
        refuse(f"has no {key}", remedy=f"Give its {key}, one of {listed(kinds)}.")
    tag, discriminator = value[key], {"discriminator": f"'{key}'"}
    named = kinds.get(tag) if isinstance(tag, str) else None
    if named is None:
        expected = ", ".join(f"'{name}'" for name in kinds)
        raise PydanticKnownError("union_tag_invalid", {**discriminator, "tag": str(tag), "expected_tags": expected})
    return named.model_validate(value, context=info.context)


def loaded(group: str, faults: list[Fault]) -> Iterator[tuple[EntryPoint, Any]]:
    """What other packages bring by entry points of a group, by name; a fault for each that cannot be loaded."""
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        try:
            found = point.load()
        except Exception as error:  # noqa: BLE001 (a module of others may raise anything as it is imported)
            faults.append(entry_point_fault(point, f"cannot be loaded ({type(error).__name__}: {error})"))
        else:
            yield point, found


def entry_point_fault(point: EntryPoint, problem: str) -> Fault:
    """A fault of something that another package brings."""
    package = "its package" if point.dist is None else f"the package {point.dist.name!r}"
    remedy = f"Mend {package} (see docs/extending.md), or uninstall it."
    return Fault(f"entry point {point.group}: {point.name}", repr(point.value), problem, remedy)
