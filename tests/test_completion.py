"""What shells offer after TAB, and the file that `--log` writes."""

import logging
import sys
from pathlib import Path

import pytest
from loguru import logger

from mosaik_p2p import cli
from mosaik_p2p.cli.completion import scenarios, settings
from mosaik_p2p.cli.logging_file import Level, logged
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import check, shipped_scenarios


def test_scenarios_that_ship_and_files_here_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netz.toml").touch()
    (tmp_path / "nets").mkdir()
    (tmp_path / "network.csv").touch()
    shipped = [name for name in shipped_scenarios() if name.startswith("net")]
    assert scenarios("net") == [*shipped, "nets/", "netz.toml"]
    assert scenarios("nowhere/") == []


def test_keys_are_those_of_the_schema_and_of_the_scenario() -> None:
    assert settings(None, "time.s") == ["time.start=", "time.steps=", "time.step_minutes="]
    assert "networks.electricity.limits.voltage_pu.min=" in settings("network1", "networks.el")
    own = settings("network1", "prosumers.A.")
    assert {"prosumers.A.bus=", "prosumers.A.pv.peak_kw="} <= set(own)
    assert settings("no such scenario", "prosumers.") == []


def test_every_key_that_is_offered_can_be_set() -> None:
    offered = [key for key in settings("network1", "prosumers.A.") if not key.endswith(("bus=", "junction="))]
    faults = check("network1", [f"{key}[[1]]" for key in offered])
    assert len(offered) > 10
    assert not [
        fault for fault in faults if "not a known key" in fault.problem or "a key of this name" in fault.problem
    ]


def test_a_shell_is_offered_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("_MOSAIK_P2P_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "mosaik-p2p run network1 --set time.ste")
    monkeypatch.setenv("COMP_CWORD", "4")
    monkeypatch.setattr(sys, "argv", ["mosaik-p2p"])
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().out.split() == ["time.steps=", "time.step_minutes="]


def test_the_log_has_what_libraries_say(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    for level in (Level.WARNING, Level.DEBUG):
        with logged(file, level):
            logger.info("of mosaik")
            logging.getLogger("pandapower.run").debug("of pandapower")
            logging.getLogger("numba").warning("of nobody here")
    logger.info("afterwards")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["of mosaik", "of pandapower"]
    assert "DEBUG    pandapower.run: of pandapower" in lines[1]


def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("[time]\n", encoding="utf-8")
    with pytest.raises(BadInput, match="not an earlier log"), logged(file, Level.INFO):
        pass
    assert file.read_text(encoding="utf-8") == "[time]\n"
