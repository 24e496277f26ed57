"""What charge mechanisms may ask the networks of a case for; see `ChargedNetwork`."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.transfer import transfer_factors
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class ChargedElectric:
    """The electric network of a case."""

    network: ElectricNetwork

    def names(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return _texts(self.network.net.bus["name"])

    def zones(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        table = self.network.net.bus
        return _texts(table["zone"]) if "zone" in table else {}

    def transfer(self, elements: IntArray) -> FloatArray:
        """See ChargedNetwork."""
        return transfer_factors(self.network.net, elements)

    def copy(self) -> Any:
        """See ChargedNetwork."""
        return deepcopy(self.network.net)


@dataclass(frozen=True)
class ChargedHeat:
    """The heat network of a case."""

    network: HeatNetwork

    def names(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return _texts(self.network.net.junction["name"])

    def zones(self) -> Mapping[int, str]:
        """See ChargedNetwork."""
        return {}

    def transfer(self, elements: IntArray) -> FloatArray:  # noqa: ARG002  (nobody answers it)
        """See ChargedNetwork."""
        raise ValueError("a heat network has no linearised power flow")

    def copy(self) -> Any:
        """See ChargedNetwork."""
        return deepcopy(self.network.net)


def _texts(column: "pd.Series[Any]") -> dict[int, str]:
    """By index, without what is empty; a whole number that a file holds as 1.0 is 1."""
    pairs = zip(column.index.tolist(), column.tolist(), strict=True)
    texts = {int(index): _text(value) for index, value in pairs if not pd.isna(value)}
    return {index: text for index, text in texts.items() if text}


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
