"""A charge mechanism of somebody else is one file: everything that knows of mechanisms knows of it, or says why not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import made_scenario
from mosaik_p2p import cli
from mosaik_p2p.api import check, list_shipped
from mosaik_p2p.charges.registry import GROUP
from mosaik_p2p.cosim import RunOutcome, run
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import load
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.store.cases import WITHOUT_CHARGES
from mosaik_p2p.scenario.reference import entry_text, named, overview, reference_markdown
from mosaik_p2p.sections.registry import ALLOW_CODE
from strangers.installed import HERE, found, install, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

MODULE = "zonal_charge"
NAMED = "named_charge"
"""The same where no package names it."""
TEXT = (HERE / f"{MODULE}.py").read_text(encoding="utf-8")
PAGE = DOCS / "extending.md"
WEST, EAST = {"A", "B"}, {"C", "D", "E"}
INSIDE, ACROSS = 0.01, 0.02
ZONES = 'zones={ west=["13", "5"], east=["7", "10", "15"] }'


def zonal(mechanism: str, zones: str = ZONES) -> str:
    return f'charges.electricity={{ mechanism="{mechanism}", inside={INSIDE}, across={ACROSS}, {zones} }}'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("installed")
    lay(folder, MODULE)
    install(folder, GROUP, {"two_rates": f"{MODULE}:Zonal"})
    with found(folder, MODULE):
        yield


@pytest.fixture
def on_path(tmp_path: Path) -> Iterator[None]:
    """The module where Python finds it, and no package that names it."""
    lay(tmp_path, NAMED, TEXT)
    with found(tmp_path, NAMED):
        yield


@pytest.fixture(scope="module")
def outcome(installed: None, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:  # noqa: ARG001
    """An hour in which trades within a zone, and between two, break a limit of voltage."""
    changes = [
        *("time.start=2017-03-28T12:00:00+01:00", "time.horizon_steps=2", "negotiation.enabled=true"),
        *("networks.electricity.limits.voltage_pu.min=0.97", "settlement.through_networks=[]"),
        *('settlement.counterfactuals=["alone", "without_charges"]', zonal("two_rates")),
    ]
    out = tmp_path_factory.mktemp("zonal") / "run"
    return run("network1_electric", out=out, steps=1, overrides=changes, progress=False)


def posted(trades: pd.DataFrame) -> pd.Series:
    return trades["charge_seller_per_kwh"]


@pytest.mark.slow
def test_trades_of_a_negotiated_run_pay_by_zones(outcome: RunOutcome) -> None:
    trades = pd.read_parquet(outcome.folder / "trades.parquet")
    zones = [{seller, buyer} <= WEST or {seller, buyer} <= EAST for seller, buyer in trades[["seller", "buyer"]].values]
    assert len(set(zones)) == 2
    expected = [INSIDE if within else ACROSS for within in zones]
    assert posted(trades).tolist() == trades["charge_buyer_per_kwh"].tolist() == pytest.approx(expected)
    assert (trades["surcharge_buyer_per_kwh"] != 0.0).any()


@pytest.mark.slow
def test_the_operator_takes_what_trades_pay(outcome: RunOutcome) -> None:
    trades = pd.read_parquet(outcome.folder / "trades.parquet")
    paid = (trades["power_kw"] * (posted(trades) + trades["charge_buyer_per_kwh"])).sum()
    entries = pd.read_parquet(outcome.folder / "settlement.parquet")
    own = entries[(entries["item"] == "charge") & (entries["party"] == "operator")]
    assert own["money"].sum() == pytest.approx(paid)
    assert paid > 0.0


@pytest.mark.slow
def test_a_counterfactual_without_charges_has_none(outcome: RunOutcome) -> None:
    trades = pd.read_parquet(counterfactual_folder(outcome.folder, WITHOUT_CHARGES) / "trades.parquet")
    assert len(trades) > 0
    assert not posted(trades).any()
    assert outcome.summary["violations"]["without_charges"] is not None


@pytest.mark.slow
def test_the_resolved_scenario_can_be_loaded_again(outcome: RunOutcome) -> None:
    again = load(outcome.folder / "scenario.toml").scenario.charges.electricity
    assert again is not None
    assert again.model_dump()["zones"] == {"west": ("13", "5"), "east": ("7", "10", "15")}
    assert (outcome.folder / "report.html").stat().st_size > 0


@pytest.mark.usefixtures("installed")
def test_lists_and_pages_have_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_shipped().charge_mechanisms["two_rates"].startswith("One rate within a zone")
    assert "two_rates" in overview()
    page = reference_markdown()
    for network in ("electricity", "heat"):
        assert f'## `[charges.{network}]` with `mechanism = "two_rates"`' in page
    assert "| `across` | required | Of a trade between two zones, currency per kWh. 0 to 1e6. |" in page
    assert all("inside" in entry_text(entry) for entry in named("two_rates"))
    monkeypatch.setattr("sys.argv", ["mosaik-p2p", "list"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "two_rates" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_its_keys_and_places_are_checked_with_all_others() -> None:
    table = zonal("two_rates", 'zones={ west=["13", "55"] }, insid=1').replace("across=0.02", "across=-1")
    faults = {fault.place: fault for fault in check("network1_electric", overrides=[table, "time.steps=0"])}
    assert set(faults) == {"charges.electricity.across", "charges.electricity.insid", "time.steps"}
    assert "'inside'" in faults["charges.electricity.insid"].remedy
    stranded = check(
        "network1_electric", overrides=[zonal("two_rates", 'zones={ west=["13", "5"], east=["7", "55"] }')]
    )
    assert [(fault.place, fault.value) for fault in stranded] == [
        ("charges.electricity.zones.east", "55"),
        ("charges.electricity.zones", "10"),
        ("charges.electricity.zones", "15"),
    ]


@pytest.mark.usefixtures("installed")
def test_a_misspelt_name_is_answered_with_it() -> None:
    (fault,) = check("network1_electric", overrides=[zonal("two_rate")])
    assert "Did you mean 'two_rates'?" in fault.remedy


# -- by its place in Python --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_path")
def test_code_that_a_scenario_names_is_not_imported_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = check("network1_electric", overrides=[zonal(f"{NAMED}:Zonal")])
    assert (fault.place, fault.value) == ("charges.electricity.mechanism", f"'{NAMED}:Zonal'")
    assert "--allow-code" in fault.remedy
    assert NAMED not in sys.modules
    assert check("network1_electric", overrides=[zonal(f"{NAMED}:Zonal")], allow_code=True) == ()
    monkeypatch.setenv(ALLOW_CODE, "1")
    assert check("network1_electric", overrides=[zonal(f"{NAMED}:Zonal")]) == ()


@pytest.mark.usefixtures("on_path")
def test_the_command_imports_it_when_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def edit(scenario: dict) -> None:
        zones = {"west": ["5"], "east": ["7", "13"]}
        scenario["charges"]["electricity"] = {
            "mechanism": f"{NAMED}:Zonal",
            "inside": 0.0,
            "across": 0.1,
            "zones": zones,
        }

    path = made_scenario.write(tmp_path, edit)
    codes = []
    for options in (
        ["check", str(path)],
        ["check", str(path), "--allow-code"],
        ["keys", f"{NAMED}:Zonal"],
        ["keys", "os:x"],
    ):
        monkeypatch.setattr("sys.argv", ["mosaik-p2p", *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        codes.append(ended.value.code)
    told = capsys.readouterr()
    assert codes == [2, 0, 0, 2], told.err
    assert "Of a trade between two zones, currency per kWh." in told.out


# -- half done ---------------------------------------------------------------------------------------------------

HALF_DONE = {
    "no parts": (TEXT.replace("def parts", "def other_parts"), "lacks `parts`"),
    "no docstring": (TEXT.replace('    """One rate within a zone and', '    # """One rate within'), "has no docstring"),
    "a key without meaning": (TEXT.replace('    """Of a trade within a zone, currency per kWh."""\n', ""), "`inside`"),
    "another network": (TEXT.replace("    inside: Ch", '    carriers = ("gas",)\n    inside: Ch'), "'gas'"),
    "no mechanism": ("Zonal = dict", "is no charge mechanism"),
    "does not import": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "nothing there": ("", "Zonal"),
    "a place charge": (TEXT.replace("payer=self.payer))", "payer=self.payer), place=values)"), "`place`"),
    "a factor": (TEXT.replace("payer=self.payer))", "payer=self.payer), factor=values[0])"), "`factor`"),
    "nothing given": (TEXT.replace("return ChargeParts(t", "print(t"), "NoneType"),
    "no part": (TEXT.replace("return ChargeParts(t", "return ChargeParts() or (t"), "`pair`"),
    "no charges": (TEXT.replace("return ChargeParts(t", "return ChargeParts(values) or (t"), "has to be Charges"),
    "negative": (
        TEXT.replace("payer=self.payer", "payer=self.payer").replace("values, np", "-values, np"),
        "is negative",
    ),
    "no number": (TEXT.replace("values, np", "values * np.nan, np"), "is no number"),
    "one way": (TEXT.replace("values, np", "np.triu(values), np"), "another one back"),
    "out of its table": (TEXT.replace("else -1", "+ 7 if place else -1").replace("if place + 7", "+ 7"), "beyond"),
    "it fails": (TEXT.replace("values = np", "values = 1 / 0 * np"), "ZeroDivisionError"),
    "another number of prosumers": (TEXT.replace("np.array(zone)", "np.array(zone[1:])"), "for 5 prosumers"),
}


@pytest.mark.parametrize("case", HALF_DONE)
def test_what_is_half_done_is_a_fault(case: str, tmp_path: Path) -> None:
    text, problem = HALF_DONE[case]
    assert text != TEXT
    lay(tmp_path, NAMED, text)
    with found(tmp_path, NAMED):
        faults = check("network1_electric", overrides=[zonal(f"{NAMED}:Zonal")], allow_code=True)
    assert [fault.place for fault in faults] == ["charges.electricity.mechanism"]
    assert problem in faults[0].problem


def test_an_installed_one_that_is_half_done_stops_lists_and_itself_and_nobody_else(tmp_path: Path) -> None:
    lay(tmp_path, NAMED, HALF_DONE["no parts"][0])
    install(tmp_path, GROUP, {"two_rates": f"{NAMED}:Zonal"})
    with found(tmp_path, NAMED):
        with pytest.raises(BadInput) as bad:
            list_shipped()
        assert [fault.place for fault in bad.value.faults] == [f"entry point {GROUP}: two_rates"]
        assert "lacks `parts`" in check("network1_electric", overrides=[zonal("two_rates")])[0].problem
        assert check("network1_electric") == ()


def test_two_of_one_name_are_told(tmp_path: Path) -> None:
    lay(tmp_path, NAMED, TEXT)
    install(tmp_path, GROUP, {"uniform": f"{NAMED}:Zonal"})
    uniform = 'charges.electricity={ mechanism="uniform", rate=0.1 }'
    with found(tmp_path, NAMED):
        (fault,) = check("network1_electric", overrides=[uniform])
    assert "more than one" in fault.problem
    assert "strangers-kinds" in fault.remedy
    assert check("network1_electric", overrides=[uniform]) == ()


def test_only_a_place_in_python_is_taken_for_one() -> None:
    for name in ("../evil:Zonal", "a b:c", ":x", "os:", "a:b:c"):
        (fault,) = check("network1_electric", overrides=[zonal(name)], allow_code=True)
        assert isinstance(fault, Fault)
        assert "no place in Python" in fault.problem


@pytest.mark.skipif(not PAGE.is_file(), reason="docs/ is not part of the installed package")
def test_the_page_shows_the_file_that_was_tried() -> None:
    assert TEXT in PAGE.read_text(encoding="utf-8")
