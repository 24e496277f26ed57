"""Options of the pipe flow that a user has stored in a heat net (`pandapipes.set_user_pf_options`).

Each is honoured, or says no more than how the library is to find the same result, or is refused by name.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.heat.hydraulics.friction import DEFAULT_FRICTION, FRICTION, FRICTION_MODELS
from mosaik_p2p.units import KELVIN_AT_ZERO_C

AMBIENT = "ambient_temperature"
"""In kelvin: the ground of the pipes that have none of their own."""
LEAST_GROUND_C, MOST_GROUND_C = -30.0, 40.0
"""As in the scenario."""
OF_THE_SOLVER = (
    *("mode", "use_numba", "error_flag", "fluid", "alpha", "nonlinear_method", "calc_compression_power"),
    *("tol_p", "tol_m", "tol_T", "tol_v", "tol_res", "iter", "max_iter_hyd", "max_iter_therm", "max_iter_bidirect"),
    *("max_iter_colebrook", "tolerance_colebrook", "check_connectivity", "quit_on_inconsistency_connectivity", "dt"),
)
"""How the same result is found; what is done here is done in its own way."""
ONLY_AT = {"transient": False, "rerun": True, "hyd_flag": True}
"""Options that change the result, and the only value at which they are accepted; the library itself stores `hyd_flag`
(that the flow is computed) in some nets."""


def stored_options(net: pandapipesNet) -> Mapping[str, Any]:
    """What is stored in the net; empty in files of older versions."""
    return dict(net.get("user_pf_options") or {})


def friction_of(net: pandapipesNet, wanted: str | None) -> str:
    """The friction model: the one wanted, else the one stored in the net, else `DEFAULT_FRICTION`."""
    return wanted or str(stored_options(net).get(FRICTION, DEFAULT_FRICTION))


def option_faults(path: Path, net: pandapipesNet, *, friction: str | None) -> list[Fault]:
    """Stored options that cannot be honoured; `friction`: what the settings say, which overrides the stored model."""
    place = f"{path}, user_pf_options"
    return [
        Fault(place, f"{name} = {value!r}", problem, remedy)
        for name, value in stored_options(net).items()
        if (found := _fault(name, value, friction)) is not None
        for problem, remedy in [found]
    ]


def _fault(name: str, value: object, friction: str | None) -> tuple[str, str] | None:
    if name == FRICTION:
        return None if friction or value in FRICTION_MODELS else _unknown_friction()
    if name == AMBIENT:
        return None if _is_ground(value) else ("is no temperature of the ground in kelvin", f"Correct or remove {name}")
    if name in ONLY_AT:
        problem = f"only {ONLY_AT[name]} can be computed here"
        return None if value == ONLY_AT[name] else (problem, "Remove the option from the net")
    if name in OF_THE_SOLVER:
        return None
    return "there is no such option of the pipe flow", "Remove the option from the net"


def _unknown_friction() -> tuple[str, str]:
    known = ", ".join(FRICTION_MODELS)
    return "there is no such model of friction", f"Store one of {known}, or set networks.heat.friction"


def _is_ground(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return LEAST_GROUND_C <= value - KELVIN_AT_ZERO_C <= MOST_GROUND_C
