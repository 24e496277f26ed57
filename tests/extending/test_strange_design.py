"""A market design of somebody else is one file: chosen by name or place, checked, listed, cleared in every path."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mosaik_p2p
from mosaik_p2p.api import check, list_shipped
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.designs.registry import DESIGNS, GROUP
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.scenario.reference import entry_text, named, reference_markdown
from mosaik_p2p.scenario.write import resolved_toml
from strangers.installed import HERE, found, install, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

MODULE = "feed_in_cap"
TEXT = (HERE / f"{MODULE}.py").read_text(encoding="utf-8")
PLACE = f"{MODULE}:FeedInCap"
NOON = ["time.start=2017-03-28T12:00:00+01:00", "time.horizon_steps=2", "settlement.through_networks=[]"]
MOST_KW = 1.0


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("installed")
    lay(folder, MODULE)
    install(folder, GROUP, {MODULE: PLACE}, package="strange-design")
    with found(folder, MODULE):
        yield


def most_exported(changes: list[str], *, allow_code: bool = False) -> float:
    case = market_case(load("network1_electric", [*NOON, *changes], allow_code=allow_code))
    return max(make_market(case).clear(0).tables["prosumers"]["export_kw"])


@pytest.mark.parametrize("clearing", ["rolling", "day_ahead"])
def test_it_clears_every_market(clearing: str) -> None:
    asked = [f"time.clearing={clearing}", f"market.design={MODULE}", f"market.{MODULE}.most_kw={MOST_KW}"]
    assert most_exported([f"time.clearing={clearing}"]) > MOST_KW + 1.0
    assert most_exported(asked) == pytest.approx(MOST_KW, abs=1e-3)


def test_its_place_and_parameters_do() -> None:
    asked = [f'market.design="{PLACE}"', f"market.parameters={{ most_kw = {MOST_KW} }}"]
    assert most_exported(asked, allow_code=True) == pytest.approx(MOST_KW, abs=1e-3)
    with pytest.raises(BadInput) as bad:
        load("network1_electric", asked)
    assert [fault.place for fault in bad.value.faults] == ["market.design"]


def test_faults_of_its_table_have_their_places() -> None:
    wrong = [
        f"market.design={MODULE}",
        f"market.{MODULE}.most_kw=-1",
        f"market.{MODULE}.most=1",
        "market.feed_in_cup={}",
    ]
    assert {fault.place for fault in check("network1_electric", overrides=wrong)} == {
        f"market.{MODULE}.most_kw",
        f"market.{MODULE}.most",
        "market.feed_in_cup",
    }


def test_a_table_of_a_design_that_is_not_chosen_is_warned_of() -> None:
    case = load("network1_electric", [f"market.{MODULE}.most_kw=2.0"])
    assert [warning.place for warning in case.warnings if MODULE in warning.place] == [f"market.{MODULE}"]
    chosen = load("network1_electric", [f"market.{MODULE}.most_kw=2.0", f"market.design={MODULE}"])
    assert not [warning for warning in chosen.warnings if MODULE in warning.place]


def test_what_a_run_notes_of_its_scenario_has_its_keys() -> None:
    case = load("network1_electric", [f"market.design={MODULE}", f"market.{MODULE}.most_kw=2.0"])
    text = resolved_toml(case.scenario, case.path.parent)
    assert f'design = "{MODULE}"' in text
    assert "most_kw = 2.0" in text


@pytest.mark.slow
def test_a_run_with_it_negotiates_and_is_settled(tmp_path: Path) -> None:
    changes = [*NOON, f"market.design={MODULE}", f"market.{MODULE}.most_kw={MOST_KW}", "negotiation.enabled=true"]
    outcome = mosaik_p2p.run("network1_electric", out=tmp_path / "run", steps=1, overrides=changes, progress=False)
    assert outcome.summary["complete"]
    exported = pd.read_parquet(outcome.folder / "prosumers.parquet")["export_kw"]
    assert exported.max() == pytest.approx(MOST_KW, abs=1e-3)


def test_lists_and_pages_have_it() -> None:
    assert list_shipped().market_designs[MODULE].startswith("Everyone trades freely")
    assert "`[market.feed_in_cap]`" in reference_markdown()
    assert "What one member may feed in" in entry_text(named(MODULE)[0])


HALF_DONE = {
    "no docstring": (TEXT.replace('    """Everyone', '    # """Everyone'), "docstring"),
    "a key that means nothing": (
        TEXT.replace('    """What one member may feed in over its contract, kW."""', ""),
        "most_kw",
    ),
    "no way to clear": (TEXT.replace("def clear(", "def clears("), "clear"),
    "a key without a default": (TEXT.replace(" = 5.0", ""), "default"),
}


@pytest.mark.parametrize("name", HALF_DONE)
def test_one_that_is_half_done_is_refused(name: str, tmp_path: Path) -> None:
    text, told = HALF_DONE[name]
    lay(tmp_path, "half_design", text)
    install(tmp_path, GROUP, {"half_design": "half_design:FeedInCap"}, package="half-design")
    with found(tmp_path, "half_design"), pytest.raises(BadInput) as bad:
        DESIGNS.known()
    assert told in str(bad.value)


def test_the_page_shows_this_file() -> None:
    assert TEXT in (DOCS / "extending.md").read_text(encoding="utf-8")
