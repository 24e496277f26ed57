"""The JSON schema of scenarios as written: shipped scenarios and documents pass it, misspelt keys do not."""

import re
import tomllib
from datetime import date, datetime, time
from typing import Any

import jsonschema
import pytest

from mosaik_p2p.loading import shipped_scenarios
from mosaik_p2p.scenario.json_schema import fragment_schema, scenario_schema, schema_text
from whereabouts import DOCS, ROOT

FENCE = re.compile(r"^( *)```toml\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
DIRECTIVE = "#:schema ./scenario.schema.json"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]) if DOCS.is_dir() else []


def as_json(value: Any) -> Any:
    """As editors hand TOML to a schema: dates and times as texts."""
    if isinstance(value, dict):
        return {key: as_json(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_json(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


@pytest.fixture(scope="module")
def whole() -> jsonschema.Draft202012Validator:
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(validator: jsonschema.Draft202012Validator, tables: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(as_json(tables))]


@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_shipped_scenarios_pass_and_name_it(name: str, whole: jsonschema.Draft202012Validator) -> None:
    text = shipped_scenarios()[name].read_text(encoding="utf-8")
    assert text.startswith(f"{DIRECTIVE}\n")
    assert errors(whole, tomllib.loads(text)) == []


def test_the_schema_that_ships_is_the_generated_one() -> None:
    shipped = next(iter(shipped_scenarios().values())).parent / "scenario.schema.json"
    assert shipped.read_text(encoding="utf-8") == schema_text(), "write it anew: .venv/bin/nox -s pages"


@pytest.mark.skipif(not PAGES, reason="docs/ is not part of the installed package")
def test_all_that_documents_call_toml_is_part_of_a_scenario() -> None:
    validator = jsonschema.Draft202012Validator(fragment_schema())
    found = [(page.name, text) for page in PAGES for _, text in FENCE.findall(page.read_text(encoding="utf-8"))]
    assert len(found) > 20
    wrong = [(page, told) for page, text in found for told in errors(validator, tomllib.loads(text))]
    assert wrong == []


def _network1(changes: str) -> Any:
    text = shipped_scenarios()["network1"].read_text(encoding="utf-8")
    before, after = changes.split(" -> ")
    assert before in text
    return tomllib.loads(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("steps = 24 -> stepz = 24", "stepz"),
        ('design = "p2p" -> desing = "p2p"', "desing"),
        ("peak_kw -> peak", "peak"),
        ('case = "bus15" -> case = "bus15"\nfile = "own.json"', "networks.electricity"),
        ("steps = 24 -> steps = 24.5", "steps"),
    ],
)
def test_what_is_misspelt_is_found(changes: str, told: str, whole: jsonschema.Draft202012Validator) -> None:
    found = errors(whole, _network1(changes))
    assert found
    assert told in " ".join(found)


def test_what_nobody_gives_is_missed_and_what_a_template_gives_is_not(whole: jsonschema.Draft202012Validator) -> None:
    tables = {"time": {"start": "2017-03-28T00:00:00+01:00"}, "prosumers": [{"name": "A", "devices": [{"type": "pv"}]}]}
    assert errors(whole, tables)
    tables["prosumers"][0]["devices"][0]["template"] = "usual"
    assert errors(whole, tables) == []
    tables["templates"] = {"usual": {"pv": {"peak_kw": 3}}}
    assert errors(whole, tables) == []
    tables["templates"]["usual"]["pv"]["peak"] = 3
    assert errors(whole, tables)


def test_kinds_that_nobody_knows_here_may_hold_anything(whole: jsonschema.Draft202012Validator) -> None:
    tables = {
        "time": {"start": "2017-03-28T00:00:00+01:00"},
        "market": {"design": "cap:FeedInCap", "parameters": {"most_kw": 3.0}},
        "charges": {"electricity": [{"mechanism": "zonal_charge:Zonal", "inside": 0.01}]},
        "networks": {"electricity": {"case": "bus15", "limits": {"line_current_ka": 0.2}}},
        "templates": {"usual": {"wind_turbine": {"rated_kw": 3.0}}},
        "prosumers": [{"name": "A", "devices": [{"type": "wind_turbine", "hub_m": 80}]}],
    }
    assert errors(whole, tables) == []
