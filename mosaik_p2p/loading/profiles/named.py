"""Named series of a scenario, each on the market's intervals over the whole span."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profiles.collector import Efficiency, collector_kw_per_m2
from mosaik_p2p.loading.profiles.ends import TableReader
from mosaik_p2p.loading.profiles.files import ProfileTable, column_values, read_profile_table
from mosaik_p2p.loading.profiles.pv import Plane, pv_kw_per_kwp
from mosaik_p2p.loading.profiles.vdi import House, vdi_power_kw
from mosaik_p2p.loading.profiles.weather import Site, Weather, air_temperature_c
from mosaik_p2p.scenario.parts.profiles import (
    CarnotProfile,
    CollectorProfile,
    ConstantProfile,
    FileProfile,
    ProfileSpec,
    PvlibProfile,
    Vdi4655Profile,
)
from mosaik_p2p.units import FloatArray, kelvin

ProfilePair = tuple[FloatArray, FloatArray]
"""Forecast and realisation, each of shape (span,)."""


@dataclass(frozen=True)
class _Span:
    times: pd.DatetimeIndex
    step_minutes: int


def profile_values(
    spec: ProfileSpec,
    *,
    times: pd.DatetimeIndex,
    step_minutes: int,
    folder: Path,
    weather: Weather | None,
    read: TableReader = read_profile_table,
    seed: int = 1,
) -> ProfilePair:
    """Forecast and realisation of a profile, each of shape (len(times),), in the unit of the profile's source.

    That unit is kW for vdi4655, kW per kWp for pvlib, kW per m2 for collector, 1 for carnot, and what the user means
    for file and constant. `times` are the begins of the span's intervals, in the zone that messages name them in; paths
    are relative to `folder` and files read by `read`; `weather` is the span's own, or None; `seed` is the scenario's.
    Raises BadInput with every fault found; places are relative to the profile's table.
    """
    if isinstance(spec, FileProfile):
        return _from_file(spec, read(folder / spec.file), _Span(times, step_minutes))
    values = _computed(spec, weather, _Span(times.tz_convert("UTC"), step_minutes), seed)
    return values, values.copy()


def _computed(
    spec: Vdi4655Profile | PvlibProfile | CollectorProfile | CarnotProfile | ConstantProfile,
    weather: Weather | None,
    span: _Span,
    seed: int,
) -> FloatArray:
    if isinstance(spec, ConstantProfile):
        return np.full(len(span.times), spec.value, dtype=np.float64)
    if isinstance(spec, CarnotProfile) and spec.t_source_c is not None:
        return carnot_cop(spec, np.full(len(span.times), spec.t_source_c))
    if weather is None:
        raise _refused(spec.source, "needs the weather, which the scenario does not give", "Add a table [weather].")
    if isinstance(spec, Vdi4655Profile):
        return _vdi(spec, weather, span, seed)
    if isinstance(spec, CarnotProfile):
        return carnot_cop(spec, air_temperature_c(weather, times=span.times, step_minutes=span.step_minutes))
    if weather.site is None:
        problem = "follows the sun, and the weather has no place"
        raise _refused(spec.source, problem, "Give latitude_deg and longitude_deg in [weather].")
    if isinstance(spec, PvlibProfile):
        return _pv(spec, weather, weather.site, span)
    return _collector(spec, weather, weather.site, span)


def _from_file(spec: FileProfile, table: ProfileTable, span: _Span) -> ProfilePair:
    columns = {"column": spec.column}
    if spec.forecast_column is not None:
        columns["forecast_column"] = spec.forecast_column
    faults: list[Fault] = []
    found: dict[str, FloatArray] = {}
    for key, column in columns.items():
        try:
            found[key] = column_values(table, column, key=key, times=span.times, step_minutes=span.step_minutes)
        except BadInput as error:
            faults.extend(error.faults)
    if faults:
        raise BadInput(faults)
    realised = found["column"]
    return found.get("forecast_column", realised.copy()), realised


def _vdi(spec: Vdi4655Profile, weather: Weather, span: _Span, seed: int) -> FloatArray:
    if weather.region is None:
        problem = "needs the typical days of a DWD region"
        raise _refused(
            spec.source,
            problem,
            'Use source = "dwd_try" in [weather], or give the region of an EPW or PVGIS file, or a file with the load.',
        )
    return vdi_power_kw(
        House(spec.house_type, spec.persons, spec.units),
        spec.quantity,
        annual_kwh=spec.annual_kwh,
        region=weather.region,
        times=span.times,
        step_minutes=span.step_minutes,
        houses=spec.houses,
        seed=seed,
    )


def carnot_cop(spec: CarnotProfile, t_source_c: FloatArray) -> FloatArray:
    """`quality T_sink / (T_sink - T_source)` in K, at least 1; of the shape of `t_source_c`."""
    lift_k = np.maximum(spec.t_sink_c - t_source_c, spec.lift_min_k)
    result: FloatArray = np.maximum(spec.quality * kelvin(spec.t_sink_c) / lift_k, 1.0)
    return result


def _pv(spec: PvlibProfile, weather: Weather, site: Site, span: _Span) -> FloatArray:
    plane = Plane(spec.tilt_deg, spec.azimuth_deg)
    return pv_kw_per_kwp(
        weather, site, plane, loss_fraction=spec.loss_fraction, times=span.times, step_minutes=span.step_minutes
    )


def _collector(spec: CollectorProfile, weather: Weather, site: Site, span: _Span) -> FloatArray:
    return collector_kw_per_m2(
        weather,
        site,
        Plane(spec.tilt_deg, spec.azimuth_deg),
        efficiency=Efficiency(spec.eta0, spec.a1_w_per_m2k, spec.a2_w_per_m2k2),
        t_mean_c=spec.t_mean_c,
        times=span.times,
        step_minutes=span.step_minutes,
    )


def _refused(source: str, problem: str, remedy: str) -> BadInput:
    return BadInput([Fault("source", repr(source), problem, remedy)])
