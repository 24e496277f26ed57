"""Why a clearing under rows is not what was asked for: a bound that is none is told apart from one that stays open."""

import pytest

from markets import radial_market
from mosaik_p2p.errors import Status
from mosaik_p2p.market.negotiation.constrained_clearing import ConstrainedClearing, clear_constrained, connected
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.operator_step import OperatorForm
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet

pytestmark = pytest.mark.once

MUCH = 1e5
ITERATIONS = 100


def cleared_with(penalty: float, monkeypatch: pytest.MonkeyPatch) -> ConstrainedClearing:
    """The lower bound is less by `penalty`; the iterations are several times as many as the market needs."""
    monkeypatch.setattr(OperatorForm, "added", lambda *_: penalty)
    problem = connected(radial_market(4, 1, nodes=(5, 5)))
    return clear_constrained(problem, Limits(()), Settings(max_iterations=ITERATIONS), alone=Fleet(problem).alone)


@pytest.mark.once
@pytest.mark.parametrize(
    ("penalty", "told"), [(-MUCH, "the cost lies below its bound"), (MUCH, "the bound does not close")]
)
def test_each_kind_of_failure_has_words_of_its_own(penalty: float, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clearing = cleared_with(penalty, monkeypatch).clearing
    assert clearing.status is Status.NOT_CONVERGED
    assert str(clearing.cause).startswith("under the networks' limits, after ")
    assert told in str(clearing.cause)
    assert "central" not in str(clearing.cause)


def test_what_is_within_has_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    clearing = cleared_with(0.0, monkeypatch).clearing
    assert (clearing.status, clearing.cause) == (Status.OK, None)
