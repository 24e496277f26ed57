"""A bare function as a mechanism: the example of docs/extending.md, from a scenario, and what is wrong with others."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mosaik_p2p import cli
from mosaik_p2p.api import charge_sheets, check
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.charges.posted import posted_charges
from mosaik_p2p.scenario.write import resolved_toml
from strangers.installed import HERE, found, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

NAME, MODULE = "half_in_village", "own_village"
TEXT = (HERE / f"{NAME}.py").read_text(encoding="utf-8")
PAGE = DOCS / "extending.md"
KEYS = 'parameters={ rate=0.01, village=["13", "5"] }'


def charge(keys: str = KEYS, name: str = "village") -> str:
    return f'charges.electricity={{ mechanism="{MODULE}:{name}", {keys} }}'


@pytest.fixture
def on_path(tmp_path: Path) -> Iterator[Path]:
    lay(tmp_path, MODULE, TEXT)
    with found(tmp_path, MODULE):
        yield tmp_path


def test_a_scenario_is_charged_by_the_function(on_path: Path) -> None:
    (sheet,) = charge_sheets("network1_electric", overrides=[charge()], allow_code=True)
    ohm = 'charges.electricity={ mechanism="thevenin_distance", rate=0.01, payer="split" }'
    (whole,) = charge_sheets("network1_electric", overrides=[ohm])
    expected = whole.total_per_kwh.copy()
    expected[0, 1] = expected[1, 0] = expected[0, 1] / 2
    np.testing.assert_allclose(sheet.total_per_kwh, expected)
    assert sheet.mechanisms == (f"{MODULE}:village",)
    # As resolved it can be loaded again.
    case = load("network1_electric", [charge()], allow_code=True)
    again = on_path / "again.toml"
    again.write_text(resolved_toml(case.scenario, on_path), encoding="utf-8")
    posted = posted_charges(load(again, allow_code=True)).pairs[0]
    np.testing.assert_allclose(np.asarray(posted.total), expected)


@pytest.mark.usefixtures("on_path")
def test_code_is_not_imported_unasked() -> None:
    (fault,) = check("network1_electric", overrides=[charge()])
    assert "--allow-code" in fault.remedy
    assert MODULE not in sys.modules


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(
    ("keys", "places"),
    [
        ("factor=[]", {"parameters"}),
        ("parameters={ rate=0.1 }", {"parameters.village"}),
        ('parameters={ rate="0.1", village=["13"], shar=1 }', {"parameters.rate", "parameters.shar"}),
        (f"{KEYS}, rate=1", {"rate"}),
    ],
)
def test_parameters_are_checked_as_keys(keys: str, places: set[str]) -> None:
    faults = check("network1_electric", overrides=[charge(keys)], allow_code=True)
    assert {fault.place.removeprefix("charges.electricity.") for fault in faults} == places


@pytest.mark.usefixtures("on_path")
def test_its_parameters_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["mosaik-p2p", "keys", f"{MODULE}:village"])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().out
    assert "among those of the village a share" in told
    assert "parameters" in told


def test_a_function_may_take_whatever_parameters_there_are(tmp_path: Path) -> None:
    lay(tmp_path, MODULE, TEXT.replace("share: float = 0.5", "**more: float").replace("share, 1.0", 'more["s"], 1.0'))
    with found(tmp_path, MODULE):
        keys = 'parameters={ rate=0.01, village=["13"], s=0.1 }'
        assert check("network1_electric", overrides=[charge(keys)], allow_code=True) == ()


OTHERS = {
    "no view": ("def f():\n    pass", "takes no view"),
    "positional only": ("def f(view, rate, /):\n    pass", "takes no view"),
    "no table's type": ("import numpy as np\ndef f(view, rate: np.ndarray):\n    pass", "no table can hold"),
    "nothing given": ("def f(view):\n    pass", "NoneType"),
    "it fails": ("def f(view):\n    return 1 / 0", "ZeroDivisionError"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_functions_that_are_none_are_told(case: str, tmp_path: Path) -> None:
    text, problem = OTHERS[case]
    keys = "parameters={ rate=1 }" if "rate" in text else "parameters={}"
    lay(tmp_path, MODULE, text)
    with found(tmp_path, MODULE):
        faults = check("network1_electric", overrides=[charge(keys, "f")], allow_code=True)
        if case == "no view":
            with pytest.raises(BadInput):
                load("network1_electric", [charge(keys, "f")], allow_code=True)
    assert [fault.place for fault in faults] == ["charges.electricity.mechanism"]
    assert problem in faults[0].problem


@pytest.mark.skipif(not PAGE.is_file(), reason="docs/ is not part of the installed package")
def test_the_page_shows_the_file_that_was_tried() -> None:
    assert TEXT in PAGE.read_text(encoding="utf-8")
    assert len(TEXT.splitlines()) <= 16
