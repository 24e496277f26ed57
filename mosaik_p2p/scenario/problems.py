"""The schema's errors in the user's words."""

from collections.abc import Mapping
from typing import Any

from mosaik_p2p.scenario.reference import addition, section_of_name, table_keys
from mosaik_p2p.sections.base import REFUSED, REFUSED_KIND, Section
from mosaik_p2p.sections.names import did_you_mean

ABSENT = "(absent)"
DEFAULT = "(default)"

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_KINDS = {
    "float_type": "a number",
    "int_type": "an integer",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "string_too_short": "a text that is not empty",
    "string_unicode": "a text of whole signs",
    "tuple_type": "a list in brackets",
    "list_type": "a list in brackets",
    "dict_type": "a table",
    "model_attributes_type": "a table",
    "union_tag_not_found": "a table",
    "datetime_type": "a date with time and offset, such as 2017-03-21T00:00:00+01:00",
    "finite_number": "a finite number",
}


def explained(error: Mapping[str, Any], section: type[Section] | None) -> tuple[str, str]:
    """Problem and remedy of one error of pydantic; `section` is that of the table at hand."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in (REFUSED, REFUSED_KIND):
        return str(context["problem"]), str(context["remedy"])
    if kind == "missing":
        return "is missing", _addition(str(error["loc"][-1]), section)
    if kind == "extra_forbidden":
        return "is not a known key", did_you_mean(
            error["loc"][-1], section.known_keys() if section else (), what="keys here"
        )
    if kind == "literal_error":
        return f"must be {context['expected']}", _choose(error["input"], str(context["expected"]).replace(" or ", ", "))
    if kind == "union_tag_invalid":
        key, tag = tag_key(error), bare_tag(error)
        return f"there is no {key} {tag!r}", _choose(tag, str(context["expected_tags"]))
    if kind == "union_tag_not_found" and isinstance(error["input"], dict):
        key = tag_key(error)
        return f"has no {key}", f"Give its {key}; `mosaik-p2p keys` tells which there are."
    return _of_value(error, kind, context)


def _of_value(error: Mapping[str, Any], kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """The same of a value that is of another type, or beyond its bounds."""
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"must be {words} {context[bound]:.12g}", "Give a value within the bound."
    if kind == "timezone_aware":
        return "has no UTC offset", "Write the offset, as in 2017-03-21T00:00:00+01:00."
    if kind == "model_type":
        expected = section_of_name(str(context["class_name"]))
        return "is not a table", f"Give a table{f', {table_keys(expected)}' if expected else ''}."
    if _KINDS.get(kind) == "a table":
        return "is not a table", "Give a table; `mosaik-p2p keys` tells which keys it has."
    if kind == "float_type" and isinstance(error["input"], int) and not isinstance(error["input"], bool):
        return "is beyond the range of numbers", "Give a smaller number."
    if kind == "datetime_type" and isinstance(error["input"], str):
        return (
            "is a text, not a date with time",
            "Write 2017-03-21T00:00:00+01:00 without quotes (Python: a datetime).",
        )
    if kind in _KINDS:
        return f"is not {_KINDS[kind]}", f"Give {_KINDS[kind]}."
    return str(error["msg"]), "See the scenario's description of this key."


def _addition(key: str, section: type[Section] | None) -> str:
    """What to add, as far as the schema says it: the meaning of a value, the keys of a table."""
    if section is None or not section.meaning(key):
        return "Add it."
    return f"Add it: {addition(section, key)}"


def tag_key(error: Mapping[str, Any]) -> str:
    """The key that says of which kind a table is: `type`, `source` or `mechanism`."""
    discriminator = str(error["ctx"]["discriminator"]).strip("'")
    return "source" if discriminator.endswith("_source()") else discriminator


def bare_tag(error: Mapping[str, Any]) -> str:
    """The kind that a table claims to be of."""
    return str(error["ctx"]["tag"]).rpartition(":")[2]


def _choose(given: Any, quoted_names: str) -> str:
    names = [name.strip().strip("'").rpartition(":")[2] for name in quoted_names.split(",")]
    return did_you_mean(given, names, what="values")
