"""Charges of places: what each kWh injected, or sold, at a place pays to the operator, of either sign."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class PlaceCharges:
    """Of C carriers, T intervals and N prosumers, (C, T, N) currency per kWh each.

    What is drawn, or bought, counts negative: there the operator pays where a charge is positive.
    """

    injection: FloatArray
    """On every kWh that a prosumer's devices feed into the network, whoever takes it."""
    trades: FloatArray
    """On every kWh that it sells to others in the market."""

    @property
    def total(self) -> FloatArray:
        """(C, T, N): by how much the market's price at a place lies above what a kWh is worth to who stands there."""
        result: FloatArray = self.injection + self.trades
        return result

    def at(self, interval: int) -> tuple[FloatArray, FloatArray]:
        """On injections and on trades in an interval, (C, N) each."""
        return self.injection[:, interval], self.trades[:, interval]

    def window(self, begin: int, horizon: int) -> "PlaceCharges":
        """Those of `horizon` intervals from `begin` on."""
        only = slice(begin, begin + horizon)
        return PlaceCharges(self.injection[:, only], self.trades[:, only])


def place_charges(carriers: Sequence[tuple[FloatArray, FloatArray]]) -> PlaceCharges | None:
    """On injections and on trades, (T, N) each by carrier; None where all of it is nothing."""
    injection, trades = (np.array(parts) for parts in zip(*carriers, strict=True))
    return PlaceCharges(injection, trades) if injection.any() or trades.any() else None
