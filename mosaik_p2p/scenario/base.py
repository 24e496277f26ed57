"""What all sections of a scenario have in common: closed, frozen, plain units, and errors that carry a remedy."""

import sys
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NoReturn, TypeAlias
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

REFUSED = "refused"
"""Type of the errors that the schema raises itself; their context holds `key` and `remedy`."""


DISCRIMINATORS = ("type", "source", "mechanism")
"""Keys that say of which kind a table is."""


class Section(BaseModel):
    """A table of the scenario file. Unknown keys are refused, values do not change once read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, use_attribute_docstrings=True
    )
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
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        return " ".join((fields[key].description or "").split()) if key in fields else ""


class DeviceSection(Section):
    """What every device may say besides its own keys: which template it builds on."""

    consumed_keys: ClassVar[tuple[str, ...]] = ("template",)


def refuse(problem: str, *, remedy: str, key: str = "") -> NoReturn:
    """Raise an error about the value at hand, or about its entry `key`.

    The texts go in as values, so that braces in a user's own words are not read as place holders.
    """
    raise PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "remedy": remedy, "key": key})


def refuse_beyond_floats(value: int | float) -> None:
    """Refuse an integer that compares with floats, but is too large to be turned into one."""
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        refuse("is beyond the range of numbers", remedy="Give a smaller number.")


def _number_or_name(lowest: float, *, inclusive: bool) -> Callable[[Any], Any]:
    bound = f"at least {lowest:g}" if inclusive else f"greater than {lowest:g}"

    def check(value: Any) -> Any:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse("is neither a number nor the name of a profile", remedy="Give a number, or a name from [profiles].")
        refuse_beyond_floats(value)
        if not (lowest <= value if inclusive else lowest < value) or value == float("inf"):
            refuse(f"must be {bound}", remedy="Give a number within the bound, or the name of a profile.")
        return value

    return check


def _name_or_index(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        refuse("is neither a name nor an index", remedy='Give a name such as "13" or an integer index.')
    return value


def _far_from_zero(value: float) -> float:
    if abs(value) < LEAST_POWER_FACTOR:
        refuse(
            f"is nearer to zero than {LEAST_POWER_FACTOR:g}",
            remedy="Give 0.1 to 1, or -1 to -0.1 for what draws reactive power while it feeds in.",
        )
    return value


LEAST_POWER_FACTOR = 0.1
Number: TypeAlias = Annotated[float, Field(strict=True)]
NotNegative: TypeAlias = Annotated[float, Field(strict=True, ge=0.0)]
Positive: TypeAlias = Annotated[float, Field(strict=True, gt=0.0)]
Share: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
Efficiency: TypeAlias = Annotated[float, Field(strict=True, gt=0.0, le=1.0)]
PowerFactor: TypeAlias = Annotated[float, Field(strict=True, ge=0.1, le=1.0)]
"""Of what draws: it draws reactive power along with active power."""
SignedPowerFactor: TypeAlias = Annotated[float, Field(strict=True, ge=-1.0, le=1.0), AfterValidator(_far_from_zero)]
"""Of an inverter or machine, see `reactive_share`."""
Count: TypeAlias = Annotated[int, Field(strict=True, ge=1)]
Name: TypeAlias = Annotated[str, Field(min_length=1)]
PositiveOrProfile: TypeAlias = Annotated[float | str, BeforeValidator(_number_or_name(0.0, inclusive=False))]
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
    if name != name.strip():
        refuse("begins or ends with a space", remedy="Take the space away.")
    return name


PlainName: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(plain)]
ProsumerName: TypeAlias = Annotated[PlainName, AfterValidator(no_party)]
