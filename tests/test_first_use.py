"""A newcomer is told what the first run waits for."""

from pathlib import Path

import pytest

from mosaik_p2p import cosim
from mosaik_p2p.market.first_use import ANNOUNCEMENT, compile_kernel, kernel_is_cold


def test_compiled_once_is_known_to_be() -> None:
    compile_kernel()
    assert not kernel_is_cold()


@pytest.mark.parametrize(("cold", "visible"), [(True, True), (True, False), (False, True)])
def test_compiling_is_announced_where_progress_is_shown(
    cold: bool, visible: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = []
    monkeypatch.setattr(cosim, "kernel_is_cold", lambda: cold)
    monkeypatch.setattr(cosim, "compile_kernel", lambda: compiled.append(True))
    cosim.run("network1", out=tmp_path / "run", steps=1, progress=visible)
    assert (ANNOUNCEMENT in capsys.readouterr().err) == (cold and visible)
    assert bool(compiled) == cold
