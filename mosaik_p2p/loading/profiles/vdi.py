"""Load profiles of houses by VDI 4655 (May 2008), "Reference load profiles of single-family and multi-family houses".

The package demandlib carries the norm's typical days and the test reference years that pick them. It scales each
quantity to its annual energy, so one house of 1 kWh a year serves every house of its kind: what is kept here is the
profile of that unit house, and no result depends on which house was asked for first.

Hours are those of UTC+1 all year round, the time of the test reference years.
"""

import calendar
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from demandlib.vdi import Climate, Region

from mosaik_p2p.sections.resample import epoch_seconds, interval_means
from mosaik_p2p.units import FloatArray

UTC_OFFSET_H = 1
SOURCE_STEP_MINUTES = 5
"""The norm gives minutes for single-family and quarters of an hour for multi-family houses; no interval is shorter."""
INTERVALS_PER_HOUR = 60 // SOURCE_STEP_MINUTES
INTERVALS_PER_DAY = 24 * INTERVALS_PER_HOUR
DAYS_BEFORE_MARCH = 59

HOT_WATER_KWH_PER_PERSON = 500.0
HOT_WATER_KWH_PER_DWELLING = 1000.0
"""Guide values of the norm for the annual heat of hot water, single-family and multi-family houses."""

SHIFT_SIGMA_MINUTES = 60.0
"""By which houses are earlier or later than the norm's, standard deviation; ours, the norm has one house."""

WINTER_BELOW_C = 5.0
SUMMER_ABOVE_C = 15.0
"""Daily mean temperatures that make a winter or a summer day, as the norm has them."""

_YEAR_OF_WEEKDAY = {calendar.weekday(year, 1, 1): year for year in range(2010, 2024) if not calendar.isleap(year)}
"""Weekday of 1 January to a common year that begins with it."""

HouseType = Literal["EFH", "MFH"]
Quantity = Literal["electricity", "space_heat", "hot_water", "heat"]


@dataclass(frozen=True)
class House:
    """What shapes a house's profile: type, persons (single-family house) and dwellings (multi-family house)."""

    house_type: HouseType
    persons: int
    units: int


@dataclass(frozen=True)
class UnitYear:
    """Power in kW per 1 kWh a year, each array with one value per 5 minutes of the calendar year in UTC+1."""

    electricity: FloatArray
    space_heat: FloatArray
    hot_water: FloatArray


def hot_water_kwh(house: House, heat_kwh: float) -> float:
    """The part of a house's annual heat that is hot water: the norm's guide value, at most all of the heat."""
    single = house.house_type == "EFH"
    guide = HOT_WATER_KWH_PER_PERSON * house.persons if single else HOT_WATER_KWH_PER_DWELLING * house.units
    return min(guide, heat_kwh)


def vdi_power_kw(
    house: House,
    quantity: Quantity,
    *,
    annual_kwh: float,
    region: int,
    times: pd.DatetimeIndex,
    step_minutes: int,
    houses: int = 1,
    seed: int = 1,
) -> FloatArray:
    """Power in kW, shape (len(times),), of a house that needs `annual_kwh` of the quantity in each calendar year.

    `heat` is space heat and hot water together, split by `hot_water_kwh`. `region` is the DWD climate region, 1 to 15.
    It is the mean of so many `houses`, see `diverse`.
    """
    first, last = times[0], times[-1] + pd.Timedelta(minutes=step_minutes) - pd.Timedelta(seconds=1)
    offset = pd.Timedelta(hours=UTC_OFFSET_H)
    years = range((first + offset).year, (last + offset).year + 1)
    annual = [_quantity(unit_year(region, year, house), house, quantity, annual_kwh) for year in years]
    values = np.concatenate([diverse(values, houses=houses, seed=seed) for values in annual])
    begin = pd.DatetimeIndex([pd.Timestamp(years[0], 1, 1, tz="UTC") - offset])
    return interval_means(
        values,
        first_s=int(epoch_seconds(begin)[0]),
        source_step_s=SOURCE_STEP_MINUTES * 60,
        times=times,
        step_minutes=step_minutes,
    )


def diverse(values: FloatArray, *, houses: int, seed: int) -> FloatArray:
    """The mean of so many houses with these values of a year, each shifted by minutes that are drawn from the seed.

    Everyone by the guideline's own clock would cook at the same minute. The shifts are normal, `SHIFT_SIGMA_MINUTES`
    their deviation; what leaves the year at one end comes in at the other, so that its energy stays.
    """
    if houses == 1:
        return values
    minutes = np.random.default_rng([seed, houses]).normal(0.0, SHIFT_SIGMA_MINUTES, houses)
    shifts, counts = np.unique(np.round(minutes / SOURCE_STEP_MINUTES).astype(int), return_counts=True)
    mean = np.zeros_like(values)
    for shift, count in zip(shifts, counts, strict=True):
        mean += count / houses * np.roll(values, shift)
    return mean


@lru_cache(maxsize=64)
def unit_year(region: int, year: int, house: House) -> UnitYear:
    """The profiles of a house that needs 1 kWh a year of each quantity.

    demandlib cannot compute leap years. They are put together from two common years with the same weekdays: January and
    February (with the 29th, which takes the day after the 28th) from one, March to December from the other.
    """
    if not calendar.isleap(year):
        return _common_year(region, year, house)
    before = _common_year(region, _common_year_with(pd.Timestamp(year, 1, 1)), house)
    after = _common_year(region, _common_year_with(pd.Timestamp(year, 3, 1)), house)
    split, seam = DAYS_BEFORE_MARCH * INTERVALS_PER_DAY, (DAYS_BEFORE_MARCH + 1) * INTERVALS_PER_DAY

    def joined(early: FloatArray, late: FloatArray) -> FloatArray:
        both = np.concatenate([early[:seam], late[split:]])
        return np.asarray(both * (INTERVALS_PER_HOUR / both.sum()), dtype=np.float64)

    return UnitYear(
        electricity=joined(before.electricity, after.electricity),
        space_heat=joined(before.space_heat, after.space_heat),
        hot_water=joined(before.hot_water, after.hot_water),
    )


def _quantity(unit: UnitYear, house: House, quantity: Quantity, annual_kwh: float) -> FloatArray:
    if quantity == "electricity":
        return annual_kwh * unit.electricity
    if quantity == "space_heat":
        return annual_kwh * unit.space_heat
    if quantity == "hot_water":
        return annual_kwh * unit.hot_water
    water_kwh = hot_water_kwh(house, annual_kwh)
    return (annual_kwh - water_kwh) * unit.space_heat + water_kwh * unit.hot_water


def _common_year(region: int, year: int, house: House) -> UnitYear:
    """The profiles of a common year: its weekdays alone tell it from others, so seven years stand for all."""
    return _computed_year(region, _YEAR_OF_WEEKDAY[calendar.weekday(year, 1, 1)], house)


@lru_cache(maxsize=64)
def _computed_year(region: int, year: int, house: House) -> UnitYear:
    description = {
        "name": "house",
        "house_type": house.house_type,
        "N_Pers": house.persons,
        "N_WE": house.units,
        "Q_Heiz_a": 1.0,
        "Q_TWW_a": 1.0,
        "W_a": 1.0,
        "summer_temperature_limit": SUMMER_ABOVE_C,
        "winter_temperature_limit": WINTER_BELOW_C,
    }
    climate = Climate().from_try_data(region)
    with warnings.catch_warnings():
        # demandlib warns where the norm itself replaces a negative daily energy (page 16): that is the norm's rule.
        warnings.simplefilter("ignore", UserWarning)
        region_of_one = Region(year, climate, houses=[description], resample_rule=f"{SOURCE_STEP_MINUTES}min")
        energy_kwh = region_of_one.get_load_curve_houses()["house"][house.house_type]
    power_kw = energy_kwh * INTERVALS_PER_HOUR
    return UnitYear(
        electricity=power_kw["W_TT"].to_numpy(dtype=float),
        space_heat=power_kw["Q_Heiz_TT"].to_numpy(dtype=float),
        hot_water=power_kw["Q_TWW_TT"].to_numpy(dtype=float),
    )


def _common_year_with(day: pd.Timestamp) -> int:
    """The latest common year before `day` in which the same date falls on the same weekday."""
    candidates = range(day.year - 1, day.year - 12, -1)
    return next(
        year for year in candidates if not calendar.isleap(year) and day.replace(year=year).weekday() == day.weekday()
    )
