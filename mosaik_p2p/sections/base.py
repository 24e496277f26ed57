"""What all sections of a scenario have in common: closed, frozen, plain units, and errors that carry a remedy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NoReturn, TypeAlias
from unicodedata import normalize

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from mosaik_p2p.sections.meanings import meaning_of

NAME_BYTES = 150
"""Of the name of a scenario, prosumer or device; names of files may have 255, endings and marks included."""
REFUSED = "refused"
"""Type of the errors that the schema raises itself; their context holds `key` and `remedy`."""
REFUSED_KIND = "refused_kind"
"""The same of an error on account of which the whole table is left out; see `refuse_kind`."""
DISCRIMINATORS = ("type", "source", "mechanism")
"""Keys that say of which kind a table is."""


ALLOW_CODE_KEY = "allow_code"
"""In the context of a validation: whether places in Python that a table names may be imported."""


@dataclass(frozen=True)
class OpenKinds:
    """Mark of a type whose tables are of kinds that are registered and not written down: `key` says which, by name."""

    key: str
    known: Callable[[], Mapping[str, type["Section"]]]


@dataclass(frozen=True)
class OpenNames:
    """Mark of a text that is the name of something registered."""

    known: Callable[[], tuple[str, ...]]


class Section(BaseModel):
    """A table of the scenario file. Unknown keys are refused, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)
    example: ClassVar[str] = ""
    """The table as a user may write it, for reference and messages."""
    consumed_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that are worked into others before a table is checked, known all the same."""

    @model_validator(mode="before")
    @classmethod
    def _note_section(cls, data: Any, info: ValidationInfo) -> Any:
        """Tell the reader, by its context, of which section this table is: it names the keys that there are."""
        if isinstance(info.context, dict):
            info.context[id(data)] = cls
        return data

    @classmethod
    def known_keys(cls) -> tuple[str, ...]:
        """The keys that this table may have."""
        return tuple(field.alias or name for name, field in cls.model_fields.items()) + cls.consumed_keys

    @classmethod
    def meaning(cls, key: str) -> str:
        """What the schema says about a key, in one line; empty where it says nothing."""
        names = {field.alias or name: name for name, field in cls.model_fields.items()}
        return meaning_of(cls, names[key]) if key in names else ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema for editors, with what stands beneath each key as its description."""
        schema = handler.resolve_ref_schema(handler(core))
        for key, described in schema.get("properties", {}).items():
            if text := cls.meaning(key):
                described["description"] = text
        return schema


def allows_code(info: ValidationInfo) -> bool:
    """Whether places in Python that the table names may be imported."""
    return isinstance(info.context, dict) and bool(info.context.get(ALLOW_CODE_KEY))


def refuse(problem: str, *, remedy: str, key: str = "") -> NoReturn:
    """Raise an error about the value at hand, or about its entry `key`.

    The texts go in as values, so that braces in a user's own words are not read as place holders.
    """
    raise PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "remedy": remedy, "key": key})


def refuse_kind(problem: str, *, remedy: str, key: str) -> NoReturn:
    """Raise an error about the entry `key` without which nothing can be said about the rest of the table."""
    raise PydanticCustomError(REFUSED_KIND, "{problem}", {"problem": problem, "remedy": remedy, "key": key})


def _name_or_index(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        refuse("is neither a name nor an index", remedy='Give a name such as "13" or an integer index.')
    return value


Name: TypeAlias = Annotated[str, Field(min_length=1)]
Place: TypeAlias = Annotated[int | str, BeforeValidator(_name_or_index)]
"""A network element by its name or its integer index."""


PARTIES = ("operator", "utility", "heat_supplier", "own")
"""Who is paid in the settlement beside the prosumers."""


def no_party(name: str) -> str:
    """Refuse a prosumer's name that the settlement gives to somebody else."""
    if name in PARTIES:
        refuse("is a party of the settlement", remedy=f"Use another name than {', '.join(PARTIES)}.")
    return name


def plain(name: str) -> str:
    """Refuse names with anything but letters of any language, digits, spaces, hyphens and underscores.

    They stand in overrides, mosaik's entity ids and the names of folders, where dots and slashes separate.
    """
    wrong = sorted({sign for sign in normalize("NFC", name) if not (sign.isalnum() or sign in " -_")})
    if wrong:
        signs = ", ".join(repr(sign) for sign in wrong)
        refuse(f"has {signs} in it", remedy="Use letters, digits, spaces, hyphens and underscores.")
    if len(name.encode()) > NAME_BYTES:
        refuse(f"has more than {NAME_BYTES} bytes", remedy="Take a shorter name: files and folders are called so.")
    if name != name.strip():
        refuse("begins or ends with a space", remedy="Take the space away.")
    return name


PlainName: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(plain)]
ProsumerName: TypeAlias = Annotated[PlainName, AfterValidator(no_party)]
