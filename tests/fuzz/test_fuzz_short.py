"""A short slice of the fuzzer: the same inputs in every run, through every door that is quick enough.

The long one is by hand, see `python tests/fuzz --help`.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pandas as pd
import pytest

import outsider
import plain_markets
from fuzz import bases, csvs, judge_folder, judge_input, netfiles, payloads, trees
from fuzz.dice import dice_for
from fuzz.findings import Finding, attempt
from fuzz.judge_market import of_clearing
from fuzz.one_way import LookAhead, least
from fuzz.pool import fuzz
from mosaik_p2p.single_period.clearing import clear_plain
from mosaik_p2p.single_period.report import as_json

SEED = 8
SLICE = {
    **{"scenario": 6, "override": 6, "nonsense": 3, "profile": 5, "houses": 3, "network": 6, "place": 4},
    **{"code": 8, "tables": 15, "stressed": 15, "run": 1, "market": 1, "foreign": 1, "damage": 4, "outcome": 3},
}
"""Tries per surface."""


def worded(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.kind}: {finding.what}" for finding in findings]


@pytest.mark.once
@pytest.mark.slow
def test_a_short_slice_finds_nothing() -> None:
    tries = [(surface, number) for surface, count in SLICE.items() for number in range(count)]
    tally = fuzz(tries, seed=SEED)
    assert dict(tally.tries) == SLICE
    told = [
        f"{found.finding.kind}: {found.finding.what}\n{found.finding.detail}\n{found.command}"
        for found in tally.found.values()
    ]
    assert not told, "\n".join(told)


def test_every_try_is_of_its_number_alone() -> None:
    drawn = [trees.mutated(dice_for("scenario", 1, number), bases.cases().tables, times=3) for number in (3, 4, 3)]
    assert repr(drawn[0]) == repr(drawn[2]) != repr(drawn[1])


def test_what_the_program_should_not_raise_is_a_finding_with_its_place() -> None:
    (found,) = attempt(lambda: as_json(None)).findings  # type: ignore[arg-type]
    assert (found.kind, found.what) == ("traceback", "AttributeError in mosaik_p2p.single_period.report.as_json")


def test_a_row_and_a_header_that_no_reader_should_take() -> None:
    text = "name,a,b\nA,1,2\nB,1,5,2\n"
    assert csvs.too_long_row(text) == 3
    assert csvs.too_long_row(text.replace("1,5", "1.5")) is None
    assert csvs.header_twice("name,a, a\n") == "a"
    assert csvs.header_twice(text) is None


@pytest.mark.parametrize("kind", ["electric", "heat"])
def test_repeated_keys_are_seen_at_every_depth(kind: str) -> None:
    sound = {"electric": bases.electric_text, "heat": bases.heat_text}[kind]()
    assert netfiles.repeated_keys(sound) == []
    inside = sound.replace(r"\"columns\":", r"\"data\":[],\"columns\":", 1)
    assert netfiles.repeated_keys(inside) == ["data"]
    assert netfiles.repeated_keys('{"a": [{"b": 1, "b": 2}]}') == ["b"]


def test_words_of_a_library_are_no_message() -> None:
    fault = judge_input.Fault("file", "x.csv", "Error tokenizing data. C error: Expected 3 fields", "Give a CSV file.")
    assert worded(list(judge_input.of_faults((fault,)))) == ["message: 'C error' at file"]


def test_absurd_numbers_are_seen(tmp_path: Path) -> None:
    tables = bases.cases().tables
    bases.write(tmp_path, bases.cases())
    assert list(judge_input.of_accepted(tmp_path, tables)) == []
    tables["scale"]["pv"] = 1e308
    assert worded(list(judge_input.of_accepted(tmp_path, tables))) == ["accepted: an absurd number at scale.pv"]


def cleared() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    agents, pairs = plain_markets.random_tables(5)
    return agents, pairs, as_json(clear_plain(agents, pairs))


def test_a_sound_clearing_is_let_pass() -> None:
    agents, pairs, told = cleared()
    assert list(of_clearing(agents, pairs, told, gap=1e-4)) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"relative_gap": 1e-3}, "ok above the gap that was asked for"),
        ({"cost": -20.0}, "the cost is not that of the trades"),
        ({"lower_bound": -50.0}, "the gap is not the README's formula"),
        ({"trades": []}, "trades and net sales differ"),
    ],
)
def test_a_clearing_that_claims_too_much_is_seen(change: dict[str, object], what: str) -> None:
    agents, pairs, told = cleared()
    assert f"market: {what}" in worded(list(of_clearing(agents, pairs, {**told, **change}, gap=1e-4)))


def test_a_gap_that_is_above_the_reported_one_is_seen() -> None:
    agents, pairs, told = cleared()
    cheaper = agents.assign(b=agents["b"] - 0.2 * (agents["p_max_kw"] > 0))
    assert "market: the true gap is above the reported one" in worded(list(of_clearing(cheaper, pairs, told, gap=1e-4)))


def test_the_least_cost_of_a_store_that_may_go_one_way_only() -> None:
    """It is paid 1 per kWh for taking, and has room for 1 kWh: 2 kWh fill it; discharging meanwhile, 3.5."""
    programme = outsider.Programme()
    (bought,) = programme.variables(1, 0.0, 4.0, -1.0)
    charge, discharge = programme.variables(2, 0.0, 4.0)
    (level,) = programme.variables(1, 0.0, 1.0)
    programme.equation([(bought, 1.0), (charge, -1.0), (discharge, 1.0)], 0.0)
    programme.equation([(level, 1.0), (charge, -0.5), (discharge, 2.0)], 0.0)
    ahead = LookAhead(programme, ((int(charge), int(discharge)),))
    assert programme.minimum() == pytest.approx(-3.5, abs=1e-6)
    assert least(ahead, within=1e-9) == pytest.approx(-2.0, abs=1e-6)


def test_files_that_change_or_go_are_seen(tmp_path: Path) -> None:
    for name in ("kept", "changed", "gone"):
        (tmp_path / name).write_text("mine")
    before = judge_folder.snapshot(tmp_path)
    assert list(judge_folder.of_files(before, tmp_path, "nothing")) == []
    (tmp_path / "changed").write_text("yours")
    (tmp_path / "gone").unlink()
    found = list(judge_folder.of_files(before, tmp_path, "run"))
    assert sorted(worded(found)) == ["lost: run: lost gone", "lost: run: replaced changed"]


def test_hidden_payloads_are_files_that_differ_from_the_sound_one() -> None:
    for number in range(30):
        text = payloads.hidden(Random(number), bases.electric_text(), "electric", "canary")
        assert text != bases.electric_text()
        assert netfiles.REPEATED not in text
