"""While a world runs its parts are left alone by the collector of cycles, and afterwards all is as it was."""

import gc
from collections.abc import Iterator

import pytest

from mosaik_p2p.sims.world.garbage import left_alone


@pytest.fixture(autouse=True)
def _nothing_put_aside() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_lives_is_put_aside_and_comes_back() -> None:
    before = gc.get_threshold()
    with left_alone():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] >= before[0]
        assert gc.get_threshold()[1:] == before[1:]
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_also_after_a_failure() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyboardInterrupt), left_alone():
        raise KeyboardInterrupt
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_cycles_that_are_made_meanwhile_are_collected() -> None:
    class Knot:
        """Of which nothing but itself knows."""

    with left_alone():
        knot = Knot()
        knot.itself = knot  # type: ignore[attr-defined]
        del knot
        assert gc.collect() > 0


def test_what_somebody_else_has_put_aside_stays_there() -> None:
    gc.freeze()
    count = gc.get_freeze_count()
    with left_alone():
        pass
    assert gc.get_freeze_count() >= count > 0


def test_a_collector_that_is_off_stays_off() -> None:
    gc.set_threshold(0)
    with left_alone():
        assert gc.get_threshold()[0] == 0
