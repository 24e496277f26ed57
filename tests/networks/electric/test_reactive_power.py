"""Reactive power belongs to what draws or feeds: a load's does not change with the roof above it.

Known answer: 20 kW at cos phi 0.95 draw 20 tan(acos 0.95) = 6.5737 kvar, whatever 80 kW of PV do.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.devices.kinds.pv import Pv, PvSpec
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, reactive_injection_kvar
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.sections.series import Series

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


@pytest.mark.parametrize("value", [0.05, -0.05, 0.0])
def test_a_power_factor_near_zero_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="nearer to zero"):
        PvSpec.model_validate({"type": "pv", "profile": "sun", "peak_kw": 5.0, "power_factor": value})
    made = PvSpec.model_validate({"type": "pv", "profile": "sun", "peak_kw": 5.0, "power_factor": -0.95})
    assert made.power_factor == -0.95


def test_a_dispatch_carries_the_reactive_power_of_its_devices() -> None:
    """A load of 20 kW at 0.95 beside a roof of 80 kW that is sold: the bus draws the load's 6.57 kvar."""
    load = FixedLoad("base", "electricity", flat(20.0))
    contract = Contract("grid", "electricity", np.array([0.3]), np.array([0.1]), 200.0, 200.0)
    injected = []
    for roof in (Pv("pv", flat(80.0), 0.0), Pv("pv", flat(80.0), 0.0, power_factor=0.95)):
        house = Prosumer("A", 3, None, 0.95, (load, roof), (contract,))
        alone = (no_charges(np.zeros(1, dtype=np.int64)), no_charges(np.full(1, -1)))
        case = MarketCase((house,), alone, np.zeros(1, dtype=np.int64), 1.0, 1, 1, Settings(), "stop")
        (sent,) = RollingMarket(case).clear(0).dispatch
        assert sent.injection_kw == pytest.approx(60.0, abs=1e-3)
        injected.append(sent.q_injection_kvar)
    assert injected == pytest.approx([-LOAD_KVAR, 3 * LOAD_KVAR], rel=1e-4)
