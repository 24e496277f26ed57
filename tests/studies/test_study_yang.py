"""The study beside Yang et al.: every row is told, and directions are judged by what was found."""

from dataclasses import replace

import pytest

from mosaik_p2p.loading import load
from mosaik_p2p.scenarios.study_yang import District, left_at, rows, study, without_storage

pytestmark = pytest.mark.once

STEEP = District(
    name="x",
    own_rate=0.01,
    rate=0.02,
    profit=5.0,
    revenue=8.0,
    bound=8.01,
    is_cliff=True,
    gain_left=0.95,
    saved=1.0,
    curve=((0.1, 1.0, -1.0), (2.0, 0.4, 5.0), (4.0, 0.0, -2.0)),
    most_turns=1,
)
FLAT = replace(STEEP, curve=((0.1, 1.0, -1.0), (2.0, 0.8, 5.0), (4.0, 0.0, -2.0)))


def test_who_keeps_less_of_its_trade_is_more_sensitive() -> None:
    assert left_at(STEEP, 3.0) == pytest.approx(0.2)
    assert _same(rows(STEEP, FLAT))["storage makes more sensitive"] == "yes"
    assert _same(rows(FLAT, STEEP))["storage makes more sensitive"] == "no"
    assert _same(rows(FLAT, FLAT))["storage makes more sensitive"] == "cannot be said"


def test_directions_that_are_not_found_are_told() -> None:
    told = _same(rows(STEEP, FLAT))
    assert set(told.values()) == {"yes"}
    other = replace(STEEP, most_turns=3, profit=-1.0, saved=-1.0, gain_left=0.5)
    assert sorted(_same(rows(other, FLAT)).values()) == ["no"] * 4 + ["yes"] * 2


def _same(table: list[tuple[str, str, str, str]]) -> dict[str, str]:
    return {figure: same for figure, _, _, same in table}


def test_without_storage_everything_else_stays() -> None:
    case = load("network1_electric", ["time.steps=1"])
    bare = without_storage(case)
    before = [[device for device in prosumer.devices if device.type != "battery"] for prosumer in case.prosumers]
    assert [list(prosumer.devices) for prosumer in bare.prosumers] == before
    assert sum(len(prosumer.devices) for prosumer in case.prosumers) > sum(map(len, before))


@pytest.mark.once
@pytest.mark.slow
def test_the_study_tells_every_row() -> None:
    noon = ["time.start=2017-03-28T10:00:00+01:00", "time.steps=3"]
    text = study(overrides=noon, levels=3, progress=False)
    for figure, *_ in rows(STEEP, FLAT):
        (line,) = [line for line in text.splitlines() if line.startswith(f"{figure}  ")]
        assert line.endswith(("yes", "no", "cannot be said"))
    assert text.count("rate/own") == 2
