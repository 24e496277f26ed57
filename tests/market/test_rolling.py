"""The rolling market: levels, energy owed, forecasts that miss, state that waits for its commit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.errors import RunFailed, Status
from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.over_time import interval_problem
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.state import ProsumerState, next_state
from mosaik_p2p.units import Table
from rolling_markets import DAY_STARTS, HORIZON, market_case, run

TINY = 1e-6


def _column(table: Table, where: dict[str, str], name: str) -> list[float]:
    keep = [all(table[key][n] == value for key, value in where.items()) for n in range(len(table[name]))]
    return [value for value, kept in zip(table[name], keep, strict=True) if kept]


def test_levels_follow_the_binding_dispatch() -> None:
    level = 20.0
    for tables in run(market_case()):
        power = _column(tables["devices"], {"prosumer": "P1", "device": "battery"}, "el_kw")[0]
        # Charging and discharging never happen at once at positive prices, so the net power tells both.
        level += -power * 0.9 if power < 0 else -power / 0.9
        assert _column(tables["devices"], {"prosumer": "P1", "device": "battery"}, "level_kwh")[0] == pytest.approx(
            level, abs=1e-4
        )
        level = _column(tables["devices"], {"prosumer": "P1", "device": "battery"}, "level_kwh")[0]


def test_a_day_takes_the_energy_that_was_forecast_for_it() -> None:
    case = market_case()
    results = run(case)
    load = next(d for d in case.prosumers[0].devices if d.name == "load")
    assert isinstance(load, FlexibleLoad)
    taken = [-_column(tables["devices"], {"prosumer": "P0", "device": "load"}, "el_kw")[0] for tables in results]
    assert sum(taken[:DAY_STARTS]) == pytest.approx(load.demand.forecast[:DAY_STARTS].sum(), rel=TINY)
    assert not np.allclose(taken[:DAY_STARTS], load.demand.forecast[:DAY_STARTS])


def test_every_prosumer_balances_what_its_devices_do() -> None:
    for tables in run(market_case(missed=1.5)):
        exchange = tables["prosumers"]
        for n, (name, carrier) in enumerate(zip(exchange["prosumer"], exchange["carrier"], strict=True)):
            column = "el_kw" if carrier == "electricity" else "heat_kw"
            produced = sum(_column(tables["devices"], {"prosumer": name}, column))
            assert produced == pytest.approx(exchange["injection_kw"][n], abs=TINY)


def test_a_missed_forecast_goes_to_the_contract_and_not_to_the_trades() -> None:
    planned, missed = run(market_case())[0], run(market_case(missed=1.5))[0]
    assert missed["trades"] == planned["trades"]
    for name in ("P0", "P1", "P2", "P3"):
        where = {"prosumer": name, "carrier": "electricity"}
        net = [
            _column(t["prosumers"], where, "import_kw")[0] - _column(t["prosumers"], where, "export_kw")[0]
            for t in (planned, missed)
        ]
        assert net[1] - net[0] == pytest.approx(1.5, abs=TINY)


def test_clearing_again_starts_from_the_same_state() -> None:
    market = RollingMarket(market_case())
    first = market.clear(0)
    assert market.clear(0).tables == first.tables
    market.commit()
    assert market.clear(1).tables != first.tables


def test_forecasts_from_outside_replace_the_scenarios_own() -> None:
    case = market_case()
    load = next(d for d in case.prosumers[1].devices if isinstance(d, FlexibleLoad))
    own, doubled = (
        {
            "P1": {
                "P_forecast[kW]": factor * load.demand.forecast[:HORIZON],
                "P_realised[kW]": factor * load.demand.realised[:1],
            }
        }
        for factor in (1.0, 2.0)
    )
    market = RollingMarket(case)
    plain = market.clear(0).tables
    assert market.clear(0, own).tables == plain
    more = market.clear(0, doubled).tables
    where = {"prosumer": "P1", "device": "load"}
    assert _column(more["devices"], where, "el_kw")[0] < 1.5 * _column(plain["devices"], where, "el_kw")[0]


def test_a_day_takes_the_energy_that_was_given_for_it_from_outside() -> None:
    case = market_case()
    load = next(d for d in case.prosumers[1].devices if isinstance(d, FlexibleLoad))
    market, taken = RollingMarket(case), []
    for k in range(DAY_STARTS):
        given = 1.5 * load.demand.forecast[k : k + HORIZON]
        outcome = market.clear(k, {"P1": {"P_forecast[kW]": given, "P_realised[kW]": given[:1]}})
        taken.append(-_column(outcome.tables["devices"], {"prosumer": "P1", "device": "load"}, "el_kw")[0])
        stored = outcome.tables["inputs"]
        assert _column(stored, {"prosumer": "P1", "device": "load"}, "realised")[0] == pytest.approx(given[0])
        market.commit()
    assert sum(taken) == pytest.approx(1.5 * load.demand.forecast[:DAY_STARTS].sum(), rel=TINY)


def test_stopping_rule_ends_the_run_and_records_why() -> None:
    market = RollingMarket(market_case(settings=Settings(max_iterations=1)))
    outcome = market.clear(0)
    assert outcome.status is Status.NOT_CONVERGED
    assert not outcome.dispatch
    assert "max_iterations" in outcome.tables["clearing"]["cause"][0]
    market.commit()
    with pytest.raises(RunFailed, match="interval 0 was not cleared"):
        market.clear(1)


def test_last_feasible_dispatch_is_used_and_not_called_solved() -> None:
    market = RollingMarket(market_case(settings=Settings(max_iterations=1), rule="last_feasible"))
    outcome = market.clear(0)
    assert outcome.status is Status.NOT_CONVERGED
    assert len(outcome.dispatch) == 4
    market.commit()
    following = market.clear(1)
    assert following.status is Status.NOT_CONVERGED
    # It began where the last one ended, and then from the data: prosumers answered in both.
    for one, count in ((outcome, 1), (following, 2)):
        assert one.tables["clearing"]["iterations"] == one.tables["clearing"]["exchanges"] == [count]


def test_a_dispatch_whose_gap_is_open_is_used_whatever_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    found = interval_problem.solved

    def opened(*given: Any, **how: Any) -> Clearing:
        return replace(found(*given, **how), status=Status.GAP_OPEN, cause="one direction", repaired=True)

    monkeypatch.setattr(interval_problem, "solved", opened)
    market = RollingMarket(market_case(rule="stop"))
    outcome = market.clear(0)
    assert (outcome.status, len(outcome.dispatch)) == (Status.GAP_OPEN, 4)
    assert outcome.tables["clearing"]["status"] == ["gap_open"]
    market.commit()
    assert market.clear(1).dispatch


def test_central_rule_solves_centrally() -> None:
    market = RollingMarket(market_case(settings=Settings(max_iterations=1), rule="central"))
    outcome = market.clear(0)
    assert outcome.status is Status.OK
    assert outcome.tables["clearing"]["form"] == ["central"]
    reference = RollingMarket(market_case()).clear(0).tables
    assert outcome.tables["clearing"]["cost"][0] == pytest.approx(reference["clearing"]["cost"][0], rel=1e-3)


def test_what_a_load_lags_behind_ends_with_its_day() -> None:
    state = ProsumerState(level_kwh={}, behind_kwh={"load": 2.0}, day=0)
    same = next_state(state, level_kwh={}, behind_kwh={"load": 1.0}, day=0, next_day=0)
    assert same.behind_kwh == {"load": 3.0}
    assert next_state(state, level_kwh={}, behind_kwh={"load": 1.0}, day=0, next_day=1).behind_kwh == {}
