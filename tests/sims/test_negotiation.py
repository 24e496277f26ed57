"""The negotiation of an interval: real feeders, AC optimal power flow, limits beyond anyone's means, envelopes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandapower
import pytest

from feeder_grid import FeederGrid
from markets import random_prosumer
from mosaik_p2p.charges.mechanisms import no_charges, uniform_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.negotiation import protocol
from mosaik_p2p.market.negotiation.constrained_clearing import ConstrainedClearing
from mosaik_p2p.market.negotiation.limit_rows import MARGIN, held_row
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.protocol import ENVELOPES, SHRINKINGS, NetworkReport
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.outcome import IntervalOutcome, ProsumerDispatch
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.settlement import settle
from one_interval_houses import cleared, house

ROUNDS = 10
WITHIN = 0.01
"""Of the largest price: what the issue of comparison with an AC optimal power flow asks for."""
MONEY = 1e-9

Check = Callable[[Sequence[ProsumerDispatch]], NetworkReport]


def negotiated(market: RollingMarket, check: Check, *, max_rounds: int = ROUNDS) -> list[IntervalOutcome]:
    """All outcomes of interval 0 until the market accepts; every one of them has been checked."""
    outcomes = [market.clear(0)]
    while len(outcomes) <= max_rounds + ENVELOPES + SHRINKINGS + 1:
        following = market.negotiate({"electricity": check(outcomes[-1].dispatch)}, max_rounds=max_rounds)
        if following is None:
            return outcomes
        outcomes.append(following)
    raise AssertionError("the negotiation does not end")


@cache
def network1(*overrides: str) -> Case:
    return load("network1", ("time.start=2017-03-28T10:00:00+01:00", "time.steps=2", *overrides))


def feeder(case: Case, *, voltage_pu: tuple[float, float], loading_percent: float = 1e9) -> Check:
    assert case.electric is not None
    assert case.background is not None
    grid = FeederGrid(case.electric, case.prosumers, 1.0, voltage_pu, loading_percent, case.replaced_loads)
    background = float(case.background[0])
    return lambda dispatch: grid.report(dispatch, background=background)


FED_IN = ("scale.pv=6", "templates.member.pv.power_factor=0.95")
"""Its reactive power follows what is curtailed."""


@pytest.mark.parametrize(
    ("pv", "voltage_pu", "loading_percent"),
    [(FED_IN, (0.9, 1.001), 1e9), (("scale.pv=1",), (0.963, 1.05), 1e9), (FED_IN, (0.9, 1.05), 25.0)],
    ids=["over-voltage", "under-voltage", "loading"],
)
def test_a_real_feeder_is_feasible_after_at_most_three_rounds(
    pv: tuple[str, ...], voltage_pu: tuple[float, float], loading_percent: float
) -> None:
    case = network1(*pv)
    check = feeder(case, voltage_pu=voltage_pu, loading_percent=loading_percent)
    outcomes = negotiated(RollingMarket(market_case(case)), check)
    assert check(outcomes[0].dispatch).broken
    assert 1 <= len(outcomes) - 1 <= 3
    assert not check(outcomes[-1].dispatch).broken
    last = outcomes[-1].tables
    assert set(last["negotiation"]["move"]) == {"surcharges"}
    assert max(last["negotiation"]["multiplier"]) > 0
    # Keeping a limit costs, up to the gap of the two clearings.
    costs = [outcome.tables["clearing"]["cost"][0] for outcome in (outcomes[0], outcomes[-1])]
    bounds = [outcome.tables["clearing"]["lower_bound"][0] for outcome in (outcomes[0], outcomes[-1])]
    assert costs[1] >= bounds[0]
    assert bounds[1] <= costs[1]


def bus33_market(count: int = 5) -> tuple[MarketCase, ElectricNetwork]:
    """Houses of the random markets along the branches of the 33-bus feeder, sunny noon."""
    network = electric_case("bus33")
    rng = np.random.default_rng(1)
    buses = [int(b) for b in network.net.bus.index[[17, 21, 24, 29, 32]]]
    prosumers = tuple(
        replace(random_prosumer(rng, f"P{i}", span=6, with_heat=False, first_hour=11), bus=buses[i])
        for i in range(count)
    )
    charges = (
        uniform_charges(np.zeros(count, dtype=np.int64), rate_per_kwh=0.01, payer="both"),
        no_charges(np.full(count, -1)),
    )
    day = np.zeros(6, dtype=np.int64)
    return MarketCase(prosumers, charges, day, 1.0, 1, 6, Settings(), "stop"), network


@pytest.mark.parametrize("side", ["over", "under"])
def test_the_33_bus_feeder_becomes_feasible(side: str) -> None:
    market, network = bus33_market()
    background = 0.1 if side == "over" else 1.0
    free = FeederGrid(network, market.prosumers)
    first = RollingMarket(market).clear(0)
    injection = {entry.prosumer: entry.injection_kw for entry in first.dispatch}
    reactive = {entry.prosumer: entry.q_injection_kvar for entry in first.dispatch}
    voltages = free.solve(injection, reactive, background=background).buses["vm_pu"]
    limits = (0.5, max(voltages) - 3e-4) if side == "over" else (min(voltages) + 1e-3, 2.0)
    if side == "over":
        # The slack itself is held at 1.0; the limit must lie above it to be anyone's concern.
        limits = (0.5, max(limits[1], 1.0 + 1e-4))
    grid = FeederGrid(network, market.prosumers, voltage_pu=limits)
    check: Check = lambda dispatch: grid.report(dispatch, background=background)  # noqa: E731
    outcomes = negotiated(RollingMarket(market), check)
    assert check(outcomes[0].dispatch).broken
    assert not check(outcomes[-1].dispatch).broken
    assert len(outcomes) - 1 <= 3
    surcharges = outcomes[-1].tables["prosumers"]["surcharge_per_kwh"]
    # Injecting costs where the voltage is too high and earns where it is too low.
    assert (min(surcharges) >= -MONEY) if side == "over" else (max(surcharges) <= MONEY)


def test_money_sums_to_zero_and_the_operator_earns_nu_times_x() -> None:
    case = network1(*FED_IN)
    outcomes = negotiated(RollingMarket(market_case(case)), feeder(case, voltage_pu=(0.9, 1.001)))
    tables = outcomes[-1].tables
    ledger = settle(
        {**tables, "flows": {"network": [], "loss_kw": [], "pump_kw": []}}, dt_h=1.0, loss_price_per_kwh=None
    )
    assert sum(ledger["money"]) == pytest.approx(0.0, abs=MONEY * sum(abs(m) for m in ledger["money"]))
    rows = zip(ledger["party"], ledger["item"], ledger["money"], strict=True)
    earned = sum(money for party, item, money in rows if party == "operator" and item == "surcharge")
    prosumers = tables["prosumers"]
    expected = sum(
        rate * kw for rate, kw in zip(prosumers["surcharge_per_kwh"], prosumers["injection_kw"], strict=True)
    )
    assert expected > 0.0
    assert earned == pytest.approx(expected, rel=1e-6)


def fixed_row(value: float, per_kw: Mapping[str, float], *, limit: float = 100.0) -> LimitRow:
    return LimitRow("3-4", "line_loading_percent", "%", value, limit, True, dict(per_kw))


def linear_check(per_kw: Mapping[str, float], begin: float, *, told: float = 1.0, curvature: float = 0.0) -> Check:
    """A line whose loading is linear in the injections but for `curvature`; it tells `told` of its slopes."""

    def check(dispatch: Sequence[ProsumerDispatch]) -> NetworkReport:
        moved = sum(per_kw.get(entry.prosumer, 0.0) * entry.injection_kw for entry in dispatch)
        row = fixed_row(begin + moved + curvature * moved**2, {name: told * slope for name, slope in per_kw.items()})
        broken = frozenset({(row.element, row.quantity)} if row.excess > 0 else set())
        return NetworkReport(True, broken, (row,))

    return check


def small_market() -> RollingMarket:
    return RollingMarket(bus33_market()[0])


def injection_of(outcome: IntervalOutcome) -> dict[str, float]:
    return {entry.prosumer: entry.injection_kw for entry in outcome.dispatch}


def test_a_violation_that_nobody_moves_is_accepted_at_once() -> None:
    assert len(negotiated(small_market(), linear_check({}, 120.0))) == 1


def test_what_lies_beyond_everyones_means_is_asked_for_once_and_said_so() -> None:
    first = small_market().clear(0)
    per_kw = dict.fromkeys(injection_of(first), 1.0)
    outcomes = negotiated(small_market(), linear_check(per_kw, 10_000.0))
    assert len(outcomes) == 2
    table = outcomes[-1].tables["negotiation"]
    assert table["within_means"] == [False]
    assert sum(injection_of(outcomes[-1]).values()) < sum(injection_of(first).values())
    # The price is that of the last thing they can do, not that of a violated limit.
    assert max(outcomes[-1].tables["prosumers"]["surcharge_per_kwh"]) < 15.0


def test_a_limit_broken_on_a_side_beyond_everyones_means_is_not_negotiated_for_what_holds_on_the_other() -> None:
    """A line that one round turns round: first broken a little one way, then for good the other way."""
    first = injection_of(small_market().clear(0))
    seller = max(first, key=lambda name: first[name])

    def check(dispatch: Sequence[ProsumerDispatch]) -> NetworkReport:
        injection = {entry.prosumer: entry.injection_kw for entry in dispatch}[seller]
        is_turned = injection < first[seller] - 1e-6
        row = fixed_row(1e6, {seller: -1.0}) if is_turned else fixed_row(100.5, {seller: 1.0})
        return NetworkReport(True, frozenset({(row.element, row.quantity)}), (row,))

    outcomes = negotiated(small_market(), check)
    assert len(outcomes) == 3
    # The last one only says so.
    assert injection_of(outcomes[2]) == injection_of(outcomes[1])
    assert outcomes[2].tables["negotiation"]["within_means"] == [True, False]


def test_the_best_dispatch_that_was_checked_stands() -> None:
    """The first round keeps the limit with room that was paid for; every later one breaks it by a little."""
    first = injection_of(small_market().clear(0))
    seller = max(first, key=lambda name: first[name])
    values = iter([100.0 + 0.4 * first[seller], 100.0 - 0.2 * first[seller]])
    asked: list[dict[str, float]] = []

    def check(dispatch: Sequence[ProsumerDispatch]) -> NetworkReport:
        asked.append({entry.prosumer: entry.injection_kw for entry in dispatch})
        row = fixed_row(next(values, 100.5), {seller: 1.0})
        return NetworkReport(True, frozenset({(row.element, row.quantity)} if row.excess > 0 else set()), (row,))

    outcomes = negotiated(small_market(), check, max_rounds=4)
    assert len(outcomes) > 3
    assert injection_of(outcomes[-1]) == asked[1]
    assert injection_of(outcomes[-2]) != asked[1]
    assert "that of round 1" in outcomes[-1].tables["clearing"]["cause"][0]
    assert outcomes[-1].tables["negotiation"]["move"] == ["surcharges"]


def test_an_envelope_ends_what_prices_could_not() -> None:
    """The line tells three times its slopes, so that one round of prices does a third of what it should."""
    first = injection_of(small_market().clear(0))
    seller = max(first, key=lambda name: first[name])
    assert first[seller] > 5.0
    check = linear_check({seller: 1.0}, 100.0 - 0.4 * first[seller], told=3.0)
    outcomes = negotiated(small_market(), check, max_rounds=1)
    assert outcomes[1].tables["negotiation"]["move"] == ["surcharges"]
    assert check(outcomes[1].dispatch).broken
    assert [o.tables["negotiation"]["move"][0] for o in outcomes[2:]] == ["envelope"] * (len(outcomes) - 2)
    assert "operating envelope" in outcomes[-1].tables["clearing"]["cause"][0]
    assert not check(outcomes[-1].dispatch).broken
    assert set(outcomes[-1].tables["prosumers"]["surcharge_per_kwh"]) == {0.0}
    imbalance = outcomes[-1].tables["prosumers"]["imbalance_kw"]
    assert max(abs(kw) for kw in imbalance) < 1e-3, "everyone can follow an envelope"


def test_where_prices_have_no_numerical_solution_an_envelope_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    first = injection_of(small_market().clear(0))
    seller = max(first, key=lambda name: first[name])

    def fails(*_: object) -> None:
        raise NotSolved("made for a test")

    monkeypatch.setattr(protocol, "priced", fails)
    check = linear_check({seller: 1.0}, 100.0 - 0.4 * first[seller])
    outcomes = negotiated(small_market(), check)
    assert outcomes[-1].tables["negotiation"]["move"] == ["envelope"]
    assert not check(outcomes[-1].dispatch).broken


def test_without_a_solution_the_dispatch_moves_back_until_there_is_one() -> None:
    market = small_market()
    first = injection_of(market.clear(0))
    most = 0.7 * sum(abs(kw) for kw in first.values())

    def check(dispatch: Sequence[ProsumerDispatch]) -> NetworkReport:
        return NetworkReport(sum(abs(entry.injection_kw) for entry in dispatch) <= most, frozenset(), ())

    outcomes = negotiated(small_market(), check)
    assert len(outcomes) == 2
    assert outcomes[-1].tables["negotiation"]["move"] == ["towards_solvable"]
    assert check(outcomes[-1].dispatch).is_solved


def test_a_network_that_never_has_a_solution_ends_the_negotiation() -> None:
    outcomes = negotiated(small_market(), lambda _: NetworkReport(False, frozenset(), ()))
    assert len(outcomes) == 1 + SHRINKINGS


def test_nothing_broken_is_accepted_and_the_committed_state_is_that_of_the_last_round() -> None:
    market = small_market()
    outcomes = negotiated(market, linear_check({}, 50.0))
    assert len(outcomes) == 1
    market = small_market()
    first = market.clear(0)
    seller = max(injection_of(first), key=lambda name: injection_of(first)[name])
    check = linear_check({seller: 1.0}, 100.0 - 0.5 * injection_of(first)[seller])
    last = negotiated(market, check)[-1]
    market.commit()
    levels = last.tables["devices"]["level_kwh"]
    assert levels != first.tables["devices"]["level_kwh"]


# -- against an AC optimal power flow -------------------------------------------------------------------------------

SLACK_PRICE = 0.3


def small_feeder() -> ElectricNetwork:
    """Four buses in a row, 10 kV."""
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, vn_kv=10.0, name=str(n), min_vm_pu=0.9, max_vm_pu=1.1) for n in range(4)]
    pandapower.create_ext_grid(net, buses[0], vm_pu=1.0, name="slack")
    for n in range(3):
        pandapower.create_line_from_parameters(
            net,
            buses[n],
            buses[n + 1],
            5.0,
            r_ohm_per_km=0.6,
            x_ohm_per_km=0.35,
            c_nf_per_km=0.0,
            max_i_ka=1.0,
            name=f"{n}-{n + 1}",
        )
        pandapower.create_load(net, buses[n + 1], p_mw=0.1, q_mvar=0.05, name=f"load {n}")
    return ElectricNetwork("row", net, "made for a test")


SOURCES = [(1, 900.0, 0.05, 1.0e-4), (2, 900.0, 0.06, 1.5e-4), (3, 900.0, 0.04, 2.0e-4)]
"""Bus, largest kW, price and curvature per kW of each source; loads beside them lose 6e-4 of their worth per kW."""


def optimal_prices(network: ElectricNetwork, limits: tuple[float, float], *, worth: float) -> list[float]:
    """lam_p per kWh at the sources' buses, from pandapower's AC optimal power flow."""
    net = network.net
    net.load["controllable"] = False
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = limits
    pandapower.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=1e3 * SLACK_PRICE)
    for bus, most, price, curvature in SOURCES:
        bounds = {"min_q_mvar": 0.0, "max_q_mvar": 0.0, "controllable": True}
        up = pandapower.create_sgen(net, bus, p_mw=0.1, min_p_mw=0.0, max_p_mw=most / 1e3, **bounds)
        pandapower.create_poly_cost(net, up, "sgen", cp1_eur_per_mw=1e3 * price, cp2_eur_per_mw2=1e6 * curvature / 2)
        down = pandapower.create_sgen(net, bus, p_mw=-0.1, min_p_mw=-1.5, max_p_mw=0.0, **bounds)
        pandapower.create_poly_cost(net, down, "sgen", cp1_eur_per_mw=1e3 * worth, cp2_eur_per_mw2=1e6 * 6e-4 / 2)
    pandapower.runopp(net)
    return [float(net.res_bus.at[bus, "lam_p"]) / 1e3 for bus, *_ in SOURCES]


def market_with_losses(marginal: np.ndarray, *, worth: float) -> MarketProblem:
    """Everyone trades and exchanges at one price; what an injection loses on its way is part of its own cost."""
    models = []
    for (_, most, price, curvature), value in zip(SOURCES, marginal, strict=True):
        model = house(
            f"P{len(models)}",
            source_kw=most,
            source_price=price + SLACK_PRICE - value,
            curvature=curvature,
            load_kw=1500.0,
            worth=worth + SLACK_PRICE - value,
            steepness=6e-4,
            import_price=SLACK_PRICE,
            export_price=SLACK_PRICE,
        )
        models.append(replace(model, size_kw=500.0, upper=np.where(model.upper == 1000.0, 1e4, model.upper)))
    return MarketProblem(tuple(models), (no_charges(np.zeros(3, dtype=np.int64)), no_charges(np.full(3, -1))), 1.0)


def negotiated_prices(network: ElectricNetwork, limits: tuple[float, float], *, worth: float) -> np.ndarray:
    """price_slack (-dP_slack/dP_i) - nu_i after some rounds of clearing, power flow, losses and rows anew."""
    prosumers = [
        replace(random_prosumer(np.random.default_rng(0), f"P{i}", span=1, with_heat=False), bus=bus, power_factor=1.0)
        for i, (bus, *_) in enumerate(SOURCES)
    ]
    grid = FeederGrid(network, prosumers, voltage_pu=limits)
    injection, rows = np.zeros(3), {}
    found: ConstrainedClearing | None = None
    for _ in range(6):
        names = {f"P{i}": float(kw) for i, kw in enumerate(injection)}
        slack = _slack_kw(grid, names)
        moved = [_slack_kw(grid, {**names, name: kw + 1.0}) - slack for name, kw in names.items()]
        marginal = -SLACK_PRICE * np.array(moved)
        for row in grid.report_of(names, dict.fromkeys(names, 0.0), background=1.0).rows:
            held = held_row(row, 0, tuple(names), injection, {})
            # The exact limit, without the margin that a negotiation keeps; nobody moves the slack's own voltage.
            if held.size > 0.0:
                rows[held.key] = replace(held, bound=held.bound + MARGIN * abs(row.limit))
        _, found = cleared(market_with_losses(marginal, worth=worth), Limits(tuple(rows.values())), gap=1e-5)
        injection = found.injection_kw[0, 0]
    assert found is not None
    assert found.multiplier.max() > 0.0
    prices: np.ndarray = marginal - found.surcharge_per_kwh[0, 0]
    return prices


def _slack_kw(grid: FeederGrid, injection_kw: Mapping[str, float]) -> float:
    slack = grid.solve(injection_kw, dict.fromkeys(injection_kw, 0.0), background=1.0).slack_kw
    assert slack is not None
    return slack


@pytest.mark.parametrize(
    ("limits", "worth"), [((0.9, 1.02), 0.35), ((0.97, 1.1), 0.9)], ids=["over-voltage", "under-voltage"]
)
def test_prices_are_those_of_an_ac_optimal_power_flow(limits: tuple[float, float], worth: float) -> None:
    expected = optimal_prices(small_feeder(), limits, worth=worth)
    found = negotiated_prices(small_feeder(), limits, worth=worth)
    assert np.ptp(expected) > 0.02, "the limit must matter"
    assert found == pytest.approx(expected, rel=WITHIN)


@pytest.mark.parametrize("overrides", [("scale.load=0", "scale.heat_load=0", "scale.pv=0"), ("scale.load=1e-6",)])
def test_where_as_good_as_nothing_is_paid_the_market_is_cleared(overrides: tuple[str, ...]) -> None:
    """Of a cost that is nearly zero, what tolerances leave open is no share worth naming."""
    case = load("network1", ("time.steps=1", "time.horizon_steps=3", *overrides))
    assert RollingMarket(market_case(case)).clear(0).status is Status.OK
