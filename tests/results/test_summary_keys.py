"""What the report and the terminal read of a summary is what a folder's summary is checked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from made_results import Made, write_made
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.checking import KINDS, check_folder
from mosaik_p2p.results.figures.style import clock_of
from mosaik_p2p.results.quantities.drawing import Drawings
from mosaik_p2p.results.report import page as report
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.folder import SUMMARY_FILE
from mosaik_p2p.results.store.reading import Results, read_results

pytestmark = pytest.mark.once


class Watched(dict[str, Any]):
    """Remembers which of its entries were relied on."""

    def __init__(self, entries: dict[str, Any]) -> None:
        super().__init__(entries)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, dict[str, Any]]:
    folder: Path = write_made(tmp_path_factory.mktemp("made"), Made())
    return read_results(folder), json.loads((folder / SUMMARY_FILE).read_text())


def test_every_entry_that_is_relied_on_is_checked(made: tuple[Results, dict[str, Any]]) -> None:
    results, stored = made
    for step in (1.0, 0.5):
        summary = Watched({**stored, "dt_h": step})
        report._page(clock_of(results), summary, Drawings(), ())
        render(summary)
        assert summary.asked - {"cause"} <= set(KINDS), "cause stands in every summary, but is null as a rule"


@pytest.mark.parametrize("key", sorted(KINDS))
def test_a_summary_that_lacks_an_entry_is_refused_by_name(made: tuple[Results, dict[str, Any]], key: str) -> None:
    results, stored = made
    check_folder(results, stored)
    for wrong in ({name: value for name, value in stored.items() if name != key}, {**stored, key: object()}):
        with pytest.raises(BadInput, match=f"{SUMMARY_FILE}: {key}"):
            check_folder(results, wrong)
