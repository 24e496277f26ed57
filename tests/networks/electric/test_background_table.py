"""The factors of the background, interval by interval: with them the injections at every bus can be recomputed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p import run
from mosaik_p2p.loading import load
from mosaik_p2p.results.store.parts import read_table

MORNING = ("time.start=2017-03-28T06:00:00+01:00", "time.steps=3", "time.horizon_steps=4")
SOLVER_KW = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run") / "out"
    return run("network1_electric", out=made, overrides=MORNING, progress=False, report=False).folder


def test_they_are_those_of_the_scenario(folder: Path) -> None:
    case = load("network1_electric", MORNING)
    assert case.background is not None
    rows = read_table(folder, "background")
    loads = rows[rows["quantity"] == "load_scaling"]
    assert list(loads["time"]) == list(case.times[:3])
    assert list(loads["factor"]) == pytest.approx(list(case.background[:3]), rel=1e-12)
    assert loads["factor"].nunique() > 1


def test_an_outsider_recomputes_the_injections_of_all_buses(folder: Path) -> None:
    case = load("network1_electric", MORNING)
    assert case.electric is not None
    net, names = case.electric.net, case.electric.net.bus["name"]
    rows = read_table(folder, "background")
    assert set(rows[rows["quantity"] == "generation_scaling"]["factor"]) == {1.0}
    factor = rows[rows["quantity"] == "load_scaling"].set_index("time")["factor"]
    sold = read_table(folder, "prosumers")
    bus_of = {p.name: names[p.bus] for p in case.prosumers if p.bus is not None}
    ours = sold.assign(bus=sold["prosumer"].map(bus_of)).groupby(["time", "bus"])["injection_kw"].sum()
    own = net.load.drop(index=sorted(case.replaced_loads)).groupby("bus")["p_mw"].sum() * 1000.0
    own.index = names[own.index]
    slack = set(names[net.ext_grid["bus"]])
    shown = read_table(folder, "buses")
    for row in shown[~shown["bus"].isin(slack)].itertuples():
        right_kw = ours.get((row.time, row.bus), 0.0) - factor[row.time] * own.get(row.bus, 0.0)
        assert row.p_injection_kw == pytest.approx(right_kw, abs=SOLVER_KW), row.bus
    assert np.ptp(pd.Series(factor)) > 0.0
