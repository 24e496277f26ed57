"""Network utilization charges, per kWh of a trade and end."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from mosaik_p2p.scenario.base import NotNegative, Number, Section

Payer: TypeAlias = Literal["both", "seller", "buyer", "split"]


class UniformCharge(Section):
    """One rate for all pairs; currency per kWh."""

    mechanism: Literal["uniform"]
    rate: NotNegative
    payer: Payer = "both"


class ElectricalDistanceCharge(Section):
    """`rate` (currency per kWh and ohm) times the sum of |z| along the path."""

    mechanism: Literal["electrical_distance"]
    rate: NotNegative
    payer: Payer = "both"


class ThermalDistanceCharge(Section):
    """`rate` times `kappa_kw_per_km_k` times `t_mean_c` times the length of the path in km."""

    mechanism: Literal["thermal_distance"]
    rate: NotNegative
    kappa_kw_per_km_k: NotNegative = 0.018
    t_mean_c: Number = 65.0
    payer: Payer = "both"


def _no_mechanism_no_charge(value: Any) -> Any:
    return None if isinstance(value, dict) and "mechanism" not in value else value


ElectricityCharge: TypeAlias = Annotated[UniformCharge | ElectricalDistanceCharge, Field(discriminator="mechanism")]
HeatCharge: TypeAlias = Annotated[UniformCharge | ThermalDistanceCharge, Field(discriminator="mechanism")]


class Charges(Section):
    """Charges of each network; None, or a table without `mechanism`: no charge."""

    electricity: Annotated[ElectricityCharge | None, BeforeValidator(_no_mechanism_no_charge)] = None
    heat: Annotated[HeatCharge | None, BeforeValidator(_no_mechanism_no_charge)] = None
