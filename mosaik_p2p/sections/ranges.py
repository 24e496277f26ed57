"""Plausible ranges of the numbers of a scenario: wide, and no number without a lower and an upper end.

A value outside is a slip (a unit, a decimal point, a column) and not a district. Whoever wants no limit leaves its key
out, or gives the upper end. docs/scenario.md states the range of each key; the units stand in the keys' meanings.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from mosaik_p2p.sections.base import Name, refuse

MOST_KW = 1e9
"""Beyond it no connection exists, and sums of powers would lose the watts."""
LEAST_COP, MOST_COP = 0.5, 30.0
MOST_PRICE = 1e6
"""Of a kWh, in whatever currency, and in either direction."""
MOST_FACTOR = 1e4
"""By which a profile may multiply the loads of a network."""

PowerKw: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=MOST_KW)]
DrawKw: TypeAlias = Annotated[float, Field(strict=True, ge=-MOST_KW, le=0.0)]
"""A power that is drawn, as a negative number."""
RatingKw: TypeAlias = Annotated[float, Field(strict=True, ge=1e-6, le=MOST_KW)]
"""A power that makes no sense at zero; the least is a milliwatt."""
EnergyKwh: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1e9)]
CapacityKwh: TypeAlias = Annotated[float, Field(strict=True, ge=1e-6, le=1e9)]
AnnualKwh: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1e12)]
AreaM2: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1e8)]

PricePerKwh: TypeAlias = Annotated[float, Field(strict=True, ge=-MOST_PRICE, le=MOST_PRICE)]
CostPerKwh: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=MOST_PRICE)]
CostPerKw2h: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=MOST_PRICE)]
DailyCost: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1e12)]
"""Of a network, in whatever currency."""
ChargeRate: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=MOST_PRICE)]

Share: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
Efficiency: TypeAlias = Annotated[float, Field(strict=True, ge=0.01, le=1.0)]
LEAST_POWER_FACTOR = 0.1


def _far_from_zero(value: float) -> float:
    if abs(value) < LEAST_POWER_FACTOR:
        refuse(
            f"is nearer to zero than {LEAST_POWER_FACTOR:g}",
            remedy="Give 0.1 to 1, or -1 to -0.1 for what draws reactive power while it feeds in.",
        )
    return value


PowerFactor: TypeAlias = Annotated[float, Field(strict=True, ge=LEAST_POWER_FACTOR, le=1.0)]
"""Of what draws: it draws reactive power along with active power."""
SignedPowerFactor: TypeAlias = Annotated[float, Field(strict=True, ge=-1.0, le=1.0), AfterValidator(_far_from_zero)]
"""Of an inverter or machine, see `reactive_share`."""
PowerToHeat: TypeAlias = Annotated[float, Field(strict=True, ge=0.01, le=100.0)]
Scaling: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1000.0)]
HouseScale: TypeAlias = Annotated[float, Field(strict=True, ge=1e-6, le=1e6)]
"""Of one prosumer's loads: a profile may be that of a kWh a year."""

TemperatureC: TypeAlias = Annotated[float, Field(strict=True, ge=-60.0, le=250.0)]
MeanC: TypeAlias = Annotated[float, Field(strict=True, ge=1.0, le=250.0)]
"""Of pipes or collectors on the whole: losses are counted from 0 degC or from the air."""
LiftK: TypeAlias = Annotated[float, Field(strict=True, ge=0.1, le=200.0)]
WaterC: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=130.0)]
"""Temperature of water in a district heating network."""
GroundC: TypeAlias = Annotated[float, Field(strict=True, ge=-30.0, le=40.0)]
LossPerKmK: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=100.0)]
LinearLoss: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=1000.0)]
SquareLoss: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=100.0)]

ElementIndex: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
"""Of a row in a network's table."""
NominalKv: TypeAlias = Annotated[float, Field(strict=True, ge=0.01, le=2000.0)]
SlackVoltagePu: TypeAlias = Annotated[float, Field(strict=True, ge=0.8, le=1.2)]
BypassFlow: TypeAlias = Annotated[float, Field(strict=True, gt=0.0, le=1000.0)]

Persons: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1000)]
Flats: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Houses: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Iterations: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Seed: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]

AnyUnit: TypeAlias = Annotated[float, Field(strict=True, ge=-MOST_KW, le=MOST_KW)]
"""A value whose use says what it counts; the door checks it again by its use."""


def _number_or_name(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse("is neither a number nor the name of a profile", remedy="Give a number, or a name from [profiles].")
    return value


def _is_name(value: Any) -> str:
    return "value:name" if isinstance(value, str) else "value:number"


CopOrProfile: TypeAlias = Annotated[
    Annotated[float, Field(strict=True, ge=LEAST_COP, le=MOST_COP), Tag("value:number")]
    | Annotated[Name, Tag("value:name")],
    Discriminator(_is_name),
    BeforeValidator(_number_or_name),
]
"""A coefficient of performance, or the name of a profile with one."""
