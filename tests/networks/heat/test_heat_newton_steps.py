"""Steps of Newton's method among many exchangers are found by iteration, and are those of elimination."""

import numpy as np
import pytest

from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatSettings, heat_case
from mosaik_p2p.networks.heat.flow import NEAR, HeatConnection, HeatFlow
from mosaik_p2p.networks.heat.near import steps
from mosaik_p2p.networks.heat.near.steps import EXACT, MOST_ELIMINATED, newton_step
from mosaik_p2p.units import FloatArray

MANY = MOST_ELIMINATED + 100
SAME = 1e3 * EXACT
"""Of the largest change: the equations amplify what they leave."""


def mixed(count: int, others: float) -> tuple[FloatArray, FloatArray]:
    """Slopes of which the others' are together `others` times as large as a flow's own, and heat that is missing."""
    rng = np.random.default_rng(count)
    slope = rng.uniform(-1.0, 0.0, (count, count)) * others * 2.0 / count * 120.0
    slope[np.diag_indices(count)] = rng.uniform(80.0, 160.0, count)
    return slope, rng.normal(0.0, 3.0, count)


@pytest.mark.parametrize("others", [0.1, 0.9])
def test_steps_are_those_of_elimination(others: float) -> None:
    slope, missing_kw = mixed(MANY, others)
    step, expected = newton_step(slope, missing_kw), np.linalg.solve(slope, missing_kw)
    assert steps._iterated(slope, missing_kw) is not None
    np.testing.assert_allclose(step, expected, rtol=0.0, atol=SAME * np.abs(expected).max())


def test_where_iteration_does_not_arrive_elimination_does() -> None:
    """Each flow moves its neighbour's heat alone: no step of the iteration comes nearer before all are taken."""
    slope = np.roll(np.eye(MANY), 1, axis=0) + 1e-3 * np.eye(MANY)
    missing_kw = np.zeros(MANY)
    missing_kw[0] = 1.0
    assert steps._iterated(slope, missing_kw) is None
    np.testing.assert_allclose(slope @ newton_step(slope, missing_kw), missing_kw, atol=1e-9)
    with pytest.raises(np.linalg.LinAlgError):
        newton_step(np.zeros((MANY, MANY)), missing_kw)


def test_a_village_has_the_same_flows_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = HeatSettings(
        t_supply_c=75.0, t_return_c=45.0, t_ground_c=10.0, bypass_nodes=(STRAND_ENDS,), bypass_mdot_kg_per_s=0.08
    )
    network = heat_case("schutterwald_heat", settings)
    nodes = list(network.nodes)[:: len(network.nodes) // 40]
    places = [HeatConnection(prosumer=n, supply=network.nodes[n][0], return_=network.nodes[n][1]) for n in nodes]
    draw_kw = np.random.default_rng(3).gamma(2.0, 0.75, len(nodes))
    # Two of them feed in, which makes others' heat depend on their flows.
    draw_kw[[3, 20]] *= -1.0
    eliminated = HeatFlow(network, places).solve(draw_kw)
    taken: list[bool] = []
    iterated = steps._iterated

    def counted(slope: FloatArray, missing_kw: FloatArray) -> FloatArray | None:
        step = iterated(slope, missing_kw)
        taken.append(step is not None)
        return step

    monkeypatch.setattr(steps, "MOST_ELIMINATED", 0)
    monkeypatch.setattr(steps, "_iterated", counted)
    flow = HeatFlow(network, places)
    found = flow.solve(draw_kw)
    assert taken
    assert all(taken)
    assert flow.beginnings == {NEAR: 1}
    for table, name in (("pipes", "mdot_kg_per_s"), ("junctions", "t_c"), ("junctions", "p_bar")):
        ours, theirs = (np.array(getattr(result, table)[name], dtype=float) for result in (found, eliminated))
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-7, err_msg=name)
