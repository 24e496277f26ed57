"""Surfaces of result folders: foreign files in them, links, and damaged tables."""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from typer.testing import CliRunner

import plain_markets
from fuzz import bases, damages, judge_folder
from fuzz.dice import chance
from fuzz.findings import Finding, Tried, attempt
from fuzz.judge_input import of_faults
from mosaik_p2p import run as run_scenario
from mosaik_p2p.api import report
from mosaik_p2p.cli import app
from mosaik_p2p.cosim import RunOutcome

MINE = "this is mine"
USER_NAMES = ("scenario.toml", "electric_net.json", "heat_net.json", "report.html", "summary.json", "error.log")
USER_TABLES = ("inputs.parquet", "lines.parquet", "trades.parquet", "buses.parquet")
OTHER_NAMES = (
    "notes.txt",
    ".DS_Store",
    "report.html.bak",
    "my.toml",
    "photos/cat.jpg",
    "part-00000.parquet.old",
    "lines.csv",
)


@cache
def sound(steps: int = 3) -> Path:
    """The folder of a run that ended well; made once per process."""
    return _made(steps)


@cache
def broken() -> Path:
    """The folder of a run that broke off in its third interval: tables in parts."""
    return _made(4, simulators={"electric_grid": {"python": "fuzz.saboteur:Failing"}})


def _made(steps: int, **options: Any) -> Path:
    root = Path(tempfile.mkdtemp(prefix="fuzz-made-"))
    scenario = bases.write(root, bases.cases())
    run_scenario(scenario, out=root / "out", steps=steps, progress=False, **options)
    return root / "out"


def foreign(dice: Random, folder: Path) -> list[Finding]:
    """Files of the user in and around a folder that a run is to replace: they stay as they are."""
    scenario = bases.write(folder, bases.cases())
    out = folder / "out"
    before = dice.choice(SETTINGS)(dice, folder, out)
    what, action = dice.choice(
        [
            ("run --overwrite", lambda: _run(scenario, out)),
            ("run --overwrite", lambda: _run(scenario, out)),
            ("run --overwrite --counterfactuals", lambda: _run(scenario, out, counterfactuals=True)),
            ("report", lambda: report(out)),
        ]
    )
    tried: Tried[Any] = attempt(action)
    findings = [*judge_folder.of_files(before, folder, what), *tried.findings, *of_faults(tried.faults)]
    if isinstance(tried.value, RunOutcome) and tried.value.summary["complete"]:
        findings += judge_folder.of_complete(out)
    return findings


def _run(scenario: Path, out: Path, **options: Any) -> RunOutcome:
    return run_scenario(scenario, out=out, steps=1, overwrite=True, progress=False, **options)


def _own_folder(dice: Random, folder: Path, out: Path) -> judge_folder.Snapshot:
    """A folder of the user's that looks like ours: names of ours, none of it written by a run."""
    out.mkdir()
    for name in dice.sample([*USER_NAMES, *USER_TABLES], k=dice.randint(1, 4)):
        content = "{}" if name == "summary.json" and chance(dice, 0.5) else MINE
        (out / name).write_text(content, encoding="utf-8")
    if chance(dice, 0.3):
        (out / "lines.parquet").unlink(missing_ok=True)
        (out / "lines.parquet").mkdir()
        (out / "lines.parquet" / dice.choice(["notes.txt", "part-mine.parquet"])).write_text(MINE, encoding="utf-8")
    return judge_folder.snapshot(folder)


def _beside_results(dice: Random, folder: Path, out: Path) -> judge_folder.Snapshot:
    """Foreign files in the folder of an earlier run, in its tables' folders too."""
    shutil.copytree(broken() if chance(dice, 0.6) else sound(), out)
    tables = [path for path in out.iterdir() if path.is_dir()]
    for name in dice.sample(OTHER_NAMES, k=dice.randint(1, 3)):
        where = dice.choice(tables) if tables and chance(dice, 0.6) else out
        target = where / name
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(MINE, encoding="utf-8")
    if chance(dice, 0.3):
        inner = out / "counterfactuals" / dice.choice(["without_charges", "mine"])
        inner.mkdir(parents=True)
        (inner / dice.choice(["notes.txt", "electric_net.json"])).write_text(MINE, encoding="utf-8")
    mine = [path for path in out.rglob("*") if path.is_file() and path.read_bytes() == MINE.encode()]
    return judge_folder.snapshot(folder, only=[*mine, folder / bases.SCENARIO_FILE, folder / bases.SERIES_FILE])


def _inputs_inside(dice: Random, folder: Path, out: Path) -> judge_folder.Snapshot:
    """The scenario, or what it reads, lies in the folder."""
    if chance(dice, 0.5):
        shutil.copytree(sound(), out)
    else:
        out.mkdir()
    name = dice.choice(["inputs.parquet", "scenario.toml", "electric_net.json"])
    if name == "inputs.parquet":
        import pandas as pd

        pd.read_csv(folder / bases.SERIES_FILE).to_parquet(out / name)
        text = (folder / bases.SCENARIO_FILE).read_text(encoding="utf-8")
        (folder / bases.SCENARIO_FILE).write_text(text.replace(bases.SERIES_FILE, f"out/{name}"), encoding="utf-8")
    elif name == "scenario.toml":
        # The command is then given the scenario in the folder, by a link.
        (folder / bases.SCENARIO_FILE).rename(out / name)
        text = (out / name).read_text(encoding="utf-8").replace(bases.SERIES_FILE, f"../{bases.SERIES_FILE}")
        (out / name).write_text(text, encoding="utf-8")
        (folder / bases.SCENARIO_FILE).symlink_to(out / name)
    else:
        (out / name).write_text(bases.electric_text(), encoding="utf-8")
        base = bases.files()
        base.tables["networks"]["electricity"]["file"] = f"out/{name}"
        bases.write(folder, base)
    only = [out / name, folder / bases.SERIES_FILE]
    return judge_folder.snapshot(folder, only=only)


def _links(dice: Random, folder: Path, out: Path) -> judge_folder.Snapshot:
    """Links in the folder that lead to files of the user's elsewhere."""
    shutil.copytree(sound(), out)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text(MINE, encoding="utf-8")
    (elsewhere / "without_charges").mkdir()
    (elsewhere / "without_charges" / "electric_net.json").write_text(MINE, encoding="utf-8")
    name = dice.choice(
        ["report.html", "summary.json", "counterfactuals", "trades.parquet", "error.log", "scenario.toml"]
    )
    target = out / name
    if name in ("counterfactuals", "trades.parquet"):
        target.unlink(missing_ok=True)
        target.symlink_to(elsewhere)
    else:
        if target.exists() and chance(dice, 0.5):
            shutil.copy(target, elsewhere / "precious.txt")
        target.unlink(missing_ok=True)
        target.symlink_to(elsewhere / "precious.txt")
    return judge_folder.snapshot(folder, only=[path for path in elsewhere.rglob("*") if path.is_file()])


Setting = Callable[[Random, Path, Path], judge_folder.Snapshot]
SETTINGS: tuple[Setting, ...] = (_own_folder, _beside_results, _beside_results, _inputs_inside, _links)


def damage(dice: Random, folder: Path) -> list[Finding]:
    """A result folder with one thing damaged: `report` says which, or the damage is none."""
    out = folder / "out"
    shutil.copytree(sound(), out)
    done = dice.choice(damages.DAMAGES)(dice, out, broken())
    tried = attempt(lambda: report(out))
    if tried.findings:
        return list(tried.findings)
    if tried.value is not None:
        return [Finding("damage", f"a report is built: {done.what}", done.name)] if done.is_visible else []
    text = " ".join(f"{fault.place} {fault.value} {fault.problem}" for fault in tried.faults).replace(str(out), "")
    unnamed = [] if done.name in text else [Finding("damage", f"the message does not name it: {done.what}", text[:300])]
    return [*unnamed, *of_faults(tried.faults)]


def outcome_file(dice: Random, folder: Path) -> list[Finding]:
    """`clear --json` onto a file that is there: its own input, a link, a folder."""
    agents, pairs = plain_markets.random_tables(dice.randrange(10**6))
    for name, frame in (("agents.csv", agents), ("pairs.csv", pairs)):
        frame.to_csv(folder / name, index=False)
    (folder / "precious.txt").write_text(MINE, encoding="utf-8")
    (folder / "link.json").symlink_to(folder / dice.choice(["precious.txt", "agents.csv"]))
    (folder / "hard.csv").hardlink_to(folder / "agents.csv")
    target = dice.choice(
        ["agents.csv", "pairs.csv", "./agents.csv", "link.json", "hard.csv", "out.json", "none/out.json"]
    )
    before = judge_folder.snapshot(folder)
    agents_name = dice.choice(["agents.csv", "hard.csv"])
    arguments = ["clear", str(folder / agents_name), str(folder / "pairs.csv"), "--json", str(folder / target)]
    tried = attempt(lambda: CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False))
    if target == "out.json" and tried.value is not None:
        json.loads((folder / target).read_text(encoding="utf-8"))
    return [*judge_folder.of_files(before, folder, "clear --json"), *tried.findings]
