"""Tables whose key says of which kind they are, where the kinds are known only when the program runs.

Which kinds there are is a function: packages that are installed may bring more of them by entry points.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

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
