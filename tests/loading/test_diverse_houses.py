"""Many houses by VDI 4655: smoother than one, with the same energy, drawn from the seed."""

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p.loading.profiles.vdi import House, diverse, vdi_power_kw
from mosaik_p2p.units import FloatArray

TIMES = pd.date_range("2017-01-01T00:00:00+01:00", periods=8760, freq="h").tz_convert("UTC")


def _power(houses: int, seed: int = 1) -> FloatArray:
    house = House("MFH", 3, 5)
    return vdi_power_kw(
        house, "electricity", annual_kwh=1900.0, region=12, times=TIMES, step_minutes=60, houses=houses, seed=seed
    )


def test_three_hundred_houses_do_not_jump_where_one_does() -> None:
    one, many = _power(1), _power(300)
    january = slice(15 * 24, 17 * 24)
    assert (one[1:] / one[:-1])[january].max() > 2.0
    assert (many[1:] / many[:-1])[january].max() < 1.6
    assert many.max() < 0.8 * one.max()
    assert many.sum() == pytest.approx(one.sum(), rel=1e-9)
    assert many.sum() == pytest.approx(1900.0, rel=1e-6)


def test_the_seed_draws_the_houses_and_one_house_is_the_guidelines() -> None:
    values = np.arange(288.0)
    assert diverse(values, houses=1, seed=3) is values
    np.testing.assert_array_equal(diverse(values, houses=5, seed=3), diverse(values, houses=5, seed=3))
    assert not np.array_equal(diverse(values, houses=5, seed=3), diverse(values, houses=5, seed=4))
