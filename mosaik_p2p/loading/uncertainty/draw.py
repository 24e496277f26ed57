"""One thing that was drawn, as the table `draws` has it."""

from collections.abc import Iterable
from dataclasses import dataclass

from mosaik_p2p.units import Table, table_of

WEATHER, OWNED, SCALE, SHIFT, FORECAST_ERROR = "weather", "owned", "scale", "shift_minutes", "forecast_error"
COLUMNS = ("prosumer", "device", "quantity", "value", "choice")


@dataclass(frozen=True)
class Draw:
    """Of a device, or of the whole scenario."""

    quantity: str
    value: float
    prosumer: str | None = None
    device: str | None = None
    choice: str | None = None
    """What the value stands for, where that is no number."""


def draws_table(draws: Iterable[Draw]) -> Table:
    """The draws as rows."""
    return table_of(list(COLUMNS), ((d.prosumer, d.device, d.quantity, d.value, d.choice) for d in draws))
