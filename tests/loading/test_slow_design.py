"""A design whose clearings take minutes is warned of when a scenario is loaded."""

from mosaik_p2p.loading import examine


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
