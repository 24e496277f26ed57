"""A pandapower net from an Excel file: the same rules as for JSON, cell by cell, before pandapower sees the sheets.

pandapower reads some cells as JSON that names classes, and casts columns to whatever type the sheet `dtypes` names.
"""

import importlib
import io
import json
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandapower import pandapowerNet
from pandapower.io_utils import from_dict_of_dfs

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.electric.from_json import LIBRARY, converted
from mosaik_p2p.networks.files.frames import DTYPES, GEO, check_geometry, column_faults
from mosaik_p2p.networks.files.nets import loading
from mosaik_p2p.networks.files.strict import MOST_BYTES, Unusable, check_text

MOST_CELLS = 20_000_000
"""Of a whole file, empty ones between others included."""
DTYPES_SHEET, PARAMETERS_SHEET = "dtypes", "parameters"
_OBJECT_COLUMNS = ("object", "recycle", "q_max_characteristic", "q_min_characteristic")
_WRITE = "Write the file with pandapower.to_excel"

Sheets = Mapping[str, pd.DataFrame]


def electric_net_of_sheets(content: bytes, path: str) -> tuple[pandapowerNet | None, list[Fault]]:
    """The net in the present version's form, or the faults that keep it from being built. Raises Unusable."""
    sheets = _sheets(content)
    for name, sheet in sheets.items():
        _check_sheet(name, sheet)
    faults = _type_faults(path, sheets)
    if faults:
        return None, faults
    with loading(LIBRARY), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = from_dict_of_dfs(dict(sheets))
        return converted(net), []


def _sheets(content: bytes) -> dict[str, pd.DataFrame]:
    try:
        openpyxl = importlib.import_module("openpyxl")
    except ImportError as error:
        raise Unusable("cannot be read without openpyxl", "Install openpyxl, or write the net as JSON") from error
    try:
        _check_size(content, openpyxl)
        return dict(pd.read_excel(io.BytesIO(content), sheet_name=None, index_col=0, engine="openpyxl"))
    except Unusable:
        raise
    except Exception as error:  # Zip, XML and openpyxl raise what they like at what is no workbook.
        raise Unusable(f"is no Excel file ({type(error).__name__}: {shown(str(error))})", _WRITE) from error


def _check_size(content: bytes, openpyxl: Any) -> None:
    """A small file can unpack to more than any memory: its parts, or the cells between two far corners."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MOST_BYTES:
            raise Unusable(f"unpacks to more than {MOST_BYTES // 2**20} MiB", _WRITE)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    cells = 0
    for sheet in book.worksheets:
        rows = width = 0
        sheet.reset_dimensions()
        for row in sheet.iter_rows(values_only=True):
            rows, width = rows + 1, max(width, len(row))
            if cells + rows * width > MOST_CELLS:
                raise Unusable(f"has more than {MOST_CELLS} cells up to the sheet {shown(sheet.title)}", _WRITE)
        cells += rows * width
    book.close()


def _check_sheet(name: str, sheet: pd.DataFrame) -> None:
    labels = [*sheet.index, *sheet.columns] if name != PARAMETERS_SHEET else list(sheet.columns)
    if name.startswith("_") or any(isinstance(label, str) and label.startswith("_") for label in labels):
        raise Unusable(f"has entries in the sheet {shown(name)} that {LIBRARY} keeps for itself", "Remove them")
    for column in sheet.columns:
        if column in _OBJECT_COLUMNS and sheet[column].notna().any():
            problem = f"would have classes called on loading: the column {column} of the sheet {shown(name)}"
            remedy = "Remove controllers and other objects before writing it; JSON files may hold controllers"
            raise Unusable(problem, remedy)
        for cell in sheet[column]:
            if isinstance(cell, str):
                _check_cell(name, column, cell)


def _check_cell(sheet: str, column: Any, cell: str) -> None:
    if sheet == PARAMETERS_SHEET and "_module" in cell:
        problem = f"would have classes called on loading: {column} in the sheet {sheet} is a text that names them"
        raise Unusable(problem, "Give it another text")
    check_text(cell)
    if column == GEO:
        check_geometry(_text_of_json(cell))


def _text_of_json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"has a geometry that is none of GeoJSON: {shown(cell)}", "Remove it") from error


def _type_faults(path: str, sheets: Sheets) -> list[Fault]:
    """Cells that do not fit the type that the file declares for their column."""
    declared = sheets.get(DTYPES_SHEET)
    if declared is None:
        return []
    if not {"element", "column", "dtype"} <= set(declared):
        raise Unusable("has a sheet dtypes without the columns element, column and dtype", _WRITE)
    faults: list[Fault] = []
    for element, column, dtype in zip(declared["element"], declared["column"], declared["dtype"], strict=True):
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise Unusable(f"declares {shown(element)}.{column} as {shown(dtype)}, no type of network data", _WRITE)
        sheet = sheets.get(element) if isinstance(element, str) else None
        if sheet is not None and column in sheet and list(sheet.columns).count(column) == 1:
            values = sheet[column].astype(object).where(sheet[column].notna(), None)
            cells = list(zip(sheet.index, (_plain(value) for value in values), strict=True))
            faults += column_faults(f"{path}, table {element}", column, cells, dtype)
    return faults


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
