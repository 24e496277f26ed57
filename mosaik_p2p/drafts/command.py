"""`mosaik-p2p new`: networks judged, prosumers drawn, the text written, and all of it checked before it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from mosaik_p2p.drafts.houses import IMPORT_RESERVE, House, houses_of
from mosaik_p2p.drafts.own_profiles import GENERATION, OTHERS, own_profiles
from mosaik_p2p.drafts.sources import (
    ElectricSource,
    HeatSource,
    judged_heat,
    of_electric_file,
    of_heat_file,
    of_simbench,
)
from mosaik_p2p.drafts.text import (
    PROFILES_FILE,
    SCENARIO_FILE,
    SCHEMA_FILE,
    DraftText,
    NetworkText,
    scenario_text,
    text,
)
from mosaik_p2p.drafts.wishes import Wishes, wish_faults
from mosaik_p2p.errors import BadInput, Fault, InputWarning
from mosaik_p2p.files import reason_of, result_place_faults, shown_path
from mosaik_p2p.loading import load
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.scenario.json_schema import schema_text
from mosaik_p2p.sections.base import NAME_BYTES

START, START_OF_SIMBENCH = "2017-03-21T00:00:00+01:00", "2016-03-15T00:00:00+01:00"
ANOTHER_FOLDER = "Name a folder that does not exist yet, or an empty one."

S = TypeVar("S")


@dataclass(frozen=True)
class Draft:
    """What was written."""

    scenario: Path
    houses: tuple[House, ...]
    mended: tuple[str, ...]
    """What the copies of the networks have otherwise than the user's files."""
    warnings: tuple[InputWarning, ...]


def new_scenario(
    folder: str | Path,
    *,
    electricity: str | Path | None = None,
    simbench: str | None = None,
    heat: str | Path | None = None,
    wishes: Wishes = Wishes(),  # noqa: B008 - it is frozen
) -> Draft:
    """Write a scenario of the networks named into a folder that is new or empty.

    The networks are copied beside it, so that the folder can be moved. Raises BadInput with every fault of the folder,
    the wishes and the networks; then nothing is written.
    """
    target = Path(folder)
    electric, warm, faults = _sources(electricity, simbench, heat)
    named = electricity is not None or simbench is not None
    faults = [*_place_faults(target), *wish_faults(wishes, electric=named, heat=heat is not None), *faults]
    if faults:
        raise BadInput(faults)
    with TemporaryDirectory() as stage:
        files, houses = _files(_name_of(target), electric, warm, wishes, Path(stage))
        _write(Path(stage), files)
        case = load(Path(stage) / SCENARIO_FILE)
    _write(target, files)
    mended = (*(() if electric is None else electric.mended), *(() if warm is None else warm.mended))
    return Draft(target / SCENARIO_FILE, houses, mended, case.warnings)


def _sources(
    electricity: str | Path | None, simbench: str | None, heat: str | Path | None
) -> tuple[ElectricSource | None, HeatSource | None, list[Fault]]:
    faults: list[Fault] = []
    if electricity is not None and simbench is not None:
        problem, remedy = "is named beside --electricity", "Name one of both: a scenario has one electric network."
        return None, None, [Fault("--simbench", repr(simbench), problem, remedy)]
    if electricity is None and simbench is None and heat is None:
        remedy = "Name a file with --electricity or --heat, or a code with --simbench."
        return None, None, [Fault("new", "(no network)", "a scenario needs a network", remedy)]
    electric = None if electricity is None else _tried(lambda: of_electric_file(Path(electricity)), faults)
    electric = electric if simbench is None else _tried(lambda: of_simbench(simbench), faults)
    warm = None if heat is None else _tried(lambda: of_heat_file(Path(heat)), faults)
    return electric, warm, faults


def _tried(read: Callable[[], S], faults: list[Fault]) -> S | None:
    try:
        return read()
    except BadInput as bad:
        faults.extend(bad.faults)
        return None


def _place_faults(folder: Path) -> list[Fault]:
    """Why the scenario cannot be written there."""
    found = [replace(fault, place="DIR", remedy=ANOTHER_FOLDER) for fault in result_place_faults(folder)]
    if found:
        return found
    try:
        if folder.exists() and not folder.is_dir():
            return [Fault("DIR", shown_path(folder), "is a file", ANOTHER_FOLDER)]
        first = next(folder.iterdir(), None) if folder.exists() else None
    except OSError as error:
        return [Fault("DIR", shown_path(folder), f"cannot be read ({reason_of(error)})", ANOTHER_FOLDER)]
    if first is None:
        return []
    problem = f"has files in it, such as {shown_path(first.name)}, and nothing is written over"
    return [Fault("DIR", shown_path(folder), problem, ANOTHER_FOLDER)]


def _name_of(folder: Path) -> str:
    """The scenario's name, as one may be: that of the folder, other signs than those that names have left out."""
    kept = "".join(sign if sign.isalnum() or sign in "-_ " else "_" for sign in folder.resolve().name).strip()
    while len(kept.encode()) > NAME_BYTES:
        kept = kept[:-1]
    return kept.strip() or "district"


def _files(
    name: str, electric: ElectricSource | None, warm: HeatSource | None, wishes: Wishes, stage: Path
) -> tuple[dict[str, bytes], tuple[House, ...]]:
    """The files of the draft by their names. Those of networks are written to `stage`, where they are read again."""
    files = {source.file_name: source.content for source in (electric, warm) if source is not None}
    _write(stage, files)
    network = None if electric is None else electric.network
    pipes = None if warm is None else judged_heat(stage / warm.file_name)
    houses = houses_of(wishes, network, pipes)
    if not houses:
        raise BadInput([_nobody(network, pipes)])
    columns: frozenset[str] = frozenset()
    if electric is not None and electric.simbench is not None:
        table = own_profiles(electric.simbench, houses)
        columns = frozenset(table.columns) - {"time"}
        files[PROFILES_FILE] = table.to_csv(index=False).encode()
    draft = DraftText(
        name=name,
        title=_title(electric, warm, len(houses)),
        start=START_OF_SIMBENCH if columns else START,
        seed=wishes.seed,
        region=wishes.region,
        houses=houses,
        electric=None if electric is None else _electric_text(electric, houses, columns),
        heat=None if warm is None else _heat_text(warm, houses),
        columns=columns,
    )
    files[SCENARIO_FILE] = scenario_text(draft).encode()
    files[SCHEMA_FILE] = schema_text().encode()
    return files, houses


def _nobody(electric: ElectricNetwork | None, heat: HeatNetwork | None) -> Fault:
    what = " and ".join(
        text for text, network in (("load", electric), ("heat consumer with a given heat", heat)) if network is not None
    )
    problem = f"has no {what} in service that a prosumer could stand for"
    return Fault("new", "(no prosumers)", f"the network {problem}", "Add some to the file.")


def _title(electric: ElectricSource | None, warm: HeatSource | None, count: int) -> str:
    networks = " and ".join(source.told for source in (electric, warm) if source is not None)
    return f"{networks}: {count} prosumers, one day"


def _electric_text(source: ElectricSource, houses: tuple[House, ...], columns: frozenset[str]) -> NetworkText:
    own = {column: f"{PROFILES_FILE}:{column}" for column in columns}
    has_generators = bool(source.network.net.sgen["in_service"].any())
    keeps = "keep" if has_generators else None
    return NetworkText(
        file=source.file_name,
        told=text(source.told),
        mended=source.mended,
        import_max_kw=_above(max(house.connection_kw for house in houses)),
        background=own.get(OTHERS) if columns else OTHERS,
        generation=own.get(GENERATION, keeps) if columns else keeps,
    )


def _heat_text(source: HeatSource, houses: tuple[House, ...]) -> NetworkText:
    return NetworkText(
        file=source.file_name,
        told=text(source.told),
        mended=source.mended,
        import_max_kw=_above(IMPORT_RESERVE * max(house.heat_kw for house in houses)),
    )


def _above(value: float) -> float:
    """The next number of one digit and a half (10, 15, 20, ...) that is not below."""
    step = 10.0 ** ceil(log10(max(value, 1.0)) - 1.0) / 2.0
    return ceil(value / step) * step


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        problem = f"cannot be written to ({reason_of(error)})"
        raise BadInput([Fault("DIR", shown_path(folder), problem, ANOTHER_FOLDER)]) from error
