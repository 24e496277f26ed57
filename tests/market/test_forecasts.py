"""Series that come from outside: the scenario's own change nothing, others are shared among a prosumer's devices."""

from dataclasses import replace

import numpy as np
import pytest

from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.errors import BadInput
from mosaik_p2p.market.over_time.forecasts import with_forecasts
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import ELECTRICITY

HOUSE, WASHER = np.array([0.1, 0.2, 0.3, 0.7]), np.array([0.2, 0.1, 0.6, 0.0])
OWN = Prosumer(
    "A",
    0,
    None,
    1.0,
    (
        FixedLoad("house", ELECTRICITY, Series(HOUSE, HOUSE + 0.5)),
        FlexibleLoad("washer", ELECTRICITY, Series(WASHER, WASHER), 0.0, 3.0, 0.0),
    ),
    (),
)


@pytest.mark.parametrize("begin", [0, 2])
def test_what_the_scenario_says_itself_makes_no_other_prosumer(begin: int) -> None:
    given = {"P_forecast[kW]": (HOUSE + WASHER)[begin:], "P_realised[kW]": (HOUSE + 0.5 + WASHER)[begin : begin + 1]}
    assert with_forecasts(OWN, given, begin=begin) is OWN
    longer = {"P_forecast[kW]": np.append((HOUSE + WASHER)[begin:], 7.0)}
    assert with_forecasts(OWN, longer, begin=begin) is OWN


def test_another_sum_is_shared_as_the_own_series_are() -> None:
    given = {"P_forecast[kW]": 3.0 * (HOUSE + WASHER)[1:3], "P_realised[kW]": np.array([2.4])}
    changed = with_forecasts(OWN, given, begin=1)
    house, washer = (device.series_by_stem()["P"] for device in changed.devices)
    assert house.forecast == pytest.approx([0.1, 0.6, 0.9, 0.7])
    assert washer.forecast == pytest.approx([0.2, 0.3, 1.8, 0.0])
    assert house.realised == pytest.approx([0.6, 2.4 * 0.7 / 0.8, 0.8, 1.2])
    assert washer.realised == pytest.approx([0.2, 2.4 * 0.1 / 0.8, 0.6, 0.0])
    # A last digit counts.
    nudged = {"P_forecast[kW]": np.nextafter(HOUSE + WASHER, 9.0)}
    assert with_forecasts(OWN, nudged, begin=0) is not OWN
    assert with_forecasts(replace(OWN, devices=OWN.devices[:1]), {"PV_forecast[kW]": HOUSE}, begin=0).devices == (
        OWN.devices[0],
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1])
def test_what_is_no_power_is_refused(wrong: float) -> None:
    with pytest.raises(BadInput, match=r"Prosumer-A: P_forecast\[kW\]"):
        with_forecasts(OWN, {"P_forecast[kW]": np.array([1.0, wrong])}, begin=0)
    beyond = np.append(HOUSE + WASHER, wrong)
    with pytest.raises(BadInput, match=r"P_forecast\[kW\]"):
        with_forecasts(OWN, {"P_forecast[kW]": beyond}, begin=0)
