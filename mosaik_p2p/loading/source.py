"""The scenario file as text and tables: a file of the user, or one that ships."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.scenario.names import did_you_mean
from mosaik_p2p.scenario.tree import DEPTH_LIMIT, too_deep

SUFFIX = ".toml"
_LINE = re.compile(r"at line (\d+)")


def shipped_scenarios() -> dict[str, Path]:
    """Name of each scenario that ships, and its file."""
    folder = Path(str(files("mosaik_p2p.scenarios")))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def scenario_path(source: str | Path) -> Path:
    """The file that `source` names: a file, or else the name of a scenario that ships. Raises BadInput."""
    path = Path(source)
    if path.is_file():
        return path.resolve()
    shipped = shipped_scenarios()
    if str(source) in shipped:
        return shipped[str(source)]
    problem = (
        "is a folder, not a scenario file" if path.is_dir() else "there is no such file and no such scenario ships"
    )
    raise BadInput([Fault("scenario", repr(str(source)), problem, did_you_mean(source, shipped, what="scenarios"))])


def scenario_tables(path: Path) -> Mapping[str, Any]:
    """The tables of a scenario file. Raises BadInput with the line where it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Give a TOML file in UTF-8."
        raise BadInput([Fault("scenario", repr(path.name), f"cannot be read ({error})", remedy)]) from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place, line = _line(text, str(error))
        remedy = "Mend this line; texts need quotes, lists and tables their closing bracket."
        raise BadInput([Fault(f"{path.name}, {place}", line, f"is not TOML: {error}", remedy)]) from error
    except (ValueError, RecursionError) as error:
        raise BadInput([_excessive(path)]) from error
    if too_deep(tables):
        raise BadInput([_excessive(path)])
    return tables


def _excessive(path: Path) -> Fault:
    problem = f"holds an integer of thousands of digits, or tables or lists nested deeper than {DEPTH_LIMIT} levels"
    return Fault("scenario", repr(path.name), problem, "No scenario needs that: see the description of the format.")


def _line(text: str, message: str) -> tuple[str, str]:
    """Which line the parser stopped at, and its text."""
    lines = text.splitlines()
    found = _LINE.search(message)
    number = int(found[1]) if found else len(lines)
    return f"line {number}", repr(lines[number - 1].strip()) if 0 < number <= len(lines) else "(end of file)"
