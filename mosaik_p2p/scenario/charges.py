"""Network utilization charges, per kWh of a trade and end."""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from mosaik_p2p.sections.base import Section, refuse
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.ranges import ChargeRate, LossPerKmK, MeanC

Payer: TypeAlias = Literal["both", "seller", "buyer", "split"]


class UniformCharge(Section):
    """One rate for all pairs; currency per kWh."""

    mechanism: Literal["uniform"]
    rate: ChargeRate
    """Posted charge per kWh of a trade, currency per kWh."""
    payer: Payer = "both"
    """Who pays the posted charge: `both` ends in full, the `seller`, the `buyer`, or half each (`split`)."""


class ElectricalDistanceCharge(Section):
    """`rate` (currency per kWh and ohm) times the sum of |z| along the path."""

    mechanism: Literal["electrical_distance"]
    rate: ChargeRate
    """Currency per kWh and ohm."""
    payer: Payer = "both"
    """As for `uniform`."""


class ThermalDistanceCharge(Section):
    """`rate` times `kappa_kw_per_km_k` times `t_mean_c` times the length of the path in km."""

    mechanism: Literal["thermal_distance"]
    rate: ChargeRate
    """Currency per kWh and kW: per kWh traded, and kW that the path would lose."""
    kappa_kw_per_km_k: LossPerKmK = 0.018
    """Heat that a km of pipe loses per K, kW/(km K)."""
    t_mean_c: MeanC = 65.0
    """Mean temperature of the pipes, degC."""
    payer: Payer = "both"
    """As for `uniform`."""


def _known(*kinds: type[Section]) -> BeforeValidator:
    """Validator that takes a table without `mechanism` for no charge, provided that it asks for none."""
    known = tuple(dict.fromkeys(key for kind in kinds for key in kind.model_fields))
    mechanisms = ", ".join(get_args(kind.model_fields["mechanism"].annotation)[0] for kind in kinds)

    def check(value: Any) -> Any:
        if not isinstance(value, dict) or "mechanism" in value:
            return value
        for key in value:
            if key not in known:
                refuse("is not a known key", remedy=did_you_mean(key, known, what="keys here"), key=key)
        if "rate" in value:
            remedy = f"Name a `mechanism` ({mechanisms}), or leave the table out for no charge."
            refuse("has a rate and no mechanism that it belongs to", remedy=remedy)
        return None

    return BeforeValidator(check)


ElectricityCharge: TypeAlias = Annotated[UniformCharge | ElectricalDistanceCharge, Field(discriminator="mechanism")]
HeatCharge: TypeAlias = Annotated[UniformCharge | ThermalDistanceCharge, Field(discriminator="mechanism")]


class Charges(Section):
    """Charges of each network; None, or a table with neither `mechanism` nor `rate`: no charge."""

    electricity: Annotated[ElectricityCharge | None, _known(UniformCharge, ElectricalDistanceCharge)] = None
    """Of electric trades: `uniform` or `electrical_distance`."""
    heat: Annotated[HeatCharge | None, _known(UniformCharge, ThermalDistanceCharge)] = None
    """Of heat trades: `uniform` or `thermal_distance`."""
