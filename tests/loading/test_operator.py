"""What a design may ask the networks, beside what the grids of a co-simulation say, and finite differences."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandapower
import pytest

from mosaik_p2p.limits.rows import EVERY_LIMIT
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.over_time.outcome import ProsumerDispatch
from mosaik_p2p.networks.electric.response.branch_losses import branch_losses
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.sims import electric_grid, heat_grid
from mosaik_p2p.sims.market import events_of
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT

EVENING = 19
SAME = {ELECTRICITY: 1e-7, HEAT: 2e-3}
"""Relative to what is limited: the powers balance to that, and heat is delivered to 0.05 kW."""
SLOPE = {ELECTRICITY: 1e-6, HEAT: 2e-2}
"""Relative to the largest entry of a row."""
MOVE_KW = 1.0


@pytest.fixture(scope="module")
def case() -> Case:
    return load("network2_congested")


@pytest.fixture(scope="module")
def operator(case: Case) -> Operator:
    found = operator_of(case)
    assert found is not None
    return found


def exchange_of(case: Case, seed: int, size_kw: float = 60.0) -> Exchange:
    """Injections as they may come, most of heat drawn, and reactive power along with them."""
    rng = np.random.default_rng(seed)
    count = len(case.prosumers)
    heat = rng.uniform(-0.25 * size_kw, 0.05 * size_kw, count)
    injection = np.stack([rng.uniform(-size_kw, size_kw, count), heat])
    return Exchange(injection, 0.3 * injection[0])


def told_by_grid(case: Case, network: str, exchange: Exchange, t: int) -> dict[str, Any]:
    """The answer of a grid of the co-simulation, to the dispatch that a market would emit in interval `t`."""
    grid: Any = {ELECTRICITY: electric_grid, HEAT: heat_grid}[network].Simulator()
    grid.init(network, time_resolution=3600.0)
    grid.create(1, "Grid", scenario=case, limit_rows=True)
    grid.setup_done()
    scaling = {"load_scaling[1]": case.load_scaling(t), "generation_scaling[1]": case.generation_scaling(t)}
    inputs: dict[str, dict[str, dict[str, Any]]] = {"Grid": {"round": {"market.Market": 0}}}
    if network == ELECTRICITY:
        inputs["Grid"] |= {name: {"profiles.Background": factor} for name, factor in scaling.items()}
    for n, prosumer in enumerate(case.prosumers):
        kw, heat_kw = (float(power) for power in exchange.injection_kw[:, n])
        kvar = float(exchange.reactive_kvar[n])
        events = events_of(ProsumerDispatch(prosumer.name, kw, kvar, -heat_kw))
        entity, names = f"Bus-{prosumer.bus}", ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]")
        if network == HEAT:
            entity, names = f"Consumer-{prosumer.name}", ("Q_heat[kW]",)
        for name in names:
            inputs.setdefault(entity, {}).setdefault(name, {})[f"market.Prosumer-{prosumer.name}"] = events[name]
    grid.step(t, inputs, t)
    return dict(grid.get_data({"Grid": ["violations"]})["Grid"]["violations"])


@pytest.mark.parametrize("network", CARRIERS)
def test_the_operator_says_what_the_grids_will_say(case: Case, operator: Operator, network: str) -> None:
    told, broken = 0, 0
    for t, seed in ((2, 0), (EVENING, 1), (12, 2)):
        exchange = exchange_of(case, seed)
        expected = told_by_grid(case, network, exchange, t)
        report = operator.reports(exchange, t)[CARRIERS.index(network)]
        assert report.is_solved
        assert expected["status"] in ("ok", "not_deliverable")
        assert report.broken == {(item["element"], item["quantity"]) for item in expected["items"]}
        keys = [(row["element"], row["quantity"], row["upper"]) for row in expected["rows"]]
        assert [tuple(row.key) for row in report.rows] == keys
        for row, other in zip(report.rows, expected["rows"], strict=True):
            assert (row.limit, row.unit) == (other["limit"], other["unit"])
            assert row.value == pytest.approx(other["value"], abs=SAME[network] * max(abs(row.limit), 1.0))
            for own, entries in ((row.per_kw, other["per_kw"]), (row.per_kvar, other["per_kvar"])):
                theirs = {name.removeprefix("Prosumer-"): value for name, value in entries.items()}
                largest = max(map(abs, theirs.values()), default=0.0)
                assert own == pytest.approx(theirs, abs=SLOPE[network] * largest)
        told, broken = told + len(keys), broken + len(report.broken)
    assert told > broken > 0


def test_an_answer_does_not_depend_on_those_before(case: Case, operator: Operator) -> None:
    exchange = exchange_of(case, 1)
    first = operator.reports(exchange, EVENING)[0]
    operator.reports(exchange_of(case, 2, size_kw=90.0), EVENING, kept=EVERY_LIMIT)
    again = operator.reports(exchange, EVENING)[0]
    assert [row.key for row in again.rows] == [row.key for row in first.rows]
    values = [row.value for row in first.rows]
    assert [row.value for row in again.rows] == pytest.approx(values, rel=SAME[ELECTRICITY])
    # The background of another hour makes other voltages.
    other = operator.reports(exchange, 3, kept={row.key for row in first.rows})[0]
    found = {row.key: row.value for row in other.rows}
    assert max(abs(found[row.key] - row.value) for row in first.rows) > 1e-3


def test_every_limit_can_be_asked_for(case: Case, operator: Operator) -> None:
    exchange = exchange_of(case, 0, size_kw=1.0)
    near = operator.reports(exchange, 2)
    every = operator.reports(exchange, 2, kept=EVERY_LIMIT)
    assert case.electric is not None
    lines, buses = int(case.electric.net.line["in_service"].sum()), len(case.electric.net.bus)
    assert len(every[0].rows) == lines + 2 * buses > len(near[0].rows)
    assert {row.key for row in near[1].rows} < {row.key for row in every[1].rows}


def test_losses_rise_as_their_slopes_say(case: Case, operator: Operator) -> None:
    exchange = exchange_of(case, 1)
    # What is solved last must not be taken for what is asked.
    slopes = operator.marginal_loss(exchange, EVENING)
    operator.loss(exchange_of(case, 2), 3)
    again = operator.marginal_loss(exchange, EVENING)
    assert again[0] == pytest.approx(slopes[0], rel=1e-6)
    assert again[1] == pytest.approx(slopes[1], abs=SLOPE[HEAT])
    for n in (0, 5):
        tan = reactive_share(case.prosumers[n].power_factor)
        losses = []
        for step in (-MOVE_KW, MOVE_KW):
            injection, kvar = exchange.injection_kw.copy(), exchange.reactive_kvar.copy()
            injection[0, n] += step
            kvar[n] += step * tan
            losses.append(operator.loss(Exchange(injection, kvar), EVENING)[0])
        assert slopes[0, n] == pytest.approx((losses[1] - losses[0]) / (2 * MOVE_KW), abs=1e-6)
    assert np.abs(slopes[0]).min() > 1e-4


def test_branches_lose_the_square_of_what_flows_through_them_more(case: Case, operator: Operator) -> None:
    still = replace(exchange_of(case, 1), reactive_kvar=np.zeros(len(case.prosumers)))
    branches = operator.branch_losses(still, EVENING)
    assert branches is not None
    # All of a kW takes the one way to the slack of a radial network, or none.
    assert set(np.unique(np.abs(branches.share).round(9))) == {0.0, 1.0}
    direction = np.zeros_like(still.injection_kw)
    direction[0] = [3.0, -2.0, 4.0, 1.0, -3.0, 2.0, 5.0, 1.0]
    losses = [
        operator.loss(Exchange(still.injection_kw + step * direction, still.reactive_kvar), EVENING)[0]
        for step in (-1.0, 0.0, 1.0)
    ]
    expected = branches.kw_per_kw2 @ (branches.share @ direction[0]) ** 2
    # The voltages that move along lose a little more.
    assert losses[2] - 2 * losses[1] + losses[0] == pytest.approx(2 * expected, rel=0.2)


def test_branches_of_a_ring_share_what_flows() -> None:
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, 0.4, name=str(n)) for n in range(3)]
    pandapower.create_ext_grid(net, buses[0])
    for first, second, length_km in ((0, 1, 0.1), (1, 2, 0.1), (0, 2, 0.2)):
        pandapower.create_line_from_parameters(net, first, second, length_km, 0.2, 0.0, 0.0, 1.0)
    pandapower.runpp(net, init="flat", calculate_voltage_angles=False)
    share, kw_per_kw2 = branch_losses(net, [2, 0])
    # No line has a reactance: resistances divide the flow, evenly here. A slack's own kW flows nowhere.
    assert np.abs(share) == pytest.approx(np.array([[0.5, 0.0]] * 3))
    assert kw_per_kw2 == pytest.approx([0.02 / (1000 * 0.4**2)] * 2 + [0.04 / (1000 * 0.4**2)])


def test_a_network_without_solution_has_no_numbers(case: Case, operator: Operator) -> None:
    beyond = exchange_of(case, 0, size_kw=1e6)
    reports = operator.reports(beyond, 0)
    assert not reports[0].is_solved
    assert (reports[0].rows, reports[0].broken) == ((), frozenset())
    assert np.isnan(operator.loss(beyond, 0)[0])
    assert np.isnan(operator.marginal_loss(beyond, 0)[0]).all()
    assert operator.branch_losses(beyond, 0) is None


def test_a_scenario_with_one_network_has_no_answer_for_the_other() -> None:
    case = load("network1_electric")
    operator = operator_of(case)
    assert operator is not None
    exchange = Exchange(np.full((2, 5), -3.0), np.zeros(5))
    assert set(operator.reports(exchange, 0)) == {0}
    assert operator.loss(exchange, 0)[1] == 0.0
    assert not operator.marginal_loss(exchange, 0)[1].any()
    nowhere = replace(case, prosumers=tuple(replace(p, bus=None) for p in case.prosumers))
    alone = operator_of(nowhere)
    assert alone is not None
    assert not alone.marginal_loss(exchange, 0).any()
    assert operator_of(replace(case, electric=None, electric_limits=None)) is None
