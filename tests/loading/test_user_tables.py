"""Tables of users: read as they were meant, or refused with file, line, column and value."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import made_scenario as made
import mosaik_p2p
from mosaik_p2p import files, tabular
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import result_place_faults, target_faults
from mosaik_p2p.loading import check
from mosaik_p2p.tabular import numbers_of, read_csv_table, read_parquet_table

READ = {
    "blank lines": (b"a,b\n1,2\n\n3,4\n,\n", [2, 4]),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n3,4\n", [2, 3]),
    "semicolons": (b"a;b\n1;2\n3;4\n", [2, 3]),
    "tabs": (b"a\tb\n1\t2\n3\t4\n", [2, 3]),
    "old line ends": (b"a,b\r1,2\r3,4", [2, 3]),
    "line ends of Windows": (b"a,b\r\n1,2\r\n3,4\r\n", [2, 3]),
    "spaces and quotes": (b' a , "b"\n "1",2\n3, 4 \n', [2, 3]),
    "gzip": (gzip.compress(b"a,b\n1,2\n3,4\n"), [2, 3]),
    "two gzip parts": (gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), [2, 3]),
}
REFUSED = {
    "a decimal comma": (b"a,b\n1,2\n0,25,3\n", "t.csv, line 3", "has 3 values, and the header 2"),
    "fewer values": (b"a,b\n1\n", "t.csv, line 2", "has 1 value, and the header 2"),
    "a comment": (b"a,b\n# from the meter, in kW, hourly\n1,2\n", "t.csv, line 2", "has 3 values"),
    "a comment first": (b"# a,b\n1,2\n", "t.csv, header", "is a comment"),
    "two names alike": (b"a,b, a\n1,2,3\n", "t.csv, header", "stands more than once"),
    "no name": (b"a,,b\n1,2,3\n", "t.csv, header", "has no name for column 2"),
    "a separator at the end": (b"a,b,\n1,2,\n", "t.csv, header", "has no name for column 3"),
    "two separators": (b"a;b,c\n1;2,3\n", "t.csv, header", "is separated by commas and semicolons"),
    "thousands": (b"a;b\n1.234;2\n17.500;3\n", "t.csv, column a", "may have points between thousands"),
    "an open quote": (b'a,b\n"1,2\n3,4\n', "t.csv, line 2", "unexpected end"),
    "a quote over lines": (b'a,b\n1,2\n"3\n",4\n', "t.csv, line 3", "is not closed on its line"),
    "a quote within": (b'a,b\n"1"2,3\n', "t.csv, line 2", "is no row of a table"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "file", "UTF-16"),
    "Latin-1": ("a,b\n1,2\nü,3\n".encode("latin-1"), "file", "line 3"),
    "a NUL": (b"a,b\n" + b"1,2\n" * 500 + b"\0,2\n", "file", "line 502"),
    "Parquet": (b"PAR1....PAR1", "file", "is a Parquet file"),
    "a spreadsheet": (b"PK\x03\x04", "file", "is a spreadsheet"),
    "nothing": (b"", "file", "is empty"),
    "an empty line first": (b"\na,b\n1,2\n", "file", "begins with an empty line"),
    "half a gzip": (gzip.compress(b"a,b\n1,2\n")[:-9], "file", "breaks off"),
}


def faults_of(path: Path) -> tuple[Fault, ...]:
    with pytest.raises(BadInput) as refused:
        read_csv_table(path)
    return refused.value.faults


@pytest.mark.parametrize("what", READ)
def test_these_are_read(what: str, tmp_path: Path) -> None:
    content, lines = READ[what]
    (tmp_path / "t.csv").write_bytes(content)
    table = read_csv_table(tmp_path / "t.csv")
    assert table.frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert table.lines.tolist() == lines


@pytest.mark.parametrize("what", REFUSED)
def test_these_are_refused_with_their_place(what: str, tmp_path: Path) -> None:
    content, place, problem = REFUSED[what]
    (tmp_path / "t.csv").write_bytes(content)
    (fault,) = faults_of(tmp_path / "t.csv")
    assert fault.place == place
    assert problem in fault.problem
    assert fault.remedy


def test_every_ragged_line_counts_and_the_first_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2,3\n" * 30)
    faults = faults_of(tmp_path / "t.csv")
    assert [fault.place for fault in faults[:2]] == ["t.csv, line 2", "t.csv, line 3"]
    assert faults[-1].value == f"{30 - tabular.TOLD_LINES} lines more"


def test_bombs_are_refused_by_what_they_unpack_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_LIMIT_BYTES", 1_000_000)
    monkeypatch.setattr(tabular, "CELL_LIMIT", 10_000)
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, compresslevel=1))
    tracemalloc.start()
    (fault,) = faults_of(tmp_path / "t.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "holds more than" in fault.problem
    assert peak < 10_000_000, "the 20 MB were unpacked before they were refused"
    (tmp_path / "many.csv").write_bytes(b"a\n" + b"1\n" * 20_000)
    (fault,) = faults_of(tmp_path / "many.csv")
    assert "cells" in fault.problem
    pq.write_table(pa.table({"a": np.zeros(20_000)}), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match="20,000 rows"):
        read_parquet_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("cell", [[1.0, 2.0], {"a": 1.0}])
def test_a_parquet_column_with_more_than_one_value_in_a_cell_is_refused(tmp_path: Path, cell: object) -> None:
    pq.write_table(pa.table({"time": [cell, cell], "load": [1.0, 2.0]}), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match="more than one value") as caught:
        read_parquet_table(tmp_path / "t.parquet")
    assert [fault.place for fault in caught.value.faults] == ["t.parquet, column 'time'"]


def test_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1.0], [2.0]], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match="more than once"):
        read_parquet_table(tmp_path / "t.parquet")


TEXTS = ["1", " 2.5", "+.5", "-1e-3", "1.", "1,5", "1_0", "0x1", "1 000", "nan", "", "\N{ARABIC-INDIC DIGIT ONE}"]
NUMBERS = [1.0, 2.5, 0.5, -1e-3, 1.0] + [np.nan] * 7


@pytest.mark.parametrize("kind", [object, pd.ArrowDtype(pa.string()), "category"], ids=str)
def test_only_plain_decimals_are_numbers(kind: object) -> None:
    values, nothing = numbers_of(pd.Series(TEXTS, dtype=kind))  # type: ignore[call-overload]
    np.testing.assert_array_equal(values, NUMBERS)
    assert nothing.tolist() == [bool(np.isnan(number)) for number in NUMBERS]


@pytest.mark.parametrize("cell", [True, 1j, pd.Timestamp("2020"), pd.Timedelta("1h"), None, "x", b"1", 10**400])
def test_what_pandas_would_make_a_number_of_is_none(cell: object) -> None:
    for kind in (None, object):
        if not (kind is None and isinstance(cell, int) and cell > 1):
            assert numbers_of(pd.Series([cell, cell], dtype=kind))[1].all()  # type: ignore[call-overload]


AGENTS = pd.DataFrame(
    {"name": ["a", "b"], "p_min_kw": [0.0, -5.0], "p_max_kw": [9.0, -5.0], "a": [0.1, 0.0], "b": [0.1, 0.0]}
)
PAIRS = pd.DataFrame({"i": ["a"], "j": ["b"], "charge_i": [0.0], "charge_j": [0.0]})


def test_the_decimal_comma_of_a_plain_market_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agents.csv").write_text("name,p_min_kw,p_max_kw,a,b\na,0,5,0.1,0,25\nb,-1,-1,0,0\n")
    with pytest.raises(BadInput, match=r"agents\.csv, line 2 = a,0,5,0\.1,0,25"):
        mosaik_p2p.clear(tmp_path / "agents.csv", PAIRS)


@pytest.mark.parametrize(
    ("agents", "told"),
    [
        (AGENTS.assign(a=[True, False]), "column a = True"),
        (AGENTS.assign(b=["0,1", "0"]), "has a comma"),
        (AGENTS.assign(name=["a", None]), "is no name"),
        (AGENTS.assign(a=pd.to_datetime(["2020", "2021"])), "column a = 2020"),
        (pd.concat([AGENTS, AGENTS[["b"]]], axis=1), "more than once"),
        ([1, 2], "neither a data frame nor a path"),
        ("a\0b", "holds a NUL"),
        ("x" * 300, "255 bytes"),
    ],
)
def test_data_frames_are_held_to_the_same(agents: object, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        mosaik_p2p.clear(agents, PAIRS)  # type: ignore[arg-type]


def test_a_decimal_comma_in_a_profile_is_told_with_its_line(tmp_path: Path) -> None:
    path = made.write(tmp_path)
    text = (tmp_path / "series.csv").read_text()
    lines = text.splitlines()
    lines[3] = lines[3] + ",5"
    (tmp_path / "series.csv").write_text("\n".join(lines))
    faults = check(path)
    assert {fault.place.split(" ", 1)[1] for fault in faults} == {"(series.csv, line 4)"}
    assert all("Write decimals with a point" in fault.remedy for fault in faults)
    (tmp_path / "series.csv").write_bytes(gzip.compress(text.encode()))
    assert check(path) == ()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [("background", "1e30", "no number|1e+12"), ("background", "2e4", "above 10000"), ("background", "-1", "below 0")],
)
def test_absurd_values_of_a_profile_are_told_with_column_and_time(
    column: str, value: str, told: str, tmp_path: Path
) -> None:
    frame = made.series().astype({column: object})
    frame.loc[2, column] = value
    faults = check(made.write(tmp_path, frame=frame))
    assert len(faults) == 1
    assert any(part in str(faults[0]) for part in told.split("|"))
    assert column in str(faults[0])
    assert "2017-03-21T02:00:00+01:00" in faults[0].problem


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
@pytest.mark.parametrize("key", ["profiles.day.file", "prosumers_file", "name"])
def test_names_that_no_file_has_are_faults(key: str, name: str, tmp_path: Path) -> None:
    assert {fault.place for fault in check(made.write(tmp_path), [f"{key}={name}"])} == {key}


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800", ""])
def test_a_scenario_or_folder_of_no_possible_name_is_a_fault(name: str) -> None:
    (fault,) = check(name)
    assert fault.place == "scenario"
    with pytest.raises(BadInput, match="result folder"):
        mosaik_p2p.run("network1", out=name, progress=False)


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert result_place_faults(tmp_path / "new" / "folder") == []
    assert target_faults("--json", tmp_path / "out.json") == []
    (tmp_path / "file").touch()
    assert "is no folder" in result_place_faults(tmp_path / "file" / "below")[0].problem
    assert "is a folder" in target_faults("--json", tmp_path)[0].problem
    (missing,) = target_faults("--json", tmp_path / "new" / "out.json")
    assert missing.problem == "cannot be written: its folder does not exist"
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != tmp_path)
    for faults in (result_place_faults(tmp_path / "new"), target_faults("--json", tmp_path / "out.json")):
        assert "no permission" in faults[0].problem


def test_what_is_too_much_is_refused_before_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mosaik_p2p.loading.sizes.VALUES_LIMIT", 10)
    (fault,) = check(made.write(tmp_path))
    assert fault.place == "time.horizon_steps"
    monkeypatch.setattr("mosaik_p2p.loading.sizes.PROSUMERS_LIMIT", 1)
    (fault,) = check(made.write(tmp_path))
    assert (fault.place, fault.value) == ("prosumers", "2 prosumers")


def test_powers_that_size_and_scales_make_absurd_are_faults(tmp_path: Path) -> None:
    wanted = ["scale.pv=1000", "prosumers.A.pv.peak_kw=1e9"]
    (fault,) = check(made.write(tmp_path), wanted)
    assert fault.place == "prosumers.A.pv"
    assert "profile times size" in fault.problem
