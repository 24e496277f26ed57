"""What charge mechanisms may ask the networks of a case for; see `ChargedNetwork`."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.marginal_loss import losses_of
from mosaik_p2p.loading.profiles.files import column_values, read_profile_table
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.transfer import transfer_factors
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.sections.clock import zone_of
from mosaik_p2p.sections.ranges import MOST_PRICE
from mosaik_p2p.units import FloatArray, IntArray

BOUNDS = (-MOST_PRICE, MOST_PRICE)
"""Of series that mechanisms read: charges per kWh."""


@dataclass(frozen=True)
class ChargedElectric:
    """The electric network of a case."""

    case: Case

    @property
    def network(self) -> ElectricNetwork:
        """See Case."""
        assert self.case.electric is not None
        return self.case.electric

    def names(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return _names(self.network.net.bus["name"])

    def zones(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        table = self.network.net.bus
        return _texts(table["zone"]) if "zone" in table else {}

    def transfer(self, elements: IntArray) -> FloatArray:
        """See ChargedNetwork."""
        return transfer_factors(self.network.net, elements)

    def marginal_loss(self) -> FloatArray:
        """See ChargedNetwork."""
        return losses_of(self.case).electric

    def copy(self) -> Any:
        """See ChargedNetwork."""
        return deepcopy(self.network.net)


@dataclass(frozen=True)
class ChargedHeat:
    """The heat network of a case."""

    case: Case

    @property
    def network(self) -> HeatNetwork:
        """See Case."""
        assert self.case.heat is not None
        return self.case.heat

    def names(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return _names(self.network.net.junction["name"])

    def zones(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return {}

    def transfer(self, elements: IntArray) -> FloatArray:  # noqa: ARG002  (nobody answers it)
        """See ChargedNetwork."""
        raise ValueError("a heat network has no linearised power flow")

    def marginal_loss(self) -> FloatArray:
        """See ChargedNetwork."""
        return losses_of(self.case).heat

    def copy(self) -> Any:
        """See ChargedNetwork."""
        return deepcopy(self.network.net)


def read_series(case: Case, file: str, columns: Sequence[str]) -> dict[str, FloatArray]:
    """Columns of a file of profiles on the intervals of a case, (T,) each. Raises BadInput (places `file`)."""
    table = read_profile_table(case.path.parent / file)
    own = case.times.tz_convert(zone_of(case.scenario.time))
    minutes, faults = case.scenario.time.step_minutes, list[Fault]()
    found: dict[str, FloatArray] = {}
    for column in dict.fromkeys(columns):
        try:
            found[column] = column_values(table, column, key="file", times=own, step_minutes=minutes, bounds=BOUNDS)
        except BadInput as bad:
            faults += bad.faults
    if faults:
        raise BadInput(dict.fromkeys(faults))
    return found


def _names(column: "pd.Series[Any]") -> dict[int, str]:
    """By index, as they stand."""
    return {int(index): str(name) for index, name in zip(column.index.tolist(), column.tolist(), strict=True)}


def _texts(column: "pd.Series[Any]") -> dict[int, str]:
    """By index, without what is empty; a whole number that a file holds as 1.0 is 1."""
    pairs = zip(column.index.tolist(), column.tolist(), strict=True)
    texts = {int(index): _text(value) for index, value in pairs if not pd.isna(value)}
    return {index: text for index, text in texts.items() if text}


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
