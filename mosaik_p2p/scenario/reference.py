"""What a scenario may say, section by section, out of the schema itself: for docs/scenario.md and `mosaik-p2p keys`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from textwrap import fill
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tomli_w
from pydantic.fields import FieldInfo

from mosaik_p2p.charges.registry import MECHANISMS
from mosaik_p2p.devices.base import DeviceSection
from mosaik_p2p.market.designs.registry import designs_with_keys
from mosaik_p2p.scenario.parts.charges import Charges
from mosaik_p2p.scenario.parts.grids import Networks
from mosaik_p2p.scenario.parts.houses import COLUMNS, DEVICE_COLUMNS
from mosaik_p2p.scenario.schema import Market, ProsumerSpec, Scenario, Template
from mosaik_p2p.sections.base import DISCRIMINATORS, OpenKinds, OpenNames, Section
from mosaik_p2p.sections.meanings import meaning_of
from mosaik_p2p.sections.prices import PriceStep

INTRODUCTION = """\
# The scenario file

Every section and key that a scenario may have, generated from its schema: `mosaik-p2p keys` lists the names of the
sections, `mosaik-p2p keys ev` prints one. A key that is not `required` has the default shown; `none` means that it may
be left out. Keys of tables within a table are written with a dot: `energy_kwh.max` is `max` in
`energy_kwh = { max = 60.0 }`, and `element[].name` is `name` in each entry of a list of tables. Prices are in the
scenario's `currency`. `scenarios/all_devices.toml` has every type of device in a scenario that runs. Several charges of
one carrier are a list of tables, `[[charges.electricity]]` in the place of `[charges.electricity]`, and add up.
"""
DEVICES = """\
## Devices

Entries of a prosumer's `devices`: `{ type = "pv", ... }` in its list, or tables `[[prosumers.devices]]`. Every device
may say `template = "NAME"`; then `[templates.NAME.TYPE]` gives what it does not say itself. Packages that are installed
may bring more types (see `docs/extending.md`); `mosaik-p2p keys` knows them, too.
"""
HOUSES_KEY = "prosumers_file"
DEVICE_NAME = "Its name; a second device of the same type needs one of its own."
NESTED_SECTIONS: tuple[type[Section], ...] = (Networks, Charges)
"""Sections that only hold sections: their headings name the inner ones."""
Kind = type[Section]
WIDTH = 120
"""Of the texts for the terminal, in signs."""


@dataclass(frozen=True)
class Entry:
    """One table of the file: the names by which it is found, its heading and what it holds."""

    names: tuple[str, ...]
    heading: str
    kind: Kind

    @property
    def is_device(self) -> bool:
        """Whether it is a type of device."""
        return issubclass(self.kind, DeviceSection)


def reference_markdown() -> str:
    """The whole reference as Markdown."""
    parts = [INTRODUCTION]
    devices_begin = True
    for entry in entries():
        if entry.is_device and devices_begin:
            parts.append(DEVICES)
            devices_begin = False
        parts.append(entry_markdown(entry, level=3 if entry.is_device else 2))
    return "\n".join(parts)


def entry_markdown(entry: Entry, *, level: int = 2) -> str:
    """One table as Markdown: heading, description, example, and its keys."""
    lines = [f"{'#' * level} {entry.heading}", "", described(entry.kind), ""]
    if entry.kind.example:
        lines += ["```toml", _written_whole(entry), "```", ""]
    rows = list(_rows(entry.kind, ""))
    if rows:
        lines += ["| key | default | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in rows]
    return "\n".join(lines).rstrip() + "\n"


def _written_whole(entry: Entry) -> str:
    """The example of a table as a scenario file may have it at its place."""
    example = entry.kind.example
    if entry.is_device:
        return f'[[prosumers]]\nname = "A"\ndevices = [\n  {example},\n]'
    value = f"[{example}]" if entry.heading.startswith("`[[") else example
    return f"{entry.names[0]}{'.NAME' if '.NAME]' in entry.heading else ''} = {value}"


def entry_text(entry: Entry) -> str:
    """One table for the terminal: the same with columns set apart by spaces."""
    rows = [
        (key, default.replace("`", ""), meaning.replace("`", "")) for key, default, meaning in _rows(entry.kind, "")
    ]
    widths = [max((len(row[n]) for row in rows), default=0) for n in (0, 1)]
    head = [entry.heading.replace("`", ""), *(fill(part, WIDTH) for part in described(entry.kind).split("\n\n"))]
    example = ["", entry.kind.example] if entry.kind.example else []
    edge = " " * (sum(widths) + 6)
    keys = [
        fill(meaning, WIDTH, initial_indent=f"  {key:<{widths[0]}}  {default:<{widths[1]}}  ", subsequent_indent=edge)
        for key, default, meaning in rows
    ]
    return "\n".join([*head, *example, "", *keys]).rstrip()


def house_columns_text() -> str:
    """The columns of a `prosumers_file`, for the terminal."""
    columns = dict([*COLUMNS.items(), DEVICE_COLUMNS])
    width = max(len(name) for name in columns)
    edge = " " * (width + 4)
    rows = [
        fill(meaning, WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=edge)
        for name, meaning in columns.items()
    ]
    return "\n".join([f"{HOUSES_KEY} (CSV with a prosumer in each row, and these columns)", "", *rows])


def entries() -> tuple[Entry, ...]:
    """All tables of the file in its order, the devices after the prosumers that own them."""
    return (Entry(("scenario",), "Top level", Scenario), *_entries(Scenario, ""))


def named(name: str) -> tuple[Entry, ...]:
    """The tables of this name: a section, a type of device, a source of profiles or weather, or a mechanism."""
    return tuple(entry for entry in entries() if name in entry.names)


def of_mechanism(place: str) -> Entry:
    """The charge mechanism at `package.module:name`, which is imported. Raises KindRefused."""
    return Entry((place,), f'`mechanism = "{place}"`', MECHANISMS.find(place, allow_code=True))


def entry_names() -> tuple[str, ...]:
    """Names that `named` knows, each once."""
    return tuple(dict.fromkeys(name for entry in entries() for name in entry.names))


def overview() -> str:
    """The names of all tables, for the terminal."""
    sections = dict.fromkeys(entry.names[0] for entry in entries() if not entry.is_device)
    devices = dict.fromkeys(entry.names[0] for entry in entries() if entry.is_device)
    others = dict.fromkeys(name for entry in entries() for name in entry.names[1:])
    titles = {"Sections": sections, "Types of devices": devices, "Sources and mechanisms": others}
    return "\n".join(f"{title}\n{_wrapped(names)}" for title, names in titles.items())


def _wrapped(names: Iterable[str]) -> str:
    return fill(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def described(kind: type) -> str:
    """What the docstring of a section, or another kind, says, in one line per paragraph."""
    paragraphs = cleandoc(kind.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def in_a_line(kind: type) -> str:
    """The first paragraph of it, without marks of code and the full stop."""
    return described(kind).split("\n\n")[0].replace("`", "").rstrip(".")


def table_keys(kind: Kind) -> str:
    """The keys of a table for a message: an example where the section has one, else its keys."""
    if kind.example:
        return f"such as {kind.example}"
    return f"with the keys {', '.join(kind.known_keys())}"


def addition(kind: Kind, key: str) -> str:
    """What a missing key means, and for a table what it holds."""
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    text = kind.meaning(key).rstrip(".")
    annotation: Any = fields[key].annotation if key in fields else None
    is_table = isinstance(annotation, type) and issubclass(annotation, Section)
    return f"{text}; a table {table_keys(annotation)}." if is_table else f"{text}."


def section_of_name(name: str) -> Kind | None:
    """The section that the schema calls so."""
    waiting: list[Kind] = [Section]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ == name:
            return kind
        waiting += kind.__subclasses__()
    return None


def _entries(owner: Kind, path: str) -> Iterator[Entry]:
    for key, field in owner.model_fields.items():
        kinds = section_kinds(field.annotation)
        if not kinds:
            continue
        place = f"{path}.{key}" if path else key
        if kinds[0] in NESTED_SECTIONS:
            yield from _entries(kinds[0], place)
        else:
            yield from _tables(place, field.annotation, kinds)
        if kinds[0] is Market:
            for name, kind in designs_with_keys().items():
                yield Entry((f"{place}.{name}", name), f"`[{place}.{name}]`", kind)
        if kinds[0] is ProsumerSpec:
            yield from _tables("devices", ProsumerSpec.model_fields["devices"].annotation, _device_kinds())


def _tables(place: str, annotation: Any, kinds: tuple[Kind, ...]) -> Iterator[Entry]:
    written = _written(place, annotation)
    for key, tag, kind in _registered(annotation) or [(*_tag(kind), kind) for kind in kinds]:
        if issubclass(kind, DeviceSection):
            yield Entry((tag,), f"`{tag}`", kind)
        else:
            heading = f'`{written}` with `{key} = "{tag}"`' if tag else f"`{written}`"
            yield Entry((place, tag) if tag else (place,), heading, kind)


def _device_kinds() -> tuple[Kind, ...]:
    return section_kinds(ProsumerSpec.model_fields["devices"].annotation)


def _tag(kind: Kind) -> tuple[str, str]:
    """The key that says of which kind a table is, and this kind's value; empty where there is only one."""
    for key in DISCRIMINATORS:
        if key in kind.model_fields:
            return key, str(get_args(kind.model_fields[key].annotation)[0])
    return "", ""


def _registered(annotation: Any) -> tuple[tuple[str, str, Kind], ...]:
    """Of a type whose kinds are registered: the key that says which, and each kind's name, in the registry's order."""
    if get_origin(annotation) is Annotated:
        marks = [part for part in annotation.__metadata__ if isinstance(part, OpenKinds)]
        if not marks:
            return _registered(get_args(annotation)[0])
        return tuple((mark.key, name, kind) for mark in marks for name, kind in mark.known().items())
    return tuple(dict.fromkeys(found for part in get_args(annotation) for found in _registered(part)))


def section_kinds(annotation: Any) -> tuple[Kind, ...]:
    """The sections that a value of this type is made of, in their order."""
    inner: tuple[Any, ...]
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return (annotation,)
    registered = _registered(annotation) if get_origin(annotation) is Annotated else ()
    if registered:
        return tuple(kind for _, _, kind in registered)
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return tuple(dict.fromkeys(kind for part in inner for kind in section_kinds(part)))


def _written(place: str, annotation: Any) -> str:
    """The header of a table in the file: of one by itself, of one by name, of an entry of a list."""
    if get_origin(annotation) is dict:
        return f"[{place}.NAME]"
    return f"[[{place}]]" if get_origin(annotation) is tuple else f"[{place}]"


def _rows(kind: Kind, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning; the keys of inner tables follow the key that holds them."""
    if kind is Template:
        yield from _template_rows()
        return
    for name, field in kind.model_fields.items():
        inner = section_kinds(field.annotation)
        if name in DISCRIMINATORS or (kind is Scenario and inner):
            continue
        key = prefix + (field.alias or name)
        yield key, _default(field), _meaning(name, field, kind)
        if inner and not any(issubclass(part, (DeviceSection, PriceStep)) for part in inner):
            yield from _inner_rows(key, field, inner)


def _inner_rows(key: str, field: FieldInfo, inner: Iterable[Kind]) -> Iterator[tuple[str, str, str]]:
    step = "[]." if tuple in _origins(field.annotation) else "."
    for part in inner:
        yield from _rows(part, key + step)


def _origins(annotation: Any) -> set[Any]:
    return {get_origin(annotation)}.union(*(_origins(part) for part in get_args(annotation)))


def _template_rows() -> Iterator[tuple[str, str, str]]:
    types = {_tag(kind)[1] for kind in _device_kinds()}
    for name, field in Template.model_fields.items():
        if name not in types:
            yield name, _default(field), _meaning(name, field, Template)
    yield "TYPE", "none", f"Keys of devices of this type, any of {', '.join(f'`{name}`' for name in sorted(types))}."


def _meaning(name: str, field: FieldInfo, kind: Kind) -> str:
    text = meaning_of(kind, name)
    if not text and name == "name" and issubclass(kind, DeviceSection):
        text = DEVICE_NAME
    choices = _choices(field.annotation) or _open_names(field)
    if choices and not all(f"`{choice}`" in text for choice in choices):
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    inner = section_kinds(field.annotation)
    if span := _range_text(field):
        text += f" {span[0].upper()}{span[1:]}."
    if PriceStep in inner:
        return f"{text} A number, a list such as `[{PriceStep.example}]` that covers the day, or the name of a profile."
    example = "" if not inner or issubclass(inner[0], DeviceSection) else inner[0].example
    return text + (f" Such as `{example}`." if example and not _default(field).startswith("`") else "")


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation) if len(get_args(annotation)) > 1 else ()
    if get_origin(annotation) in (Union, UnionType, tuple, Annotated):
        return next((found for part in get_args(annotation) if (found := _choices(part))), ())
    return ()


def _open_names(field: FieldInfo) -> tuple[str, ...]:
    return tuple(name for mark in field.metadata if isinstance(mark, OpenNames) for name in mark.known())


@dataclass(frozen=True)
class Bounds:
    """The ends of a number's range, of which None is open, and whether each belongs to it."""

    low: float | None
    high: float | None
    low_belongs: bool
    high_belongs: bool

    def __str__(self) -> str:
        low, high = _short(self.low), _short(self.high)
        if low and high:
            return f"{'' if self.low_belongs else 'above '}{low} to {'' if self.high_belongs else 'below '}{high}"
        if low:
            return f"at least {low}" if self.low_belongs else f"above {low}"
        return f"at most {high}" if self.high_belongs else f"below {high}"


def number_bounds(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Bounds, ...]:
    """The range of every number that a value of this type may hold; of choices between given numbers none."""
    if get_origin(annotation) is Annotated:
        inner, *own = get_args(annotation)
        return number_bounds(inner, [part for entry in own for part in getattr(entry, "metadata", [entry])])
    if annotation in (int, float):
        ends = {key: getattr(part, key) for part in metadata for key in ("ge", "gt", "le", "lt") if hasattr(part, key)}
        low, high = ends.get("ge", ends.get("gt")), ends.get("le", ends.get("lt"))
        return (Bounds(low, high, "ge" in ends, "le" in ends),)
    if get_origin(annotation) is Literal:
        return ()
    found = [bounds for part in get_args(annotation) for bounds in number_bounds(part)]
    return tuple(dict.fromkeys(found))


def _range_text(field: FieldInfo) -> str:
    """Like `0 to 1000`; empty where the schema has no number or does not bound it (an index of an element)."""
    found = number_bounds(field.annotation, field.metadata)
    return ", ".join(str(bounds) for bounds in found if bounds.low is not None or bounds.high is not None)


def _short(number: float | None) -> str:
    """In few digits; nothing of an end that is open."""
    if number is None:
        return ""
    text = f"{number:.7g}" if abs(number) < 1e6 else f"{number:g}"
    return text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, Section):
        return _inline(value)
    if isinstance(value, tuple | dict):
        return f"`{[*value]}`".replace("'", '"') if value else "empty"
    return f"`{tomli_w.dumps({'v': value}).strip().removeprefix('v = ')}`"


def _inline(section: Section) -> str:
    """A small table as it would be written; of others the keys below say it."""
    values = section.model_dump(by_alias=True, exclude_none=True)
    if not values or any(isinstance(value, dict | list | tuple) for value in values.values()):
        return "see below"
    return "`{ " + tomli_w.dumps(values).strip().replace("\n", ", ") + " }`"
