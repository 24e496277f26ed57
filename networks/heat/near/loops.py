"""Flows around the loops of pipes: the pressures lost on a way around add up to nothing.

Newton's method on one flow per loop, with the friction of the pipe flow itself. A tree has no loops, and needs none of
this.
"""

from dataclasses import dataclass

import numpy as np
from pandapipes.properties.fluids import call_lib

from mosaik_p2p.networks.heat.hydraulics.friction import LEAST_SLOPE_BAR_PER_KG_PER_S, friction_factor
from mosaik_p2p.networks.heat.hydraulics.water import TABLE_K, density_kg_per_m3
from mosaik_p2p.networks.heat.near.branches import Friction
from mosaik_p2p.units import KELVIN_AT_ZERO_C, PA_PER_BAR, FloatArray, IntArray

STEPS, HALVINGS = 40, 6
TOLERANCE_KG_PER_S = 1e-9
LEAST_FLOW_KG_PER_S = 1e-9
"""Where friction is taken for water that stands."""
GRAVITY_M_PER_S2 = 9.81


@dataclass(frozen=True)
class Loops:
    """The loops of a network."""

    around: FloatArray
    """(loops, branches in loops) 1 along the loop, -1 against it, 0 elsewhere."""
    looped: IntArray
    """Those branches, among all."""
    friction: Friction
    """Of those branches."""

    def balance(
        self, flow: FloatArray, response: FloatArray, t_ends_c: FloatArray, running: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """Flows (branches,) and their response (branches, exchangers) with what runs around the loops (loops,), which
        is returned as well; None where none is found.

        `flow` and `response` are those without it, `t_ends_c` (2, branches) the water's temperatures, `running` what
        ran around at last. Raises numpy's LinAlgError where friction leaves it open.
        """
        alone, t_ends_c = flow[self.looped], t_ends_c[:, self.looped]
        left, slope = self._left_over(alone + running @ self.around, t_ends_c)
        for _ in range(STEPS):
            step, size = np.linalg.solve((self.around * slope) @ self.around.T, left), np.abs(left).max()
            for _ in range(HALVINGS):
                left, slope = self._left_over(alone + (running - step) @ self.around, t_ends_c)
                if np.abs(left).max() <= size:
                    break
                step = step / 2.0
            running = running - step
            if np.abs(step).max() <= TOLERANCE_KG_PER_S:
                break
        else:
            return None
        weighted = self.around * slope
        flow, response = flow.copy(), response.copy()
        answer = np.linalg.solve(weighted @ self.around.T, weighted @ response[self.looped])
        response[self.looped] -= self.around.T @ answer
        flow[self.looped] = alone + running @ self.around
        return flow, response, running

    def _left_over(self, mdot: FloatArray, t_ends_c: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(loops,) pressure in bar that is left after a way around; (branches in loops,) slopes in bar per kg/s."""
        pipe = self.friction
        area = np.pi / 4.0 * pipe.diameter_m**2
        density = np.interp(t_ends_c, _AT_C, _DENSITY).mean(axis=0)
        viscosity = np.interp(t_ends_c.mean(axis=0), _AT_C, _VISCOSITY)
        size = np.maximum(np.abs(mdot), LEAST_FLOW_KG_PER_S)
        reynolds_per_mdot = pipe.diameter_m / (viscosity * area)
        factor, change = friction_factor(size * reynolds_per_mdot, pipe.roughness)
        along = pipe.length_m / pipe.diameter_m
        total, constant = factor * along + pipe.loss_coefficient, 1.0 / (2.0 * PA_PER_BAR * area**2 * density)
        lost = constant * mdot * np.abs(mdot) * total + density * GRAVITY_M_PER_S2 / PA_PER_BAR * pipe.rise_m
        slope = constant * size * (2.0 * total + size * along * change * reynolds_per_mdot)
        return self.around @ lost, np.maximum(slope, LEAST_SLOPE_BAR_PER_KG_PER_S)


_AT_C = TABLE_K - KELVIN_AT_ZERO_C
_DENSITY = density_kg_per_m3(_AT_C)
_VISCOSITY = np.asarray(call_lib("water").get_viscosity(TABLE_K), dtype=np.float64)
