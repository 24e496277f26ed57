"""What the network's side of the market answers to the prosumers' side."""

from dataclasses import dataclass

from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Agreement:
    """`z`, exactly reciprocal, laid out like the form's w, and each prosumer's price (C, T, N) per kWh."""

    z: FloatArray
    price_per_kwh: FloatArray
