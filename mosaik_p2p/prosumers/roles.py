"""What the rows of a prosumer's problem stand for: everything else goes by these roles, not by kinds of devices."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

CONTRACT, CONNECTION, IMBALANCE = "contract", "connection", "imbalance"
"""Types of the variables that are no devices: what a contract brings or takes, what goes over a connection, and what
cannot be balanced (see `market.imbalance`)."""
NO_DEVICES = (CONTRACT, CONNECTION, IMBALANCE)


class Role(StrEnum):
    """What one variable stands for."""

    POWER = "power"
    """What a device draws or gives, kW."""
    FUEL = "fuel"
    """Fuel burnt, kW."""
    CHARGE = "charge"
    DISCHARGE = "discharge"
    """The two ways of a storage, of which only one is gone at a time, kW."""
    LEVEL = "level"
    """Content of a storage at the end of the interval, kWh."""
    SPARE = "spare"
    """What a storage gives away beyond what it must hold at a deadline, kW over that interval."""
    SHORTFALL = "shortfall"
    """What a storage lacks at a deadline, kW over that interval; the market gives it its price."""
    OWED = "owed"
    """The same of what it lacks at the end of the run, which has a price of its own."""
    IMPORT = "import"
    EXPORT = "export"
    """Of a contract, kW."""
    INJECTION = "injection"
    """Over a connection, kW."""
    SHORT = "short"
    SURPLUS = "surplus"
    """Imbalances on the side of the network, kW."""
    UNSERVED = "unserved"
    SPILLED = "spilled"
    """Imbalances behind a connection, kW: what its limits let neither in nor out."""


LACKING = (Role.SHORTFALL, Role.OWED)
WAYS = (Role.CHARGE, Role.DISCHARGE)


@dataclass(frozen=True)
class Variable:
    """The name of one row of `x`: what it stands for (kW, levels in kWh), and of which device."""

    device: str
    type: str
    role: Role

    @property
    def is_device(self) -> bool:
        """Whether it belongs to a device; contracts, connections and imbalances are none."""
        return self.type not in NO_DEVICES

    @property
    def is_behind_meter(self) -> bool:
        """Whether it is a device, or stands in for one: what it does goes over the connection."""
        return self.is_device or self.role in (Role.UNSERVED, Role.SPILLED)


@lru_cache(maxsize=4096)
def named(device: str, type_: str, role: Role) -> Variable:
    """The variable of this name: one object for all who own such a device, whatever interval is stated."""
    return Variable(device, type_, role)
