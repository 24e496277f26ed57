"""`mosaik-p2p clear`: files, faults, exit codes."""

import json
import os
import sys
from pathlib import Path

import pytest

from mosaik_p2p.cli import main
from mosaik_p2p.errors import BadInput
from mosaik_p2p.single_period.clearing import clear_plain
from plain_markets import agents, pairs

AGENTS = "name,p_min_kw,p_max_kw,a,b\nsolar,0,8,0,0.05\nchp,0,10,0.004,0.1\nhouse,-6,-6,0.01,0.4\nhouse,0,2,0,0.12\n"
PAIRS = "i,j,charge_i,charge_j\nsolar,house,0.01,0.01\nchp,house,0.02,0.01\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents.csv").write_text(AGENTS, encoding="utf-8")
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    return tmp_path


def clear(monkeypatch: pytest.MonkeyPatch, *options: str, agents: str = "agents.csv", pairs: str = "pairs.csv") -> int:
    monkeypatch.setattr(sys, "argv", ["mosaik-p2p", "clear", agents, pairs, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("method", ["admm", "central"])
@pytest.mark.usefixtures("folder")
def test_a_market_is_cleared_and_written(
    method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clear(monkeypatch, "--method", method, "--json", "out.json") == 0
    out = capsys.readouterr().out
    for word in ("solar", "house", "net sale [kW]", "price [/kWh]", "relative gap", "welfare"):
        assert word in out
    written = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert written["status"] == "ok"
    assert written["welfare"] == pytest.approx(-(6 * 0.05 + 6 * 0.02 + 0.005 * 36 - 6 * 0.4), rel=1e-4)
    assert written["relative_gap"] <= 1e-4
    assert {*written} >= {"iterations", "primal_residual", "dual_residual"}
    assert [*written["agents"][0]] == ["name", "net_kw", "marginal_cost"]
    assert [agent["name"] for agent in written["agents"]] == ["solar", "chp", "house"]
    (trade,) = written["trades"]
    assert [*trade] == ["seller", "buyer", "power_kw", "price"]
    assert (trade["seller"], trade["buyer"]) == ("solar", "house")


def test_semicolons_blank_lines_and_a_byte_order_mark_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "agents.csv").write_text(
        "\ufeff" + AGENTS.replace(",", ";").replace("\nchp", "\n\nchp"), encoding="utf-8"
    )
    assert clear(monkeypatch, "--json", "out.json") == 0
    assert json.loads((folder / "out.json").read_text(encoding="utf-8"))["status"] == "ok"


def test_every_fault_is_told_with_line_column_and_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agents.csv").write_text(
        "name,p_min_kw,p_max_kw,a,b\nx,1,0,-1,zero\n\n,nan,inf,,2\nlong,0,1,0,1\n", encoding="utf-8"
    )
    (folder / "pairs.csv").write_text(
        "i,j,charge_i,charge_j\nx,x,0,0\nx,lung,1,1\nlong,x,0.1,-0.2\nx,long,1e30,0\n", encoding="utf-8"
    )
    assert clear(monkeypatch) == 2
    err = capsys.readouterr().err
    assert "12 faults" in err
    for place in (
        "agents.csv, line 2, column p_min_kw = 1",
        "agents.csv, line 2, column a = -1",
        "agents.csv, line 2, column b = zero",
        "agents.csv, line 4, column name = (nothing)",
        "agents.csv, line 4, column p_min_kw = nan",
        "agents.csv, line 4, column p_max_kw = inf",
        "agents.csv, line 4, column a = (nothing)",
        "pairs.csv, line 2, column j = x",
        "pairs.csv, line 3, column j = lung",
        "pairs.csv, line 4, column charge_i = 0.1",
        "pairs.csv, line 5, column j = long",
        "pairs.csv, line 5, column charge_i = 1e30",
    ):
        assert place in err
    assert "Did you mean 'long'?" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("name,pmin_kw,p_max_kw,a,b\n", "Rename the column 'pmin_kw'"),
        ("name,p_min_kw,p_max_kw,a\nx,0,1,0\n", "has no column 'b'"),
        ("name,p_min_kw,p_max_kw,a,b\n", "has no agent"),
        ("name,p_min_kw,p_max_kw,a,b\nx,0,1,0,1,7\n", "has 6 values, and the header 5"),
        ("name;p_min_kw;p_max_kw;a;b\nx;0;1;0;0,5\n", "Write decimals with a point"),
    ],
)
def test_unusable_files(
    text: str, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agents.csv").write_text(text, encoding="utf-8")
    assert clear(monkeypatch) == 2
    assert told in capsys.readouterr().err


def test_both_files_and_the_options_are_checked_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pairs.csv").write_bytes(b"\xff\xfe\x00")
    assert clear(monkeypatch, "--method", "magic", "--gap", "3", agents="none.csv") == 2
    err = capsys.readouterr().err
    for told in ("4 faults", "'magic'", "gap = 3.0", "none.csv", "UTF-8"):
        assert told in err


@pytest.mark.usefixtures("folder")
def test_a_json_file_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clear(monkeypatch, "--json", "missing/out.json") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["agents.csv", "./pairs.csv", "link.csv", "twin.csv", "notes.txt", "other.json"])
def test_no_file_but_an_earlier_outcome_is_replaced(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "link.csv").symlink_to("agents.csv")
    (folder / "twin.csv").hardlink_to(folder / "pairs.csv")
    (folder / "notes.txt").write_text("mine")
    (folder / "other.json").write_text('{"status": "mine"}')
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert clear(monkeypatch, "--json", name) == 2
    told = "is not the outcome of a clearing" if name in ("notes.txt", "other.json") else "is an input of this clearing"
    assert told in capsys.readouterr().err
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_an_earlier_outcome_is_replaced_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "out.json").write_text("")
    assert clear(monkeypatch, "--json", "out.json") == 0
    (folder / "kept.json").hardlink_to(folder / "out.json")
    first = (folder / "out.json").read_text()
    (folder / "agents.csv").write_text(AGENTS.replace("0.05", "0.06"))
    assert clear(monkeypatch, "--json", "out.json") == 0
    assert (folder / "out.json").read_text() != first
    assert (folder / "kept.json").read_text() == first
    assert {path.name for path in folder.iterdir()} == {"agents.csv", "pairs.csv", "out.json", "kept.json"}


def test_no_solution_has_its_own_exit_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agents.csv").write_text(AGENTS + "mill,-3,-2,0,1\n", encoding="utf-8")
    assert clear(monkeypatch, "--json", "out.json") == 3
    assert "agent mill alone must buy at least 2 kW" in capsys.readouterr().out
    written = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert (written["status"], written["welfare"], written["trades"]) == ("infeasible", None, [])


def test_many_faults_of_one_kind_are_counted() -> None:
    table = agents(*((f"A{n}", 2.0, 1.0, 0.0, 0.0) for n in range(100)))
    with pytest.raises(BadInput) as bad:
        clear_plain(table, pairs())
    assert len(bad.value.faults) == 21
    assert bad.value.faults[-1].value == "80 rows more"


def test_tables_tell_their_own_rows() -> None:
    table = agents(("A", 2.0, 1.0, 0.0, 0.0)).set_axis([17])
    with pytest.raises(BadInput) as bad:
        clear_plain(table, pairs())
    assert "row 17" in bad.value.faults[0].place


def test_tables_are_read_from_pipes(folder: Path) -> None:
    expected = clear_plain(folder / "agents.csv", folder / "pairs.csv")
    ends = []
    for name in ("agents.csv", "pairs.csv"):
        reader, writer = os.pipe()
        os.write(writer, (folder / name).read_bytes())
        os.close(writer)
        ends.append(reader)
    piped = clear_plain(*(Path(f"/dev/fd/{reader}") for reader in ends))
    for reader in ends:
        os.close(reader)
    assert piped.welfare == expected.welfare
