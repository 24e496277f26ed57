"""Networks with controllers of pandapower's own, and what pandapower alone makes of them."""

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pandapower
from pandapower import pandapowerNet
from pandapower.control import ContinuousTapControl, DiscreteTapControl
from pandapower.control.controller.DERController import (
    CosphiPCurve,
    CosphiVCurve,
    DERController,
    PQAreaSTATCOM,
    PQVArea4105,
    PQVArea4110,
    PQVArea4120V2,
    QModelConstQ,
    QModelCosphiP,
    QModelCosphiPCurve,
    QModelCosphiPQ,
    QModelCosphiSn,
    QModelCosphiVCurve,
    QModelQVCurve,
    QVCurve,
)

from mosaik_p2p.networks.empty_nets import empty_electric_net

FAR = 3
"""Bus at the end of the line."""
Interval = tuple[float, float, float]
"""Factor on loads, factor on generators, and kW that are injected at FAR."""
INTERVALS: tuple[Interval, ...] = ((1.0, 1.0, 0.0), (1.0, 0.2, -60.0), (0.1, 1.0, 40.0))

QV = QModelQVCurve(QVCurve(vm_points_pu=(0.92, 0.98, 1.0, 1.06), q_points_pu=(0.4, 0.0, 0.0, -0.4)))
COSPHI_P = QModelCosphiPCurve(CosphiPCurve(p_points_pu=(0.0, 0.5, 1.0), cosphi_points=(1.0, 1.0, -0.9)))
COSPHI_V = QModelCosphiVCurve(CosphiVCurve(vm_points_pu=(0.92, 0.98, 1.06), cosphi_points=(0.9, 1.0, -0.9)))


def uncontrolled() -> pandapowerNet:
    """A line of 20 kV, two transformers in parallel, 200 m of 0.4 kV; a load and three generators."""
    net = empty_electric_net()
    slack, mv, lv, far = (pandapower.create_bus(net, kv, name=name) for kv, name in _BUSES)
    pandapower.create_ext_grid(net, slack, vm_pu=1.02)
    pandapower.create_line_from_parameters(net, slack, mv, 30.0, 0.8, 0.35, 0.0, 0.2, name="mv line")
    for name in ("T1", "T2"):
        pandapower.create_transformer_from_parameters(
            net, mv, lv, name=name, sn_mva=0.1, vn_hv_kv=20, vn_lv_kv=0.4, vk_percent=5.0, vkr_percent=1.5, pfe_kw=0.4,
            i0_percent=0.3, tap_side="hv", tap_neutral=0, tap_pos=1, tap_min=-6, tap_max=6, tap_step_percent=1.25,
        )  # fmt: skip
    net.trafo["tap_changer_type"] = "Ratio"
    pandapower.create_line_from_parameters(net, lv, far, 0.2, 0.21, 0.08, 0.0, 0.27, name="lv line")
    pandapower.create_load(net, far, 0.05, 0.015, name="houses")
    for bus, name, p_mw, sn_mva in ((far, "roof", 0.06, 0.07), (lv, "shed", 0.03, 0.04), (far, "barn", 0.04, 0.04)):
        pandapower.create_sgen(net, bus, p_mw, 0.002, sn_mva=sn_mva, name=name)
    return net


_BUSES = ((20.0, "slack"), (20.0, "mv"), (0.4, "lv"), (0.4, "far"))

CONTROLLERS: Mapping[str, Callable[[pandapowerNet], object]] = {
    "taps at once": lambda net: DiscreteTapControl(net, [0, 1], 0.995, 1.01),
    "one tap": lambda net: DiscreteTapControl(net, 1, 0.98, 1.005, hunting_limit=5),
    "bands of their own": lambda net: DiscreteTapControl(net, [0, 1], [0.98, 0.985], [1.005, 1.02]),
    "set point": lambda net: DiscreteTapControl.from_tap_step_percent(net, 0, 1.0, tol=0.004),
    "upper side": lambda net: DiscreteTapControl(net, 0, 1.028, 1.04, side="hv"),
    "continuous": lambda net: ContinuousTapControl(net, [0, 1], 1.0, tol=1e-5),
    "beyond its bounds": lambda net: ContinuousTapControl(net, 0, 1.12, check_tap_bounds=False, tol=1e-4),
    "Q(V)": lambda net: DERController(net, [0, 1, 2], q_model=QV),
    "Q(V) in an area": lambda net: DERController(net, [0, 2], q_model=QV, pqv_area=PQVArea4105(2)),
    "cos phi (P)": lambda net: DERController(net, 0, q_model=COSPHI_P, damping_coef=1.5),
    "cos phi (V)": lambda net: DERController(net, [1, 2], q_model=COSPHI_V, max_q_error=1e-7),
    "cos phi": lambda net: DERController(net, [2], q_model=QModelCosphiP(-0.95)),
    "true cos phi": lambda net: DERController(net, [0, 1], q_model=QModelCosphiPQ(0.9)),
    "of its rating": lambda net: DERController(net, [0, 1], q_model=QModelCosphiSn(-0.3)),
    "each its own": lambda net: DERController(net, [0, 1], q_model=QModelConstQ([0.1, -0.2])),
    "none, in an area": lambda net: DERController(net, [0, 1], pqv_area=PQAreaSTATCOM(-0.01, 0.01)),
    "reactive first": lambda net: DERController(net, [0, 2], q_model=COSPHI_P, saturate_sn_mva=[0.055, float("nan")]),
    "active first": lambda net: DERController(net, [2], q_model=COSPHI_P, saturate_sn_mva=0.041, q_prio=False),
    "medium voltage": lambda net: DERController(net, [0], q_model=QV, pqv_area=PQVArea4110(), order=3),
    "high voltage": lambda net: DERController(net, [0], q_model=COSPHI_P, pqv_area=PQVArea4120V2(2015), level=2),
}
"""Every class, and every parameter of one at least once."""

GROUPS = (
    ("bands of their own", "Q(V)"),
    ("cos phi (P)", "cos phi (V)"),
    ("true cos phi", "active first", "set point"),
    ("of its rating", "cos phi", "upper side"),
    ("each its own", "continuous"),
    ("none, in an area", "beyond its bounds"),
    ("reactive first",),
    ("Q(V) in an area", "one tap"),
    ("medium voltage", "taps at once"),
    ("high voltage",),
)
"""All of them, those together that have different elements."""


def controlled(*names: str) -> pandapowerNet:
    """With these controllers; several move one level after the other."""
    net = uncontrolled()
    for level, name in enumerate(names):
        CONTROLLERS[name](net)
        if len(names) > 1:
            net.controller.loc[len(net.controller) - 1, "level"] = level
    return net


def alone(net: pandapowerNet, interval: Interval, **options: Any) -> pandapowerNet:
    """The net as pandapower alone solves it in an interval."""
    background, generation, injected_kw = interval
    solved = copy.deepcopy(net)
    solved.load[["p_mw", "q_mvar"]] *= background
    solved.sgen[["p_mw", "q_mvar"]] *= generation
    pandapower.create_load(solved, FAR, -injected_kw / 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandapower.runpp(solved, **{"run_control": True, **options})
    return solved
