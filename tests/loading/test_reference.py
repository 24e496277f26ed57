"""The reference of the scenario file is the schema's own, whole, and what it shows can be written."""

import sys
import tomllib

import pytest

from made_scenario import device, own_everything, tables
from mosaik_p2p import cli
from mosaik_p2p.devices.base import DeviceSection
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.loading import shipped_scenarios
from mosaik_p2p.scenario.parts.profiles import Vdi4655Profile
from mosaik_p2p.scenario.placed_tables import placed
from mosaik_p2p.scenario.read import read_tree
from mosaik_p2p.scenario.reference import (
    entries,
    entry_names,
    entry_text,
    named,
    number_bounds,
    overview,
    reference_markdown,
    section_kinds,
)
from mosaik_p2p.scenario.schema import Scenario, Template
from mosaik_p2p.scenario.templates import expanded
from mosaik_p2p.sections.base import DISCRIMINATORS, Section
from mosaik_p2p.sections.meanings import meaning_of
from whereabouts import DOCS

PAGE = DOCS / "scenario.md"
HINT = "write it anew: .venv/bin/nox -s pages"


def _kinds(kind: type[Section]) -> set[type[Section]]:
    inner = {part for field in kind.model_fields.values() for part in section_kinds(field.annotation)}
    return {kind}.union(*(_kinds(part) for part in inner))


KINDS = sorted(_kinds(Scenario), key=lambda kind: kind.__name__)


@pytest.mark.skipif(not PAGE.parent.is_dir(), reason="docs/ is not part of the installed package")
def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(), HINT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_section_and_key_says_what_it_means(kind: type[Section]) -> None:
    assert kind.__doc__
    silent = [key for key in kind.model_fields if not meaning_of(kind, key) and key not in DISCRIMINATORS]
    allowed = {"name"} if issubclass(kind, DeviceSection) else set()
    assert set(silent) <= allowed


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.example], ids=lambda kind: kind.__name__)
def test_examples_are_what_the_schema_accepts(kind: type[Section]) -> None:
    values = tomllib.loads(f"example = {kind.example}")["example"]
    kind.model_validate(values)


def test_every_key_of_every_section_stands_on_the_page() -> None:
    page = reference_markdown()
    headed = {entry.kind for entry in entries()}
    keys = {key for kind in headed - {Scenario, Template} for key in kind.known_keys() if key not in DISCRIMINATORS}
    missing = [key for key in keys - {"template"} if f"| `{key}` |" not in page]
    assert missing == []
    assert all(f"### `{name}`" in page for name in device_kinds())


def test_every_name_of_the_overview_can_be_asked_for() -> None:
    listed = overview()
    for name in entry_names():
        assert name in listed
        assert all(entry_text(entry).startswith(entry.heading.replace("`", "")) for entry in named(name))
    assert named("no such name") == ()


def test_the_command_tells_the_keys_of_a_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(monkeypatch, "keys", "ev") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "energy_kwh.departure required" in told
    assert "a target that may be missed" in told
    assert _command(monkeypatch, "keys") == 0
    assert "heat_tank" in capsys.readouterr().out


def test_the_command_answers_an_unknown_name_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(monkeypatch, "keys", "heat_tnk") == 2
    assert "Did you mean 'heat_tank'?" in capsys.readouterr().err


def _command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mosaik-p2p", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


TABLES = [
    ("ev", "energy_kwh", "such as { min = 0.0, max = 60.0, arrival = 20.0, departure = 50.0 }"),
    ("heat_tank", "energy_kwh", "such as { min = 0.0, max = 10.0, initial = 5.0"),
    ("battery", "efficiency", "such as { charge = 0.95, discharge = 0.95 }"),
]


@pytest.mark.parametrize(("name", "key", "remedy"), TABLES)
def test_a_number_for_a_table_is_answered_with_its_keys(name: str, key: str, remedy: str) -> None:
    faults = _faults(name, {key: 1})
    assert [fault.problem for fault in faults] == ["is not a table"]
    assert remedy in faults[0].remedy


def test_a_section_without_an_example_is_answered_with_the_names_of_its_keys() -> None:
    scenario = tables()
    scenario["market"] = 1
    (fault,) = (fault for fault in read_tree(placed(scenario)).faults if fault.place == "market")
    assert "with the keys design, form, algorithm, relative_gap" in fault.remedy


@pytest.mark.parametrize(
    ("name", "key", "remedy"),
    [
        ("chp", "el_max_kw", "Add it: Largest electric power, kW."),
        ("heat_tank", "energy_kwh", "heat above the return temperature; a table such as { min = 0.0, max"),
        ("ev", "arrival", 'Time of day at which it is plugged in, such as "18:00"'),
        ("gas_boiler", "fuel_price_per_kwh", "Add it: Currency per kWh of fuel."),
    ],
)
def test_a_missing_key_is_answered_with_its_meaning(name: str, key: str, remedy: str) -> None:
    (fault,) = _faults(name, {key: None})
    assert fault.problem == "is missing"
    assert remedy in fault.remedy


def _faults(name: str, changes: dict[str, object]) -> tuple:
    """The faults where a device has other values; None: the key is left out."""
    scenario = tables()
    own_everything(scenario)
    owner = "A" if name in ("ev", "heat_tank", "chp", "battery") else "B"
    own = device(scenario, owner, name)
    own.pop("template", None)
    own.update(scenario["templates"].get({"ev": "car", "battery": "cl"}.get(name, ""), {}).get(name, {}) | own)
    own.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del own[key]
    tree, faults = expanded(placed(scenario))
    assert faults == ()
    return read_tree(tree).faults


def test_the_scenario_of_all_devices_has_them_all() -> None:
    text = shipped_scenarios()["all_devices"].read_text(encoding="utf-8")
    scenario = tomllib.loads(text)
    types = [entry["type"] for prosumer in scenario["prosumers"] for entry in prosumer["devices"]]
    assert set(types) == set(device_kinds())
    assert any(entry.get("v2g") for prosumer in scenario["prosumers"] for entry in prosumer["devices"])


INDICES = {"bus", "junction", "replaces_load", "replaces_generator", "replaces_consumer", "supply", "return_"}
"""Keys with an index of a network's element, which the network's own table bounds."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_number_has_a_lower_and_an_upper_end(kind: type[Section]) -> None:
    for key, field in kind.model_fields.items():
        for bounds in number_bounds(field.annotation, field.metadata):
            if key not in INDICES:
                assert None not in (bounds.low, bounds.high), f"{kind.__name__}.{key}"


def test_ranges_are_stated_where_the_keys_are() -> None:
    page = reference_markdown()
    assert "Heat per electricity, a number or the name of a profile. 0.5 to 30." in page
    assert "else the one in the network's file, else 0.95. 0.5 to 1.5." in page
    assert "what the file says of each, else 100. 1 to 1000." in page
    (row,) = (line for line in page.splitlines() if "| `price` |" in line or "`relative_gap`" in line)
    assert "Above 0 to below 1." in row


def test_a_schema_for_editors_says_what_the_page_says() -> None:
    described = Vdi4655Profile.model_json_schema()["properties"]
    for key in Vdi4655Profile.known_keys():
        assert Vdi4655Profile.meaning(key) == described[key].get("description", "")
