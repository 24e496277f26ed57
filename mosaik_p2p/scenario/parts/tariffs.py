"""Offers of the utility and of the heat supplier."""

from typing import Literal, Self

from pydantic import model_validator

from mosaik_p2p.sections.base import Section, refuse
from mosaik_p2p.sections.prices import Price
from mosaik_p2p.sections.ranges import PowerKw


class Tariff(Section):
    """What one kWh costs from the network and earns into it; several prosumers may share a tariff."""

    carrier: Literal["electricity", "heat"]
    """What is delivered."""
    import_per_kwh: Price
    """Price of a kWh from the network, currency per kWh."""
    export_per_kwh: Price | None = None
    """Price paid for a kWh into the network, currency per kWh; left out: nothing can be exported."""
    import_max_kw: PowerKw
    """Largest import, kW."""
    export_max_kw: PowerKw | None = None
    """Largest export, kW; left out: as much as can be imported."""

    @model_validator(mode="after")
    def _export_limit_has_a_price(self) -> Self:
        if self.export_max_kw and self.export_per_kwh is None:
            refuse(
                "limits an export that has no price", remedy="Add export_per_kwh, or leave it out.", key="export_max_kw"
            )
        return self

    @property
    def export_limit_kw(self) -> float:
        """Most that can be exported, in kW; 0 without an export price."""
        if self.export_per_kwh is None:
            return 0.0
        return self.import_max_kw if self.export_max_kw is None else self.export_max_kw
