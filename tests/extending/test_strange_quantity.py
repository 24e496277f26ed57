"""A result quantity of somebody else's is one file: its table is stored, told, judged and drawn like any other."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from made_results import SMALL, write_made
from mosaik_p2p import api, cli
from mosaik_p2p.api import check, list_shipped
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.dictionary import tables_markdown
from mosaik_p2p.results.figures.style import clock_of
from mosaik_p2p.results.quantities.computing import compute_quantities
from mosaik_p2p.results.quantities.drawing import drawings_of
from mosaik_p2p.results.quantities.registry import GROUP, QUANTITIES, find_quantity
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.store.cases import WITHOUT_CHARGES
from mosaik_p2p.results.store.completeness import gaps
from mosaik_p2p.results.store.due import due_keys
from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.sections.registry import KindRefused
from mosaik_p2p.sims import own_folder
from strangers.installed import HERE, found, install, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

MODULE, NAME = "prosumer_co2", "prosumer_co2"
OTHER = "half_co2"
"""The same, changed, where no package names it."""
TEXT = (HERE / f"{MODULE}.py").read_text(encoding="utf-8")
PAGE = DOCS / "extending.md"
PLACE = f"{OTHER}:ProsumerCo2"
EVENING = ("time.start=2017-03-28T19:00:00+01:00", "time.horizon_steps=2", "settlement.through_networks=[]")
WANTED = 'results.quantities=["{}"]'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package lies."""
    folder = tmp_path_factory.mktemp("site")
    lay(folder, MODULE)
    install(folder, GROUP, {NAME: f"{MODULE}:ProsumerCo2"})
    return folder


@pytest.fixture
def installed(site: Path) -> Iterator[None]:
    with found(site, MODULE):
        yield


@pytest.fixture(scope="module")
def outcome(site: Path, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """Two hours, and the same without charges; a shipped quantity beside the foreign one."""
    changes = [*EVENING, f'results.quantities=["{NAME}", "verdicts"]', 'settlement.counterfactuals=["without_charges"]']
    with found(site, MODULE):
        return run(
            "network1_electric", out=tmp_path_factory.mktemp("co2") / "run", steps=2, overrides=changes, progress=False
        )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made result folder of a scenario that names the quantity by its place; nothing is computed yet."""
    folder = write_made(tmp_path_factory.mktemp("asked") / "made", SMALL)
    scenario = (folder / "scenario.toml").read_text(encoding="utf-8")
    text = f'{scenario}\n[results]\nquantities = ["{PLACE}"]\n'
    result_folder(folder).write("scenario.toml", text.encode())
    return folder


def computed(asked: Path, folder: Path) -> Path:
    """A copy of it with the table of the quantity as it lies on the path."""
    copy = shutil.copytree(asked, folder / "made")
    assert compute_quantities(result_folder(copy), [find_quantity(PLACE, allow_code=True)]) == []
    return copy


def expected_kg(folder: Path) -> pd.Series:
    rows = read_table(folder, "prosumers")
    return (rows["import_kw"] * 0.38).groupby([rows["time"], rows["prosumer"]]).sum()


def copied(outcome: RunOutcome, to: Path) -> Path:
    return shutil.copytree(outcome.folder, to / "copy")


def command(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str, str]:
    patch.setattr("sys.argv", ["mosaik-p2p", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    return ended.value.code or 0, told.out, told.err


@pytest.mark.slow
def test_its_table_holds_what_follows_and_says_what_it_means(outcome: RunOutcome) -> None:
    assert outcome.exit_code is ExitCode.COMPLETE
    for folder in (outcome.folder, counterfactual_folder(outcome.folder, WITHOUT_CHARGES)):
        stored = pd.read_parquet(folder / f"{NAME}.parquet").set_index(["time", "prosumer"])
        expected = expected_kg(folder)
        assert expected.max() > 1.0
        pd.testing.assert_series_equal(stored["bought_kg"], expected, check_names=False)
    schema = pq.read_schema(outcome.folder / f"{NAME}.parquet")
    said = schema.field("bought_kg").metadata
    assert (said[b"unit"], said[b"sign"]) == (b"kg", "≥ 0".encode())
    assert said[b"meaning"] == b"Of electricity and heat bought by contract."
    assert (schema.metadata[b"quantity"], schema.metadata[b"made_by"]) == (NAME.encode(), b"strangers-kinds 1.0")
    assert f'quantities = [\n    "{NAME}",\n    "verdicts",\n]' in (outcome.folder / "scenario.toml").read_text()


@pytest.mark.slow
def test_the_shipped_ones_are_such_quantities(outcome: RunOutcome) -> None:
    stored = read_results(outcome.folder)["verdicts"]
    assert stored["judged"].tolist() == ["electricity", "loads"] * 2
    worst = stored.groupby("time")["verdict"].agg(
        lambda kinds: "infeasible" if "infeasible" in set(kinds) else "feasible"
    )
    assert worst.value_counts().get("feasible", 0) == outcome.summary["verdict_counts"]["feasible"]
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert QUANTITIES.shipped() == ("storage_levels", "verdicts")
    assert page.count("<h3>Verdict per interval</h3>") == page.count("<h3>Storage levels</h3>") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_the_report_shows_its_figure_again(outcome: RunOutcome, tmp_path: Path) -> None:
    folder = copied(outcome, tmp_path)
    page = (folder / "report.html").read_bytes()
    assert b"<h2>Climate</h2>" in page
    assert b"CO2 of each prosumer" in page
    (folder / "report.html").unlink()
    assert api.report(folder).read_bytes() == page


@pytest.mark.slow
def test_without_its_package_the_report_says_so(
    outcome: RunOutcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(outcome, tmp_path)
    code, _, told = command(monkeypatch, capsys, "report", str(folder))
    assert code == 0
    assert "strangers-kinds 1.0 made it" in told
    assert "not installed" in told
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "The table prosumer_co2 is stored, and its figures are not shown" in page
    assert "<h2>Climate</h2>" not in page
    with pytest.warns(UserWarning, match="strangers-kinds"):
        api.report(folder)
    assert len(read_results(folder)[NAME]) == len(expected_kg(folder))


@pytest.mark.slow
@pytest.mark.parametrize("package", ["there", "gone"])
def test_a_file_that_was_changed_or_lacks_an_interval_is_told(
    package: str, outcome: RunOutcome, site: Path, tmp_path: Path
) -> None:
    folder = copied(outcome, tmp_path)
    path = folder / f"{NAME}.parquet"
    rows, run_log = pq.read_table(path), folder / "run.jsonl"
    pq.write_table(rows.slice(5), path)
    with found(site if package == "there" else tmp_path, MODULE):
        with pytest.raises(BadInput) as bad:
            api.report(folder)
        assert str(path) in str(bad.value)
        assert "has been changed" in str(bad.value)
        run_log.unlink()
        with pytest.raises(BadInput, match=f"table {NAME}: lacks 5 rows of 10 that table prosumers has"):
            api.report(folder)
        path.unlink()
        with pytest.raises(BadInput, match="these tables are missing"):
            api.report(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_files_of_others_under_its_name_stay(outcome: RunOutcome, tmp_path: Path) -> None:
    folder = copied(outcome, tmp_path)
    path, again = folder / f"{NAME}.parquet", [*EVENING, WANTED.format(NAME)]
    path.write_text("changed")
    for overrides in (again, EVENING):
        with pytest.raises(BadInput, match="would lose it"):
            run("network1_electric", out=folder, steps=1, overrides=overrides, overwrite=True, progress=False)
    (folder / "mine.parquet").write_text("mine")
    lay(tmp_path, OTHER, TEXT.replace('= "prosumer_co2"', '= "mine"'))
    path.write_bytes((outcome.folder / f"{NAME}.parquet").read_bytes())
    changes = [*EVENING, WANTED.format(PLACE)]
    with found(tmp_path, OTHER), pytest.raises(BadInput, match=r"mine\.parquet: was not written by a run"):
        run("network1_electric", out=folder, overrides=changes, overwrite=True, progress=False, allow_code=True)
    assert (folder / "mine.parquet").read_text() == "mine"


@pytest.mark.usefixtures("installed")
def test_lists_and_pages_have_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = tables_markdown()
    assert f"## `{NAME}`" in page
    assert "| `bought_kg` | real | kg | ≥ 0 |  | Of electricity and heat bought by contract. |  |" in page
    assert list_shipped().result_quantities[NAME].startswith("CO2 of what each prosumer buys")
    code, told, _ = command(monkeypatch, capsys, "list")
    assert code == 0
    assert f"  {NAME}    CO2 of what" in told
    code, told, _ = command(monkeypatch, capsys, "keys", NAME)
    assert code == 0
    assert "Its source is the table prosumers." in told
    assert "| `burnt_kg` | real | kg | ≥ 0 |  | Of the fuel that its devices burn. |  |" in told
    code, _, told = command(monkeypatch, capsys, "keys", "verdict")
    assert code == 2
    assert "Did you mean 'verdicts'?" in told


def test_a_name_that_nobody_brings_is_answered() -> None:
    faults = check("network1_electric", overrides=['results.quantities=["verdict"]', "time.steps=0"])
    assert [fault.place for fault in faults] == ["time.steps", "results.quantities"]
    assert "Did you mean 'verdicts'?" in faults[1].remedy
    (twice,) = check("network1_electric", overrides=['results.quantities=["verdicts", "verdicts"]'])
    assert "has the table verdicts" in twice.problem


# -- by its place in Python --------------------------------------------------------------------------------------


def test_code_that_a_scenario_names_is_imported_when_allowed(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, OTHER, TEXT)
    with found(tmp_path, OTHER):
        (fault,) = check("network1_electric", overrides=[WANTED.format(PLACE)])
        assert OTHER not in sys.modules
        assert check("network1_electric", overrides=[WANTED.format(PLACE)], allow_code=True) == ()
        folder = computed(asked, tmp_path)
        for options, drawn in (((), False), (("--allow-code",), True)):
            code, _, told = command(monkeypatch, capsys, "report", str(folder), *options)
            assert code == 0
            assert ("--allow-code" in told) is not drawn
            assert ("<h2>Climate</h2>" in (folder / "report.html").read_text(encoding="utf-8")) is drawn
    assert (fault.place, fault.value) == ("results.quantities", f"'{PLACE}'")
    assert "--allow-code" in fault.remedy


# -- half done ---------------------------------------------------------------------------------------------------

UNFIT = {
    "no unit": (TEXT.replace(', unit="kg"', "", 1), "says its unit"),
    "no meaning": (TEXT.replace('"Its name."', '""'), "column 'prosumer' has no meaning"),
    "no meaning of the table": (
        TEXT.replace('"CO2 of what each prosumer buys by contract and burns."', '""'),
        "meaning",
    ),
    "no docstring": (TEXT.replace('    """CO2 of what each', '    # """CO2 of what each'), "has no docstring"),
    "no rows": (TEXT.replace("def rows", "def other_rows"), "lacks `rows`"),
    "a shipped table's name": (TEXT.replace('= "prosumer_co2"', '= "trades"'), "name of a table that every run has"),
    "no file's name": (TEXT.replace('= "prosumer_co2"', '= "../co2"'), "has no `name`"),
    "no name": (TEXT.replace('    name: ClassVar[str] = "prosumer_co2"\n', ""), "has no `name`"),
    "no source": (TEXT.replace('    source: ClassVar[str] = "prosumers"\n', ""), "has no `source`"),
    "another source": (TEXT.replace('= "prosumers"', '= "prosumer"'), "has no `source`"),
    "no shape": (TEXT.replace("shape: ", "form: "), "has no `shape`"),
    "a key that may lack": (TEXT.replace('text("Its name.")', 'text("Its name.", null="nobody")'), "key 'prosumer'"),
    "no time first": (TEXT.replace('"time prosumer",', '"prosumer time",'), "does not begin with the column time"),
    "no value": (TEXT.replace('"time prosumer",', '"time prosumer bought_kg burnt_kg",'), "with keys and no value"),
    "a shipped column, meant otherwise": (TEXT.replace("burnt_kg=amount", "cost=amount"), "column 'cost' (double kg)"),
    "a key that is not there": (TEXT.replace('"time prosumer",', '"time prosumer case",'), "sorted by others"),
    "no quantity": ("ProsumerCo2 = dict", "is no result quantity"),
    "does not import": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "asks for something": (
        TEXT.replace("    def rows", "    def __init__(self, x): ...\n\n    def rows"),
        "cannot be made",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_half_done_is_a_fault(case: str, tmp_path: Path) -> None:
    text, problem = UNFIT[case]
    assert text != TEXT
    lay(tmp_path, OTHER, text)
    with found(tmp_path, OTHER), pytest.raises(KindRefused) as refused:
        find_quantity(PLACE, allow_code=True)
    assert problem in refused.value.problem


def test_an_installed_one_that_is_half_done_stops_lists_and_itself_and_nobody_else(tmp_path: Path) -> None:
    lay(tmp_path, OTHER, TEXT)
    install(tmp_path, GROUP, {"co2": PLACE, "verdicts": PLACE})
    with found(tmp_path, OTHER):
        with pytest.raises(BadInput) as bad:
            list_shipped()
        assert [fault.value for fault in bad.value.faults] == ["verdicts", "co2"]
        (fault,) = check("network1_electric", overrides=[WANTED.format("co2")])
        assert "calls itself 'prosumer_co2'" in fault.problem
        assert check("network1_electric") == ()


RETURN = TEXT.split("        return ")[1].split("\n")[0]
UNFIT_ROWS = {
    "raises": ("1 / 0", "could not be computed: ZeroDivisionError: division by zero"),
    "no frame": ("{}", "gave dict and no data frame"),
    "nothing": ("pd.DataFrame()", "gave the columns "),
    "a column more": (f"{RETURN}.assign(more=1.0)", "burnt_kg, more; it declares"),
    "a column less": (f"{RETURN}.drop(columns='burnt_kg')", "gave the columns time, prosumer, bought_kg;"),
    "not a number": (f"{RETURN}.assign(burnt_kg=float('nan'))", "no value (NaN or None) in 18 of 18 rows of"),
    "without bounds": (f"{RETURN}.assign(burnt_kg=float('inf'))", "a number without bounds in the column 'burnt_kg'"),
    "texts": (f"{RETURN}.assign(burnt_kg='1.0')", "gave the column 'burnt_kg' as object, which is not double"),
    "flags": (f"{RETURN}.assign(burnt_kg=True)", "gave the column 'burnt_kg' as bool, which is not double"),
    "negative": (f"{RETURN}.assign(burnt_kg=-1.0)", "gave -1 in the column 'burnt_kg', which is declared as never"),
    "no zone": (
        f"{RETURN}.assign(time=lambda r: r['time'].dt.tz_localize(None))",
        "gave the column 'time' as datetime",
    ),
    "no name": (f"{RETURN}.assign(prosumer=None)", "no value (NaN or None) in 18 of 18 rows of the column 'prosumer'"),
    "rows lack": (
        f"{RETURN}.head(15)",
        "lacks 3 rows of 18 that table prosumers has (in 1 intervals), such as time 2017",
    ),
    "nobody": (f"{RETURN}.head(0)", "lacks 18 rows of 18 that table prosumers has (in 6 intervals)"),
    "somebody unknown": (f"{RETURN}.replace('P1', 'Q')", "lacks 6 rows of 18"),
    "rows doubled": (f"pd.concat(2 * [{RETURN}])", "gave 18 rows twice, by the key time, prosumer"),
    "later": (f"{RETURN}.assign(time=lambda r: r['time'] + pd.Timedelta('1h'))", "lacks 3 rows of 18"),
}


@pytest.mark.parametrize("case", UNFIT_ROWS)
def test_rows_that_are_not_what_was_declared_are_refused(case: str, asked: Path, tmp_path: Path) -> None:
    other, problem = UNFIT_ROWS[case]
    lay(tmp_path, OTHER, TEXT.replace(RETURN, other))
    with found(tmp_path, OTHER):
        (cause,) = compute_quantities(result_folder(asked), [find_quantity(PLACE, allow_code=True)])
    assert cause.startswith(f"result quantity '{PLACE}' ")
    assert problem in cause
    log = asked / "error.log"
    assert ("ZeroDivisionError" in cause) is log.exists()
    log.unlink(missing_ok=True)
    told = gaps(read_results(asked), SMALL.networks, SMALL.steps)
    assert told == [f"the table of result quantity '{PLACE}' is not there"]


def test_a_good_one_leaves_no_gap_and_nothing_for_others_to_see(asked: Path, tmp_path: Path) -> None:
    spoiling = "        results['devices']['level_kwh'] = -1.0\n        dt_h, ex"
    lay(tmp_path, OTHER, TEXT.replace("        dt_h, ex", spoiling))
    folder = shutil.copytree(asked, tmp_path / "made")
    with found(tmp_path, OTHER):
        wanted = [find_quantity(PLACE, allow_code=True), find_quantity("storage_levels")]
        assert compute_quantities(result_folder(folder), wanted) == []
    results = read_results(folder)
    assert gaps(results, SMALL.networks, SMALL.steps) == []
    assert set(results.quantities) == {NAME, "storage_levels"}
    assert results["storage_levels"]["level_kwh"].min() > 0.0


def test_cases_that_join_the_settlement_later_are_not_due(asked: Path) -> None:
    results, order = read_results(asked), ("time", "case", "party")
    before = due_keys(results, "settlement", order)
    joined = results["settlement"].assign(case="without_charges")
    later = replace(results, tables={**results.tables, "settlement": pd.concat([results["settlement"], joined])})
    pd.testing.assert_frame_equal(due_keys(later, "settlement", order), before)
    assert set(before["case"]) == {"in_market", "alone"}


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ('yield Panel("each", 1 / 0,', "could not be drawn: ZeroDivisionError: division by zero"),
        ('yield print("each",', "is NoneType and no Panel with a figure"),
        ('yield Panel("each>",', "has the key 'each>'"),
    ],
)
def test_a_figure_that_fails_is_told_and_takes_no_other_with_it(
    other: str, problem: str, asked: Path, tmp_path: Path
) -> None:
    lay(tmp_path, OTHER, TEXT.replace('yield Panel("each",', other))
    with found(tmp_path, OTHER):
        results = read_results(computed(asked, tmp_path))
        drawings = drawings_of(clock_of(results), [find_quantity(PLACE, allow_code=True)])
    (fault,) = drawings.failures
    assert problem in fault.problem
    assert set(drawings.panels) == {"Storage", "Feasibility over time"}


def test_a_report_without_a_figure_that_fails_is_there(asked: Path, tmp_path: Path) -> None:
    lay(tmp_path, OTHER, TEXT.replace('yield Panel("each",', 'yield print("each",'))
    with found(tmp_path, OTHER):
        folder = computed(asked, tmp_path)
        with pytest.raises(BadInput, match="no Panel with a figure"):
            build_report(folder, [find_quantity(PLACE, allow_code=True)])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "is NoneType and no Panel with a figure" in page
    assert "<h2>Climate</h2>" not in page
    assert "Verdict per interval" in page


@pytest.mark.slow
def test_a_run_whose_quantity_fails_keeps_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, OTHER, TEXT.replace(RETURN, "1 / 0"))
    folder = tmp_path / "run"
    words = [
        option for change in (*EVENING, f'results.quantities=["{PLACE}", "verdicts"]') for option in ("--set", change)
    ]
    with found(tmp_path, OTHER):
        code, _, told = command(
            *(monkeypatch, capsys),
            *("run", "network1_electric", "--steps", "1", "--out", str(folder), "--allow-code", *words),
        )
    cause = f"result quantity '{PLACE}' could not be computed: ZeroDivisionError: division by zero"
    assert code == 1
    assert f"Incomplete: {cause} (details: {folder / 'error.log'})" in told
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert (summary["complete"], summary["cause"], summary["steps_computed"]) == (False, cause, 1)
    assert "half_co2.py" in (folder / "error.log").read_text(encoding="utf-8")
    assert len(read_table(folder, "devices")) > 0
    assert len(read_results(folder)["verdicts"]) == 2
    assert "was not computed" in (folder / "report.html").read_text(encoding="utf-8")


def test_in_a_world_of_ones_own_it_is_computed_too(tmp_path: Path) -> None:
    lay(tmp_path, OTHER, TEXT.replace(RETURN, "1 / 0"))
    (tmp_path / "own").mkdir()
    with found(tmp_path, OTHER):
        case = load("network1_electric", [WANTED.format(PLACE)], allow_code=True)
        own = own_folder.claimed(tmp_path / "own", case, overwrite=False)
        assert own is not None
        summary = own.conclude({})
    assert "ZeroDivisionError" in summary["cause"]


@pytest.mark.skipif(not PAGE.is_file(), reason="docs/ is not part of the installed package")
def test_the_page_shows_the_file_that_was_tried() -> None:
    assert TEXT in PAGE.read_text(encoding="utf-8")
