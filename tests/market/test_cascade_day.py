"""A day of eight members on a congested feeder by targets and answers, beside the clearing that finds both at once."""

import os
from dataclasses import replace

import numpy as np
import pytest

from design_tasks import first_day
from mosaik_p2p import loading
from mosaik_p2p.errors import Status
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import CaseOperator, electric_of
from mosaik_p2p.market.designs.kinds.atc import Atc
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp

takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")


@takes_minutes
def test_a_congested_day_costs_what_it_does_at_once() -> None:
    case = loading.load("network2_congested")
    day = replace(first_day(market_case(case), relative_gap=1e-3), operator=CaseOperator(electric_of(case), None))
    at_once, found = Dlmp().clear(day), Atc().clear(day)
    assert found.clearing.status is Status.OK
    assert found.clearing.cause is None
    assert found.clearing.cost == pytest.approx(at_once.clearing.cost, rel=1e-3)
    assert found.surcharge_per_kwh is not None
    assert at_once.surcharge_per_kwh is not None
    assert np.abs(at_once.surcharge_per_kwh).max() > 0.05
    assert found.surcharge_per_kwh == pytest.approx(at_once.surcharge_per_kwh, abs=0.01)
