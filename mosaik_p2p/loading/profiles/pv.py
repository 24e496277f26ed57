"""Irradiance on a tilted plane and the output of a photovoltaic plant per kW of peak power, with pvlib.

The sun stands where it is at the middle of each interval of the weather, whose mean is held within that interval.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pvlib import atmosphere, irradiance, pvsystem, solarposition, temperature

from mosaik_p2p.loading.profiles.weather import Site, Weather, on_intervals
from mosaik_p2p.units import FloatArray

CLEAR_TRANSMITTANCE = 0.7
AIR_MASS_EXPONENT = 0.678
"""Beam of the clearest sky, extraterrestrial times 0.7 to the power of air mass^0.678 (Meinel and Meinel 1976)."""
ALBEDO = 0.2
NOMINAL_CELL_C = 45.0
"""Cell temperature at nominal operating conditions, crystalline silicon in open air."""
POWER_PER_K = -0.004
"""Temperature coefficient of crystalline silicon."""


@dataclass(frozen=True)
class Plane:
    """Orientation: tilt from the horizontal; azimuth from north over east, south is 180."""

    tilt_deg: float
    azimuth_deg: float


def plane_irradiance_w_per_m2(weather: Weather, site: Site, plane: Plane) -> FloatArray:
    """Global irradiance on the plane in W/m2, one value per interval of the weather.

    Sky by Hay and Davies (1980) as pvlib has it, ground with an albedo of 0.2.
    """
    middle = weather.begins + pd.Timedelta(minutes=weather.step_minutes) / 2
    sun = solarposition.get_solarposition(middle, site.latitude_deg, site.longitude_deg)
    zenith_deg = sun["apparent_zenith"].to_numpy(dtype=float)
    outside = irradiance.get_extra_radiation(middle).to_numpy()
    beam, diffuse = _beam_and_diffuse(weather, zenith_deg, outside)
    total = irradiance.get_total_irradiance(
        plane.tilt_deg,
        plane.azimuth_deg,
        zenith_deg,
        sun["azimuth"].to_numpy(dtype=float),
        dni=beam,
        ghi=weather.direct_w_per_m2 + weather.diffuse_w_per_m2,
        dhi=diffuse,
        dni_extra=outside,
        albedo=ALBEDO,
        model="haydavies",
    )
    return np.maximum(np.nan_to_num(np.asarray(total["poa_global"], dtype=np.float64)), 0.0)


def pv_kw_per_kwp(
    weather: Weather, site: Site, plane: Plane, *, loss_fraction: float, times: pd.DatetimeIndex, step_minutes: int
) -> FloatArray:
    """Power in kW per kW of peak power, shape (len(times),).

    PVWatts' linear module (Dobos 2014) with Ross' cell temperature (1976); `loss_fraction` takes everything between
    module and connection (soiling, wiring, inverter).
    """
    plane_w_per_m2 = plane_irradiance_w_per_m2(weather, site, plane)
    cell_c = temperature.ross(plane_w_per_m2, weather.t_air_c, NOMINAL_CELL_C)
    module = np.asarray(pvsystem.pvwatts_dc(plane_w_per_m2, cell_c, 1.0, POWER_PER_K), dtype=np.float64)
    return on_intervals(weather, (1.0 - loss_fraction) * module, times=times, step_minutes=step_minutes)


def _beam_and_diffuse(
    weather: Weather, zenith_deg: FloatArray, outside_w_per_m2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Irradiance facing the sun and diffuse one, which together make the horizontal irradiance of the weather.

    The mean of an hour over the sine of an instant has no bound while the sun is low, and at the middle of the first or
    last hour of light it may be down: what exceeds the beam of the clearest sky counts as diffuse.
    """
    if weather.normal_w_per_m2 is not None:
        return weather.normal_w_per_m2, weather.diffuse_w_per_m2
    up = zenith_deg < 90.0
    cosine = np.cos(np.radians(np.where(up, zenith_deg, 0.0)))
    air_mass = atmosphere.get_relative_airmass(np.where(up, zenith_deg, 0.0))
    clearest = outside_w_per_m2 * CLEAR_TRANSMITTANCE ** (air_mass**AIR_MASS_EXPONENT)
    beam = np.where(up, np.minimum(weather.direct_w_per_m2 / cosine, clearest), 0.0)
    return beam, weather.diffuse_w_per_m2 + weather.direct_w_per_m2 - beam * cosine
