"""Negotiated markets against an AC-constrained optimum that shares no code with them; what is beyond the prosumers.

`benchmarks/negotiation.py` does the same for sixty random markets.
"""

from pathlib import Path

import numpy as np
import pytest

from ac_markets import AcMarket, Offer, drawn, negotiated
from mosaik_p2p.cosim import run
from mosaik_p2p.market.over_time.outcome import IntervalOutcome
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.results.report.sentences import negotiation_sentence
from mosaik_p2p.results.store.parts import read_table

pytestmark = [pytest.mark.slow, pytest.mark.once]

LOOSE, TIGHT = 1e-3, 1e-5
GAPS = (LOOSE, TIGHT)
WITHIN = 5e-3
"""Of the optimum's welfare."""
NO_WORSE = 1e-3
"""Of max(|welfare|, sum of |cost alone|), at a tighter gap."""
UNSOLD_KW = 1e-3
KEPT = 1e-9
SEEDS = (2, 14, 19, 23, 28, 30)
"""With and without contracts, on both feeders."""


def offers(network: str, *rows: tuple[str, float, float, float]) -> tuple[Offer, ...]:
    """Places by name, kW, price, slope."""
    at = {name: int(index) for index, name in electric_case(network).net.bus["name"].items()}
    return tuple(Offer(at[bus], kw, price, slope) for bus, kw, price, slope in rows)


TEN_AT_A_HIGH_PRICE = AcMarket(
    "bus33",
    0.9,
    offers(
        "bus33",
        ("24", 105, 3.78, 0.0081),
        ("19", 172, 4.17, 0.0099),
        ("27", 174, 4.91, 0.0063),
        ("6", 150, 4.39, 0.0063),
        ("20", 222, 3.0, 0.0118),
    ),
    offers(
        "bus33",
        ("4", 287, 5.37, 0.0084),
        ("3", 145, 5.85, 0.0058),
        ("28", 121, 4.85, 0.0072),
        ("5", 250, 5.47, 0.0035),
        ("8", 213, 6.48, 0.0042),
    ),
    voltage_pu=(0.925, 1.5),
    loading_percent=75.0,
)
THREE = AcMarket(
    "bus15",
    0.8,
    offers("bus15", ("2", 201, 0.04, 0.00025)),
    offers("bus15", ("6", 172, 0.245, 0.00029), ("8", 191, 0.258, 0.00035)),
    voltage_pu=(0.93, 1.5),
    loading_percent=60.0,
)
TEN_NEAR_A_VOLTAGE = AcMarket(
    "bus33",
    0.7,
    offers(
        "bus33",
        ("23", 134, 0.084, 0.00017),
        ("2", 170, 0.036, 0.00007),
        ("15", 130, 0.062, 0.00004),
        ("26", 116, 0.034, 0.00025),
        ("5", 113, 0.074, 0.0001),
    ),
    offers(
        "bus33",
        ("19", 198, 0.256, 0.00026),
        ("31", 195, 0.383, 0.00014),
        ("9", 256, 0.205, 0.00038),
        ("6", 221, 0.304, 0.00006),
        ("7", 293, 0.19, 0.00007),
    ),
    voltage_pu=(0.945, 1.5),
)


def welfare(outcome: IntervalOutcome) -> float:
    return -float(outcome.tables["clearing"]["cost"][0])


def alone(outcome: IntervalOutcome) -> float:
    """Sum of |cost alone|, elastic loads' worth and contracts."""
    table = outcome.tables["alone"]
    money = np.array(table["cost"])
    for side, sign in (("import", 1.0), ("export", -1.0)):
        price = np.array([value or 0.0 for value in table[f"{side}_price_per_kwh"]])
        money = money + sign * np.array(table[f"{side}_kw"]) * price
    return float(np.abs(money).sum())


def assert_as_good(market: AcMarket, expected: float) -> None:
    ends = [negotiated(market, gap) for gap in GAPS]
    for outcomes in ends:
        last = outcomes[-1]
        assert market.report(outcomes[0].dispatch).broken
        assert not market.report(last.dispatch).broken
        assert max(last.tables["prosumers"]["imbalance_kw"]) <= UNSOLD_KW
        assert abs(welfare(last) - expected) <= WITHIN * abs(expected)
    scale = max(abs(expected), alone(ends[0][-1]))
    assert welfare(ends[1][-1]) >= welfare(ends[0][-1]) - NO_WORSE * scale


@pytest.mark.parametrize(
    ("market", "expected"),
    [(TEN_AT_A_HIGH_PRICE, 114.99), (THREE, 11.32), (TEN_NEAR_A_VOLTAGE, 78.79)],
    ids=["high price", "three", "near a voltage"],
)
def test_known_markets_end_at_their_ac_optimum(market: AcMarket, expected: float) -> None:
    assert market.optimum is not None
    assert -market.optimum[0] == pytest.approx(expected, rel=1e-3)
    assert_as_good(market, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_markets_end_at_their_ac_optimum(seed: int) -> None:
    market = drawn(seed)
    assert market.optimum is not None
    assert_as_good(market, -market.optimum[0])


@pytest.mark.parametrize("tariff", [None, (0.3, None)], ids=["no contract", "import only"])
@pytest.mark.parametrize("gap", GAPS)
def test_what_nobody_buys_is_no_means_against_a_limit(gap: float, tariff: tuple[float, None] | None) -> None:
    """A generator alone at the end of a feeder whose loads break the limit: nobody takes what it makes."""
    generator = offers("bus33", ("17", 200, 0.15, 0.0))
    market = AcMarket("bus33", 1.0, generator, (), voltage_pu=(0.92, 1.10), tariff=tariff)
    outcomes = negotiated(market, gap)
    last = outcomes[-1].tables
    assert outcomes[-1].dispatch[0].injection_kw == pytest.approx(0.0, abs=UNSOLD_KW)
    assert last["prosumers"]["imbalance_kw"] == pytest.approx([0.0], abs=UNSOLD_KW)
    assert last["prosumers"]["surcharge_per_kwh"] == pytest.approx([0.0], abs=1e-6)
    still = market.report(outcomes[-1].dispatch).broken
    assert still
    means = dict(zip(last["negotiation"]["element"], last["negotiation"]["within_means"], strict=True))
    assert not any(means[element] for element, _ in still)


def test_relief_of_what_nobody_can_keep_has_a_price_cap() -> None:
    """The file's own loads hold the voltage below the limit; 200 kW more at the far end are worth five times the
    dearest offer, and are not given up for a relief that keeps no limit."""
    market = AcMarket(
        "bus33",
        1.0,
        offers("bus33", ("30", 1, 0.2, 0.0)),
        offers("bus33", ("18", 200, 1.0, 0.0)),
        voltage_pu=(0.95, 1.5),
        tariff=(0.2, None),
    )
    assert market.optimum is None
    last = negotiated(market, LOOSE)[-1]
    assert "beyond what prosumers can do" in last.tables["clearing"]["cause"][0]
    assert False in last.tables["negotiation"]["within_means"]
    rates = np.abs(last.tables["prosumers"]["surcharge_per_kwh"])
    assert 0.0 < rates.max() <= 0.2 + 1e-6
    assert last.dispatch[1].injection_kw == pytest.approx(-200.0, abs=0.1)


BEYOND = """
schema = 1
name = "beyond"
title = "Two prosumers, and lines full of others' power"
currency = "EUR"
[time]
start = 2024-01-01T00:00:00+01:00
steps = 1
step_minutes = 60
horizon_steps = 1
[networks.electricity]
case = "bus15"
background = "flat"
[networks.electricity.limits]
voltage_pu = { min = 0.90, max = 1.1 }
line_loading_percent = 40
[profiles.flat]
file = "flat.csv"
column = "flat"
[negotiation]
enabled = true
[[prosumers]]
name = "S"
bus = "7"
devices = [{ type = "generator", max_kw = 200.0, cost_per_kwh = 0.06, cost_per_kw2h = 0.0003 }]
[[prosumers]]
name = "B"
bus = "5"
devices = [{ type = "elastic_load", max_kw = 200.0, utility_per_kwh = 0.25, utility_slope_per_kw2h = 0.0003 }]
"""


def test_what_is_beyond_the_prosumers_is_said_in_tables_and_sentence(tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text(
        "time,flat\n2024-01-01T00:00:00+01:00,0.8\n2024-01-01T01:00:00+01:00,0.8\n", encoding="utf-8"
    )
    (tmp_path / "beyond.toml").write_text(BEYOND, encoding="utf-8")
    outcome = run(tmp_path / "beyond.toml", out=tmp_path / "run", progress=False, report=False)
    broken = read_table(outcome.folder, "violations")
    last = broken[broken["round"] == broken["round"].max()]
    assert set(last["element"]) == {"1-2", "2-6"}
    assert not last["prosumers_can_influence"].astype(bool).any()
    told = negotiation_sentence(outcome.summary)
    assert told is not None
    assert "beyond the prosumers' influence" in told


def test_under_a_limit_the_least_trade_is_reported() -> None:
    """All buy outside at the same price; what the line lets through is all that there is to sell."""
    market = AcMarket(
        "bus15",
        0.0,
        offers("bus15", ("13", 60, 0.01, 0.0)),
        offers("bus15", ("3", 1, 1.0, 0.0), ("7", 10, 1.0, 0.0), ("10", 100, 1.0, 0.0)),
        own_loading={"12-13": 4.0},
        tariff=(0.05, None),
    )
    last = negotiated(market, LOOSE)[-1]
    assert not market.report(last.dispatch).broken
    produced = last.dispatch[0].injection_kw
    assert produced == pytest.approx(30.45, abs=0.1)
    trades = last.tables["trades"]
    assert sum(trades["power_kw"]) == pytest.approx(produced, abs=UNSOLD_KW)
    assert set(trades["seller"]) == {market.names[0]}
