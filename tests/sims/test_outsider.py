"""A run as an outsider sees it: command line in, result folder out, recomputed with public libraries alone.

Neither this file nor `outsider.py` imports anything of the project.
"""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import made_scenario
import outsider
from outsider import BALANCE, GAP, LEVEL_KWH, ROUNDING_KW

VOLTAGE_PU = 1e-8
CLOSING = 1e-5
"""Money: what both solvers leave open of costs of some hundred."""

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outsider") / "network1"


@pytest.fixture(scope="module")
def network1(folder: Path) -> outsider.Results:
    return outsider.run("network1", folder)


def test_energy_balances_in_every_interval(network1: outsider.Results) -> None:
    errors = outsider.energy_errors(network1)
    assert len(errors) == 48  # 24 hours, two carriers
    assert (errors["error_kw"] <= BALANCE * errors["total_kw"] + ROUNDING_KW).all()


def test_money_balances_in_every_interval(network1: outsider.Results) -> None:
    errors = outsider.money_errors(network1)
    assert len(errors) == 48  # 24 hours, in the market and alone
    assert (errors["error"] <= BALANCE * errors["turnover"]).all()
    assert (errors["trade_error"] <= BALANCE * errors["turnover"]).all()


def test_losses_belong_to_those_who_cause_them(network1: outsider.Results) -> None:
    assert network1["losses"]["time"].nunique() == 24
    assert outsider.allocation_faults(network1) == []


def test_levels_are_the_level_before_plus_the_dispatch(network1: outsider.Results) -> None:
    errors = outsider.level_errors(network1)
    assert len(errors) >= 1
    assert errors.max() <= LEVEL_KWH


def test_every_clearing_is_optimal_within_the_gap(network1: outsider.Results) -> None:
    table = outsider.gaps(network1)
    assert len(table) == 24
    assert table["cost_above_optimum"].max() <= GAP
    # The stored bound is a bound indeed, up to the central solver's own tolerance.
    assert table["bound_below_optimum"].min() >= -BALANCE
    assert (table["cost_above_optimum"] + table["bound_below_optimum"]).max() <= GAP * 1.01


def test_closing_values_are_the_difference_of_two_lives_alone_after_the_run(network1: outsider.Results) -> None:
    """Computed from the stored inputs and levels with Clarabel; no prosumer's own problem needs more than its rows."""
    assert outsider.closing_errors(network1).max() <= CLOSING
    told = network1["closing"].pivot(index="prosumer", columns="case", values="closing_value")
    for name, entry in network1.summary["cost"].items():
        assert entry["closing_value"] == told.loc[name].to_dict()
    ledger = network1["settlement"]
    entered = ledger[ledger["item"] == "closing_value"]
    assert set(entered["time"]) == {network1["prosumers"]["time"].max()}
    assert (-entered["money"]).groupby([entered["party"], entered["case"]]).sum()["own"].to_dict() == {
        case: pytest.approx(-told[case].sum()) for case in told
    }


CHARGE_PER_OHM = 0.01
CHARGE_PER_KM = 0.01 * 0.018 * 65.0
"""The case study's rates: per ohm; per kW that a path loses, at 0.018 kW per km and K and a mean of 65 degC."""
BOTH_ENDS = ["charge_seller_per_kwh", "charge_buyer_per_kwh"]


def test_charges_are_the_distances_in_the_stored_network(network1: outsider.Results, folder: Path) -> None:
    """Along the path of least impedance, and along the pipes of the supply side; paid by both ends."""
    import pandapipes as pps
    import pandapower as pp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own deprecations on reading their formats
        electric, heat = pp.from_json(str(folder / "electric_net.json")), pps.from_json(str(folder / "heat_net.json"))
    line, pipe = electric.line, heat.pipe[heat.pipe["name"].str.startswith("S")]
    ohm = np.hypot(line["r_ohm_per_km"], line["x_ohm_per_km"]) * line["length_km"]
    roads = {
        "electricity": _roads(electric.bus["name"], line["from_bus"], line["to_bus"], CHARGE_PER_OHM * ohm),
        "heat": _roads(
            heat.junction["name"], pipe["from_junction"], pipe["to_junction"], CHARGE_PER_KM * pipe["length_km"]
        ),
    }
    members = network1.scenario["prosumers"]
    place = {("electricity", p["name"]): p["bus"] for p in members}
    place |= {("heat", p["name"]): f"S{p['junction']}" for p in members if "junction" in p}
    charges = network1["charges"]
    assert charges.groupby("carrier").size().to_dict() == {"electricity": 10, "heat": 3}  # pairs of five, and of three
    for row in charges.itertuples():
        ends = (place[row.carrier, row.prosumer], place[row.carrier, row.partner])
        expected = nx.dijkstra_path_length(roads[row.carrier], *ends)
        assert row.charge_seller_per_kwh == pytest.approx(expected)
        assert row.charge_buyer_per_kwh == pytest.approx(expected)


def _roads(names: pd.Series, begins: pd.Series, ends: pd.Series, charge: pd.Series) -> nx.Graph:
    graph = nx.Graph()
    graph.add_weighted_edges_from(zip(names.loc[begins], names.loc[ends], charge, strict=True))
    return graph


def test_every_trade_pays_what_is_posted_for_its_pair(network1: outsider.Results) -> None:
    """A pair is posted once, whichever of the two sells."""
    posted, trades = network1["charges"], network1["trades"]
    turned = posted.rename(columns={"prosumer": "partner", "partner": "prosumer"})
    either_way = pd.concat([posted, turned])[["carrier", "prosumer", "partner", *BOTH_ENDS]]
    found = trades.merge(
        either_way,
        how="left",
        left_on=["carrier", "seller", "buyer"],
        right_on=["carrier", "prosumer", "partner"],
        suffixes=("", "_posted"),
        validate="many_to_one",
    )
    assert len(found) == len(trades) > 0
    assert set(found["carrier"]) == {"electricity", "heat"}
    assert (found["seller"] > found["buyer"]).any()
    assert (found["seller"] < found["buyer"]).any()
    for end in BOTH_ENDS:
        assert (found[end] == found[f"{end}_posted"]).all()


def test_one_interval_of_the_power_flow_can_be_repeated(network1: outsider.Results, folder: Path) -> None:
    import pandapower as pp

    evening = sorted(network1["buses"]["time"].unique())[19]
    buses = network1["buses"][network1["buses"]["time"] == evening].set_index("bus")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = pp.from_json(str(folder / "electric_net.json"))
        net.load["p_mw"] = -buses.loc[net.load["name"], "p_injection_kw"].to_numpy() / 1000
        net.load["q_mvar"] = -buses.loc[net.load["name"], "q_injection_kvar"].to_numpy() / 1000
        pp.runpp(net, numba=False, tolerance_mva=1e-10)
    stored = buses.loc[net.bus["name"], "vm_pu"].to_numpy()
    assert np.abs(net.res_bus["vm_pu"].to_numpy() - stored).max() <= VOLTAGE_PU
    flows = network1["flows"]
    loss = flows[(flows["time"] == evening) & (flows["network"] == "electricity")]["loss_kw"].iloc[-1]
    assert net.res_line["pl_mw"].sum() * 1000 == pytest.approx(loss, rel=1e-6)


def test_what_prosumers_inject_arrives_in_the_network(network1: outsider.Results) -> None:
    """At a prosumer's bus stands its injection less the feeder's own load there, which follows one daily profile."""
    exchange, buses = network1["prosumers"], network1["buses"]
    electric = exchange[exchange["carrier"] == "electricity"]
    for prosumer in network1.scenario["prosumers"]:
        own = electric[electric["prosumer"] == prosumer["name"]].set_index("time")["injection_kw"]
        there = buses[buses["bus"] == prosumer["bus"]].set_index("time")["p_injection_kw"]
        background = pd.Series(own - there).sort_index()
        shape = pd.read_csv(Path(_scenario_folder()) / "network1.csv")["background"].to_numpy()[: len(background)]
        assert background.to_numpy() == pytest.approx(background.iloc[0] / shape[0] * shape, rel=1e-6, abs=1e-6)


def _scenario_folder() -> str:
    program = "import mosaik_p2p.scenarios as s; print(s.__path__[0])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_violations_are_those_of_the_limits(network1: outsider.Results) -> None:
    limits = network1.scenario["networks"]["electricity"]["limits"]["voltage_pu"]
    buses, found = network1["buses"], network1["violations"]
    outside = buses[(buses["vm_pu"] < limits["min"]) | (buses["vm_pu"] > limits["max"])]
    stored = found[found["quantity"] == "voltage_pu"]
    assert set(zip(outside["time"], outside["bus"], strict=True)) == set(
        zip(stored["time"], stored["element"], strict=True)
    )


def test_summary_counts_what_the_tables_say(network1: outsider.Results) -> None:
    trades, summary = network1["trades"], network1.summary
    for carrier, energy in (trades.groupby("carrier")["power_kw"].sum() * network1.dt_h).items():
        assert summary["traded_kwh"][carrier] == pytest.approx(energy)
    assert summary["verdict_counts"]["infeasible"] == network1["violations"]["time"].nunique()
    assert json.dumps(summary, allow_nan=False)
    ledger = network1["settlement"]
    mine = ledger[(ledger["party"] == "A") & (ledger["case"] == "in_market")]
    assert summary["cost"]["A"]["in_market"] == pytest.approx(-mine["money"].sum())


@pytest.fixture(scope="module")
def every_device(tmp_path_factory: pytest.TempPathFactory) -> outsider.Results:
    folder = tmp_path_factory.mktemp("every_device")
    scenario = made_scenario.write(folder, made_scenario.own_everything, frame=made_scenario.series(12))
    return outsider.run(str(scenario), folder / "results")


def test_every_type_of_device_can_be_recomputed(every_device: outsider.Results) -> None:
    """In quarters of an hour, while one vehicle leaves, and another one comes and leaves."""
    devices = every_device["devices"]
    assert set(devices["type"]) == {device["type"] for device in outsider.devices_of(every_device).values()}
    assert devices["type"].nunique() == 13
    assert every_device.dt_h == 0.25
    energy, money = outsider.energy_errors(every_device), outsider.money_errors(every_device)
    assert (energy["error_kw"] <= BALANCE * energy["total_kw"] + ROUNDING_KW).all()
    assert (money["error"] <= BALANCE * money["turnover"]).all()
    levels = outsider.level_errors(every_device)
    assert len(levels) == 6
    assert levels.max() <= LEVEL_KWH
    table = outsider.gaps(every_device)
    assert len(table) == 8
    assert table["cost_above_optimum"].max() <= GAP
    assert table["bound_below_optimum"].min() >= -BALANCE


def test_vehicles_leave_with_what_they_wanted_and_fuel_is_paid(every_device: outsider.Results) -> None:
    devices, ledger = every_device["devices"], every_device["settlement"]
    left = devices[(devices["type"] == "ev") & devices["missed_kwh"].notna()]
    assert sorted(left["device"]) == ["ev", "van"]
    assert left["missed_kwh"].max() <= LEVEL_KWH
    burnt = devices[devices["fuel_kw"] > 0]
    assert set(burnt["type"]) == {"chp", "gas_boiler"}
    paid = ledger[(ledger["item"] == "fuel") & (ledger["case"] == "in_market") & (ledger["party"] == "own")]
    assert paid["money"].sum() == pytest.approx(burnt["cost"].sum())
    assert paid["energy_kwh"].sum() == pytest.approx(burnt["fuel_kw"].sum() * every_device.dt_h)
    assert set(paid["counterparty"]) == {"A", "B"}
