"""Figures of one run and of three: they show what is stored, and each run has its drawing, or its curve."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mosaik_p2p
from made_nets import write_feeder
from made_results import SMALL, START, interval, write_made
from mosaik_p2p import figures
from mosaik_p2p.figures import Panel
from mosaik_p2p.results.figures import style
from mosaik_p2p.results.figures.market.dispatch import energy_by_part
from mosaik_p2p.results.figures.networks.maps import classes_of
from mosaik_p2p.results.figures.networks.slider import slider_of
from mosaik_p2p.results.figures.networks.states import network_states
from mosaik_p2p.results.figures.runs import named
from mosaik_p2p.results.figures.style import add_limits, blank, by_day, clock_of
from mosaik_p2p.results.store.reading import Results, read_results


def without_prices_of_losses(runs: Any) -> Any:
    """The same where no loss has a price: made runs do not know the losses of the days without trade."""
    if isinstance(runs, dict):
        return {name: without_prices_of_losses(run) for name, run in runs.items()}
    return replace(runs, facts=replace(runs.facts, loss_price_per_kwh=None, networks=("electricity",)))


def changed(runs: Any, change: Callable[[Results], dict[str, pd.DataFrame]]) -> Any:
    """One run or several with other tables in place of their own."""
    if isinstance(runs, dict):
        return {name: changed(run, change) for name, run in runs.items()}
    return replace(runs, tables={**runs.tables, **change(runs)})


def negotiated(runs: Any) -> Any:
    """The same as if every interval had a second round after which nothing is violated, and P1 paid a surcharge."""

    def change(run: Results) -> dict[str, pd.DataFrame]:
        first = run["clearing"]
        again = first.assign(round=1, cost=first["cost"] + 0.5, lower_bound=first["lower_bound"] + 0.5)
        surcharge = run["prosumers"]["prosumer"].map({"P1": 0.02})
        return {
            "clearing": pd.concat([first.assign(binding=False), again], ignore_index=True),
            "prosumers": run["prosumers"].assign(surcharge_per_kwh=surcharge),
        }

    return changed(runs, change)


def with_allocated_losses(runs: Any) -> Any:
    """The same where P1 causes 0.3 kWh of losses in every interval and P2 relieves the network of 0.1 kWh."""

    def change(run: Results) -> dict[str, pd.DataFrame]:
        columns = list(run["losses"].columns)
        shares = {"P1": 0.3, "P2": -0.1}
        rows = [
            {"time": time, "carrier": "electricity", "party": name, "counterparty": "utility", "loss_kwh": kwh}
            for time in run.binding["time"]
            for name, kwh in shares.items()
        ]
        return {"losses": pd.DataFrame(rows, columns=columns)} if rows else {}

    allocated = changed(runs, change)
    of_all = allocated.values() if isinstance(allocated, dict) else [allocated]
    ray = [replace(run, facts=replace(run.facts, loss_allocation="ray")) for run in of_all]
    return dict(zip(allocated, ray, strict=True)) if isinstance(allocated, dict) else ray[0]


DRAWN: dict[str, Callable[[Any], Panel | None]] = {
    **{name: getattr(figures, name) for name in ("voltages", "loadings", "duration_curve", "map_at", "along_the_way")},
    **{name: getattr(figures, name) for name in ("dispatch", "energy_balance", "traded", "partners", "prices")},
    **{name: getattr(figures, name) for name in ("prosumer_costs", "cost_parts", "exchange")},
    "trade_off": lambda runs: figures.trade_off(without_prices_of_losses(runs)),
    "supply temperatures": lambda runs: figures.limited(runs, "t_supply"),
    "velocities in order": lambda runs: figures.duration_curve(runs, "velocity"),
    "heat dispatch": lambda runs: figures.dispatch(runs, "heat"),
    **{name: getattr(figures, name) for name in ("nodal_prices", "nodal_price_parts", "nodal_price_map")},
    **{name: getattr(figures, name) for name in ("iterations", "relative_gaps", "operator_account", "storage_levels")},
    "verdicts": figures.verdicts,
    "loss_shares": lambda runs: figures.loss_shares(with_allocated_losses(runs)),
    "negotiation_rounds": lambda runs: figures.negotiation_rounds(negotiated(runs)),
    "negotiation_violations": lambda runs: figures.negotiation_violations(negotiated(runs)),
    "surcharges": lambda runs: figures.surcharges(negotiated(runs)),
    "limited": lambda runs: figures.limited(runs, "voltage_max"),
}
BEFORE_ANYTHING = {"verdicts"}
"""Figures that say of a run without any interval that nothing is known of it."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """Three runs of one district: of six hours, of four, and with another prosumer."""
    made = {"six": SMALL, "four": replace(SMALL, steps=4, steps_computed=4), "more": replace(SMALL, prosumers=4)}
    folders = {name: write_made(tmp_path_factory.mktemp("runs") / name, of) for name, of in made.items()}
    read = {name: read_results(write_feeder(folder, made[name])) for name, folder in folders.items()}
    return {name: replace(run, tables={**run.tables, "nodal_prices": nodal(run)}) for name, run in read.items()}


def nodal(run: Results) -> pd.DataFrame:
    """Nodal prices, each run's at another level."""
    rows = run["prosumers"].query("carrier == 'electricity'")[["time", "prosumer", "carrier"]]
    parts = dict.fromkeys(("loss_per_kwh", "congestion_per_kwh", "voltage_per_kwh", "heat_limits_per_kwh"), 0.0)
    return rows.assign(energy_per_kwh=0.1 * len(run["trades"]) / 100, **parts)


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_takes_one_run_and_three(name: str, runs: dict[str, Results]) -> None:
    one = DRAWN[name](runs["six"])
    assert one is not None
    assert one.title
    assert len(one.figure.data)
    three = DRAWN[name](runs)
    assert three is not None
    text = three.figure.to_json()
    assert all(run in text for run in runs), "each run is named"
    assert one.titled().layout.title.text == one.title


def test_no_figure_is_left_out() -> None:
    assert {name for name in figures.__all__ if name != "Panel"} <= set(DRAWN)


@pytest.mark.parametrize("name", sorted(set(DRAWN) - BEFORE_ANYTHING))
def test_where_nothing_was_computed_there_is_no_figure(name: str, tmp_path: Path) -> None:
    empty = write_made(tmp_path / "empty", replace(SMALL, steps_computed=0, is_closed=False))
    assert DRAWN[name](read_results(empty)) is None


def test_a_list_of_runs_has_the_names_of_their_folders(runs: dict[str, Results], tmp_path: Path) -> None:
    assert list(named(list(runs.values()))) == list(runs)
    same = shutil.copytree(runs["six"].folder, tmp_path / "six")
    with pytest.raises(ValueError, match="one name"):
        named([runs["six"], read_results(same)])
    with pytest.raises(ValueError, match="no run"):
        named({})


def test_a_run_in_hand_is_a_run_and_not_its_tables(runs: dict[str, Results]) -> None:
    folder = runs["six"].folder
    held = mosaik_p2p.read(folder)
    for given in (held, [held], {folder.name: held}):
        (run,) = named(given).values()
        assert run.folder == folder
        assert figures.voltages(given) == figures.voltages(read_results(folder))


def test_curves_of_several_runs_are_their_worst_values(runs: dict[str, Results]) -> None:
    panel = figures.voltages(runs)
    assert panel is not None
    curves = {curve.name: [value for value in curve.y if value is not None] for curve in panel.figure.data}
    for name, run in runs.items():
        by_time = run["buses"].groupby("time")["vm_pu"]
        assert min(curves[f"{name}: lowest"]) == by_time.min().min()
        assert max(curves[f"{name}: highest"]) == by_time.max().max()


def test_the_map_is_of_the_interval_that_is_asked_for(runs: dict[str, Results]) -> None:
    run = runs["six"]
    panel = figures.map_at(run, at=START + timedelta(hours=2, minutes=30))
    assert panel is not None
    assert "At Tue 21 Mar 2017 08:00" in panel.note
    told = [text for trace in panel.figure.data for text in (trace.text or ()) if text.startswith("1-2:")]
    loading = next(row["loading_percent"] for row in interval(SMALL, 2)["lines"] if row["element"] == "1-2")
    assert told == [f"1-2: loading {loading:.3g} %, {loading:.0f} % of its limit"]
    with pytest.raises(ValueError, match="no interval"):
        figures.map_at(run, at=START - timedelta(hours=1))
    with pytest.raises(ValueError, match="UTC offset"):
        figures.map_at(run, at=START.replace(tzinfo=None))


def test_the_map_opens_at_the_worst_interval_and_follows_the_flow(runs: dict[str, Results]) -> None:
    run = runs["six"]
    states = network_states(run, "electricity")
    assert states is not None
    # Voltages fall and loadings rise to the end.
    assert states.worst() == SMALL.steps - 1
    lines = run["lines"].assign(p_from_kw=lambda rows: rows["element"].map({"1-2": 3.0, "2-3": -3.0}).fillna(0.0))
    turned = network_states(replace(run, tables={**run.tables, "lines": lines}), "electricity")
    assert turned is not None
    flows = dict(zip([name for _, name, _, _ in turned.edges], turned.flow[0], strict=True))
    assert flows == {"1-2": 1.0, "2-3": -1.0, "3-4": 0.0, "4-5": 0.0}


def test_a_slider_without_room_keeps_the_worst_intervals(
    runs: dict[str, Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    states, clock = network_states(runs["six"], "electricity"), clock_of(runs["six"])
    assert states is not None
    monkeypatch.setattr("mosaik_p2p.results.figures.networks.slider.MOST_BYTES", 3 * (4 * 4 + 3 * 5))
    slider = slider_of(states, clock, states.worst(), classes_of(states))
    assert slider is not None
    assert slider["left_out"] == SMALL.steps - 3
    assert slider["told"] == [clock.told(time) for time in states.times[-3:]]
    assert slider["opened"] == 2


def test_profiles_run_along_the_way(runs: dict[str, Results]) -> None:
    panel = figures.along_the_way(runs["six"], "voltage", at=START)
    assert panel is not None
    nodes = panel.figure.data[-1]
    shown = dict(zip(nodes.x, nodes.y, strict=True))
    stored = {0.5 * k: row["vm_pu"] for k, row in enumerate(interval(SMALL, 0)["buses"])}
    assert shown == stored
    with pytest.raises(ValueError, match="profile of 'colour'"):
        figures.along_the_way(runs["six"], "colour")


def test_a_balance_counts_devices_and_contracts(runs: dict[str, Results]) -> None:
    run = runs["six"]
    parts = energy_by_part(run, "electricity").sum()
    own = run["prosumers"].query("carrier == 'electricity'")
    assert parts["battery"] == pytest.approx(-1.0 * SMALL.steps)
    assert parts["pv"] == pytest.approx(3.0 * 2 * SMALL.steps)
    assert parts["bought by contract"] == pytest.approx(own["import_kw"].sum())
    assert parts["sold by contract"] == pytest.approx(-own["export_kw"].sum())


def test_a_trade_off_has_hours_and_gain_of_each_run(runs: dict[str, Results]) -> None:
    panel = figures.trade_off(without_prices_of_losses(runs["six"]))
    assert panel is not None
    (points,) = panel.figure.data
    market = list(points.text).index("market")
    broken = [k for k in range(SMALL.steps) if interval(SMALL, k)["violations"]]
    assert points.x[market] == len(broken) > 0


def test_a_limit_far_from_the_data_is_told_and_not_drawn() -> None:
    figure = blank(None, "velocity (m/s)")
    add_limits(figure, [0.0, 0.1], [(2.0, "limit 2 m/s", False), (0.15, "limit 0.15 m/s", False)])
    low, high = figure.layout.yaxis.range
    assert 0.15 < high < 0.2
    assert -0.05 < low < 0.0
    assert [note.text for note in figure.layout.annotations] == ["limit 0.15 m/s", "limit 2 m/s, above"]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.15]


def test_long_runs_are_drawn_by_the_day(runs: dict[str, Results], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "LONG", 5)
    run = runs["six"]
    clock = clock_of(run)
    assert clock.is_long
    days, sums = by_day(clock, pd.Series(1.0, index=clock.begins), "sum")
    assert list(sums) == [6.0]
    assert [begin.isoformat() for begin in days.local_begins()] == ["2017-03-21T00:00:00"]
    carpet = figures.loadings(run)
    assert carpet is not None
    (cells,) = carpet.figure.data
    highest = run["lines"].groupby("time")["loading_percent"].max()
    assert [row[0] for row in cells.z] == pytest.approx(list(highest), rel=1e-4)
    assert list(cells.y) == [6.5 + k for k in range(SMALL.steps)]
    assert figures.dispatch(run) is not None


def test_scales_of_colours_are_one_for_all_runs(runs: dict[str, Results]) -> None:
    panel = figures.nodal_prices(runs)
    assert panel is not None
    ends = {(cells.zmin, cells.zmax) for cells in panel.figure.data}
    prices = [run["nodal_prices"]["energy_per_kwh"] for run in runs.values()]
    assert ends == {(min(p.min() for p in prices), max(p.max() for p in prices))}
    assert [cells.showscale for cells in panel.figure.data] == [True, False, False]


def test_what_the_operator_takes_is_drawn_with_the_losses_of_whom(runs: dict[str, Results]) -> None:
    panel = figures.operator_account(runs)
    assert panel is not None
    taken = sum(value for bars in panel.figure.data if bars.type == "bar" for value in bars.y)
    settled = [run.settled("in_market").query("party == 'operator' and item == 'charge'") for run in runs.values()]
    assert taken == pytest.approx(sum(rows["money"].sum() for rows in settled))
    shares = figures.loss_shares(with_allocated_losses(runs["six"]))
    assert shares is not None
    (bars,) = shares.figure.data
    assert dict(zip(bars.y, bars.x, strict=True)) == pytest.approx({"P1": 1.8, "P2": -0.6, "P3": 0.0})


def test_a_negotiation_is_drawn_before_and_after(runs: dict[str, Results]) -> None:
    run = negotiated(runs["six"])
    rounds, broken = figures.negotiation_rounds(run), figures.negotiation_violations(run)
    surcharges = figures.surcharges(run)
    assert rounds is not None
    assert broken is not None
    assert surcharges is not None
    assert list(rounds.figure.data[0].y) == [1.0] * SMALL.steps
    assert "cost 3.00 CNY" in rounds.note
    first, last = broken.figure.data
    assert list(first.y) == [sum(bool(interval(SMALL, k)["violations"]) for k in range(SMALL.steps))]
    assert list(last.y) == [0.0]
    assert {value for value in surcharges.figure.data[0].y if value is not None} == {0.02}
    assert figures.negotiation_rounds(runs) is None


def test_of_one_run_among_several_the_note_says_which(runs: dict[str, Results]) -> None:
    panel = figures.surcharges({**runs, "four": negotiated(runs["four"])})
    assert panel is not None
    assert panel.note.startswith("four: ")


def test_how_clearings_converged_is_drawn_run_by_run(runs: dict[str, Results]) -> None:
    iterations, gaps = figures.iterations(runs), figures.relative_gaps(runs)
    assert iterations is not None
    assert gaps is not None
    drawn = {curve.name: [value for value in curve.y if value is not None] for curve in iterations.figure.data}
    assert {name: values[:2] + values[-1:] for name, values in drawn.items()} == {
        "six": [30.0, 33.0, 45.0],
        "four": [30.0, 33.0, 39.0],
        "more": [30.0, 33.0, 45.0],
    }
    shown = {curve.name: list(curve.y) for curve in gaps.figure.data}
    assert shown["four"] == pytest.approx([5e-4 / (k + 1) for k in range(4)])
    assert shown["wanted: 0.001"] == [1e-3, 1e-3]


def test_the_worst_gap_of_each_day_is_drawn_of_long_runs(
    runs: dict[str, Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "LONG", 5)
    panel = figures.relative_gaps(runs["six"])
    assert panel is not None
    assert list(panel.figure.data[0].y) == [5e-4]


def test_what_no_figure_can_be_drawn_of_is_refused(runs: dict[str, Results]) -> None:
    for draw in (figures.limited, figures.duration_curve):
        with pytest.raises(ValueError, match="no limited quantity is called 'beauty'"):
            draw(runs["six"], "beauty")
