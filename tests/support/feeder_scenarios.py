"""Two houses on a feeder of one transformer and one line: the net, and scenarios of it."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandapower
import pytest
import tomli_w
from pandapower import pandapowerNet

from mosaik_p2p.loading.networks import grids
from mosaik_p2p.networks.electric.network import electric_net
from mosaik_p2p.networks.empty_nets import empty_electric_net

SCENARIO = """
schema = 1
name = "feeder"
[time]
start = 2024-06-05T12:00:00+02:00
steps = 2
horizon_steps = 1
[networks.electricity]
file = "net.json"
[profiles.house]
source = "constant"
value = 5.0
[profiles.half]
source = "constant"
value = 0.5
[tariffs.grid]
carrier = "electricity"
import_per_kwh = 0.30
import_max_kw = 100
[[prosumers]]
name = "A"
bus = "far"
tariffs = ["grid"]
devices = [{ type = "fixed_load", profile = "house" }]
[[prosumers]]
name = "B"
bus = "lv"
tariffs = ["grid"]
devices = [{ type = "fixed_load", profile = "house" }]
"""


def feeder() -> pandapowerNet:
    """20/0.4 kV, a transformer of 250 kVA and 200 m of line; nothing draws."""
    net = empty_electric_net()
    mv, lv, far = (pandapower.create_bus(net, kv, name=name) for kv, name in ((20, "mv"), (0.4, "lv"), (0.4, "far")))
    pandapower.create_ext_grid(net, mv, vm_pu=1.0)
    pandapower.create_transformer_from_parameters(
        net, mv, lv, sn_mva=0.25, vn_hv_kv=20, vn_lv_kv=0.4, vk_percent=6.0, vkr_percent=1.4, pfe_kw=0, i0_percent=0
    )
    pandapower.create_line_from_parameters(net, lv, far, 0.2, 0.32, 0.08, 0.0, 0.27, name="l")
    return net


def with_houses() -> pandapowerNet:
    """82.9 kW of everything that draws beside 5 kW of generators."""
    net = feeder()
    far = 2
    pandapower.create_load(net, far, 0.020, name="balanced")
    pandapower.create_asymmetric_load(net, far, p_a_mw=0.030, p_b_mw=0.010, name="single-phase")
    pandapower.create_motor(net, far, 0.018, cos_phi=0.85, efficiency_percent=90.0, loading_percent=100.0, name="pump")
    pandapower.create_ward(net, far, ps_mw=0.006, qs_mvar=0.0, pz_mw=0.004, qz_mvar=0.0, name="street")
    pandapower.create_storage(net, far, p_mw=0.003, max_e_mwh=0.01, name="store")
    return net


Change = Callable[[dict[str, Any]], object]


class Scenarios:
    """Scenarios of a net. It stands in for the file that they name: reading one takes most of a second."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch

    def __call__(self, net: pandapowerNet, change: Change = lambda _: None) -> Path:
        self._monkeypatch.setattr(grids, "electric_file", lambda _: electric_net(net, "net.json", ""))
        tree = tomllib.loads(SCENARIO)
        change(tree)
        path = self._folder / "scenario.toml"
        path.write_text(tomli_w.dumps(tree))
        return path


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenarios:
    return Scenarios(tmp_path, monkeypatch)
