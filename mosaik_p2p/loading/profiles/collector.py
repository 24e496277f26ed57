"""Heat of a solar collector per square metre, by the quadratic efficiency of the collector standard (ISO 9806)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaik_p2p.loading.profiles.pv import Plane, plane_irradiance_w_per_m2
from mosaik_p2p.loading.profiles.weather import WATT_PER_KW, Site, Weather, on_intervals
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Efficiency:
    """`eta = eta0 - a1 (Tm - Ta)/G - a2 (Tm - Ta)^2/G` at mean fluid temperature Tm, air Ta and irradiance G."""

    eta0: float
    a1_w_per_m2k: float
    a2_w_per_m2k2: float


def heat_w_per_m2(
    irradiance_w_per_m2: FloatArray, t_air_c: FloatArray, *, t_mean_c: float, efficiency: Efficiency
) -> FloatArray:
    """Heat in W/m2 where the irradiance on the collector's plane and the air temperature are given; never negative.

    Written as `eta0 G - a1 (Tm - Ta) - a2 (Tm - Ta)^2`, the efficiency times G, which needs no division by G = 0.
    """
    above_air_k = t_mean_c - t_air_c
    loss = efficiency.a1_w_per_m2k * above_air_k + efficiency.a2_w_per_m2k2 * above_air_k**2
    heat = np.maximum(efficiency.eta0 * irradiance_w_per_m2 - loss, 0.0)
    return np.where(irradiance_w_per_m2 > 0.0, heat, 0.0)


def collector_kw_per_m2(
    weather: Weather,
    site: Site,
    plane: Plane,
    *,
    efficiency: Efficiency,
    t_mean_c: float,
    times: pd.DatetimeIndex,
    step_minutes: int,
) -> FloatArray:
    """Heat in kW per m2 of collector, shape (len(times),)."""
    plane_w_per_m2 = plane_irradiance_w_per_m2(weather, site, plane)
    heat = heat_w_per_m2(plane_w_per_m2, weather.t_air_c, t_mean_c=t_mean_c, efficiency=efficiency)
    return on_intervals(weather, heat / WATT_PER_KW, times=times, step_minutes=step_minutes)
