"""Where the weather comes from; needed by profiles of the sources vdi4655, pvlib and collector."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from mosaik_p2p.sections.base import Name, Section

Latitude: TypeAlias = Annotated[float, Field(strict=True, ge=-90.0, le=90.0)]
Longitude: TypeAlias = Annotated[float, Field(strict=True, ge=-180.0, le=180.0)]


class DwdTryWeather(Section):
    """A test reference year of the German weather service; region 1 to 15."""

    source: Literal["dwd_try"] = "dwd_try"
    region: Annotated[int, Field(strict=True, ge=1, le=15)]
    """Number of the climate region."""
    kind: Literal["average year"] = "average year"
    """Which of the years."""
    latitude_deg: Latitude | None = None
    """Of the place, degrees; left out: at the region's station."""
    longitude_deg: Longitude | None = None
    """Of the place, degrees; left out: at the region's station."""


class FileWeather(Section):
    """A table with columns time, ghi_w_per_m2, dni_w_per_m2, dhi_w_per_m2, t_air_c."""

    source: Literal["file"] = "file"
    file: Name
    """Path of the file."""
    latitude_deg: Latitude | None = None
    """Of the place, degrees; needed by the profiles that follow the sun."""
    longitude_deg: Longitude | None = None
    """Of the place, degrees; needed by the profiles that follow the sun."""


class StationWeather(Section):
    """A typical year from a file with the place of its station in it."""

    file: Name
    """Path of the file."""
    region: Annotated[int, Field(strict=True, ge=1, le=15)] | None = None
    """Region of the German weather service whose typical days profiles of the source vdi4655 follow, 1 to 15; needed by
    them alone."""


class EpwWeather(StationWeather):
    """A typical year in an EPW file, as EnergyPlus has it; its hours are those of its place, without summer time."""

    source: Literal["epw"]


class PvgisWeather(StationWeather):
    """A typical year (TMY) that PVGIS has written as CSV; the hours are those of UTC."""

    source: Literal["pvgis"]


def _source(data: Any) -> str | None:
    """The source that the table names, else by what it gives; marked, so that it cannot be taken for a key."""
    if isinstance(data, dict):
        source = data.get("source", "file" if "file" in data else "dwd_try")
    else:
        source = getattr(data, "source", None)
    return None if source is None else f"source:{source}"


WeatherSpec: TypeAlias = Annotated[
    Annotated[DwdTryWeather, Tag("source:dwd_try")]
    | Annotated[FileWeather, Tag("source:file")]
    | Annotated[EpwWeather, Tag("source:epw")]
    | Annotated[PvgisWeather, Tag("source:pvgis")],
    Discriminator(_source),
]
