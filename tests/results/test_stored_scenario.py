"""The scenario file of a result folder is parsed once, and anew whenever it says something else."""

import os
from pathlib import Path

import pytest

from mosaik_p2p.results.store import facts
from mosaik_p2p.results.store.facts import read_facts, read_prosumers, stored_scenario
from mosaik_p2p.results.store.folder import SCENARIO_FILE

TEXT = 'name = "{name}"\n[[prosumers]]\nname = "A"\nbus = 1\n'


def test_what_stands_in_the_file_now_is_told(tmp_path: Path) -> None:
    """Also where neither its length nor its time has changed."""
    path = tmp_path / SCENARIO_FILE
    path.write_text(TEXT.format(name="one"))
    moment = path.stat().st_mtime_ns
    assert read_facts(tmp_path).name == "one"
    path.write_text(TEXT.format(name="two"))
    os.utime(path, ns=(moment, moment))
    assert read_facts(tmp_path).name == "two"
    path.unlink()
    assert stored_scenario(tmp_path) == {}
    assert read_facts(tmp_path).name == tmp_path.name


def test_of_a_large_district_it_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    loads = facts.tomllib.loads

    def counted(text: str) -> dict[str, object]:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(facts.tomllib, "loads", counted)
    (tmp_path / SCENARIO_FILE).write_text(TEXT.format(name="parsed once"))
    for _ in range(3):
        assert read_prosumers(tmp_path) == [("A", {"name": "A", "bus": 1})]
        assert read_facts(tmp_path).name == "parsed once"
    assert len(parsed) == 1


def test_what_is_no_toml_is_told_each_time(tmp_path: Path) -> None:
    (tmp_path / SCENARIO_FILE).write_text("name = ")
    for _ in range(2):
        with pytest.raises(ValueError, match="is no scenario"):
            read_facts(tmp_path)
