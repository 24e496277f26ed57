"""What an outsider makes of a result folder with pandas, NumPy, SciPy and Clarabel: nothing of ours is imported here.

Run it on any folder: python tests/support/outsider.py RESULTS [every_nth_interval]
"""

import json
import runpy
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import clarabel
import numpy as np
import pandas as pd
import scipy.sparse as sp

CARRIERS = ("electricity", "heat")
BALANCE = 1e-6
"""Of the interval's totals."""
ROUNDING_KW = 1e-9
"""Where nothing is traded there is no total to compare with."""
LEVEL_KWH = 1e-6
"""Against batteries of 55 kWh: what the interior-point method leaves open."""
GAP = 1e-3
SAME_LOSS_KW = 1e-3


@dataclass(frozen=True)
class Results:
    """Tables by name, the scenario and the summary of a result folder."""

    tables: dict[str, pd.DataFrame]
    scenario: dict[str, Any]
    summary: dict[str, Any]

    @property
    def dt_h(self) -> float:
        return float(self.scenario["time"]["step_minutes"]) / 60

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    @property
    def binding(self) -> pd.DataFrame:
        clearing = self["clearing"]
        return clearing[clearing["binding"]].set_index("time")


def read(folder: Path) -> Results:
    return Results(
        tables={path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))},
        scenario=tomllib.loads((folder / "scenario.toml").read_text()),
        summary=json.loads((folder / "summary.json").read_text()),
    )


def run(scenario: str, folder: Path, *options: str) -> Results:
    """Run a scenario by the command line and read what it left.

    What `python -m` would run is run in this process: to load all that it needs takes longer than most of these runs.
    """
    command = ["mosaik_p2p", "run", scenario, "--out", str(folder), "--quiet", *options]
    with mock.patch.object(sys, "argv", command):
        try:
            runpy.run_module("mosaik_p2p", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"{' '.join(command)}: exit code {ended.code}") from ended
    return read(folder)


def energy_errors(results: Results) -> pd.DataFrame:
    """Per interval and carrier: what does not balance, in kW, beside the total power that flows."""
    exchange, devices, trades = results["prosumers"], results["devices"], results["trades"]
    rows = []
    for (time, carrier), group in exchange.groupby(["time", "carrier"]):
        column = "el_kw" if carrier == "electricity" else "heat_kw"
        made = devices[devices["time"] == time].groupby("prosumer")[column].sum()
        own = trades[(trades["time"] == time) & (trades["carrier"] == carrier)]
        sold = own.groupby("seller")["power_kw"].sum()
        bought = own.groupby("buyer")["power_kw"].sum()
        by_name = group.set_index("prosumer")
        traded = sold.reindex(by_name.index, fill_value=0.0) - bought.reindex(by_name.index, fill_value=0.0)
        contract = by_name["export_kw"] - by_name["import_kw"] + by_name["imbalance_kw"]
        errors = [
            abs(by_name["net_sale_kw"].sum()),
            (by_name["net_sale_kw"] - traded).abs().max(),
            (by_name["injection_kw"] - by_name["net_sale_kw"] - contract).abs().max(),
            (by_name["injection_kw"] - made.reindex(by_name.index, fill_value=0.0)).abs().max(),
        ]
        total = by_name[["net_sale_kw", "import_kw", "export_kw"]].abs().to_numpy().sum()
        rows.append((time, carrier, max(errors), total))
    return pd.DataFrame(rows, columns=["time", "carrier", "error_kw", "total_kw"])


def money_errors(results: Results) -> pd.DataFrame:
    """Per interval and case: the sum of all money beside the turnover, and trades paid as agreed."""
    ledger, trades = results["settlement"], results["trades"]
    paid = ledger.groupby(["time", "case"])["money"].agg(error=lambda m: abs(m.sum()), turnover=lambda m: m.abs().sum())
    agreed = (trades["power_kw"] * trades["price_per_kwh"]).groupby(trades["time"]).sum() * results.dt_h
    received = ledger[(ledger["item"] == "trade") & (ledger["money"] > 0)].groupby("time")["money"].sum()
    paid["trade_error"] = 0.0
    difference = (agreed - received.reindex(agreed.index, fill_value=0.0)).abs()
    for time, value in difference.items():
        paid.loc[(time, "in_market"), "trade_error"] = value
    return paid.reset_index()


def lost_kw(results: Results, network: str) -> pd.DataFrame:
    """By time: with the dispatch, and with nobody there."""
    nobody, flows = results["flows_without_market"], results["flows"]
    return pd.DataFrame(
        {
            "market": flows[flows["network"] == network].set_index("time")["loss_kw"],
            "nobody": nobody[(nobody["network"] == network) & (nobody["case"] == "nobody")].set_index("time")[
                "loss_kw"
            ],
        }
    )


def allocation_faults(results: Results) -> list[str]:
    """Where prosumers' losses are not what they cause, or rows not what was exchanged."""
    rows, lost = results["losses"], lost_kw(results, "electricity") * results.dt_h
    own = rows[rows["party"] != "operator"]
    prosumers = results["prosumers"].query("carrier == 'electricity'")
    open_kwh = own.groupby("time")["loss_kwh"].sum() - (lost["market"] - lost["nobody"])
    injected = prosumers.set_index(["time", "prosumer"])["injection_kw"] * results.dt_h
    energy = own.groupby(["time", "party"])["energy_kwh"].sum().rename_axis(["time", "prosumer"])
    return [
        *[f"{time}: {kwh} kWh" for time, kwh in open_kwh[~(open_kwh.abs() < SAME_LOSS_KW * results.dt_h)].items()],
        *[f"{key}: injected" for key, kwh in (injected - energy).items() if not abs(kwh) < ROUNDING_KW],
    ]


def peer_money_errors(results: Results) -> pd.DataFrame:
    """Per interval and carrier: what peers pay each other, summed over both ends, beside what changes hands."""
    ledger = results["settlement"]
    names = {prosumer["name"] for prosumer in results.scenario["prosumers"]}
    between = ledger[ledger["party"].isin(names) & ledger["counterparty"].isin(names)]
    by_hour = between.groupby(["time", "carrier"])["money"]
    return by_hour.agg(error=lambda m: abs(m.sum()), turnover=lambda m: m.abs().sum()).reset_index()


def worse_off(results: Results) -> list[str]:
    """Who pays noticeably more in the market than alone, by the settlement."""
    ledger = results["settlement"]
    names = [prosumer["name"] for prosumer in results.scenario["prosumers"]]
    paid = -ledger.pivot_table(index="party", columns="case", values="money", aggfunc="sum").loc[names]
    more = paid["in_market"] - paid["alone"]
    return sorted(more.index[more > np.maximum(0.005, 1e-6 * paid["alone"].abs())])


def devices_of(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    """Parameters by prosumer and device name."""
    return {(p["name"], d["name"]): d for p in results.scenario["prosumers"] for d in p["devices"]}


def level_errors(results: Results) -> pd.Series:
    """kWh by which each stored level differs from the one before plus the binding dispatch."""
    parameters = devices_of(results)
    errors = {}
    for (prosumer, device), rows in results["devices"].groupby(["prosumer", "device"]):
        if rows["level_kwh"].notna().any():
            rows = rows.sort_values("time")
            expected = [level_after(results, parameters[prosumer, device], row) for row in _with_level_before(rows)]
            errors[prosumer, device] = np.nanmax(np.abs(rows["level_kwh"].to_numpy(dtype=float) - expected))
    return pd.Series(errors, dtype=float)


def _with_level_before(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    before = rows["level_kwh"].shift()
    for n, row in enumerate(rows.to_dict("records")):
        yield {**row, "before": before.iloc[n], "is_first": n == 0}


def level_after(results: Results, device: dict[str, Any], row: dict[str, Any]) -> float:
    """The level that must stand at the end of an interval; NaN while a vehicle is away."""
    if device["type"] == "ev" and not _plugged(results, device, row["time"])[0]:
        return float("nan")
    power = row["heat_kw" if device["type"] == "heat_tank" else "el_kw"]
    before = row["before"]
    if row["is_first"]:
        before = device["energy_kwh"].get("initial", device["energy_kwh"].get("arrival"))
    elif device["type"] == "ev" and np.isnan(before):
        before = device["energy_kwh"]["arrival"]
    way = -power * device["efficiency"]["charge"] if power < 0 else -power / device["efficiency"]["discharge"]
    return float(_keep(results, device) * before + way * results.dt_h)


def _keep(results: Results, device: dict[str, Any]) -> float:
    """Share of a tank's content that an interval leaves."""
    return float((1.0 - device.get("loss_per_h", 0.0)) ** results.dt_h)


def _plugged(results: Results, device: dict[str, Any], time: pd.Timestamp) -> tuple[bool, int]:
    """Whether a vehicle is there for the whole interval from `time` on, and for how many whole ones after it."""
    step = results.scenario["time"]["step_minutes"]
    local = time.tz_convert(results.scenario["time"]["start"].tzinfo)
    arrival, departure = (60 * int(device[key][:2]) + int(device[key][3:]) for key in ("arrival", "departure"))
    stay = (departure - arrival) % 1440
    since = (60 * local.hour + local.minute - arrival) % 1440
    return since + step <= stay, (stay - since - step) // step


class Programme:
    """Rows and columns of a quadratic programme as they come, for Clarabel."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.linear: list[float] = []
        self.quadratic: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.rhs: list[float] = []
        self.constant = 0.0

    def variables(self, count: int, lower: Any, upper: Any, linear: Any = 0.0, quadratic: Any = 0.0) -> np.ndarray:
        first = len(self.lower)
        for store, value in (
            (self.lower, lower), (self.upper, upper), (self.linear, linear), (self.quadratic, quadratic)
        ):  # fmt: skip
            store.extend(np.broadcast_to(value, (count,)).tolist())
        return np.arange(first, first + count)

    def equation(self, terms: list[tuple[int, float]], rhs: float) -> None:
        self.entries.extend((len(self.rhs), column, value) for column, value in terms)
        self.rhs.append(rhs)

    def minimum(self) -> float:
        n, rows = len(self.lower), len(self.rhs)
        row, column, value = zip(*self.entries, strict=True)
        equal = sp.csc_matrix((value, (row, column)), shape=(rows, n))
        lower, upper = np.array(self.lower), np.array(self.upper)
        below, above = np.flatnonzero(np.isfinite(lower)), np.flatnonzero(np.isfinite(upper))
        eye = sp.identity(n, format="csr")
        matrix = sp.vstack([equal, eye[above], -eye[below]]).tocsc()
        bounds = np.concatenate([self.rhs, upper[above], -lower[below]])
        cones = [clarabel.ZeroConeT(rows), clarabel.NonnegativeConeT(len(above) + len(below))]
        options = clarabel.DefaultSettings()
        options.verbose = False
        hessian = sp.csc_matrix(sp.diags(self.quadratic))
        solution = clarabel.DefaultSolver(hessian, np.array(self.linear), matrix, bounds, cones, options).solve()
        if str(solution.status) not in ("Solved", "AlmostSolved"):
            raise RuntimeError(f"Clarabel ended with {solution.status}")
        return float(solution.obj_val) + self.constant


@dataclass(frozen=True)
class LookAhead:
    """The look-ahead that begins at `times[0]`: forecasts by prosumer, device, quantity and time.

    From the levels that stand in the tables or, `anew`, from those with which the run began.
    """

    results: Results
    times: list[pd.Timestamp]
    forecasts: pd.Series
    realised: pd.Series
    anew: bool = False

    @property
    def run_end(self) -> int:
        """Its interval with which the run ends, if storages are to hold their final levels then; else -1."""
        time = self.results.scenario["time"]
        step = pd.Timedelta(hours=self.results.dt_h)
        end = round((pd.Timestamp(time["start"]) - self.times[0]) / step) + time["steps"] - 1
        return end if time["final_at_end"] and 0 <= end < len(self.times) else -1

    @property
    def dearest_per_kwh(self) -> float:
        quantities = self.forecasts.index.get_level_values("quantity")
        offers = self.forecasts[quantities.isin(["import_price_per_kwh", "export_price_per_kwh"])]
        return float(offers[offers.index.get_level_values("time").isin(self.times)].abs().max())

    @property
    def scarcity_per_kwh(self) -> float:
        prices = self.results["prosumers"]
        told = min(self.times[0], prices["time"].max())
        return float(prices.loc[prices["time"] == told, "imbalance_price_per_kwh"].max())

    def series(self, prosumer: str, device: str, quantity: str) -> np.ndarray:
        return self.forecasts.loc[(prosumer, device, quantity)].reindex(self.times).to_numpy()


Balances = dict[tuple[str, str, int], list[Any]]
"""Carrier, prosumer and interval to [terms, fixed demand]."""


def look_ahead(results: Results, time: pd.Timestamp) -> LookAhead:
    step, last = pd.Timedelta(hours=results.dt_h), results["inputs"]["time"].max()
    times = [time + n * step for n in range(results.scenario["time"]["horizon_steps"]) if time + n * step <= last]
    index = ["prosumer", "device", "quantity", "time"]
    inputs = results["inputs"].set_index(index).sort_index()
    return LookAhead(results, times, inputs["forecast"], inputs["realised"])


def closing_errors(results: Results) -> pd.Series:
    """By prosumer: how far its stored closing value in the market is from its own cost alone after the run, computed
    here from the levels reached and from the initial ones, of which the difference counts."""
    step = pd.Timedelta(hours=results.dt_h)
    after = look_ahead(results, results["prosumers"]["time"].max() + step)
    after = replace(after, times=after.times[: results.scenario["time"]["horizon_steps"] - 1])
    told = results["closing"][results["closing"]["case"] == "in_market"].set_index("prosumer")["closing_value"]
    return pd.Series(
        {
            p["name"]: abs(cost_alone(after, p) - cost_alone(replace(after, anew=True), p) - told[p["name"]])
            for p in results.scenario["prosumers"]
        }
    )


def optimal_cost(ahead: LookAhead) -> float:
    """The least cost of a look-ahead, by one central model with a variable per pair and direction."""
    programme, balances = Programme(), {}
    for prosumer in ahead.results.scenario["prosumers"]:
        balances |= _prosumer(programme, ahead, prosumer)
    _add_trades(programme, balances, ahead)
    return _solved(programme, balances)


def cost_alone(ahead: LookAhead, prosumer: dict[str, Any]) -> float:
    """The least cost of a look-ahead for one prosumer with its contracts only."""
    programme = Programme()
    return _solved(programme, _prosumer(programme, ahead, prosumer))


def _solved(programme: Programme, balances: Balances) -> float:
    for terms, fixed in balances.values():
        if terms:
            programme.equation(terms, fixed)
    return programme.minimum()


def _prosumer(programme: Programme, ahead: LookAhead, prosumer: dict[str, Any]) -> Balances:
    own: dict[str, list[list[Any]]] = {c: [[[], 0.0] for _ in ahead.times] for c in CARRIERS}
    for device in prosumer["devices"]:
        _add_device(programme, own, ahead, prosumer["name"], device)
    for tariff in prosumer["tariffs"]:
        _add_tariff(programme, own, ahead, prosumer["name"], tariff)
    # What nobody can balance is an imbalance at the price that the tables name.
    scarcity = ahead.scarcity_per_kwh * ahead.results.dt_h
    for carrier in CARRIERS:
        for entry in own[carrier]:
            short, surplus = programme.variables(2, 0.0, np.inf, scarcity)
            entry[0] += [(short, 1.0), (surplus, -1.0)]
    return {(c, prosumer["name"], t): entry for c in CARRIERS for t, entry in enumerate(own[c])}


def _add_device(
    programme: Programme, own: dict[str, list[list[Any]]], ahead: LookAhead, prosumer: str, device: dict[str, Any]
) -> None:
    dt, count, name = ahead.results.dt_h, len(ahead.times), device["name"]
    kind = device["type"]
    if kind == "fixed_load":
        for entry, demand in zip(own[device["carrier"]], ahead.series(prosumer, name, "demand_kw"), strict=True):
            entry[1] += demand
    elif kind == "flexible_load":
        demand = ahead.series(prosumer, name, "demand_kw")
        c = device["discomfort_per_kw2h"]
        d = programme.variables(count, device["min_kw"], device["max_kw"], -2 * c * demand * dt, 2 * c * dt)
        programme.constant += c * float(demand @ demand) * dt
        for entry, column in zip(own[device["carrier"]], d, strict=True):
            entry[0].append((column, -1.0))
        for day, owed in _owed(ahead, prosumer, device).items():
            columns = [column for column, t in zip(d, ahead.times, strict=True) if _day(ahead.results, t) == day]
            programme.equation([(column, dt) for column in columns], owed)
    elif kind in ("pv", "solar_collector"):
        available = ahead.series(prosumer, name, "available_kw")
        made = programme.variables(count, 0.0, available, device["cost_per_kwh"] * dt)
        for entry, column in zip(own["electricity" if kind == "pv" else "heat"], made, strict=True):
            entry[0].append((column, 1.0))
    elif kind == "heat_pump":
        drawn = programme.variables(count, 0.0, device["el_max_kw"])
        for t, cop in enumerate(ahead.series(prosumer, name, "cop")):
            own["electricity"][t][0].append((drawn[t], -1.0))
            own["heat"][t][0].append((drawn[t], cop))
    elif kind in ("battery", "heat_tank"):
        _add_storage(programme, own, ahead, prosumer, device)
    elif kind == "ev":
        _add_ev(programme, own, ahead, prosumer, device)
    else:
        _add_plant(programme, own, ahead, prosumer, device)


def _add_plant(
    programme: Programme, own: dict[str, list[list[Any]]], ahead: LookAhead, prosumer: str, device: dict[str, Any]
) -> None:
    """Devices without a level or profile: what they take and make per kW of their variable, and what that costs."""
    dt, kind, least = ahead.results.dt_h, device["type"], device.get("min_kw", 0.0)
    linear: Any = device.get("cost_per_kwh", 0.0)
    quadratic, most = device.get("cost_per_kw2h", 0.0), device.get("el_max_kw", device.get("max_kw"))
    if kind == "elastic_load":
        scale, own_scale = ahead.results.scenario["scale"], _owner(ahead, prosumer)["scale"]
        times = own_scale * scale["load" if device["carrier"] == "electricity" else "heat_load"]
        linear, quadratic = -device["utility_per_kwh"], device["utility_slope_per_kw2h"] / times
        makes, most = {device["carrier"]: -1.0}, device["max_kw"] * times
    elif kind == "generator":
        makes = {"electricity": 1.0}
    elif kind == "electric_boiler":
        makes = {"electricity": -1.0, "heat": device["efficiency"]}
    elif kind == "gas_boiler":
        makes, most = {"heat": device["efficiency"]}, device["heat_max_kw"] / device["efficiency"]
        linear = ahead.series(prosumer, device["name"], "fuel_price_per_kwh")
    elif kind == "chp":
        heat = device["efficiency"] / (1 + device["power_to_heat"])
        makes = {"electricity": device["power_to_heat"] * heat, "heat": heat}
        linear, most = ahead.series(prosumer, device["name"], "fuel_price_per_kwh"), most / makes["electricity"]
    else:
        raise ValueError(kind)
    columns = programme.variables(len(ahead.times), least, most, linear * dt, quadratic * dt)
    for carrier, share in makes.items():
        for entry, column in zip(own[carrier], columns, strict=True):
            entry[0].append((column, share))


def _owner(ahead: LookAhead, prosumer: str) -> dict[str, Any]:
    return next(p for p in ahead.results.scenario["prosumers"] if p["name"] == prosumer)


def _level_before(ahead: LookAhead, prosumer: str, device: dict[str, Any]) -> float | None:
    """The stored level at the end of the interval before; NaN of a vehicle that was away, None before the first."""
    if ahead.anew:
        return _level_anew(ahead, device) if device["type"] == "ev" else None
    rows = ahead.results["devices"]
    mine = (rows["prosumer"] == prosumer) & (rows["device"] == device["name"])
    before = rows[mine & (rows["time"] < ahead.times[0])]
    return float(before.sort_values("time")["level_kwh"].iloc[-1]) if len(before) else None


def _level_anew(ahead: LookAhead, device: dict[str, Any]) -> float:
    """Of a vehicle: what it began the run with, or came with where it was away then; NaN where it is away now."""
    start, step = pd.Timestamp(ahead.results.scenario["time"]["start"]), pd.Timedelta(hours=ahead.results.dt_h)
    if not _plugged(ahead.results, device, ahead.times[0] - step)[0]:
        return float("nan")
    came_with = device["energy_kwh"]["arrival"]
    was_there = _plugged(ahead.results, device, start.tz_convert("UTC"))[0]
    return float(device["energy_kwh"].get("initial", came_with) if was_there else came_with)


def _owe(programme: Programme, ahead: LookAhead, column: int, wanted_kwh: float) -> None:
    """A level that is to be reached, and misses what it lacks at three times the dearest offer."""
    short, spare = programme.variables(2, 0.0, np.inf, [3.0 * ahead.dearest_per_kwh, 0.0])
    programme.equation([(column, 1.0), (short, 1.0), (spare, -1.0)], wanted_kwh)


def _add_storage(
    programme: Programme, own: dict[str, list[list[Any]]], ahead: LookAhead, prosumer: str, device: dict[str, Any]
) -> None:
    dt, count, energy = ahead.results.dt_h, len(ahead.times), device["energy_kwh"]
    cost, keep = device["cost_per_kwh"] * dt, _keep(ahead.results, device)
    charge = programme.variables(count, 0.0, device["power_kw"], cost)
    discharge = programme.variables(count, 0.0, device["power_kw"], cost)
    least = np.full(count, energy["min"])
    final = energy["initial"] if energy["final"] == "initial" else energy["final"]
    if ahead.run_end != count - 1:
        least[-1] = final
    level = programme.variables(count, least, energy["max"])
    if ahead.run_end >= 0:
        _owe(programme, ahead, level[ahead.run_end], final)
    before = _level_before(ahead, prosumer, device)
    start = energy["initial"] if before is None else before
    for t in range(count):
        own["heat" if device["type"] == "heat_tank" else "electricity"][t][0] += [
            (charge[t], -1.0),
            (discharge[t], 1.0),
        ]
        terms = [
            (level[t], 1.0),
            (charge[t], -device["efficiency"]["charge"] * dt),
            (discharge[t], dt / device["efficiency"]["discharge"]),
        ]
        programme.equation([*terms, (level[t - 1], -keep)] if t else terms, 0.0 if t else keep * start)


def _add_ev(
    programme: Programme, own: dict[str, list[list[Any]]], ahead: LookAhead, prosumer: str, device: dict[str, Any]
) -> None:
    """Stay after stay: a vehicle comes with its arrival energy and wants to leave with its departure energy."""
    energy = device["energy_kwh"]
    before = _level_before(ahead, prosumer, device)
    there = [_plugged(ahead.results, device, time) for time in ahead.times]
    was_there = there[0][0] if before is None else not np.isnan(before)
    held: tuple[int | None, float] | None = None  # a column, or a number of kWh
    if was_there:
        held = (None, energy.get("initial", energy["arrival"]) if before is None else before)
    most = held[1] if held else 0.0
    for t, (is_there, left) in enumerate(there):
        if is_there:
            most = energy["arrival"] if held is None else most
            most = min(energy["max"], most + _charged_kwh(ahead, device))
            is_last = t == len(there) - 1 and t != ahead.run_end
            least = min(most, max(_wanted_kwh(ahead, device, left))) if is_last else energy["min"]
            limits = (max(least, energy["min"]), energy["max"])
            held = _stay(programme, own["electricity"][t], ahead, device, held or (None, energy["arrival"]), limits)
            if t == ahead.run_end:
                in_time, came_with = _wanted_kwh(ahead, device, left)
                _owe(programme, ahead, held[0], max(in_time, min(most, came_with)))
        elif held is not None:
            _leave(programme, ahead, device, held)
            held = None


def _charged_kwh(ahead: LookAhead, device: dict[str, Any]) -> float:
    return float(device["power_kw"] * device["efficiency"]["charge"] * ahead.results.dt_h)


def _wanted_kwh(ahead: LookAhead, device: dict[str, Any], left: int) -> tuple[float, float]:
    """What a look-ahead must end with: enough to be ready in `left` intervals, and the arrival energy."""
    energy = device["energy_kwh"]
    in_time = energy["departure"] - left * _charged_kwh(ahead, device)
    return float(in_time), float(min(energy["arrival"], energy["departure"]))


def _stay(
    programme: Programme,
    balance: list[Any],
    ahead: LookAhead,
    device: dict[str, Any],
    held: tuple[int | None, float],
    limits: tuple[float, float],
) -> tuple[int, float]:
    dt, power = ahead.results.dt_h, device["power_kw"]
    wear = device["cost_per_kwh"] * dt
    charge, discharge = programme.variables(2, 0.0, [power, power * device["v2g"]], wear)
    (after,) = programme.variables(1, *limits)
    balance[0] += [(charge, -1.0), (discharge, 1.0)]
    terms = [
        (after, 1.0),
        (charge, -device["efficiency"]["charge"] * dt),
        (discharge, dt / device["efficiency"]["discharge"]),
    ]
    column, number = held
    programme.equation([*terms, *([] if column is None else [(column, -1.0)])], number)
    return after, 0.0


def _leave(programme: Programme, ahead: LookAhead, device: dict[str, Any], held: tuple[int | None, float]) -> None:
    """What it then lacks costs half of what an imbalance does."""
    short, spare = programme.variables(2, 0.0, np.inf, [0.5 * ahead.scarcity_per_kwh, 0.0])
    column, number = held
    terms = [(short, 1.0), (spare, -1.0), *([] if column is None else [(column, 1.0)])]
    programme.equation(terms, device["energy_kwh"]["departure"] - number)


def _day(results: Results, time: pd.Timestamp) -> Any:
    return time.tz_convert(results.scenario["time"]["start"].tzinfo).date()


def _owed(ahead: LookAhead, prosumer: str, device: dict[str, Any]) -> dict[Any, float]:
    """The forecast of the intervals covered, and today what the load was cleared less than its forecast so far.

    What it was cleared is what it took less what its forecast missed: the contract supplies the difference.
    """
    results, dt = ahead.results, ahead.results.dt_h
    start, step = pd.Timestamp(results.scenario["time"]["start"]).tz_convert("UTC"), pd.Timedelta(hours=dt)
    before = [] if ahead.anew else [start + n * step for n in range(round((ahead.times[0] - start) / step))]
    rows = results["devices"]
    mine = rows[(rows["prosumer"] == prosumer) & (rows["device"] == device["name"])].set_index("time")
    served = -mine["el_kw" if device["carrier"] == "electricity" else "heat_kw"]
    forecast = ahead.forecasts.loc[(prosumer, device["name"], "demand_kw")]
    realised = ahead.realised.loc[(prosumer, device["name"], "demand_kw")]
    owed = {}
    for day in dict.fromkeys(_day(results, t) for t in ahead.times):
        left = [t for t in ahead.times if _day(results, t) == day]
        past = [t for t in before if _day(results, t) == day]
        cleared = served.reindex(past) - (realised.reindex(past) - forecast.reindex(past))
        energy = float(forecast.reindex(past + left).sum() - cleared.sum()) * dt
        owed[day] = float(np.clip(energy, len(left) * device["min_kw"] * dt, len(left) * device["max_kw"] * dt))
    return owed


def _add_tariff(
    programme: Programme, own: dict[str, list[list[Any]]], ahead: LookAhead, prosumer: str, name: str
) -> None:
    tariff, dt, count = ahead.results.scenario["tariffs"][name], ahead.results.dt_h, len(ahead.times)
    price = ahead.series(prosumer, name, "import_price_per_kwh")
    bought = programme.variables(count, 0.0, tariff["import_max_kw"], price * dt)
    for entry, column in zip(own[tariff["carrier"]], bought, strict=True):
        entry[0].append((column, 1.0))
    if "export_per_kwh" in tariff:
        price = ahead.series(prosumer, name, "export_price_per_kwh")
        sold = programme.variables(count, 0.0, tariff.get("export_max_kw", np.inf), -price * dt)
        for entry, column in zip(own[tariff["carrier"]], sold, strict=True):
            entry[0].append((column, -1.0))


def _add_trades(programme: Programme, balances: Balances, ahead: LookAhead) -> None:
    """p_ij split by direction, paying what both ends are charged less what they value the trade at, if that is less."""
    for row in charges_at(ahead.results, ahead.times[0]).itertuples():
        paid = row.charge_seller_per_kwh + row.charge_buyer_per_kwh
        total = max(paid - row.benefit_per_kwh, 0.0) * ahead.results.dt_h
        for seller, buyer in ((row.prosumer, row.partner), (row.partner, row.prosumer)):
            power = programme.variables(len(ahead.times), 0.0, np.inf, total)
            for t, column in enumerate(power):
                balances[row.carrier, seller, t][0].append((column, -1.0))
                balances[row.carrier, buyer, t][0].append((column, 1.0))


def charges_at(results: Results, time: pd.Timestamp) -> pd.DataFrame:
    """Each pair's last row up to `time`: charges hold until the pair's next row."""
    told = results["charges"][results["charges"]["time"] <= time].sort_values("time", kind="stable")
    return told.groupby(["carrier", "prosumer", "partner"], as_index=False).last()


def reputation_errors(results: Results) -> pd.Series:
    """By clearing: how far the stored benefits are from those that the trades before it have earned."""
    rule, charges = results.scenario["market"]["reputation"], results["charges"]
    trades, own = results["trades"], results.binding[results.binding["since_clearing"] == 0]
    money = (trades["power_kw"] * trades["price_per_kwh"]).abs() * results.dt_h
    ends = trades[["seller", "buyer"]].to_numpy()
    paid = pd.DataFrame({"time": trades["time"], "carrier": trades["carrier"], "money": money})
    paid["prosumer"], paid["partner"] = ends.min(axis=1), ends.max(axis=1)
    errors = dict.fromkeys(own.index, 0.0)
    for (carrier, a, b), rows in charges.groupby(["carrier", "prosumer", "partner"]):
        mine = (paid["carrier"] == carrier) & (paid["prosumer"] == min(a, b)) & (paid["partner"] == max(a, b))
        last = paid[mine].groupby("time")["money"].sum()
        growth = rule["growth"] * last / last.cumsum()
        told = rows.set_index("time")["benefit_per_kwh"]
        for time in own.index:
            index = 0.0
            for step in growth[growth.index < time]:
                index = min(index + step, 1.0)
            known = told[told.index <= time].iloc[-1]
            errors[time] = max(errors[time], abs(known - 2 * rule["benefit_per_kwh"] * index))
    return pd.Series(errors)


def gaps(results: Results, *, every: int = 1) -> pd.DataFrame:
    """For every n-th clearing that binds: stored cost and bound against the central optimum.

    Relative to max(|cost|, sum of |cost alone|), both computed here.
    """
    rows = []
    own = results.binding[results.binding["since_clearing"] == 0]
    for time, clearing in list(own.sort_index().iterrows())[::every]:
        ahead = look_ahead(results, time)
        best = optimal_cost(ahead)
        alone = sum(abs(cost_alone(ahead, prosumer)) for prosumer in results.scenario["prosumers"])
        scale = max(abs(clearing["cost"]), alone)
        rows.append((time, (clearing["cost"] - best) / scale, (best - clearing["lower_bound"]) / scale, best))
    return pd.DataFrame(rows, columns=["time", "cost_above_optimum", "bound_below_optimum", "optimum"])


def main() -> None:
    results = read(Path(sys.argv[1]))
    if not results.summary["complete"]:
        sys.exit(f"incomplete: {results.summary['cause']}")
    energy, money = energy_errors(results), money_errors(results)
    print(f"energy: worst error {(energy['error_kw'] / energy['total_kw'].clip(lower=1e-9)).max():.1e} of the total")
    print(f"money: worst error {(money['error'] / money['turnover'].clip(lower=1e-9)).max():.1e} of the turnover")
    levels = level_errors(results)
    print(f"levels: worst error {levels.max():.1e} kWh" if len(levels) else "levels: no storage")
    if results.summary["closing_value"]["cause"] is None:
        print(f"closing values: worst error {closing_errors(results).max():.1e}")
    table = gaps(results, every=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"{len(table)} intervals: cost above the central optimum by at most {table['cost_above_optimum'].max():.1e},")
    below = table["bound_below_optimum"]
    print(f"bound below it by at most {below.max():.1e} (at least {below.min():.1e})")


if __name__ == "__main__":
    main()
