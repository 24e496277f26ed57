"""A simulator in a process of its own that dies ends the run, which names it and how it ended, and leaves nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from killed_children import NOON, SIMULATORS, STEPS, STOPPED_LIMIT_S, Killing, aftermath, drawn
from mosaik_p2p.cosim import Order, conduct, run
from mosaik_p2p.errors import RunFailed
from mosaik_p2p.scenarios.examples.processes import waiting
from mosaik_p2p.sims.world import watching
from whereabouts import SUPPORT

pytestmark = [pytest.mark.slow, pytest.mark.once]
KILLINGS = (
    Killing("profiles", "import", "7", 0),
    Killing("heat_grid", "init", "reset", 0),
    Killing("market", "step", "SIGKILL", 1),
    Killing("electric_grid", "step", "reset", 2),
    Killing("recorder", "step", "0", 1),
    Killing("recorder", "finalize", "1", 0),
)
"""A handful; `python killed_children.py` draws thirty, and looks at the time as well."""
PATIENCE_S = 120.0
"""A run that does not notice would end by this limit, and say so."""


@pytest.mark.parametrize("killing", KILLINGS, ids=lambda killing: "-".join(map(str, vars(killing).values())))
def test_a_simulator_that_dies_ends_the_run(
    killing: Killing, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = aftermath(killing, tmp_path / "killed", answer_limit_s=PATIENCE_S)
    assert killing.told in str(found.cause)
    assert not found.complete
    assert not found.is_left
    # asyncio complains about what is left behind when it is collected.
    assert "destroyed" not in capfd.readouterr().err


def test_a_simulator_that_is_stopped_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    killing = Killing("heat_grid", "step", "SIGSTOP", 1)
    found = aftermath(killing, tmp_path / "stopped", answer_limit_s=STOPPED_LIMIT_S)
    assert found.cause == killing.told
    assert found.after_s > STOPPED_LIMIT_S
    assert not found.is_left


def test_one_that_somebody_else_has_started_is_missed_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting("heat_grid") as address:
        dying = {"electric_grid": {"cmd": f"%(python)s {SUPPORT / 'dying_grid.py'} %(addr)s raise"}}
        order = Order(
            scenario="network1",
            out=tmp_path / "run",
            overrides=NOON,
            steps=STEPS,
            progress=False,
            simulators={"heat_grid": {"connect": address}, **dying},
        )
        outcome, _ = conduct(order)
        assert "the transformer burns" in outcome.summary["cause"]
    # It has ended by now, and nobody answers there any more.
    monkeypatch.setattr(watching, "LISTENING_S", 0.0)
    with pytest.raises(RunFailed, match=f"heat_grid cannot be reached at {address}"):
        run("network1", out=tmp_path / "again", progress=False, simulators={"heat_grid": {"connect": address}})


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = {"market": {"cmd": "no-such-program %(addr)s"}}
    with pytest.raises(RunFailed, match="simulator market could not be started: No such file"):
        run("network1", out=tmp_path / "run", progress=False, simulators=missing)


def test_the_draw_is_repeatable_and_reaches_every_simulator() -> None:
    first, again = (list(drawn(seed=8, count=30)) for _ in range(2))
    assert first == again
    assert {killing.simulator for killing in first} == set(SIMULATORS)


def test_what_a_simulator_has_started_ends_with_it(tmp_path: Path) -> None:
    # The helper inherits the pipe, which is at its end when the last of them has gone.
    script = tmp_path / "with_helper.py"
    script.write_text(
        "import subprocess, sys\n"
        "from mosaik_p2p.sims.profiles import main\n"
        "print('there', flush=True)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "raise SystemExit(main())\n"
    )
    program = (
        "import sys, mosaik_p2p\n"
        f"start = {{'profiles': {{'cmd': '%(python)s {script} %(addr)s'}}}}\n"
        f"mosaik_p2p.run('network1', out={str(tmp_path / 'run')!r}, steps=1, overrides={NOON!r}, simulators=start)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "there\n"
