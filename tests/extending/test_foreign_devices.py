"""A device that another package brings is as good as one that ships, and one that is not finished is refused."""

import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import made_scenario as made
from mosaik_p2p import cli
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.devices.registry import GROUP, device_kinds
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import check, examine, load
from mosaik_p2p.market.over_time.forecasts import with_forecasts
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.scenario import resolved_toml
from mosaik_p2p.scenario.reference import reference_markdown
from mosaik_p2p.sims import market, profiles
from strangers.installed import HERE, found, lay
from strangers.installed import install as declare
from whereabouts import DOCS

pytestmark = pytest.mark.once

SOURCE = (HERE / "wind_turbine.py").read_text(encoding="utf-8")
POINT = "stranger_wind:WindTurbineSection"
PAGE = DOCS / "extending.md"
RATED_KW = 40.0
FORECAST, REALISED = (0.5, 0.5, 1.0), (0.8, 0.2, 1.0)
"""Of the three intervals, per kW of rated power. Only the last one is too windy for the network."""
THERE_KW = [RATED_KW * share for share in REALISED]


def install(folder: Path, module: str, source: str, **points: str) -> Path:
    """A package with this module and an entry point for each name; returns the folder."""
    lay(folder, module, source)
    declare(folder, GROUP, points, package=module)
    return folder


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The packages in the folder are there."""
    with found(folder):
        device_kinds.cache_clear()
        yield
    device_kinds.cache_clear()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the wind turbine's package."""
    yield install(tmp_path_factory.mktemp("site"), "stranger_wind", SOURCE, wind_turbine=POINT)
    sys.modules.pop("stranger_wind", None)


@pytest.fixture
def wind(site: Path) -> Iterator[None]:
    """The package is installed."""
    with installed(site):
        yield


def windy(scenario: dict[str, Any]) -> None:
    """Three intervals; B owns a wind turbine, and a limit that its full power breaks is negotiated."""
    scenario["time"] |= {"steps": 3, "horizon_steps": 2}
    scenario["weather"] = None
    for key in ("weather", "settlement"):
        del scenario[key]
    scenario["networks"].pop("heat")
    electricity = scenario["networks"]["electricity"]
    electricity.pop("background")
    band = {"min": 0.9, "max": 1.001}
    electricity["limits"]["element"] = [{"table": "bus", "name": "5", "voltage_pu": band}]
    scenario["charges"]["electricity"]["rate"] = 1e-3
    scenario["charges"].pop("heat")
    scenario["tariffs"].pop("district")
    for name in ("heat_a", "pv_unit", "cop", "day"):
        scenario["profiles"].pop(name)
    scenario["profiles"]["wind"] = {"file": "series.csv", "column": "wind", "forecast_column": "wind_forecast"}
    scenario["templates"]["hill"] = {"wind_turbine": {"rated_kw": RATED_KW, "cost_per_kwh": 0.02}}
    first, second = scenario["prosumers"]
    first.pop("junction")
    first.update(tariffs=["grid"], devices=[{"type": "fixed_load", "profile": "load_a"}])
    second["devices"] = [
        {"type": "fixed_load", "profile": "load_a"},
        {"type": "wind_turbine", "template": "hill", "profile": "wind"},
    ]
    scenario["negotiation"] = {"enabled": True, "max_rounds": 3}


def frame() -> pd.DataFrame:
    """Profiles of four intervals."""
    rows = made.series(4)
    return rows.assign(wind=[*REALISED, 0.5], wind_forecast=[*FORECAST, 0.5])


@pytest.fixture(scope="module")
def outcome(site: Path, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """A run with the turbine, and the same without charges and without negotiation."""
    folder = tmp_path_factory.mktemp("windy")
    path = made.write(folder, windy, frame=frame())
    with installed(site):
        return run(path, out=folder / "out", counterfactuals=True, progress=False)


@pytest.mark.slow
def test_what_turns_out_is_produced_and_what_was_forecast_is_planned(outcome: RunOutcome) -> None:
    assert outcome.exit_code is ExitCode.COMPLETE
    rows = read_table(outcome.folder, "devices").query("type == 'wind_turbine'")
    np.testing.assert_allclose(rows["el_kw"].head(2), THERE_KW[:2], rtol=1e-6)
    np.testing.assert_allclose(rows["cost"], 0.02 * rows["el_kw"], rtol=1e-6)
    assert set(rows["family"]) == {"source"}
    assert set(rows["carrier"]) == {"electricity"}
    inputs = read_table(outcome.folder, "inputs").query("device == 'wind_turbine'").head(3)
    assert set(inputs["quantity"]) == {"available_kw"}
    np.testing.assert_allclose(inputs["forecast"], RATED_KW * np.array(FORECAST))
    np.testing.assert_allclose(inputs["realised"], THERE_KW)
    alone = read_table(outcome.folder, "alone_devices").query("type == 'wind_turbine'")
    np.testing.assert_allclose(alone["el_kw"], THERE_KW, rtol=1e-6)


@pytest.mark.slow
def test_the_negotiation_curtails_it(outcome: RunOutcome) -> None:
    held = read_table(outcome.folder, "negotiation").dropna(subset=["element"])
    assert set(held["element"]) == {"5"}
    assert outcome.summary["verdict"] == "feasible"
    curtailed = THERE_KW[2] - produced_kw(outcome)[2]
    assert 1.0 < curtailed < THERE_KW[2]
    told = outcome.summary["district"]["market"]["electricity"]
    assert told["available_kwh"] == pytest.approx(sum(THERE_KW))
    assert told["curtailed_kwh"] == pytest.approx(curtailed, rel=1e-6)


def produced_kw(outcome: RunOutcome) -> list[float]:
    """By interval."""
    return list(read_table(outcome.folder, "devices").query("type == 'wind_turbine'")["el_kw"])


@pytest.mark.slow
def test_its_energy_is_balanced(outcome: RunOutcome) -> None:
    devices = read_table(outcome.folder, "devices").groupby(["time", "prosumer"])["el_kw"].sum()
    injected = read_table(outcome.folder, "prosumers").set_index(["time", "prosumer"])["injection_kw"]
    np.testing.assert_allclose(devices, injected.reindex(devices.index), atol=1e-9)


@pytest.mark.slow
def test_the_report_and_the_counterfactuals_have_it(outcome: RunOutcome) -> None:
    report = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert "wind_kw 40.0" in report
    settled = read_table(outcome.folder, "settlement")
    paid = settled[(settled["item"] == "device") & (settled["party"] == "B")].groupby("case")["money"].sum()
    assert paid["in_market"] == pytest.approx(-0.02 * sum(produced_kw(outcome)), rel=1e-6)
    for case in ("alone", "without_negotiation"):
        assert paid[case] == pytest.approx(-0.02 * sum(THERE_KW), rel=1e-6)
    assert "without_charges" in paid


@pytest.mark.usefixtures("wind")
def test_the_resolved_scenario_loads_again_as_it_was(tmp_path: Path) -> None:
    case = load(made.write(tmp_path, windy, frame=frame()))
    text = resolved_toml(case.scenario, tmp_path)
    entry = tomllib.loads(text)["prosumers"][1]["devices"][1]
    assert entry == {
        "type": "wind_turbine", "name": "wind_turbine", "profile": "wind", "rated_kw": RATED_KW, "cost_per_kwh": 0.02
    }  # fmt: skip
    (tmp_path / "again.toml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "again.toml").prosumers[1].devices[1].type == "wind_turbine"


@pytest.mark.usefixtures("wind")
def test_it_is_on_the_reference_page_and_among_the_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = reference_markdown()
    assert "### `wind_turbine`" in page
    assert "| `rated_kw` | required | Rated power, kW. 1e-6 to 1e9. |" in page
    assert "`wind_turbine`." in page.split("| `TYPE` |")[1].split("\n")[0]
    code, told, _ = command(monkeypatch, capsys, "keys", "wind_turbine")
    assert code == 0
    assert "Name of a profile in kW per kW of rated power." in told
    code, told, _ = command(monkeypatch, capsys, "list")
    assert code == 0
    assert "wind_turbine A curtailable wind turbine; its profile is" in told


@pytest.mark.usefixtures("wind")
def test_its_faults_are_told_like_those_of_any_other(tmp_path: Path) -> None:
    def spoil(scenario: dict[str, Any]) -> None:
        windy(scenario)
        scenario["templates"]["hill"]["wind_turbine"]["rated_kw"] = -1.0
        entry = made.device(scenario, "B", "wind_turbine")
        entry["rotor_m"] = 3.0
        others = made.prosumer(scenario, "A")["devices"]
        others += [
            {"type": "wind_turbine", "rated_kw": 5.0, "profile": "wnd"},
            {"type": "wind_turbine", "name": "huge", "rated_kw": 1e9, "profile": "wind"},
            {"type": "wind_turbin"},
        ]

    large = frame().assign(wind=1.5)
    faults = {fault.place: fault for fault in check(made.write(tmp_path, spoil, frame=large))}
    assert faults.keys() == {
        "templates.hill.wind_turbine.rated_kw",
        "prosumers.B.wind_turbine.rotor_m",
        "prosumers.A.wind_turbine.profile",
        "prosumers.A.huge",
        "prosumers.A.wind_turbin.type",
    }
    assert "Did you mean 'wind'?" in faults["prosumers.A.wind_turbine.profile"].remedy
    assert "Did you mean 'wind_turbine'?" in faults["prosumers.A.wind_turbin.type"].remedy
    assert "at most 1e+09 kW" in faults["prosumers.A.huge"].problem


@pytest.mark.usefixtures("wind")
def test_its_values_are_judged_by_their_use(tmp_path: Path) -> None:
    (fault,) = check(made.write(tmp_path, windy, frame=frame().assign(wind=-1.0)))
    assert fault.place == "profiles.wind"
    assert "prosumers.B.wind_turbine.profile uses it as generation" in fault.problem


@pytest.mark.usefixtures("wind")
def test_its_forecast_may_come_from_outside(tmp_path: Path) -> None:
    case = load(made.write(tmp_path, windy, frame=frame()))
    given = with_forecasts(case.prosumers[1], {"Wind_realised[kW]": np.array([7.0])}, begin=1)
    turbine = next(device for device in given.devices if device.type == "wind_turbine")
    (profile,) = turbine.profiles()
    np.testing.assert_allclose(profile.series.realised[:2], [RATED_KW * REALISED[0], 7.0])
    again = with_forecasts(given, {"Wind_realised[kW]": profile.series.realised[1:]}, begin=1)
    assert all(one is other for one, other in zip(again.devices, given.devices, strict=True)), "nothing new came"
    almost = with_forecasts(given, {"Wind_realised[kW]": np.nextafter(profile.series.realised[1:], 9.0)}, begin=1)
    ((changed,),) = (device.profiles() for device in almost.devices if device.type == "wind_turbine")
    np.testing.assert_array_equal(changed.series.realised[1:], np.nextafter(profile.series.realised[1:], 9.0))
    for simulator in (market, profiles):
        assert "Wind_forecast[kW]" in simulator.meta()["models"]["Prosumer"]["attrs"]


@pytest.mark.usefixtures("wind")
def test_the_inventory_tells_its_size(tmp_path: Path) -> None:
    found = examine(made.write(tmp_path, windy, frame=frame()))
    assert found.faults == ()
    assert found.inventory["sizes"] == {"wind_kw": RATED_KW}


def test_without_its_package_the_type_is_unknown(tmp_path: Path) -> None:
    assert "wind_turbine" not in device_kinds()
    places = {fault.place for fault in check(made.write(tmp_path, windy, frame=frame()))}
    assert places == {"prosumers.B.wind_turbine.type", "templates.hill.wind_turbine"}


@pytest.mark.skipif(not PAGE.parent.is_dir(), reason="docs/ is not part of the installed package")
def test_the_page_shows_this_very_file() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert SOURCE in blocks


def refused(folder: Path, source: str, **points: str) -> str:
    """What is said of a package with these entry points, in one text."""
    sys.modules.pop("stranger_half", None)
    with installed(install(folder, "stranger_half", source, **points)), pytest.raises(BadInput) as bad:
        device_kinds()
    sys.modules.pop("stranger_half", None)
    assert all(fault.place.startswith("entry point mosaik_p2p.devices: ") for fault in bad.value.faults)
    assert all("'stranger_half'" in fault.remedy for fault in bad.value.faults)
    return "\n".join(fault.problem for fault in bad.value.faults)


BUILD = SOURCE[SOURCE.index("    def build(") : SOURCE.index("    def sizes(")]
USES = SOURCE[SOURCE.index("    def uses(") : SOURCE.index("    def build(")]
CARRIER = SOURCE[SOURCE.index("    @property\n    def own_carrier") : SOURCE.index("class WindTurbineSection")]
DOCSTRING = '    """A curtailable wind turbine; its profile is in kW per kW of rated power."""\n\n'
HALF_DONE = [
    ("no build", BUILD, "", "WindTurbineSection lacks `build`"),
    ("no uses", USES, "", "WindTurbineSection lacks `uses`"),
    ("no carrier", CARRIER, "\n\n", "WindTurbine, which lacks `own_carrier`"),
    ("nothing of a device", "WindTurbine(Source)", "WindTurbine(Device)", "lacks `block`, `follow`, `profiles`"),
    ("no device", "    device: ClassVar[DeviceClass] = WindTurbine\n", "", "does not say by `device`"),
    ("another type", 'type: ClassVar[str] = "wind', 'type: ClassVar[str] = "pv', "builds WindTurbine, whose type"),
    ("another key", 'Literal["wind_turbine"]', 'Literal["turbine"]', "that its name asks for"),
    ("another name", 'name: PlainName = "wind_turbine"', 'name: PlainName = "wind"', 'has not the name "wind_turbine"'),
    ("no meaning", '    """Rated power, kW."""\n', "", "does not say what its keys mean: rated_kw"),
    ("no docstring", DOCSTRING, "", "in its docstring"),
    ("no example", "example: ClassVar[str] = ", "other: ClassVar[str] = ", "has no `example`"),
    ("wrong example", "rated_kw = 40.0 }", "rated_kw = -40.0 }", "has an `example` that is none"),
    ("broken module", "import dataclass", "import no_such_thing", "cannot be imported (ImportError"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"), [entry[1:] for entry in HALF_DONE], ids=[entry[0] for entry in HALF_DONE]
)
def test_what_is_half_done_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in SOURCE
    source = SOURCE.replace(old, new).replace("DeviceSection, Source", "Device, DeviceSection, Source")
    assert told in refused(tmp_path, source, wind_turbine="stranger_half:WindTurbineSection")


@pytest.mark.parametrize(
    ("point", "told"),
    [
        (
            {"pv": "stranger_half:WindTurbineSection"},
            "there is more than one type of device 'pv'",
        ),
        ({"connection": "stranger_half:WindTurbineSection"}, "has a name that no type of device can have"),
        ({"wind_turbine": "stranger_half:WindTurbine"}, "is no type of device"),
        ({"wind_turbine": "stranger_half:nothing"}, "cannot be imported (AttributeError"),
        ({"wind_turbine": "no_such_module:Section"}, "cannot be imported (ModuleNotFoundError"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_refused(point: dict[str, str], told: str, tmp_path: Path) -> None:
    assert told in refused(tmp_path, SOURCE, **point)


def test_two_packages_with_one_type_are_refused(tmp_path: Path) -> None:
    for package in ("stranger_first", "stranger_half"):
        install(tmp_path, package, SOURCE, wind_turbine=f"{package}:WindTurbineSection")
    with installed(tmp_path), pytest.raises(BadInput) as bad:
        device_kinds()
    assert [fault.value for fault in bad.value.faults] == [
        "'stranger_first:WindTurbineSection'", "'stranger_half:WindTurbineSection'"
    ]  # fmt: skip
    for fault in bad.value.faults:
        assert "there is more than one type of device 'wind_turbine'" in fault.problem
        assert "stranger_first, stranger_half" in fault.remedy


def test_the_command_names_package_and_remedy_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = install(tmp_path, "stranger_half", "raise OSError('no disk')", wind_turbine="stranger_half:Any")
    with installed(folder):
        code, _, told = command(monkeypatch, capsys, "check", "network1")
    assert code == 2
    assert "entry point mosaik_p2p.devices: wind_turbine = 'stranger_half:Any'" in told
    assert "cannot be imported (OSError: no disk)" in told
    assert "uninstall the package 'stranger_half'" in told
    assert "Traceback" not in told


def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit code and output of the command line."""
    monkeypatch.setattr(sys, "argv", ["mosaik-p2p", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), " ".join(printed.out.split()), printed.err
