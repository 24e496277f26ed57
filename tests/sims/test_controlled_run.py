"""A run through a network with controllers: taps by the hour, intervals without rest, and the net that is kept."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pytest
import tomli_w
from pandapower import pandapowerNet
from pandapower.control import DiscreteTapControl

from controlled_nets import Interval, alone, controlled, uncontrolled
from feeder_scenarios import SCENARIO
from mosaik_p2p.cosim import ExitCode, run
from mosaik_p2p.networks.files.electric.control_objects import text_with_models
from mosaik_p2p.results.store.parts import read_table

pytestmark = pytest.mark.once

SAME_PU = 1e-6
SUN = (1.0, 0.1, 1.0)
LOADS = (0.2, 1.0, 0.2)
HOUSE_KW = 5.0
LV = 2
NOBODY = {"through_networks": ["nobody"]}


def written(net: pandapowerNet, folder: Path, **settings: Any) -> Path:
    """A scenario with two houses, and generators and loads of the network by the hour."""
    (folder / "net.json").write_text(text_with_models(net))
    rows = [f"2024-06-05T{12 + hour}:00:00+02:00,{SUN[hour]},{LOADS[hour]}" for hour in range(3)]
    (folder / "day.csv").write_text("\n".join(["time,sun,loads", *rows, ""]))
    tree = tomllib.loads(SCENARIO)
    tree["profiles"] |= {name: {"file": "day.csv", "column": name} for name in ("sun", "loads")}
    tree["time"]["steps"] = 3
    tree["networks"]["electricity"] |= {"generation": "sun", "background": "loads"}
    (folder / "scenario.toml").write_text(tomli_w.dumps(tree | settings))
    return folder / "scenario.toml"


def expected(net: pandapowerNet, hour: int, house_kw: float = HOUSE_KW) -> pandapowerNet:
    with_house = copy.deepcopy(net)
    interval: Interval = (LOADS[hour], SUN[hour], -house_kw)
    pandapower.create_load(with_house, LV, house_kw / 1000 / LOADS[hour])
    return alone(with_house, interval)


@pytest.fixture(scope="module")
def net() -> pandapowerNet:
    return controlled("Q(V) in an area", "cos phi", "taps at once")


@pytest.fixture(scope="module")
def folder(net: pandapowerNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controlled")
    path = written(net, folder, settlement=NOBODY)
    assert run(path, out=folder / "out", progress=False).exit_code is ExitCode.COMPLETE
    return folder / "out"


def by_hour(folder: Path, table: str, column: str, key: str = "element") -> list[list[float]]:
    """In the order of the names."""
    rows = read_table(folder, table).sort_values(key)
    return [group[column].tolist() for _, group in rows.groupby("time", sort=True)]


def test_every_hour_settles_from_where_the_file_stands(folder: Path, net: pandapowerNet) -> None:
    hours = [expected(net, hour) for hour in range(3)]
    taps = by_hour(folder, "transformers", "tap_pos")
    assert taps == [one.trafo["tap_pos"].tolist() for one in hours]
    assert taps[0] == taps[2] != taps[1]
    for found, one in zip(by_hour(folder, "buses", "vm_pu", "bus"), hours, strict=True):
        in_order = one.res_bus["vm_pu"].set_axis(one.bus["name"]).sort_index()
        np.testing.assert_allclose(found, in_order, rtol=0, atol=SAME_PU)


def test_days_without_the_market_settle_on_their_own(folder: Path, net: pandapowerNet) -> None:
    flows = read_table(folder, "flows_without_market")
    nobody = flows[flows["case"] == "nobody"].sort_values("time")
    fed_kw = [1000 * expected(net, hour, 0.0).res_ext_grid["p_mw"].sum() for hour in range(3)]
    assert nobody["slack_kw"].tolist() == pytest.approx(fed_kw, abs=0.01)


def test_the_kept_net_repeats_any_hour_with_its_taps(folder: Path) -> None:
    repeated = pandapower.from_json(str(folder / "electric_net.json"))
    assert repeated.controller.empty
    buses = read_table(folder, "buses")
    transformers = read_table(folder, "transformers")
    for _, hour in buses.groupby("time"):
        by_bus = hour.set_index("bus")
        injected = by_bus.loc[repeated.load["name"]]
        repeated.load["p_mw"] = -injected["p_injection_kw"].to_numpy() / 1000
        repeated.load["q_mvar"] = -injected["q_injection_kvar"].to_numpy() / 1000
        at = transformers[transformers["time"] == hour["time"].iloc[0]].set_index("element")
        repeated.trafo["tap_pos"] = at.loc[repeated.trafo["name"], "tap_pos"].to_numpy()
        pandapower.runpp(repeated)
        np.testing.assert_allclose(repeated.res_bus["vm_pu"], by_bus.loc[repeated.bus["name"], "vm_pu"], atol=SAME_PU)


def test_an_hour_in_which_controllers_do_not_rest_is_one_without_a_solution(tmp_path: Path) -> None:
    """A band narrower than a step: with the sun a tap meets it, without it goes to and fro."""
    net = uncontrolled()
    DiscreteTapControl(net, [0, 1], *BAND)
    with pytest.raises(pandapower.auxiliary.ControllerNotConverged):
        expected(net, 1)
    path = written(net, tmp_path, settlement={"through_networks": []})
    outcome = run(path, out=tmp_path / "out", overrides=["time.steps=2"], progress=False, report=False)
    assert outcome.exit_code is ExitCode.NO_SOLUTION
    flows = read_table(tmp_path / "out", "flows").sort_values("time")
    assert flows["status"].tolist() == ["ok", "not_converged"]
    assert flows["cause"].iloc[1] == "controllers do not come to rest: DiscreteTapControl of trafo T1, T2"
    assert len(by_hour(tmp_path / "out", "transformers", "tap_pos")) == 1


BAND = (1.0195, 1.0222)
"""In p.u.; a step is 1.25 %."""
