"""Network files that would run code: none does, and each is refused by name, whatever source reads it."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandapower
import pandas as pd
import pytest
from pandapower.io_utils import to_dict_of_dfs

import hostile_nets as hostile
from mosaik_p2p.errors import BadInput
from mosaik_p2p.networks.electric.network import electric_file, electric_sheets
from mosaik_p2p.networks.files import strict
from mosaik_p2p.networks.heat.choice import HeatSettings, heat_file
from mosaik_p2p.sims import electric_grid, heat_grid

SETTINGS = HeatSettings(t_supply_c=75.0, t_return_c=45.0, t_feed_c=75.0, t_ground_c=10.0)
POTENT = 15
"""Hostile files of one kind, at least, that run code in pandapower's own reader: they are not harmless anyway."""


@pytest.fixture
def sound(request: pytest.FixtureRequest) -> str:
    if request.param == "electricity":
        return hostile.small_text(hostile.electric_base())
    return hostile.small_text(hostile.heat_base())


SHARE_OF_SIMULATORS = 9
"""They read with the same functions: every ninth file is enough to see that they do."""


def read_electric(path: Path) -> None:
    electric_file(path)


def read_heat(path: Path) -> None:
    heat_file(path, SETTINGS)


def electric_simulator(path: Path) -> None:
    grid = electric_grid.Simulator()
    grid.init("Grid", time_resolution=1.0)
    grid.create(1, "Grid", json=str(path))


def heat_simulator(path: Path) -> None:
    grid = heat_grid.Simulator()
    grid.init("Grid", time_resolution=1.0)
    temperatures = {"t_supply_c": 75.0, "t_return_c": 45.0, "t_feed_c": 75.0, "t_ground_c": 10.0}
    grid.create(1, "Grid", json=str(path), settings=temperatures)


READERS = {
    "electric_file": ("electricity", read_electric, 1),
    "heat_file": ("heat", read_heat, 1),
    "electric_grid": ("electricity", electric_simulator, SHARE_OF_SIMULATORS),
    "heat_grid": ("heat", heat_simulator, SHARE_OF_SIMULATORS),
}


@pytest.mark.parametrize(("sound", "read", "every"), READERS.values(), ids=READERS, indirect=["sound"])
def test_no_hostile_file_runs_and_none_is_taken(
    sound: str, read: Callable[[Path], None], every: int, tmp_path: Path
) -> None:
    marker, path = tmp_path / "executed", tmp_path / "net.json"
    path.write_text(sound)
    read(path)
    count = 0
    for name, text in list(hostile.hostile_texts(sound, marker))[::every]:
        path.write_text(text)
        with pytest.raises(BadInput) as caught:
            read(path)
        assert not marker.exists(), name
        assert all(fault.problem and fault.remedy for fault in caught.value.faults), name
        count += 1
    assert count >= 200 / every


def test_the_hostile_files_do_run_in_the_library_s_reader(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    ran = 0
    for name, text in hostile.hostile_texts(hostile.small_text(hostile.electric_base()), marker):
        if not name.startswith("exec"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pandapower.from_json_string(text, convert=True)
        except Exception:  # noqa: BLE001 (what the library makes of such a file is its own affair)
            pass
        if marker.exists():
            ran += 1
            marker.rmdir() if marker.is_dir() else marker.unlink()
    assert ran >= POTENT


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_other_encodings_are_the_sound_net_or_a_fault(encoding: str, tmp_path: Path) -> None:
    net = hostile.electric_base()
    net["name"], net.bus["name"] = "Straße", ["Kä", "Kö", "Kü"]
    path = tmp_path / "net.json"
    path.write_bytes(json.dumps(json.loads(pandapower.to_json(net)), ensure_ascii=False).encode(encoding))
    if encoding == "utf-8-sig":
        assert electric_file(path).net.bus["name"].tolist() == ["Kä", "Kö", "Kü"]
        return
    with pytest.raises(BadInput, match="UTF-8"):
        electric_file(path)


def exhausting() -> Iterator[tuple[str, str]]:
    """Texts that would take a reader's stack, memory or number types."""
    yield "deep lists", '{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": ' + "[" * 50_000
    depth = 500
    net = '{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {"bus": '
    yield "deep tables", net + '{"a": ' * depth + "1" + "}" * (depth + 2)
    yield "long integer", net + "9" * 5000 + "}}"
    yield "large integer", net + "9" * 400 + "}}"
    yield "declared size", net + '{"_module": "numpy", "_class": "zeros", "_object": [1000000000, 1000]}}}'
    array = '{"_module": "numpy", "_class": "array", "_object": ["x"], "dtype": "<U1000000000"}}}'
    yield "declared type", net + array
    text = '"x"'
    for _ in range(12):
        text = json.dumps(text)
    yield "texts in texts", net + text + "}}"


@pytest.mark.parametrize("text", [text for _, text in exhausting()], ids=[name for name, _ in exhausting()])
def test_what_would_exhaust_a_reader_is_a_fault(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)
    for read in (read_electric, read_heat):
        with pytest.raises(BadInput):
            read(path)


def test_a_file_beyond_all_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.json"
    path.write_text(str(pandapower.to_json(hostile.electric_base())))
    monkeypatch.setattr(strict, "MOST_BYTES", 1000)
    with pytest.raises(BadInput, match="MiB"):
        electric_file(path)


@pytest.mark.parametrize("name", ["a\0b.json", "x" * 300 + ".json"])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    for read in (read_electric, read_heat):
        with pytest.raises(BadInput, match=r"holds a NUL|255 bytes"):
            read(tmp_path / name)


def test_an_ordinary_text_that_speaks_of_modules_is_no_object(tmp_path: Path) -> None:
    net = hostile.electric_base()
    net.bus["name"] = ["pv_module", '["K1"]', "{not json"]
    path = tmp_path / "net.json"
    pandapower.to_json(net, str(path))
    assert electric_file(path).net.bus["name"].tolist() == ["pv_module", '["K1"]', "{not json"]


Sheets = dict[str, pd.DataFrame]


def sheets_of(net: Any) -> Sheets:
    return dict(to_dict_of_dfs(net, include_empty_tables=False))


def written(sheets: Sheets, path: Path) -> Path:
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, sheet in sheets.items():
            sheet.to_excel(writer, sheet_name=name)
    return path


def _object_column(sheets: Sheets, text: str) -> None:
    sheets["controller"] = pd.DataFrame({"object": [text], "in_service": [True]})


def _own_table(sheets: Sheets, text: str) -> None:
    sheets["note"] = pd.DataFrame({"q_max_characteristic": [text]})


def _recycle(sheets: Sheets, text: str) -> None:
    sheets["load"] = sheets["load"].assign(recycle=text)


def _geo(sheets: Sheets, text: str) -> None:
    sheets["bus"] = sheets["bus"].assign(geo=text)


def _quoted_geo(sheets: Sheets, text: str) -> None:
    sheets["line"] = sheets["line"].assign(geo=json.dumps(text))


def _name(sheets: Sheets, text: str) -> None:
    sheets["bus"] = sheets["bus"].assign(name=text)


def _parameter(sheets: Sheets, text: str) -> None:
    sheets["parameters"] = sheets["parameters"].assign(note=text)


def _net_name(sheets: Sheets, text: str) -> None:
    sheets["parameters"] = sheets["parameters"].assign(name=text)


def _type(sheets: Sheets, text: str) -> None:
    sheets["dtypes"] = sheets["dtypes"].assign(dtype=text)


def _std_type(sheets: Sheets, text: str) -> None:
    sheets["own_std_types"] = pd.DataFrame({"list": [f"[{text}]"]}, index=["cable"])


EXCEL_PLACES = (
    _object_column,
    _own_table,
    _recycle,
    _geo,
    _quoted_geo,
    _name,
    _parameter,
    _net_name,
    _type,
    _std_type,
)


@pytest.mark.once
@pytest.mark.slow
def test_no_hostile_sheet_runs_and_none_is_taken(tmp_path: Path) -> None:
    marker, path = tmp_path / "executed", tmp_path / "net.xlsx"
    electric_sheets(written(sheets_of(hostile.electric_base()), path))
    objects = hostile.called(marker)
    for kind in ("exec", "shell", "opened"):
        for put in EXCEL_PLACES:
            sheets = sheets_of(hostile.electric_base())
            put(sheets, json.dumps(objects[kind]))
            with pytest.raises(BadInput):
                electric_sheets(written(sheets, path))
            assert not marker.exists(), (kind, put.__name__)


def test_sheets_are_judged_before_types_are_cast(tmp_path: Path) -> None:
    sheets = sheets_of(hostile.electric_base())
    sheets["line"] = sheets["line"].assign(from_bus=[0.5, 1.0])
    with pytest.raises(BadInput, match="from_bus is declared as"):
        electric_sheets(written(sheets, tmp_path / "net.xlsx"))


def test_what_is_no_workbook_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "net.xlsx"
    for content in (b"", b"PK\x03\x04 no zip", b"name,bus\n1,2\n"):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="no Excel file"):
            electric_sheets(path)
    grid = electric_grid.Simulator()
    grid.init("Grid", time_resolution=1.0)
    with pytest.raises(BadInput, match="no Excel file"):
        grid.create(1, "Grid", xlsx=str(path))


def test_far_corners_of_a_sheet_are_not_filled_up(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.cell(row=1_000_000, column=16_000, value=1)
    book.active.cell(row=1, column=16_000, value=1)
    book.save(tmp_path / "net.xlsx")
    with pytest.raises(BadInput, match="cells"):
        electric_sheets(tmp_path / "net.xlsx")


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("from_json", {"filename_or_str": "net.json"}, "no such function"),
        ("sorted_from_json", {"path": "net.json"}, "no such function"),
        ("pp", {}, "no such function"),
        ("case4gs", {"replace_elements": {"bus": "x"}}, "no such parameter"),
        ("lv_schutterwald", {"encryption_key": "x"}, "no such parameter"),
        (7, {}, "no such function"),
    ],
)
def test_only_networks_that_pandapower_ships_are_built_by_name(name: Any, params: dict[str, Any], told: str) -> None:
    grid = electric_grid.Simulator()
    grid.init("Grid", time_resolution=1.0)
    with pytest.raises(BadInput, match=told):
        grid.create(1, "Grid", network_function=name, params=params)
