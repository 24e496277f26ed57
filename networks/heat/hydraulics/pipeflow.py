"""A pipe flow whose flows, pressures and temperatures belong together.

pandapipes solves the hydraulics first, with density and viscosity at the temperatures from which it starts, and then
the temperatures: left at that, pressures show where the solver began. So the hydraulics are solved once more at the
temperatures found, from where they stand, which takes an iteration or two; unless the solver began with those.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pandapipes.idx_branch import IdxBranch
from pandapipes.pandapipes_net import pandapipesNet
from pandapipes.pf.calculation import execute_heat, execute_hydraulics
from pandapipes.pf.pipeflow_setup import PipeflowNotConverged
from pandapipes.pf.result_extraction import extract_all_results

from mosaik_p2p.networks.heat.hydraulics.beginning import Beginning
from mosaik_p2p.networks.heat.hydraulics.fluid import quick_properties
from mosaik_p2p.networks.heat.hydraulics.friction import FRICTION, friction_law
from mosaik_p2p.networks.heat.hydraulics.kept import PipeFlows
from mosaik_p2p.units import FloatArray, kelvin

MAX_NEWTON_STEPS = 100
"""The library's limit of 10 is too low for hours in which much of the network hardly moves."""
MAX_PASSES = 20
"""Of flows around loops and temperatures in turn; two to four are usual."""
STILL_KG_PER_S = 1e-5
"""The library's own tolerance of mass flows: a change below it says nothing."""


def options(friction: str, t_ground_c: float) -> dict[str, object]:
    """What pandapipes is to be told; kept in the net, so that whoever solves it again is told the same."""
    return {
        FRICTION: friction,
        "mode": "sequential",
        "use_numba": False,
        "max_iter_hyd": MAX_NEWTON_STEPS,
        "max_iter_therm": MAX_NEWTON_STEPS,
        "max_iter_colebrook": MAX_NEWTON_STEPS,
        "ambient_temperature": kelvin(t_ground_c),
    }


def pipe_flow(net: pandapipesNet, flows: PipeFlows, beginning: Beginning | None) -> None:
    """Flows, pressures and temperatures, in this order; see `settle_pressures`. `flows` are those of the net.

    Raises PipeflowNotConverged without a solution, and UserWarning at what the library complains of.
    """
    with _told(net):
        flows.solve({"max_iter_hyd": MAX_NEWTON_STEPS, "max_iter_therm": MAX_NEWTON_STEPS}, beginning)


def settle_pressures(net: pandapipesNet) -> None:
    """Pressures, and around loops the flows, at the temperatures of the last `pipe_flow`.

    Where the flows move with them, so do the temperatures: both are solved in turn until the flows stand still. Raises
    as `pipe_flow` does.
    """
    with _told(net):
        _in_turn(net)
        extract_all_results(net)


@contextmanager
def _told(net: pandapipesNet) -> Iterator[None]:
    with warnings.catch_warnings(), friction_law(net.user_pf_options[FRICTION]), quick_properties(net.fluid):
        # Negative pressures are warned about; they come out as violated pressure limits, element by element.
        warnings.simplefilter("ignore")
        yield


def _in_turn(net: pandapipesNet) -> None:
    before = _mdot(net)
    for _ in range(MAX_PASSES):
        execute_hydraulics(net)
        now = _mdot(net)
        if np.abs(now - before).max(initial=0.0) <= STILL_KG_PER_S:
            return
        before = now
        execute_heat(net)
    raise PipeflowNotConverged("flows and temperatures do not settle")


def _mdot(net: pandapipesNet) -> FloatArray:
    return np.asarray(np.nan_to_num(net["_pit"]["branch"][:, IdxBranch.MDOTINIT]), dtype=np.float64)
