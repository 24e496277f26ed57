"""Friction in pipes: the models, and how the pressure lost along a pipe answers to its flow.

`nikuradse` and `swamee-jain` are those of pandapipes. Its Colebrook formula goes on below the turbulent flows that it
was made for, down to a pressure that is lost where nothing flows, and then finds no solution in loops nearly at rest.
So in `colebrook` laminar flow has its own law here, 64 / Re.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pandapipes.pandapipes_net import pandapipesNet
from pandapipes.pf import derivative_calculation

from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import MIN_FLOW_KG_PER_S
from mosaik_p2p.units import M_PER_KM, MM_PER_M, PA_PER_BAR, FloatArray

DEFAULT_FRICTION = "colebrook"
"""Holds for smooth and for rough pipes. The library's own default, Nikuradse's law, is for rough ones: in the plastic
pipe of a house connection it loses 30 % too little."""
FRICTION = "friction_model"
"""The option of pandapipes that names the model."""
LEAST_SLOPE_BAR_PER_KG_PER_S = 1e-12
STILL_WATER_M2_PER_S = 5e-7
"""Kinematic viscosity of water at about 55 degC, for pipes in which nothing flows yet."""

LAMINAR_RE, TURBULENT_RE = 2000.0, 2300.0
"""Up to where flow is laminar, and from where it is turbulent; between them the factor rises evenly."""
LEAST_RE = 1e-3
"""Below it the laminar factor stays what it is: it would grow without bounds, to no effect."""
NEWTON_STEPS = 4
"""Of Colebrook's equation from Swamee and Jain's start, which is within 3 %; measured: exact to 1e-12."""

_Exponent = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def friction_slope(net: pandapipesNet) -> FloatArray:
    """(pipes,) change of the pressure lost along each pipe in bar per kg/s, at the solved flow.

    Darcy and Weisbach: what is lost grows with `(lambda L / d + zeta) m^2`, and lambda with a power of the flow.
    """
    pipe, result = net.pipe, net.res_pipe
    mdot = np.abs(np.nan_to_num(result["mdot_from_kg_per_s"].to_numpy(dtype=np.float64)))
    moving = mdot > MIN_FLOW_KG_PER_S
    diameter_m = pipe["inner_diameter_mm"].to_numpy(dtype=np.float64) / MM_PER_M
    length_m = pipe["length_km"].to_numpy(dtype=np.float64) * M_PER_KM
    reynolds = np.where(moving, result["reynolds"].to_numpy(dtype=np.float64), 1.0)
    factor = np.where(moving, result["lambda"].to_numpy(dtype=np.float64), 1.0)
    roughness = pipe["k_mm"].to_numpy(dtype=np.float64) / MM_PER_M / diameter_m
    along = factor * length_m / diameter_m
    total = along + pipe["loss_coefficient"].to_numpy(dtype=np.float64)
    power = 2.0 + _EXPONENTS[net.user_pf_options[FRICTION]](reynolds, factor, roughness) * np.divide(
        along, total, out=np.zeros(len(pipe)), where=total > 0.0
    )
    lost_bar = np.abs(np.nan_to_num(result["dp_friction_loss_bar"].to_numpy(dtype=np.float64)))
    area_m2 = np.pi * diameter_m**2 / 4.0
    at_rest = 32.0 * STILL_WATER_M2_PER_S * length_m / (diameter_m**2 * area_m2) / PA_PER_BAR
    slope = np.divide(power * lost_bar, mdot, out=at_rest, where=moving)
    return np.asarray(np.maximum(slope, LEAST_SLOPE_BAR_PER_KG_PER_S), dtype=np.float64)


def friction_factor(reynolds: FloatArray, roughness: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The factor lambda of Darcy and Weisbach and its change with Re; `roughness` is k / d.

    Laminar flow: 64 / Re. Turbulent flow: Colebrook, `lambda^(-1/2) = -2 log10(2.51 / (Re lambda^(1/2)) + k / 3.71 d)`.
    """
    within = np.maximum(reynolds, LEAST_RE)
    laminar, laminar_change = 64.0 / within, np.where(reynolds > LEAST_RE, -64.0 / within**2, 0.0)
    turbulent, turbulent_change = _colebrook(np.maximum(reynolds, LAMINAR_RE), roughness)
    share = np.clip((reynolds - LAMINAR_RE) / (TURBULENT_RE - LAMINAR_RE), 0.0, 1.0)
    rise = np.where((share > 0.0) & (share < 1.0), (turbulent - laminar) / (TURBULENT_RE - LAMINAR_RE), 0.0)
    change = (1.0 - share) * laminar_change + share * turbulent_change + rise
    return laminar + share * (turbulent - laminar), change


def _colebrook(reynolds: FloatArray, roughness: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Newton's method on x = lambda^(-1/2): `x + 2 log10(2.51 x / Re + k / (3.71 d)) = 0`."""
    smooth, rough, log = 2.51 / reynolds, roughness / 3.71, np.log(10.0)
    x = -2.0 * np.log10(rough + 5.74 / reynolds**0.9)
    for _ in range(NEWTON_STEPS):
        inside = smooth * x + rough
        x = x - (x + 2.0 * np.log10(inside)) / (1.0 + 2.0 * smooth / (log * inside))
    share = 2.0 * smooth / (log * (smooth * x + rough))
    factor = x**-2
    return factor, -2.0 * factor * share / (1.0 + share) / reynolds


@contextmanager
def friction_law(model: str) -> Iterator[None]:
    """While it lasts, pandapipes' `colebrook` is `friction_factor`. (It offers no place to hand over a law.)"""
    if model != DEFAULT_FRICTION:
        yield
        return
    theirs = derivative_calculation.calc_lambda, derivative_calculation.calc_der_lambda
    derivative_calculation.calc_lambda, derivative_calculation.calc_der_lambda = _factor, _change_per_mdot
    try:
        yield
    finally:
        derivative_calculation.calc_lambda, derivative_calculation.calc_der_lambda = theirs


def _factor(
    m: FloatArray,
    eta: FloatArray,
    d: FloatArray,
    k: FloatArray,
    gas_mode: bool,  # noqa: ARG001 (the library's signature; here there is water only)
    friction_model: str,  # noqa: ARG001
    lengths: FloatArray,  # noqa: ARG001
    options: Any,  # noqa: ARG001
    area: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """lambda and Re of each branch, in place of the library's `calc_lambda`."""
    reynolds = np.abs(m) * d / (eta * area)
    return friction_factor(reynolds, k / d)[0], reynolds


def _change_per_mdot(
    m: FloatArray,
    eta: FloatArray,  # noqa: ARG001
    d: FloatArray,
    k: FloatArray,
    friction_model: str,  # noqa: ARG001
    lambda_pipe: FloatArray,  # noqa: ARG001
    area: FloatArray,  # noqa: ARG001
    re: FloatArray,
    lengths: FloatArray,  # noqa: ARG001
) -> FloatArray:
    """d lambda / d m of each branch, in place of the library's `calc_der_lambda`."""
    per_mdot = np.divide(re, m, out=np.zeros_like(m), where=m != 0.0)
    return friction_factor(re, k / d)[1] * per_mdot


def _of_nikuradse(reynolds: FloatArray, factor: FloatArray, _roughness: FloatArray) -> FloatArray:
    """d ln lambda / d ln Re, where lambda is a laminar part, 64 / Re, and a constant of the pipe."""
    return -64.0 / (reynolds * factor)


def _of_colebrook(reynolds: FloatArray, factor: FloatArray, roughness: FloatArray) -> FloatArray:
    """d ln lambda / d ln Re of `friction_factor`."""
    return reynolds / factor * friction_factor(reynolds, roughness)[1]


def _of_swamee_jain(reynolds: FloatArray, _factor: FloatArray, roughness: FloatArray) -> FloatArray:
    """d ln lambda / d ln Re of `lambda = 0.25 / log10(k / (3.7 d) + 5.74 / Re^0.9)^2`."""
    smooth = 5.74 / reynolds**0.9
    inside = roughness / 3.7 + smooth
    return 1.8 * smooth / (inside * np.log(inside))


_EXPONENTS: dict[str, _Exponent] = {
    DEFAULT_FRICTION: _of_colebrook,
    "nikuradse": _of_nikuradse,
    "swamee-jain": _of_swamee_jain,
}
FRICTION_MODELS = tuple(_EXPONENTS)
