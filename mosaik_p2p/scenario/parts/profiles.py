"""Named series: from a file, from a standard load profile, from the weather, or constant."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from mosaik_p2p.sections.base import Name, Section
from mosaik_p2p.sections.ranges import (
    AnnualKwh,
    AnyUnit,
    Efficiency,
    Flats,
    Houses,
    LiftK,
    LinearLoss,
    MeanC,
    Persons,
    Share,
    SquareLoss,
    TemperatureC,
)

Azimuth: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=360.0)]
Tilt: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=90.0)]


class FileProfile(Section):
    """A column of a CSV or Parquet file with a column `time`; its unit is that of its use."""

    source: Literal["file"] = "file"
    file: Name
    """Path of the file."""
    column: Name
    """Column with what turns out."""
    forecast_column: Name | None = None
    """Column with what the market expects; left out: it expects what turns out."""


class Vdi4655Profile(Section):
    """Demand of houses after VDI 4655, in kW."""

    source: Literal["vdi4655"]
    house_type: Literal["EFH", "MFH"] = "EFH"
    """Single-family or multi-family house, as the guideline abbreviates them."""
    quantity: Literal["electricity", "space_heat", "hot_water", "heat"]
    """`heat` is space heat and hot water together."""
    annual_kwh: AnnualKwh
    """Energy of a year, kWh."""
    persons: Persons = 3
    """People in a single-family house."""
    units: Flats = 1
    """Flats of a multi-family house."""
    houses: Houses = 1
    """The mean of so many houses of this kind, each earlier or later than the guideline by a time drawn from the
    seed (normal, standard deviation 1 h): the more, the smoother. 1: the guideline's own curve."""


class PvlibProfile(Section):
    """Power of a photovoltaic plant, in kW per kWp."""

    source: Literal["pvlib"]
    tilt_deg: Tilt = 30.0
    """Above the horizontal, degrees."""
    azimuth_deg: Azimuth = 180.0
    """Clockwise from north, degrees."""
    loss_fraction: Share = 0.14
    """Part of the power that wiring, soiling and inverter lose."""


class CollectorProfile(Section):
    """Heat of a solar collector after the collector standard, in kW per m2 of collector."""

    source: Literal["collector"]
    tilt_deg: Tilt = 45.0
    """Above the horizontal, degrees."""
    azimuth_deg: Azimuth = 180.0
    """Clockwise from north, degrees."""
    eta0: Efficiency = 0.8
    """Efficiency without losses to the air."""
    a1_w_per_m2k: LinearLoss = 3.5
    """Loss per kelvin above the air, W/(m2 K)."""
    a2_w_per_m2k2: SquareLoss = 0.015
    """Loss that grows with the square of it, W/(m2 K2)."""
    t_mean_c: MeanC = 65.0
    """Mean temperature of the collector's fluid, degC."""


class CarnotProfile(Section):
    """Coefficient of performance of a heat pump from its temperatures: a part of Carnot's, at least 1."""

    source: Literal["carnot"]
    t_sink_c: TemperatureC
    """Temperature at which it gives its heat, degC."""
    t_source_c: TemperatureC | None = None
    """Temperature from which it takes heat, degC; left out: the air of the weather."""
    quality: Efficiency = 0.4
    """Part of Carnot's coefficient that it reaches."""
    lift_min_k: LiftK = 10.0
    """Smaller lifts from source to sink count as this one, K."""


class ConstantProfile(Section):
    """One value for all intervals."""

    source: Literal["constant"]
    value: AnyUnit
    """In the unit of its use: kW of a load, kW per kWp or m2, a price, a factor."""


def _source(data: Any) -> str | None:
    """The source that a profile names, else `file`; marked, so that it cannot be taken for a key of the table."""
    source = data.get("source", "file") if isinstance(data, dict) else getattr(data, "source", None)
    return None if source is None else f"source:{source}"


ProfileSpec: TypeAlias = Annotated[
    Annotated[FileProfile, Tag("source:file")]
    | Annotated[Vdi4655Profile, Tag("source:vdi4655")]
    | Annotated[PvlibProfile, Tag("source:pvlib")]
    | Annotated[CollectorProfile, Tag("source:collector")]
    | Annotated[CarnotProfile, Tag("source:carnot")]
    | Annotated[ConstantProfile, Tag("source:constant")],
    Discriminator(_source),
]
