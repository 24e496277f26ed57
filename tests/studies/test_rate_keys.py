"""Which keys of a charge can be a rate of `optimal-charge`: factors, charges of places, keys of tables within."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.charges.posted import electric_view
from mosaik_p2p.studies.best_rate.command import BestRate, optimal_charge
from mosaik_p2p.studies.best_rate.follower import DayAheadFollower
from mosaik_p2p.studies.best_rate.keys import rate_keys
from mosaik_p2p.studies.best_rate.text import render

pytestmark = pytest.mark.once

CHARGES = "charges.electricity"
NOON, EVENING = ("time.start=2017-03-28T10:00:00+01:00", "time.steps=3"), ("time.start=2017-03-28T18:00:00+01:00",)
BY_HOUR = 'factor=[{from="10:00",to="11:00",factor=1.0},{from="11:00",to="12:00",factor=2.0}]'
TIME_OF_USE = f'{CHARGES}={{mechanism="electrical_distance",rate=0.01,{BY_HOUR}}}'
LOSSES = f'{CHARGES}={{mechanism="loss_based",rate=0.5}}'
TWO_PRICES = f'{CHARGES}={{mechanism="loss_based",rate=0.5,relief_rate=0.2}}'
PLACES = f'{CHARGES}={{mechanism="nodal",per_kwh={{"5"=0.01,"7"=0.0,"10"=0.0,"13"=0.0,"15"=0.02}}}}'


def best(out: Path, key: str, *overrides: str, highest: float | None = None) -> BestRate:
    stated = {"out": out / "x", "overrides": overrides, "highest": highest, "goal": "revenue"}
    return optimal_charge("network1_electric", key, confirm=False, progress=False, **stated)


def follower(keys: Sequence[str], *overrides: str) -> DayAheadFollower:
    case = load("network1_electric", overrides)
    return DayAheadFollower(case, rate_keys(case, keys))


def test_factors_of_single_hours_are_rates() -> None:
    """What each is paid on is what is traded in its hour; the third hour is charged by none of them."""
    keys = [f"{CHARGES}.factor.{n}.factor" for n in range(2)]
    market = follower(keys, *NOON, TIME_OF_USE)
    plain = follower([f"{CHARGES}.rate"], *NOON, f'{CHARGES}={{mechanism="electrical_distance",rate=0.01}}')
    answer = market(np.array([1.0, 1.0]))
    same = plain(np.array([0.01]))
    assert answer.total_cost == pytest.approx(same.total_cost, rel=1e-5)
    assert (answer.charged > 0.0).all()
    third = answer.charges["electricity"] - answer.charged.sum()
    assert third > 0.0
    assert answer.charges["electricity"] == pytest.approx(same.revenue, rel=1e-2)
    dearer = market(np.array([1.0, 3.0]))
    assert dearer.charged[1] < 0.99 * answer.charged[1]
    assert dearer.charged[0] == pytest.approx(answer.charged[0], rel=0.1)
    assert market.highest_rates()[0] == pytest.approx(plain.highest_rates()[0] / 0.01)


def test_a_charge_of_places_is_paid_on_what_they_inject() -> None:
    case = load("network1_electric", [*EVENING, "time.steps=2", LOSSES])
    market = DayAheadFollower(case, rate_keys(case, [f"{CHARGES}.rate"]))
    answer = market(np.array([0.3]))
    marginal = electric_view(case).marginal_loss()
    names = [prosumer.name for prosumer in case.prosumers]
    lost = sum(
        marginal[t, names.index(name)] * done.injection_kw
        for t, day in enumerate(market.dispatches(answer.clearing))
        for name, done in day.items()
    )
    assert answer.charged[0] == pytest.approx(lost, rel=1e-6)
    assert answer.charged[0] > 1.0


def test_what_goes_on_without_trade_has_no_best_rate(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        best(tmp_path, f"{CHARGES}.rate", *EVENING, "time.steps=1", LOSSES)
    (fault,) = caught.value.faults
    assert fault.place == "--max"
    assert "goes on without trade" in fault.problem
    found = best(tmp_path, f"{CHARGES}.rate", *EVENING, "time.steps=1", LOSSES, highest=0.7)
    assert found.exit_code is ExitCode.COMPLETE
    assert found.summary["rates"] == {f"{CHARGES}.rate": pytest.approx(0.7)}


def test_a_key_up_to_another_asks_for_the_highest(tmp_path: Path) -> None:
    key = f"{CHARGES}.relief_rate"
    with pytest.raises(BadInput) as caught:
        best(tmp_path, key, *EVENING, "time.steps=1", TWO_PRICES)
    (fault,) = caught.value.faults
    assert fault.place == "--max"
    assert "no charge at" in fault.problem
    found = best(tmp_path, key, *EVENING, "time.steps=1", TWO_PRICES, highest=0.5)
    assert found.exit_code is ExitCode.COMPLETE


def test_who_is_paid_for_injecting_earns_nobody_anything(tmp_path: Path) -> None:
    """At noon, what the sun feeds in relieves the network: everybody is paid."""
    found = best(tmp_path, f"{CHARGES}.rate", NOON[0], "time.steps=1", LOSSES)
    assert found.exit_code is ExitCode.NO_SOLUTION
    assert "pays more than it is paid" in render(found.summary)
    assert "nobody trades" not in render(found.summary)


def test_a_place_of_a_nodal_charge_is_a_rate() -> None:
    case = load("network1_electric", [*NOON, PLACES])
    assert [key.own for key in rate_keys(case, [f"{CHARGES}.per_kwh.5", f"{CHARGES}.per_kwh.7"])] == [0.01, 0.0]


@pytest.mark.parametrize(
    ("charge", "key", "said"),
    [
        (TIME_OF_USE, "factor.factor", f"such as {CHARGES}.factor.0.factor"),
        (TIME_OF_USE, "factor.2.factor", "from 0 to 1"),
        (TIME_OF_USE, "factor.0.begins", "factor"),
        (TIME_OF_USE, "rate.1", "within 0.01"),
        (LOSSES, "factor.0.factor", "a factor at all times"),
        (PLACES, "per_kwh.6", "5, 7, 10, 13, 15"),
        (TWO_PRICES, "rate", "proportional"),
    ],
)
def test_what_is_no_rate_is_refused(charge: str, key: str, said: str) -> None:
    case = load("network1_electric", [*NOON, "time.steps=1", charge])
    with pytest.raises(BadInput) as caught:
        rate_keys(case, [f"{CHARGES}.{key}"])
    (fault,) = caught.value.faults
    assert said in f"{fault.problem} {fault.remedy}"
