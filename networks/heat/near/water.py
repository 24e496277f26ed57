"""Water and its friction for compiled loops: one number at a time, from tables over whole degrees."""

import numpy as np

from mosaik_p2p.jit.modes import jit_strict
from mosaik_p2p.networks.heat.hydraulics.friction import LAMINAR_RE, LEAST_RE, NEWTON_STEPS, TURBULENT_RE

GRAVITY_PA_PER_BAR = 9.80665 / 1e5
LEAST_FLOW_KG_PER_S = 1e-9
LOG_10 = float(np.log(10.0))


@jit_strict
def at(table, t_c):  # type: ignore[no-untyped-def]
    """A property of water at a temperature: `table` has one value for every degree from 0 degC on."""
    within = min(max(t_c, 0.0), len(table) - 1.001)
    below = int(within)
    return table[below] + (within - below) * (table[below + 1] - table[below])


@jit_strict
def friction(reynolds, roughness):  # type: ignore[no-untyped-def]
    """lambda and its change with Re, the law of `friction_factor`."""
    within = max(reynolds, LEAST_RE)
    laminar, laminar_change = 64.0 / within, (-64.0 / within**2 if reynolds > LEAST_RE else 0.0)
    if reynolds <= LAMINAR_RE:
        return laminar, laminar_change
    smooth, rough = 2.51 / reynolds, roughness / 3.71
    x = -2.0 * np.log10(rough + 5.74 / reynolds**0.9)
    for _ in range(NEWTON_STEPS):
        inside = smooth * x + rough
        x = x - (x + 2.0 * np.log10(inside)) / (1.0 + 2.0 * smooth / (LOG_10 * inside))
    part = 2.0 * smooth / (LOG_10 * (smooth * x + rough))
    turbulent = x**-2
    turbulent_change = -2.0 * turbulent * part / (1.0 + part) / reynolds
    width = TURBULENT_RE - LAMINAR_RE
    share = min((reynolds - LAMINAR_RE) / width, 1.0)
    rise = (turbulent - laminar) / width if share < 1.0 else 0.0
    change = (1.0 - share) * laminar_change + share * turbulent_change + rise
    return laminar + share * (turbulent - laminar), change


@jit_strict
def pressure_lost(mdot, t_in, t_out, pipe, row, density, viscosity):  # type: ignore[no-untyped-def]
    """Pressure lost along a pipe or valve in bar, heights included, and its change per kg/s."""
    diameter, length, roughness, coefficient, rise = pipe
    d = diameter[row]
    area = np.pi * d * d / 4.0
    rho = (at(density, t_in) + at(density, t_out)) / 2.0
    eta = at(viscosity, (t_in + t_out) / 2.0)
    size = max(abs(mdot), LEAST_FLOW_KG_PER_S)
    per_mdot = d / (eta * area)
    factor, change = friction(size * per_mdot, roughness[row])
    along = length[row] / d
    constant = 1.0 / (2e5 * area * area * rho)
    total = factor * along + coefficient[row]
    lost = constant * mdot * abs(mdot) * total
    slope = constant * (2.0 * size * total + size * size * along * change * per_mdot)
    return lost + rho * GRAVITY_PA_PER_BAR * rise[row], slope
