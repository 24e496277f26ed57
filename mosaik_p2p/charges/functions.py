"""A bare function as a charge mechanism: `f(view, **parameters) -> ChargeParts`."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import Parameter, isfunction, signature
from typing import Annotated, Any, ClassVar, get_type_hints

from pydantic import ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView
from mosaik_p2p.sections.base import Section
from mosaik_p2p.sections.registry import KindRefused

PLAIN = (bool, int, float, str)
"""Types of parameters that are taken as they are written: a number in quotes is a text."""

MEANING = "What the function is called with, beside the view of the network."
"""Of the key `parameters`."""


def as_mechanism(found: object) -> object:
    """The mechanism that calls a function, where `found` is one; anything else as it is. Raises KindRefused where the
    function cannot be called with a view and named parameters."""
    return _wrapped(found) if isfunction(found) else found


@lru_cache
def _wrapped(function: Callable[..., ChargeParts]) -> type[ChargeMechanism]:
    known = _parameters(function)
    some_required = any(field.is_required() for field in known.model_fields.values())
    # The class bears the function's name, by which its own source is not found: the text is handed over.
    needed: Any = Field(description=MEANING)
    default: Any = needed if some_required else Field(default_factory=known, description=MEANING)

    class OwnFunction(ChargeMechanism):
        called: ClassVar[Callable[..., ChargeParts]] = staticmethod(function)
        parameters: known = default  # type: ignore[valid-type]  # known when the function is

        def parts(self, view: NetworkView) -> ChargeParts:
            return type(self).called(view, **dict(self.parameters))

    OwnFunction.__doc__ = function.__doc__ or f"The function {function.__name__}."
    OwnFunction.__name__ = OwnFunction.__qualname__ = function.__name__
    return OwnFunction


def _parameters(function: Callable[..., ChargeParts]) -> type[Section]:
    """The table of the function's parameters but the first: names, types and defaults as the function states them."""
    stated = signature(function).parameters.values()
    positional = [one for one in stated if one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    takes_more = any(one.kind is Parameter.VAR_KEYWORD for one in stated)
    rest = [one for one in stated if one not in positional[:1] and one.kind is not Parameter.VAR_KEYWORD]
    if not positional or any(one.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL) for one in rest):
        raise KindRefused(f"{function.__name__} takes no view and named parameters", "Write it as f(view, rate=0.01).")
    hints = _hints(function)
    fields: dict[str, Any] = {
        one.name: (_type(hints.get(one.name, Any)), ... if one.default is Parameter.empty else one.default)
        for one in rest
    }
    config = ConfigDict(**{**Section.model_config, "extra": "allow" if takes_more else "forbid"})
    base = type("Parameters", (Section,), {"model_config": config})
    try:
        return create_model("Parameters", __base__=base, **fields)
    except (PydanticUserError, NameError) as error:
        remedy = "Use names without a leading underscore, and types such as float, str or list[str]."
        raise KindRefused(f"{function.__name__} has parameters that no table can hold ({error})", remedy) from error


def _hints(function: Callable[..., ChargeParts]) -> Mapping[str, Any]:
    """The types that the function states; none where they cannot be found out."""
    try:
        return get_type_hints(function)
    except (NameError, TypeError, SyntaxError):
        return {}


def _type(hint: Any) -> Any:
    return Annotated[hint, Field(strict=True)] if hint in PLAIN else hint
