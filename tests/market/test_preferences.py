"""What pairs put on trading with each other, from a scenario's list or a file, against charges stated by trade."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_scenario
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import check, load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.reference.pyomo_model import solve_central

pytestmark = pytest.mark.once

NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=1", "time.horizon_steps=3")
FACTOR = 'charges.electricity.factor=[{ from = "12:00", to = "13:00", factor = 0.0 }]'
LISTED = (
    'market.preferences=[{ carrier = "electricity", pair = ["B", "A"], a = 0.002, b = 0.03 },'
    ' { carrier = "electricity", pair = ["A", "D"], b = -0.5 }]'
)
GAP = 1e-5


def test_they_join_the_charges_after_the_factor() -> None:
    """K = max(factor times charge + b, 0): what is liked is free at the most, and no factor touches a or b."""
    case = market_case(load("network1_electric", (*NOON, FACTOR, LISTED)))
    plain = market_case(load("network1_electric", NOON)).charges[0].at(0)
    names = [prosumer.name for prosumer in case.prosumers]
    a, b, d, e = (names.index(name) for name in "ABDE")
    for t, factor in enumerate((1.0, 0.0, 1.0)):
        held = case.charges[0].at(t)
        assert held.total[a, b] == held.total[b, a] == pytest.approx(factor * plain.total[a, b] + 0.03)
        assert held.total[a, d] == 0.0
        assert held.total[d, e] == pytest.approx(factor * plain.total[d, e])
        assert held.preference(np.array([a, d]), np.array([b, a])).tolist() == [0.002, 0.0]
        assert [float(paid[0]) for paid in held.end_charges(np.array([a]), np.array([b]))] == pytest.approx(
            [factor * plain.total[a, b] / 2] * 2
        )


def test_every_form_finds_the_central_optimum() -> None:
    market = RollingMarket(market_case(load("network1_electric", (*NOON, FACTOR, LISTED))))
    problem = market.problem(0)
    central = solve_central(problem)
    free = replace(problem, charges=market_case(load("network1_electric", (*NOON, FACTOR))).charges)
    assert abs(solve_central(free).cost - central.cost) > 0.01
    for form in ("auto", "bilateral"):
        found = clear(problem, replace(market.case.settings, form=form, relative_gap=GAP))
        assert found.status is Status.OK
        assert found.cost == pytest.approx(central.cost, rel=2 * GAP)


def with_file(folder: Path, text: str) -> Path:
    def edit(tables: dict[str, Any]) -> None:
        tables["market"] |= {"preferences_file": "likes.csv", "form": "auto"}

    (folder / "likes.csv").write_text(text)
    return made_scenario.write(folder, edit)


def test_a_file_says_the_same_as_a_list(tmp_path: Path) -> None:
    case = load(with_file(tmp_path, "carrier,i,j,a,b\nelectricity,B,A,0.002,-0.01\n"))
    (one,) = case.scenario.market.preferences
    assert (one.carrier, one.pair, one.a, one.b) == ("electricity", ("B", "A"), 0.002, -0.01)
    assert case.scenario.market.preferences_file is None
    assert tmp_path / "likes.csv" in input_files(case)
    electricity, heat = (charges.at(0) for charges in market_case(case).charges)
    assert electricity.benefit is not None
    assert electricity.benefit.tolist() == [[0.0, 0.01], [0.01, 0.0]]
    assert heat.benefit is heat.curvature is None


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("carrier,i,j,a,b\nelectricity,B,A,-1,0\n", "likes.csv:2.a", "at least 0"),
        ("carrier,i,j,a,b\nelectricity,B,A,x,0\n", "likes.csv:2.a", "is no number"),
        ("carrier,i,j,a,b\nelectricity,B,A,1e400,0\n", "likes.csv:2.a", "finite"),
        ("carrier,i,j,a,b\ngas,B,A,0,0\n", "likes.csv:2.carrier", "must be"),
        ("carrier,i,j,a,b\nelectricity,B,Q,0,0\n", "likes.csv:2", "is no prosumer"),
        ("carrier,i,j,a,b\nelectricity,B,B,0,0\n", "likes.csv:2", "is one prosumer"),
        (
            "carrier,i,j,a,b\nelectricity,B,A,0,0\nelectricity,A,B,0,1\n",
            "likes.csv:3",
            "stands here a second time",
        ),
        ("carrier,i,j,a\nelectricity,B,A,0\n", "market.preferences_file", "has no column 'b'"),
        ("carrier,i,j,a,b,c\nelectricity,B,A,0,0,0\n", "market.preferences_file", "unknown column 'c'"),
    ],
)
def test_faults_name_file_and_line(text: str, place: str, problem: str, tmp_path: Path) -> None:
    (fault,) = check(with_file(tmp_path, text))
    assert fault.place == place
    assert problem in fault.problem


def test_who_has_no_place_there_has_none_to_trade_at() -> None:
    heat = 'market.preferences=[{ carrier = "heat", pair = ["A", "B"], b = 0.1 }]'
    faults = check("network1", (heat,))
    assert [(fault.place, fault.value, fault.problem) for fault in faults] == [
        ("market.preferences[0]", "'B'", "trades no heat")
    ]


def test_the_network_form_knows_no_pairs() -> None:
    (fault,) = check("network1_electric", (*NOON, LISTED, "market.form=network"))
    assert fault.place == "market.form"
