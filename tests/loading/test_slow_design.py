"""A design whose clearings take minutes, or a form that does, is warned of when a scenario is loaded."""

import pytest

from mosaik_p2p.loading import examine
from mosaik_p2p.loading import warned as warned_module


def warned(*changes: str) -> list[str]:
    found = examine("network1_electric", ["market.design=atc", "negotiation.enabled=false", *changes])
    assert found.faults == ()
    return [f"{one.problem} {one.remedy}" for one in found.warnings if one.place == "market.design"]


def test_a_clearing_that_takes_minutes_is_warned_of() -> None:
    (text,) = warned()
    assert "5 prosumers over 24 intervals takes about 0.6 min" in text
    assert "the run has 24" in text
    assert "day_ahead" in text


def test_day_ahead_there_is_one_of_them() -> None:
    (text,) = warned("time.clearing=day_ahead")
    assert "the run has 1" in text
    assert "day_ahead" not in text


def test_a_short_look_ahead_takes_no_time() -> None:
    assert warned("time.horizon_steps=4") == []


@pytest.mark.parametrize(("many", "form", "told"), [(4, "bilateral", 1), (5, "bilateral", 0), (4, "auto", 0)])
def test_two_copies_of_every_pair_are_warned_of(
    many: int, form: str, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warned_module, "MANY", many)
    found = [
        one for one in examine("network1_electric", [f"market.form={form}"]).warnings if one.place == "market.form"
    ]
    assert len(found) == told
    assert all("10 pairs" in one.problem for one in found)
