"""The scenario as it was run: defaults and overrides applied, templates and houses worked in, loadable again."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from mosaik_p2p.scenario.parts.grids import SIMBENCH
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.base import Section
from mosaik_p2p.units import CARRIERS

S = TypeVar("S", bound=Section | None)


def resolved_toml(scenario: Scenario, relative_to: Path) -> str:
    """TOML of a loaded scenario, for a file in the folder `relative_to`."""
    return toml_of(with_files(scenario, lambda file: _relative(file, relative_to.resolve())))


def toml_of(scenario: Scenario) -> str:
    """TOML of a loaded scenario, with the names of its files as they stand there."""
    tables = scenario.model_dump(
        by_alias=True, exclude_none=True, exclude={"templates", "prosumers_file", "profiles_file"}
    )
    return tomli_w.dumps(_plain(tables))


def with_absolute_files(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with the paths of its files absolute, those given being relative to `folder`."""
    return with_files(scenario, lambda file: os.path.normpath(folder.resolve() / file))


def with_files(scenario: Scenario, moved: Callable[[str], str]) -> Scenario:
    """The scenario with another path for each file that it names."""
    profiles = {name: _with_file(spec, moved) for name, spec in scenario.profiles.items()}
    networks = scenario.networks.model_copy(
        update={key: _with_file(getattr(scenario.networks, key), moved) for key in ("electricity", "heat")}
    )
    charges = scenario.charges.model_copy(
        update={carrier: _with_files(getattr(scenario.charges, carrier), moved) for carrier in CARRIERS}
    )
    changes: dict[str, Any] = {"profiles": profiles, "networks": networks, "charges": charges}
    if scenario.uncertainty is not None:
        years = _with_files(scenario.uncertainty.weather, moved)
        changes["uncertainty"] = scenario.uncertainty.model_copy(update={"weather": years})
    return scenario.model_copy(update={**changes, "weather": _with_file(scenario.weather, moved)})


def _with_file(section: S, moved: Callable[[str], str]) -> S:
    file = getattr(section, "file", None)
    if section is None or file is None or file.startswith(SIMBENCH):
        return section
    return section.model_copy(update={"file": moved(file)})


def _with_files(sections: Any, moved: Callable[[str], str]) -> Any:
    """One section, several of them, or none."""
    if isinstance(sections, tuple):
        return tuple(_with_file(section, moved) for section in sections)
    return _with_file(sections, moved)


def _relative(file: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive has no relative path
        return Path(file).as_posix()


def _plain(value: Any) -> Any:
    """Lists for tuples: TOML's writer knows no other arrays."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
