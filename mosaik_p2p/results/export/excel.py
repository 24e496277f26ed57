"""An Excel file: a sheet about the run, one of units, and one per table.

Excel knows no time zones: each time stands there in UTC and on the scenario's clock, which the heading names. A text
stays a text, also one that begins like a formula.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.export.rows import rows_without_zone
from mosaik_p2p.results.in_hand.run_results import RunResults
from mosaik_p2p.results.store.facts import read_facts

MOST_ROWS, MOST_LETTERS = 1_048_576, 32_767
"""Of a sheet, and of a cell."""
ABOUT, UNITS = "about", "units"
UNIT_COLUMNS = ("table", "column", "type", "unit", "sign", "key", "meaning", "null")
TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"


def excel_faults(results: RunResults) -> list[Fault]:
    """Tables that no sheet can hold."""
    remedy = "Export with --to csv"
    problem = f"has more rows than the {MOST_ROWS:,} of a sheet in Excel"
    long = {table: len(results[table]) for table in results if len(results[table]) >= MOST_ROWS}
    return [Fault(f"table {table}", f"{count} rows", problem, remedy) for table, count in long.items()]


def write_excel(results: RunResults, path: Path) -> None:
    """Write the file. Raises BadInput where a table is too long for a sheet, OSError where it cannot be written."""
    faults = excel_faults(results)
    if faults:
        raise BadInput(faults)
    book = Workbook(write_only=True)
    zone = read_facts(results.folder).zone
    _fill(book, ABOUT, _about(results))
    _fill(book, UNITS, _units(results))
    for table in results:
        _fill(book, table, rows_without_zone(results, table, zone))
    book.save(path)


def _fill(book: Any, name: str, rows: Iterator[Sequence[object]]) -> None:
    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: Any, value: object) -> object:
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value[:MOST_LETTERS]))
        cell.data_type = "s"
        return cell
    if hasattr(value, "isoformat"):
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = TIME_FORMAT
        return cell
    return value


def _units(results: RunResults) -> Iterator[Sequence[object]]:
    yield UNIT_COLUMNS
    for table in results:
        for column, said in results.columns(table).iterrows():
            yield (table, str(column), *(said[name] for name in UNIT_COLUMNS[2:]))


def _about(results: RunResults) -> Iterator[Sequence[object]]:
    yield "what", "value"
    yield "scenario", results.name
    yield "title", results.title
    yield "complete", results.complete
    yield "cause", results.cause
    yield "verdict", results.verdict
    yield "currency", results.currency
    yield "clock", results.zone
    for case, row in results.hours_broken.iterrows():
        for network, hours in row.items():
            yield f"hours with violated limits, {case}, {network}", hours
    for case, cost in results.system_cost.items():
        yield f"system cost, {case}, {results.currency}", cost
    for case in results.curtailed_kwh:
        yield f"curtailed, {case}, kWh", results.curtailed_kwh[case].sum()
    for package, release in results.summary["versions"].items():
        yield f"version of {package}", release
