"""Surfaces that need processes of their own: kills, interrupts, two runs at once, a full disk, closed outputs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pyarrow.parquet as pq

from fuzz import bases, judge_folder
from fuzz.findings import Finding, attempt
from fuzz.processes import CLI, Ended, all_killed, appears, child_named, ended, patience, start
from mosaik_p2p.api import report

SIMULATORS = ("market", "electric_grid", "heat_grid", "profiles", "recorder")
END_S = 15.0
"""Within which a run has to end after one of its simulators is dead."""
STOP_S = 130.0
"""Within which it has to end after one of them answers no more."""
INTERRUPT_S = 5.0
START_S = 90.0
WHOLE_S = 120.0
STEPS = 24

REMOTE = """
import json, sys, mosaik_p2p
path, out, steps, commands = sys.argv[1:]
simulators = {name: {"cmd": command} for name, command in json.loads(commands).items()}
outcome = mosaik_p2p.run(path, out=out, steps=int(steps), simulators=simulators, progress=False)
print("CAUSE", outcome.summary["cause"])
sys.exit(outcome.exit_code)
"""
LOOP = """
import sys, mosaik_p2p
path, out = sys.argv[1:]
for number in range(3):
    mosaik_p2p.run(path, out=f"{out}/{number}", progress=False)
print("THE LOOP WENT ON TO ITS END")
"""


def _scenario(folder: Path) -> Path:
    base = bases.cases()
    base.tables["time"]["steps"] = STEPS
    base.tables["prosumers"][0]["devices"][3]["max_kw"] = 80.0
    return bases.write(folder, base)


def child(dice: Random, folder: Path) -> list[Finding]:
    """A simulator that is a process of its own dies, is stopped, or never begins."""
    name, way = dice.choice(SIMULATORS), dice.choices(("kill", "stop", "exits"), weights=(6, 1, 1))[0]
    command = f"%(python)s -m mosaik_p2p.sims.{name} %(addr)s"
    if way == "exits":
        command = "%(python)s -c raise(SystemExit(7)) %(addr)s"
    log, out = folder / "log", folder / "out"
    remote = [sys.executable, "-c", REMOTE, str(_scenario(folder)), str(out), str(STEPS), json.dumps({name: command})]
    process = start(remote, log)
    with all_killed(process):
        if way == "exits":
            return _dead(ended(process, log, within_s=START_S), name, "exits at once", START_S)
        pid = child_named(process.pid, rf"mosaik_p2p\.sims\.{name}", within_s=START_S)
        if pid is None:
            return []
        time.sleep(dice.uniform(0.0, 12.0))
        if process.poll() is not None:
            return []
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if way == "kill" else signal.SIGSTOP)
        limit_s = END_S if way == "kill" else STOP_S
        return _dead(ended(process, log, within_s=limit_s), name, "killed" if way == "kill" else "stopped", limit_s)


def _dead(end: Ended, name: str, how: str, limit_s: float) -> list[Finding]:
    what = f"a simulator that is {how}"
    if end.exit_code is None:
        return [Finding("hang", f"{what}: the run goes on after {limit_s:g} s", name)]
    if "CAUSE None" in end.text and end.exit_code == 0:
        return []  # it had ended before
    if name not in end.text:
        return [Finding("message", f"{what}: the cause does not name it", end.text[-300:])]
    if how == "exits at once" and "7" not in end.text.replace("127.0.0.1", ""):
        return [Finding("message", f"{what}: its exit code is not told", end.text[-300:])]
    return [] if end.exit_code == 1 else [Finding("exit", f"{what}: exit code {end.exit_code}", end.text[-300:])]


def signalled(dice: Random, folder: Path) -> list[Finding]:
    """The run itself gets a signal: what is computed stays, and the folder tells the truth."""
    which = dice.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL))
    log, out = folder / "log", folder / "out"
    process = start([*CLI, "run", str(_scenario(folder)), "--out", str(out)], log)
    with all_killed(process):
        if not appears(out / "scenario.toml", within_s=START_S):
            return []
        time.sleep(dice.uniform(0.0, 8.0))
        process.send_signal(which)
        end = ended(process, log, within_s=END_S)
        if end.exit_code == 0:
            return []
    findings = list(_truthful(out))
    if judge_folder.told(out).get("complete"):
        return findings  # the signal came too late to change anything
    if which is not signal.SIGKILL:
        findings += _orderly(end, which.name)
    return [*findings, *_again(folder, out)]


def _truthful(out: Path) -> Iterator[Finding]:
    summary = judge_folder.told(out)
    if summary.get("complete"):
        yield from judge_folder.of_complete(out)
    yield from _whole_files(out)
    yield from attempt(lambda: report(out)).findings


def _orderly(end: Ended, what: str) -> list[Finding]:
    if end.exit_code is None:
        return [Finding("hang", f"{what}: the run goes on", f"{end.seconds:.0f} s")]
    wrong = [Finding("exit", f"{what}: exit code {end.exit_code}")] if end.exit_code != 1 else []
    slow = (
        [Finding("hang", f"{what}: over {INTERRUPT_S:g} s", f"{end.seconds:.1f} s")]
        if end.seconds > INTERRUPT_S * patience()
        else []
    )
    return [*wrong, *slow, *_no_traceback(end, what)]


def _no_traceback(end: Ended, what: str) -> list[Finding]:
    return (
        [Finding("traceback", f"{what}: a traceback on the screen", end.text[-400:])] if "Traceback" in end.text else []
    )


def _again(folder: Path, out: Path) -> list[Finding]:
    """The same command again is refused, and says how far the dead run came and what to do with it."""
    log = folder / "again"
    process = start([*CLI, "run", str(folder / bases.SCENARIO_FILE), "--out", str(out)], log)
    with all_killed(process):
        end = ended(process, log, within_s=START_S)
    if end.exit_code != 2:
        return [Finding("exit", f"the folder of a dead run: exit code {end.exit_code}", end.text[-300:])]
    tells = f"of {STEPS}" in end.text and "report" in end.text
    return (
        []
        if tells
        else [Finding("message", "the folder of a dead run: neither how far it came nor `report`", end.text[-300:])]
    )


def _whole_files(out: Path) -> Iterator[Finding]:
    """Nothing half-written stands under a final name."""
    for path in out.glob("*.parquet"):
        for part in path.glob("part-*.parquet") if path.is_dir() else [path]:
            if attempt(lambda part=part: pq.read_table(part)).findings:  # type: ignore[misc]
                yield Finding("folder", "a table that cannot be read stands under its final name", part.name)
    page = out / "report.html"
    if page.exists() and not page.read_text(encoding="utf-8", errors="replace").rstrip().endswith("</html>"):
        yield Finding("folder", "a report that is cut off")
    if (out / "summary.json").exists() and not judge_folder.told(out):
        yield Finding("folder", "a summary that is cut off")


def loop(dice: Random, folder: Path) -> list[Finding]:
    """An interrupt ends the loop of runs around it, not one run of it."""
    log, out = folder / "log", folder / "runs"
    process = start([sys.executable, "-c", LOOP, str(_scenario(folder)), str(out)], log)
    which = dice.choice((signal.SIGINT, signal.SIGTERM))
    with all_killed(process):
        if not appears(out / "0" / "scenario.toml", within_s=START_S):
            return []
        time.sleep(dice.uniform(0.0, 3.0))
        process.send_signal(which)
        end = ended(process, log, within_s=INTERRUPT_S)
        went_on = (out / "1").exists()
    findings = (
        [Finding("interrupt", f"{which.name}: the loop goes on with the next run", end.text[-200:])] if went_on else []
    )
    if end.exit_code in (None, 0) and not went_on:
        findings.append(Finding("interrupt", f"{which.name}: the loop does not end", str(end.exit_code)))
    return [*findings, *_truthful(out / "0")]


def both(dice: Random, folder: Path) -> list[Finding]:
    """Two runs on one folder at the same time: one is refused, the other is what it would be alone."""
    scenario, out = _scenario(folder), folder / "out"
    command = [*CLI, "run", str(scenario), "--out", str(out), "--overwrite"]
    first = start(command, folder / "first")
    time.sleep(dice.uniform(0.0, 1.0))
    second = start(command, folder / "second")
    with all_killed(first, second):
        ends = [
            ended(process, folder / name, within_s=WHOLE_S) for process, name in ((first, "first"), (second, "second"))
        ]
    codes = sorted(end.exit_code if end.exit_code is not None else -1 for end in ends)
    told = " / ".join(end.text[-150:] for end in ends)
    findings = [] if codes == [0, 2] else [Finding("lock", f"two runs on one folder end with {codes}", told)]
    for end in ends:
        findings += _no_traceback(end, "two runs on one folder")
    if judge_folder.told(out).get("complete"):
        tried = attempt(lambda: list(judge_folder.of_complete(out)))
        findings += [*(tried.value or ()), *tried.findings]
    return findings


def disk(dice: Random, folder: Path) -> list[Finding]:
    """A disk that fills, a file that may not grow, outputs that are closed, a compiler that is switched off."""
    way = dice.choice(("tmpfs", "limit", "limit", "stderr", "stdout", "nojit"))
    scenario, log = _scenario(folder), folder / "log"
    with _place(folder, dice, way) as out:
        words = " ".join([f"'{CLI[0]}'", "-c", f"'{CLI[2]}'", "run", str(scenario), "--out", str(out), "--steps", "3"])
        limits = {"limit": f"ulimit -f {dice.choice((2, 20, 200, 2000))}; ", "stderr": "", "stdout": ""}.get(way, "")
        closing = {"stderr": " 2>&-", "stdout": " >&-"}.get(way, "")
        environment = {"NUMBA_DISABLE_JIT": "1"} if way == "nojit" else {}
        process = start(["bash", "-c", f"{limits}exec {words}{closing}"], log, environment=environment)
        with all_killed(process):
            end = ended(process, log, within_s=WHOLE_S)
        return _starved(end, way, out)


@contextmanager
def _place(folder: Path, dice: Random, way: str) -> Iterator[Path]:
    """Where results go: for `tmpfs` a file system of the size of a floppy disk or less, where it can be had."""
    out = folder / "small"
    out.mkdir()
    size_kb = dice.choice((16, 100, 300, 1500, 5000))
    mounted = (
        way == "tmpfs"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(out)], check=False, capture_output=True
        ).returncode
    )
    try:
        yield out / "out"
    finally:
        if mounted:
            subprocess.run(["umount", str(out)], check=False)


def _starved(end: Ended, way: str, out: Path) -> list[Finding]:
    findings = [*_no_traceback(end, way), *_whole_files(out)]
    if end.exit_code is None:
        return [*findings, Finding("hang", f"{way}: the run does not end")]
    allowed = {"tmpfs": (0, 1, 2), "limit": (0, 1, 2), "nojit": (0, 1, 2)}.get(way, (0,))
    if end.exit_code not in allowed:
        findings.append(Finding("exit", f"{way}: exit code {end.exit_code}", end.text[-300:]))
    if end.exit_code in (1, 2) and not end.text.strip():
        findings.append(Finding("message", f"{way}: not a word"))
    if end.exit_code == 0:
        findings += judge_folder.of_complete(out)
    return findings
