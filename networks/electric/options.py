"""Options for the power flow that a file carries (pandapower's `set_user_pf_options`): honoured, or refused by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pandapower import pandapowerNet

from mosaik_p2p.errors import Fault, shown

HONOURED = (
    "calculate_voltage_angles",
    "trafo_model",
    "switch_rx_ratio",
    "neglect_open_switch_branches",
)
"""Options that go into every run."""
SEEN_TO = {"enforce_q_lims": False, "voltage_depend_loads": False}
"""Options that are honoured without the library."""
CHOICES: Mapping[str, tuple[object, ...]] = {
    "calculate_voltage_angles": (True, False, "auto"),
    "trafo_model": ("t", "pi"),
    "enforce_q_lims": (True, False),
    "neglect_open_switch_branches": (True, False),
    "voltage_depend_loads": (True, False),
}
HARMLESS = {"trafo_loading": "current", "distributed_slack": False, "consider_line_temperature": False, "tdpf": False}
"""Options that are refused with any other value."""
IRRELEVANT = (
    *(
        "algorithm",
        "init",
        "init_vm_pu",
        "init_va_degree",
        "max_iteration",
        "tolerance_mva",
        "numba",
        "check_connectivity",
    ),
    *("lightsim2grid", "use_umfpack", "permc_spec", "v_debug", "recycle", "only_v_results", "run_control"),
    *(
        "trafo3w_losses",
        "tdpf_delay_s",
        "tdpf_update_r_theta",
        "copy_constraints_to_ppc",
        "delta",
        "delta_q",
        "init_results",
    ),
)
"""Options of how a solution is found, not of which one, or of elements that are refused."""


def option_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    """Stored options that cannot be honoured."""
    return [
        Fault(f"{path}, user_pf_options.{name}", shown(value), "is not supported here", _remedy(name))
        for name, value in stored_options(net).items()
        if not _is_known(name, value)
    ]


def stored_options(net: pandapowerNet) -> dict[str, Any]:
    """The options that a net carries."""
    stored = net.get("user_pf_options")
    return dict(stored) if isinstance(stored, dict) else {}


def loads_follow_voltage(net: pandapowerNet) -> bool:
    """Whether loads draw by their shares of constant current and impedance."""
    return bool(stored_options(net).get("voltage_depend_loads", True))


def switch_rx_ratio(net: pandapowerNet) -> float:
    """Resistance over reactance of closed switches that have an impedance."""
    return float(stored_options(net).get("switch_rx_ratio", 2.0))


def run_options(net: pandapowerNet) -> dict[str, Any]:
    """What every run of the net is given. Limits of generators and loads that follow the voltage are seen to from
    outside, see `reactive_limits` and `counted`."""
    stored = stored_options(net)
    options = {name: stored[name] for name in HONOURED if name in stored}
    return {**options, **SEEN_TO}


def _is_known(name: str, value: object) -> bool:
    if name in HARMLESS:
        return bool(value == HARMLESS[name])
    if name in CHOICES:
        return any(value is choice or value == choice for choice in CHOICES[name])
    if name in HONOURED:
        return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    return name in IRRELEVANT


def _remedy(name: str) -> str:
    if name in HARMLESS:
        return f"Set it to {HARMLESS[name]!r}, or remove it: pandapower.set_user_pf_options(net, overwrite=True)"
    if name in CHOICES:
        return f"Choose one of {', '.join(map(repr, CHOICES[name]))}"
    return "Remove it: pandapower.set_user_pf_options(net, overwrite=True)"
