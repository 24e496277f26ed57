"""A newcomer is told what the first run waits for."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
import pytest
from numba.core.caching import CacheImpl

from markets import equipped_market
from mosaik_p2p import cosim
from mosaik_p2p.jit import modes
from mosaik_p2p.jit.modes import ensure_cache_place
from mosaik_p2p.market import warm_up
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.kernel import loops
from mosaik_p2p.market.warm_up import ANNOUNCEMENT, compile_kernel, kernel_is_cold


def test_compiled_once_is_known_to_be() -> None:
    compile_kernel()
    assert not kernel_is_cold()


def test_markets_of_any_length_are_solved_by_one_machine_code() -> None:
    for intervals in (1, 3):
        problem = with_imbalance_priced(equipped_market(3, 1, horizon=intervals))
        fleet = Fleet(problem)
        fleet.set_penalty(np.ones(problem.shape[::2]))
        fleet.proximal_step(np.zeros(problem.shape))
    assert len(loops.solve_range.signatures) == 1


def test_machine_code_is_kept_by_all_sources_that_it_stands_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "mosaik_p2p"
    shutil.copytree(Path(modes.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(modes, "__file__", str(package / "jit" / "modes.py"))
    assert modes._digest() == modes._DIGEST
    for name, counts in (
        ("cosim.py", False),
        ("market/prosumer_step/kernel/interior_point.py", True),
        ("single_period/supply.py", True),
        ("networks/heat/radial/flow.py", True),
    ):
        before = modes._digest()
        path = package / name
        path.write_text(path.read_text() + "# other\n")
        assert (modes._digest() != before) == counts, name


@pytest.mark.parametrize(("cold", "visible"), [(True, True), (True, False), (False, True)])
def test_compiling_is_announced_where_progress_is_shown(
    cold: bool, visible: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []
    monkeypatch.setattr(cosim, "kernel_is_cold", lambda: cold)
    monkeypatch.setattr(cosim, "compile_kernel", lambda: calls.append(True))
    cosim.run("network1_electric", out=tmp_path / "run", steps=1, progress=visible, report=False)
    assert (ANNOUNCEMENT in capsys.readouterr().err) == (cold and visible)
    assert bool(calls) == cold


def test_where_nothing_can_be_kept_compiled_code_goes_to_a_folder_of_this_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def probe() -> int:
        return 1

    blocked = tmp_path / "file"
    blocked.write_text("no folder can be made below a file")
    monkeypatch.setattr(platformdirs, "user_cache_path", blocked.joinpath)

    # As in a read-only installation of a user without a home: only a folder that is named serves.
    named = [locator for locator in CacheImpl._locator_classes if "UserProvided" in locator.__name__]
    monkeypatch.setattr(CacheImpl, "_locator_classes", named)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(probe)
    ensure_cache_place()
    assert numba.njit(cache=True)(probe)() == 1
    assert os.environ["NUMBA_CACHE_DIR"] == numba.config.CACHE_DIR
    assert any(Path(numba.config.CACHE_DIR).rglob("*.nbi"))


def test_an_interrupt_leaves_no_compiling_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    wait = subprocess.Popen.wait

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **options: Any) -> None:
            super().__init__([command[0], "-c", "import time; time.sleep(60)"], **options)
            started.append(self)

        def wait(self, timeout: float | None = None) -> int:
            if timeout is None:
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr(warm_up.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_kernel()
    assert len(started) == 2
    # Ended by a signal; left alone they would end by themselves, with 0.
    assert all(wait(child) < 0 for child in started)
