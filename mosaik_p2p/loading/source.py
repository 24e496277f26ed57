"""The scenario file as text and tables: a file of the user, or one that ships."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import NAME_BYTES, NO_SUCH_FILE, exists_as_file, reason_of, shown_path, why_not_readable
from mosaik_p2p.scenario.placed_tables import DEPTH_LIMIT, too_deep
from mosaik_p2p.sections.names import did_you_mean

SUFFIX = ".toml"
SIZE_LIMIT_BYTES = 8 * 2**20
"""Of a scenario file; the largest that ships has 9 kB."""
_LINE = re.compile(r"at line (\d+)")


def shipped_scenarios() -> dict[str, Path]:
    """Name of each scenario that ships, and its file."""
    folder = Path(str(files("mosaik_p2p.scenarios")))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def scenario_path(source: str | Path) -> Path:
    """The file that `source` names: a file, or else the name of a scenario that ships. Raises BadInput."""
    if not isinstance(source, str | Path):
        problem = "is a scenario made in Python, and a file is needed here: several runs begin from it"
        remedy = "Write it with mosaik_p2p.write_scenario(scenario, folder), and give the path that this returns."
        raise BadInput([Fault("scenario", f"a {type(source).__name__}", problem, remedy)])
    path = Path(source)
    if exists_as_file(path):
        return path.resolve()
    shipped = shipped_scenarios()
    if str(source) in shipped:
        return shipped[str(source)]
    why = why_not_readable(path) or "cannot be read"
    problem = "there is no such file and no such scenario ships" if why == NO_SUCH_FILE else why
    remedy = did_you_mean(str(source)[:NAME_BYTES], shipped, what="scenarios")
    raise BadInput([Fault("scenario", shown_path(source), problem, remedy)])


def scenario_tables(path: Path) -> Mapping[str, Any]:
    """The tables of a scenario file. Raises BadInput with the line where it is no TOML."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        remedy = "Give a TOML file in UTF-8."
        reason = reason_of(error)
        raise BadInput([Fault("scenario", shown_path(path.name), f"cannot be read ({reason})", remedy)]) from error
    if len(data) > SIZE_LIMIT_BYTES:
        remedy = "Many prosumers fit into a prosumers_file, series into profiles."
        problem = f"has more than {SIZE_LIMIT_BYTES >> 20} MiB"
        raise BadInput([Fault("scenario", shown_path(path.name), problem, remedy)])
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
