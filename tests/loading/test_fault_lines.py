"""Faults say on which line of the scenario file they stand, and only where they stand on one."""

from pathlib import Path

import pytest

from made_scenario import write
from mosaik_p2p.cli import remarks_text
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import examine, load
from mosaik_p2p.scenario.lines import lines_of_places

TEXT = """\
# a comment
name = "x"
"quoted.key" = 1
time.steps = 3
[networks.electricity]
limits = { voltage_pu = { min = 0.9 }, element = [
  { table = "bus", name = "1" },
  # between
  { table = "bus", name = "2", voltage_pu = { min = 0.9 } },
] }
[[prosumers]]
name = "A"
[[prosumers.devices]]
type = "pv"
peak_kw = 3
[[prosumers]]
name = "B"
devices = [ { type = "ev", name = "car" },
            { type = "pv", peak_kw = 4 } ]
[prosumers.connection]
electricity = { min_kw = -3 }
"""


def test_every_value_has_its_line() -> None:
    lines = lines_of_places(TEXT)
    expected = {
        "name": 2,
        "quoted.key": 3,
        "time": 4,
        "time.steps": 4,
        "networks.electricity": 5,
        "networks.electricity.limits.voltage_pu.min": 6,
        "networks.electricity.limits.element[0].name": 7,
        "networks.electricity.limits.element[1]": 9,
        "networks.electricity.limits.element[1].voltage_pu.min": 9,
        "prosumers.A": 11,
        "prosumers.A.pv": 13,
        "prosumers.A.pv.peak_kw": 15,
        "prosumers.B": 16,
        "prosumers.B.car": 18,
        "prosumers.B.pv.peak_kw": 19,
        "prosumers.B.connection": 20,
        "prosumers.B.connection.electricity.min_kw": 21,
    }
    assert {place: lines[place] for place in expected} == expected


def _faults(path: Path, overrides: tuple[str, ...] = ()) -> tuple[Fault, ...]:
    with pytest.raises(BadInput) as refused:
        load(path, overrides)
    return refused.value.faults


def test_a_misspelt_key_errs_at_its_line(tmp_path: Path) -> None:
    def misspelt(scenario: dict) -> None:
        scenario["time"]["stepz"] = 3
        scenario["prosumers"][0]["devices"][0]["profil"] = "x"

    path = write(tmp_path, misspelt)
    lines = path.read_text(encoding="utf-8").splitlines()
    for fault, key in zip(_faults(path), ("stepz", "profil"), strict=True):
        number = 1 + next(row for row, line in enumerate(lines) if line.strip().startswith(f"{key} = "))
        assert fault.source == f"made.toml:{number}"
        assert f"made.toml:{number}: {fault.place} = " in remarks_text([fault], "fault")
        assert str(fault).startswith(f"made.toml:{number}: ")


def test_what_is_missing_stands_where_its_table_does(tmp_path: Path) -> None:
    path = write(tmp_path, lambda scenario: scenario["time"].pop("start"))
    (fault,) = (fault for fault in _faults(path) if fault.place == "time.start")
    line = int(fault.source.rpartition(":")[2])
    assert path.read_text(encoding="utf-8").splitlines()[line - 1] == "[time]"


def test_what_overrides_and_other_files_say_stands_on_no_line(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("name,bus\nH1,nowhere\n", encoding="utf-8")
    path = write(tmp_path, lambda scenario: scenario.update(prosumers_file="houses.csv"))
    faults = _faults(path, ("time.steps=-3", "prosumers.A.bus=77"))
    assert {fault.place.partition(" ")[0] for fault in faults} >= {"time.steps", "prosumers.A.bus", "prosumers.H1.bus"}
    assert [fault.source for fault in faults if fault.place.startswith(("time", "prosumers"))] == [""] * 3


def test_warnings_stand_on_a_line_as_faults_do(tmp_path: Path) -> None:
    def in_the_dark(scenario: dict) -> None:
        scenario["market"]["form"] = "bilateral"
        scenario["market"]["reputation"] = {"benefit_per_kwh": 0.0, "growth": 0.0}
        scenario["market"]["envelopes"] = {"spare_kw": 1.0}

    path = write(tmp_path, in_the_dark)
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 1 + lines.index("[market.envelopes]")
    (warning,) = [found for found in examine(path).warnings if found.place == "market.envelopes"]
    assert warning.source == f"made.toml:{number}"
    assert f"made.toml:{number}: market.envelopes = " in remarks_text([warning], "warning")
    moved = examine(path, ["market.envelopes.spare_kw=2.0"]).warnings
    assert [found.source for found in moved if found.place == "market.envelopes"] == [f"made.toml:{number}"]
