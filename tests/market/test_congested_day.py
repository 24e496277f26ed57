"""A day of eight members on two congested networks with limits inside the clearing: nobody regrets it, and weights keep
the limits in every step."""

import os
from dataclasses import replace

import numpy as np
import pytest

from design_tasks import first_day
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.cleared import Progress
from mosaik_p2p.market.designs import weights
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.state import NegotiationState, Offer
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet

takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")

REGRET = 1e-4
"""Of what everyone pays alone, at a gap of a tenth of it."""
WEIGHTS = {"A": 1.5, "G": 0.75}
LATE_MORNING = ["time.start=2017-03-28T10:00:00+01:00", "time.steps=3", "time.horizon_steps=3"]
KEPT = 1e-4
"""Of a limit: by how much a clearing may miss its row."""
GAP = 1e-3


def congested(*overrides: str, relative_gap: float) -> Task:
    """The first look-ahead of the congested case, with both networks to ask."""
    case = load("network2_congested", overrides)
    return replace(first_day(market_case(case), relative_gap=relative_gap), operator=operator_of(case))


@takes_minutes
@pytest.mark.parametrize("hours", [LATE_MORNING, []], ids=["three hours", "a day"])
def test_nobody_has_much_to_regret_under_limits(hours: list[str]) -> None:
    task = congested(*hours, relative_gap=1e-5)
    found = Dlmp().clear(task).clearing
    alone = Fleet(solvable(task.problem)).alone.cost
    assert found.status is Status.OK
    assert found.regrets is not None
    assert np.abs(found.regrets.prosumers / alone).max() <= REGRET


@takes_minutes
def test_limits_hold_after_every_step_of_two_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[NegotiationState, Offer]] = []

    def recorded(
        state: NegotiationState, settings: Settings, on_check: Progress | None
    ) -> tuple[NegotiationState, Offer]:
        seen.append(priced(state, settings, on_check))
        return seen[-1]

    monkeypatch.setattr(weights, "priced", recorded)
    task = congested(relative_gap=GAP)
    found = Dlmp(weights=WEIGHTS).clear(task)
    assert found.clearing.status is Status.OK
    assert found.clearing.cause is None
    # More clearings than rounds with the operator: levies were repeated until they rested.
    assert len(seen) > found.rounds
    bound = 0
    for _, offer in seen:
        for row, multiplier in zip(offer.log.rows, offer.log.multiplier, strict=True):
            kw = offer.constrained.injection_kw[row.carrier, row.interval]
            assert float(row.slope @ kw) <= row.bound + KEPT * abs(row.limit)
            bound += float(multiplier) > 0.0
    assert bound > len(seen)
