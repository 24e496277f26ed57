"""Surfaces that go through a whole run of two intervals in this process."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fuzz import bases, csvs, judge_folder, surfaces_input
from fuzz.dice import chance
from fuzz.findings import Finding, attempt
from fuzz.judge_input import JARGON
from fuzz.saboteur import FOREIGN
from mosaik_p2p import run as run_scenario
from mosaik_p2p.cosim import RunOutcome
from mosaik_p2p.loading import check

STEPS = 2
SABOTAGED_STEPS = 14
"""Beyond the first write of the recorder, which comes every twelve intervals."""
TRIES = 12
"""Mutants that are drawn until `check` accepts one: what it refuses is the business of the other surfaces."""

Prepare = Callable[[Random, Path], Path]


def accepted(dice: Random, folder: Path) -> list[Finding]:
    """Whatever `check` accepts has to run, and what comes out has to mean what it says."""
    for number in range(TRIES):
        here = folder / str(number)
        here.mkdir()
        scenario = dice.choices(MUTANTS, weights=WEIGHTS)[0](dice, here)
        tried = attempt(lambda scenario=scenario: check(scenario))  # type: ignore[misc]
        if tried.findings:
            return list(tried.findings)
        if tried.value == ():
            return ran(scenario, here / "out")
    return []


def ran(scenario: Path, out: Path, *overrides: str) -> list[Finding]:
    """Run it and judge what it leaves."""
    tried = attempt(lambda: run_scenario(scenario, out=out, steps=STEPS, overrides=overrides, progress=False))
    if tried.value is None:
        late = [Finding("late", "check accepts it and the run refuses it", str(fault)[:300]) for fault in tried.faults]
        jargon = JARGON.search(tried.failed or "")
        bare = (
            [Finding("late", f"check accepts it and the run fails with {jargon[0]}", str(tried.failed))]
            if jargon
            else []
        )
        return [*tried.findings, *late, *bare]
    return judged(tried.value)


def judged(outcome: RunOutcome) -> list[Finding]:
    """What is wrong with an outcome and its folder."""
    findings = list(judge_folder.of_run(outcome.folder, outcome.summary, outcome.exit_code))
    if outcome.summary["complete"] and not findings:
        findings += judge_folder.of_gaps(outcome.folder)
    if not (outcome.folder / "report.html").exists():
        findings.append(Finding("folder", "no report"))
    return findings


def _scenario(dice: Random, folder: Path) -> Path:
    return surfaces_input.write_scenario(dice, folder, bases.drawn(dice))[0]


def _profile(dice: Random, folder: Path) -> Path:
    path = bases.write(folder, bases.cases())
    (folder / bases.SERIES_FILE).write_bytes(csvs.mutated(dice, bases.series_text()))
    return path


def _houses(dice: Random, folder: Path) -> Path:
    path = bases.write(folder, bases.houses())
    (folder / bases.HOUSES_FILE).write_bytes(csvs.mutated(dice, bases.HOUSES))
    return path


def _network(dice: Random, folder: Path) -> Path:
    path = bases.write(folder, bases.files())
    surfaces_input.write_network(dice, folder)
    return path


MUTANTS: tuple[Prepare, ...] = (_scenario, _network, _profile, _houses)
WEIGHTS = (4, 4, 1, 1)


def network(dice: Random, folder: Path) -> list[Finding]:
    """Network files alone: what `check` accepts has to run."""
    for number in range(TRIES):
        here = folder / str(number)
        here.mkdir()
        scenario = _network(dice, here)
        if attempt(lambda scenario=scenario: check(scenario)).value == ():  # type: ignore[misc]
            return ran(scenario, here / "out")
    return []


def market(dice: Random, folder: Path) -> list[Finding]:
    """Sound scenarios under stress: prices below zero, limits that mean none, contracts that cover nothing."""
    base = bases.cases() if chance(dice, 0.6) else bases.everything()
    tables = base.tables
    tables["market"]["relative_gap"] = dice.choice((1e-3, 1e-4))
    for change in dice.sample(STRESSES, k=dice.randint(1, 3)):
        change(dice, tables)
    return _ran_if_sound(bases.write(folder, base), folder / "out")


def _ran_if_sound(scenario: Path, out: Path) -> list[Finding]:
    tried = attempt(lambda: check(scenario))
    return list(tried.findings) if tried.findings or tried.value else ran(scenario, out)


Tables = dict[str, Any]


def _negative(dice: Random, tables: Tables) -> None:
    """Import and export below zero, as on a windy Sunday."""
    price = dice.choice((-0.01, -0.2, -1.0, -5.0))
    tables["tariffs"]["grid"] |= {
        "import_per_kwh": price,
        "export_per_kwh": price - dice.choice((0.0, 0.05, 1.0)) - 1e-3,
    }
    tables["tariffs"]["district"]["import_per_kwh"] = dice.choice((0.49, price))


def _idle(dice: Random, tables: Tables) -> None:
    """A generator that could produce almost anything and stands still."""
    device = {
        "type": "generator",
        "name": "idle",
        "max_kw": dice.choice((1e4, 1e6, 1e8)),
        "cost_per_kwh": dice.choice((1.2, 9.0)),
    }
    tables["prosumers"][0]["devices"].append(device)


def _cut_off(dice: Random, tables: Tables) -> None:
    """Contracts that cover little or nothing."""
    tables["tariffs"]["grid"]["import_max_kw"] = dice.choice((0.0, 1e-3, 1.0))
    if chance(dice, 0.5):
        tables["tariffs"]["district"]["import_max_kw"] = 0.0


def _limitless(dice: Random, tables: Tables) -> None:
    """Contracts that cover more than there is."""
    tables["tariffs"]["grid"] |= {"import_max_kw": dice.choice((1e6, 1e8)), "export_max_kw": dice.choice((1e6, 1e8))}


def _free(_: Random, tables: Tables) -> None:
    for carrier in ("electricity", "heat"):
        tables["charges"][carrier]["rate"] = 0.0


def _dear(dice: Random, tables: Tables) -> None:
    tables["charges"]["electricity"]["rate"] = dice.choice((1.0, 100.0))


def _wide_load(dice: Random, tables: Tables) -> None:
    device = {
        "type": "elastic_load",
        "name": "bath",
        "max_kw": dice.choice((10.0, 1e3)),
        "utility_per_kwh": dice.choice((0.5, 2.0)),
    }
    tables["prosumers"][1]["devices"].append(device)


def _units(dice: Random, tables: Tables) -> None:
    """Prices in another unit of money."""
    tables["tariffs"]["grid"] |= {
        "import_per_kwh": 0.5 * (factor := dice.choice((1e-4, 1e3))),
        "export_per_kwh": 0.3 * factor,
    }


STRESSES = (_negative, _negative, _idle, _cut_off, _limitless, _free, _dear, _wide_load, _units)


def notebook(dice: Random, folder: Path) -> list[Finding]:
    """A run inside a running event loop, as in a notebook: it computes, or it raises."""
    scenario = bases.write(folder, dice.choice([bases.cases, bases.files])())

    async def cell() -> RunOutcome:
        return run_scenario(scenario, out=folder / "out", steps=STEPS, progress=False)

    tried = attempt(lambda: asyncio.run(cell()))
    if tried.value is None:
        return list(tried.findings)
    if tried.value.exit_code != 0:
        return [Finding("notebook", "nothing is computed inside a running loop", str(tried.value.summary["cause"]))]
    return judged(tried.value)


def sabotage(dice: Random, folder: Path) -> list[Finding]:
    """Somebody meddles with the folder while the run goes on: removed tables, a removed folder, foreign files."""
    scenario = bases.write(folder, bases.cases())
    out, order = (
        folder / "out",
        {"what": dice.choice(("table", "table", "folder", "foreign")), "after": SABOTAGED_STEPS - 1},
    )
    order["table"] = dice.choice(
        ("trades", "prosumers", "devices", "settlement", "flows", "buses", "junctions", "alone")
    )
    (folder / "order.json").write_text(json.dumps({**order, "folder": str(out)}), encoding="utf-8")
    saboteur = {"recorder": {"python": "fuzz.saboteur:Simulator"}}
    changes = ("time.horizon_steps=4", "prosumers.A.heating.max_kw=60")
    tried = attempt(
        lambda: run_scenario(
            scenario, out=out, steps=SABOTAGED_STEPS, overrides=changes, progress=False, simulators=saboteur
        )
    )
    what = f"{order['what']} {order['table']}" if order["what"] == "table" else order["what"]
    if tried.value is None:
        return [*tried.findings, *(Finding("refused", fault.problem) for fault in tried.faults)]
    return _after_sabotage(tried.value, what, out)


def _after_sabotage(outcome: RunOutcome, what: str, out: Path) -> list[Finding]:
    if what == "foreign":
        kept = any(path.read_text(encoding="utf-8") == FOREIGN for path in out.rglob("notes.txt"))
        lost = [] if kept else [Finding("lost", "a foreign file that came during the run")]
        return [*lost, *judge_folder.of_run(out, outcome.summary, outcome.exit_code)]
    if outcome.summary["complete"]:
        return [Finding("folder", f"complete though in mid-run somebody removed the {what}")]
    return (
        [] if outcome.exit_code == 1 and outcome.summary["cause"] else [Finding("message", f"no cause: {what} removed")]
    )
