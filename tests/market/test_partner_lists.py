"""Who may trade with whom in a scenario: from its own list or a file, in all forms, against the central model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import made_scenario
from mosaik_p2p import run
from mosaik_p2p.errors import Fault, Status
from mosaik_p2p.loading import check, load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.single_period.clearing import clear_plain

NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=2", "time.horizon_steps=4")
PAIRS = 'market.partners=[["A","B"], ["D","B"], ["C","E"]]'
ALLOWED = {frozenset("AB"), frozenset("BD"), frozenset("CE")}
GAP = 1e-5


def test_every_form_keeps_to_the_partners() -> None:
    case = load("network1_electric", (*NOON, PAIRS))
    market = RollingMarket(market_case(case))
    problem = market.problem(0)
    central = solve_central(problem)
    free = solve_central(replace(problem, charges=tuple(replace(c, partners=None) for c in problem.charges)))
    assert central.cost > free.cost + 0.1
    for form in ("auto", "bilateral", "partners"):
        found = clear(problem, replace(market.case.settings, form=form, relative_gap=GAP))
        assert found.status is Status.OK
        assert found.cost == pytest.approx(central.cost, rel=2 * GAP)
        trades = found.trades[0]
        names = problem.names
        pairs = {frozenset((names[i], names[j])) for i, j in zip(trades.seller, trades.buyer, strict=True)}
        assert pairs
        assert pairs <= ALLOWED


def with_file(folder: Path, text: str, own: list[list[str]] | None = None) -> Path:
    def edit(tables: dict[str, Any]) -> None:
        tables["market"] |= {"partners_file": "pairs.csv", "form": "auto"}
        if own is not None:
            tables["market"]["partners"] = own

    (folder / "pairs.csv").write_text(text)
    return made_scenario.write(folder, edit)


def test_a_file_says_the_same_as_a_list(tmp_path: Path) -> None:
    file = with_file(tmp_path, "i,j\nB,A\n")
    case = load(file)
    assert case.scenario.market.partners == (("B", "A"),)
    assert case.scenario.market.partners_file is None
    assert tmp_path / "pairs.csv" in input_files(case)
    charges = market_case(case).charges[0]
    assert charges.partners is not None
    assert charges.partners.tolist() == [[False, True], [True, False]]


def test_nobody_trades_where_no_pair_is_named(tmp_path: Path) -> None:
    folder = run(
        "network1_electric", out=tmp_path / "out", overrides=(*NOON, "market.partners=[]"), progress=False
    ).folder
    assert read_table(folder, "trades").empty


def told(faults: tuple[Fault, ...]) -> str:
    return "\n".join(f"{fault.place} = {fault.value}: {fault.problem}. {fault.remedy}" for fault in faults)


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ('[["A","Z"]]', "market.partners[0] = 'Z': is no prosumer"),
        ('[["A","A"]]', "is one prosumer"),
        ('[["A","B"],["B","A"]]', "market.partners[1] = 'B' and 'A': stands here a second time"),
        ('[["A"]]', "market.partners[0]"),
        ('["A"]', "market.partners[0]"),
    ],
)
def test_what_is_no_pair_is_refused(pairs: str, problem: str) -> None:
    assert problem in told(check("network1_electric", (f"market.partners={pairs}",)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("i,k\nA,B\n", "has no column 'j'"),
        ("i,j,charge_i,charge_j\nA,B,0.1,0.1\n", "Charges of a scenario stand in [charges]"),
        ("i,j\nA,B,C\n", "line 2"),
        ("i,j\nA,\n", "pairs.csv:2.j"),
        ("i,j\nA,B\n\nA,Z\n", "pairs.csv:4 = 'Z': is no prosumer"),
        ("i,j\nA,B\nB,A\n", "pairs.csv:3 = 'B' and 'A': stands here a second time"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in told(check(with_file(tmp_path, text)))


def test_no_path_through_a_network_keeps_pairs_apart() -> None:
    assert "partners are pairs" in told(check("network1_electric", (PAIRS, "market.form=network")))


def test_a_pool_is_a_member_with_limits_of_zero(tmp_path: Path) -> None:
    """Members that are paired with it alone trade through it; what it buys it sells."""

    def edit(tables: dict[str, Any]) -> None:
        tables["prosumers"].append({"name": "pool", "bus": 4})
        tables["market"] |= {"partners": [["A", "pool"], ["pool", "B"]], "form": "auto"}
        tables["tariffs"]["grid"]["export_per_kwh"] = 0.1
        generator = {"type": "generator", "max_kw": 30.0, "cost_per_kwh": 0.05}
        made_scenario.prosumer(tables, "A")["devices"].append(generator)

    problem = RollingMarket(market_case(load(made_scenario.write(tmp_path, edit)))).problem(0)
    found = clear(problem, Settings(relative_gap=GAP, binding=6))
    pool = problem.names.index("pool")
    assert found.status is Status.OK
    trades = [interval[0] for interval in (found.trades, *found.later_trades)]
    assert sum(trade.power_kw.sum() for trade in trades) > 1.0
    for trade in trades:
        assert ((trade.seller == pool) | (trade.buyer == pool)).all()
        assert trade.net_sale(len(problem.names))[pool] == pytest.approx(0.0, abs=1e-6)
    agents = pd.DataFrame(
        [("S", 0, 10, 0, 0.1), ("B", -8, 0, 0, 0.3), ("P", 0, 0, 0, 0)],
        columns=["name", "p_min_kw", "p_max_kw", "a", "b"],
    )
    pairs = pd.DataFrame([("S", "P", 0.01, 0.01), ("P", "B", 0.01, 0.01)], columns=["i", "j", "charge_i", "charge_j"])
    plain = clear_plain(agents, pairs, gap=1e-6)
    assert plain.cost == pytest.approx(-8 * (0.3 - 0.1 - 0.04), abs=1e-5)
    assert {(t.seller, t.buyer): round(t.power_kw, 3) for t in plain.trades} == {("S", "P"): 8.0, ("P", "B"): 8.0}
