"""Reactive power belongs to what draws or feeds: a load's does not change with the roof above it.

Known answer: 20 kW at cos phi 0.95 draw 20 tan(acos 0.95) = 6.5737 kvar, whatever 80 kW of PV do.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_p2p.prosumers.devices import Battery, Device, FixedLoad, Generator, HeatPump, Prosumer, Pv, Series
from mosaik_p2p.prosumers.state import reactive_injection_kvar, reactive_share

LOAD_KVAR = 6.573682
"""20 kW * tan(acos(0.95))."""
EXACT = 1e-6


def flat(kw: float) -> Series:
    return Series(np.array([kw]), np.array([kw]))


def owner(*devices: Device, power_factor: float = 0.95) -> Prosumer:
    return Prosumer("A", 0, None, power_factor, devices, ())


def test_a_roof_does_not_change_the_reactive_power_of_the_load_below() -> None:
    house = owner(FixedLoad("base", "electricity", flat(20.0)), Pv("pv", flat(80.0), 0.0))
    for roof_kw in (0.0, 20.0, 80.0):
        assert reactive_injection_kvar(house, {"base": -20.0, "pv": roof_kw}) == pytest.approx(-LOAD_KVAR, rel=EXACT)


def test_machines_go_by_their_own_power_factor_and_what_draws_by_its_owners() -> None:
    devices = (
        HeatPump("heat_pump", 5.0, np.array([3.0])),
        Pv("pv", flat(80.0), 0.0, power_factor=-0.95),
        Generator("generator", 0.0, 50.0, 0.1, 0.0, power_factor=0.8),
        Battery("battery", 5.0, 5.0, 0.0, 10.0, 5.0, 5.0, 0.9, 0.9, 0.0),
    )
    house = owner(*devices)
    only = {"heat_pump": 0.0, "pv": 0.0, "generator": 0.0, "battery": 0.0}
    assert reactive_injection_kvar(house, only) == 0.0
    assert reactive_injection_kvar(house, {**only, "heat_pump": -20.0}) == pytest.approx(-LOAD_KVAR, rel=EXACT)
    # Under-excited: the roof draws what the load would.
    assert reactive_injection_kvar(house, {**only, "pv": 20.0}) == pytest.approx(-LOAD_KVAR, rel=EXACT)
    assert reactive_injection_kvar(house, {**only, "generator": 40.0}) == pytest.approx(30.0, rel=EXACT)
    assert reactive_injection_kvar(house, {**only, "battery": -5.0}) == 0.0


@given(st.floats(0.1, 1.0))
def test_share_is_the_tangent_and_changes_sign_with_the_power_factor(power_factor: float) -> None:
    assert reactive_share(power_factor) == pytest.approx(np.tan(np.arccos(power_factor)), rel=EXACT, abs=EXACT)
    assert reactive_share(-power_factor) == -reactive_share(power_factor)
