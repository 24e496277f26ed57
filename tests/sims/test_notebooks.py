"""The notebooks in `scenarios/examples`: stored without output, executed as somebody who opens them would."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import mosaik_p2p
from mosaik_p2p.scenarios import examples

FOLDER = Path(examples.__path__[0])
NAMES = ("designs", "own_networks", "planner")
PATIENCE_S = 300.0
PLOTLY = "application/vnd.plotly.v1+json"


def stored(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_named_and_executed_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:
        assert f"`{name}.ipynb`" in (examples.__doc__ or "")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_output_or_trace_of_a_machine(name: str) -> None:
    book = stored(name)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all((cell.outputs, cell.execution_count, dict(cell.metadata)) == ([], None, {}) for cell in cells)
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert set(book.metadata.language_info) == {"name"}
    # A path from the root of somebody's disk, or somebody's address.
    assert not re.search(r"""["'(= ]/[a-z]+/|[A-Z]:\\\\|http""", nbformat.writes(book))


def executed(name: str, folder: Path) -> list[dict[str, Any]]:
    """What each code cell shows, by kind; every warning is an error."""
    book = stored(name)
    book.cells.insert(0, nbformat.v4.new_code_cell('import warnings\n\nwarnings.simplefilter("error", UserWarning)'))
    NotebookClient(book, timeout=PATIENCE_S, resources={"metadata": {"path": str(folder)}}).execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"][1:]
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    return [dict(output.get("data", output)) for cell in cells for output in cell.outputs[-1:]]


def figures_in(shown: list[dict[str, Any]]) -> list[str]:
    """The titles of the drawings, each with its data."""
    drawn = [output[PLOTLY] for output in shown if PLOTLY in output]
    assert all(figure["data"] for figure in drawn)
    return [figure["layout"]["title"]["text"] for figure in drawn]


@pytest.mark.once
@pytest.mark.slow
def test_a_planner_sees_what_breaks_and_puts_measured_loads_in(tmp_path: Path) -> None:
    shown = executed("planner", tmp_path)
    wanted = ["Bus voltages", "Map of the electricity network", "Voltage along the way from the slack", "Bus voltages"]
    assert figures_in(shown) == wanted
    evening, measured = (mosaik_p2p.read(tmp_path / "results" / name) for name in ("evening", "measured"))
    tables = [output["text/html"] for output in shown if "text/html" in output]
    # Not the meanings of its columns, which are shown as well.
    (broken,) = [table for table in tables if "<th>quantity</th>" in table and "<th>meaning</th>" not in table]
    assert broken.count("<tr") - 1 == len(evening["violations"]) > 0
    loads = [
        run["inputs"].query("quantity == 'demand_kw' and device == 'flexible_load'") for run in (evening, measured)
    ]
    draws = [float(rows["realised"].sum()) for rows in loads]
    assert draws[1] == pytest.approx(0.7 * draws[0])
    assert measured.hours_broken.loc["market", "electricity"] < evening.hours_broken.loc["market", "electricity"]


@pytest.mark.once
@pytest.mark.slow
def test_a_researcher_sees_designs_side_by_side(tmp_path: Path) -> None:
    shown = executed("designs", tmp_path)
    wanted = ["Bus voltages", "Cost per prosumer", "Traded electricity", "Welfare against violated limits"]
    assert figures_in(shown) == wanted
    folder = tmp_path / "results" / "designs"
    runs = [mosaik_p2p.read(folder / name) for name in ("none", "internal_first", "p2p")]
    sold = [float(run["trades"]["power_kw"].sum()) for run in runs]
    costs = [run.system_cost["market"] for run in runs]
    assert sold[0] == 0.0 < sold[1] < sold[2]
    table = shown[-1]["text/plain"]
    assert [kwh for kwh in sold if f"{kwh:.6f}" not in table] == []
    assert [cost for cost in costs if f"{cost:.6f}" not in table] == []


@pytest.mark.once
@pytest.mark.slow
def test_somebody_with_networks_of_their_own_comes_to_a_report(tmp_path: Path) -> None:
    shown = executed("own_networks", tmp_path)
    wanted = ["Map of the heat network", "Temperature along the way from the plant", "Energy balance of electricity"]
    assert figures_in(shown) == wanted
    assert (tmp_path / "results" / "own" / "report.html").exists()
    run = mosaik_p2p.read(tmp_path / "results" / "own")
    assert (run.complete, run.verdict) == (True, "feasible")
    assert set(run["buses"]["bus"]) == {"K0", "K1", "K2", "K3"}
    assert len(run["pipes"]["pipe"].unique()) == 4
