"""Surfaces that hand over hostile network files: none of them may make anything run."""

from pathlib import Path
from random import Random
from typing import Any

from fuzz import bases
from fuzz.findings import Finding, attempt
from fuzz.payloads import MODULES, hidden, payload
from fuzz.watch import watching
from mosaik_p2p.loading import check
from mosaik_p2p.sims.grids.sources import grid_source

CANARY = "canary"


def network(dice: Random, folder: Path) -> list[Finding]:
    """A hostile file of either kind through `check`, or as the electric grid simulator's own parameter."""
    kind = dice.choice(("electric", "heat"))
    path = bases.write(folder, bases.files())
    name = {"electric": bases.ELECTRIC_FILE, "heat": bases.HEAT_FILE}[kind]
    text = {"electric": bases.electric_text, "heat": bases.heat_text}[kind]()
    (folder / name).write_text(hidden(dice, text, kind, str(folder / CANARY)), encoding="utf-8")
    alone = kind == "electric" and dice.random() < 0.3
    action = (lambda: grid_source(None, {"json": str(folder / name)})) if alone else (lambda: check(path))
    return _executed(action, folder, f"a {kind} JSON file")


def workbook(dice: Random, folder: Path) -> list[Finding]:
    """A hostile workbook of pandapower, with what it calls in a cell of one of its sheets."""
    import json

    import openpyxl
    import pandapower
    import pandas as pd
    from pandapower.io_utils import to_dict_of_dfs

    target = folder / "grid.xlsx"
    net = pandapower.from_json_string(bases.electric_text())
    with pd.ExcelWriter(target, engine="openpyxl") as writer:
        for name, table in to_dict_of_dfs(net, include_empty_tables=False).items():
            table.to_excel(writer, sheet_name=name)
    book = openpyxl.load_workbook(target)
    sheet = book[dice.choice(book.sheetnames)] if dice.random() < 0.5 else book["parameters"]
    text = json.dumps(payload(dice, str(folder / CANARY)))
    row, column = dice.randint(2, max(sheet.max_row, 2)), dice.randint(1, max(sheet.max_column, 2))
    sheet.cell(row, column, text)
    if sheet.title == "parameters" and dice.random() < 0.7:
        row = sheet.max_row + 1
        sheet.cell(row, 1, dice.choice(["note", "user_pf_options", "std_types"]))
        for column in range(2, sheet.max_column + 1):
            sheet.cell(row, column, text)
    book.save(target)
    return _executed(lambda: grid_source(None, {"xlsx": str(target)}), folder, "a workbook")


def _executed(action: Any, folder: Path, what: str) -> list[Finding]:
    with watching(str(folder), MODULES) as seen:
        tried = attempt(action)
    if (folder / CANARY).exists():
        seen.append("the canary was written")
    called = [Finding("executed", f"{what} made something run: {', '.join(sorted(set(seen)))}")] if seen else []
    return [*called, *tried.findings]
