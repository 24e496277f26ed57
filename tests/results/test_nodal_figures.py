"""Figures of nodal prices: the hour and place that stand out, and parts that add up."""

from dataclasses import replace

import pandas as pd
import pytest

from made_results import ELECTRIC_ONLY, write_made
from mosaik_p2p.results.figures.market import nodal_prices
from mosaik_p2p.results.figures.market.nodal_prices import PARTS, nodal_price_panels
from mosaik_p2p.results.figures.networks.net_map import NetMap
from mosaik_p2p.results.figures.style import Clock, clock_of
from mosaik_p2p.results.store.reading import read_results


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return clock_of(read_results(write_made(tmp_path_factory.mktemp("nodal"), ELECTRIC_ONLY)))


def priced(clock: Clock) -> tuple[Clock, pd.DataFrame]:
    """With prices that one place's voltage moves in the last hour."""
    prosumers = clock.results.prosumers
    rows = [
        {
            **{"time": time, "prosumer": name, "carrier": "electricity", "energy_per_kwh": 0.3, "loss_per_kwh": 0.02},
            **{"congestion_per_kwh": 0.0, "heat_limits_per_kwh": 0.0},
            "voltage_per_kwh": -0.5 if name == prosumers[0] and time == clock.begins[-1] else 0.0,
        }
        for time in clock.begins
        for name in prosumers
    ]
    table = pd.DataFrame(rows)
    return replace(clock, results=replace(clock.results, tables={**clock.results.tables, "nodal_prices": table})), table


def test_without_such_prices_there_are_no_figures(clock: Clock) -> None:
    assert nodal_price_panels(clock.results) == []


def test_the_heat_map_shows_the_sum_of_the_parts(clock: Clock) -> None:
    given, table = priced(clock)
    by_place = nodal_price_panels(given.results)[0].figure.data[0]
    assert list(by_place.y) == sorted(table["prosumer"].unique(), reverse=True)
    shown = dict(zip(by_place.y, by_place.z, strict=True))
    first = given.results.prosumers[0]
    own = table[table["prosumer"] == first].set_index("time")[list(PARTS)].sum(axis=1)
    assert list(shown[first]) == pytest.approx(list(own.reindex(given.begins)))


def test_the_parts_are_those_of_the_place_that_the_network_moves_most(clock: Clock) -> None:
    given, _ = priced(clock)
    panel = nodal_price_panels(given.results)[1]
    assert f"At {given.results.prosumers[0]}," in panel.note
    bars = {bar.name: list(bar.y) for bar in panel.figure.data}
    # Parts that are nothing everywhere are left out.
    assert set(bars) == {"energy", "losses", "voltages"}
    assert bars["voltages"][-1] == pytest.approx(-0.5)


def test_the_map_is_of_the_hour_in_which_prices_differ_most(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    given, _ = priced(clock)
    first, second, *_ = given.results.prosumers
    net = NetMap(
        x_km={"1": 0.0, "2": 0.4},
        y={"1": 0, "2": 0},
        edges=[("line", "1-2", "1", "2")],
        prosumers={"1": [second], "2": [first, second]},
    )
    monkeypatch.setattr(nodal_prices, "electric_map", lambda _: net)
    panel = nodal_price_panels(given.results)[2]
    assert f"{given.local(given.begins[-1].to_pydatetime()):%a %d %b %H:%M}" in panel.note
    told = [text for trace in panel.figure.data for text in (trace.customdata if trace.customdata is not None else ())]
    # Of two at one place the mean: 0.32 and 0.32 less 0.5.
    assert any(text.startswith("2: price 0.0700") for text in told)
    assert any(text.startswith("1: price 0.3200") for text in told)
