"""What every way to split the market between prosumers and network offers to an algorithm, see `iteration.Sides`.

With w = z + u,

    agree(w)      z and the prices: the network's (or the pairs') answer, exactly reciprocal
    target(v)     what each prosumer sees of v = z - u: one net sale to aim at
    spread(v, s)  a prosumer's answer, laid out like w

Arrays over prosumers have shape (C, T, N), arrays over directed trades (C, T, M).
"""

from typing import Protocol

from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.units import FloatArray


class Form(Protocol):
    """The network's side of the market."""

    name: str
    shape: tuple[int, int, int]

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """(C, T, N): the least of everyone's offers (C, T, N; inf: none) plus what a kWh pays on the way to each."""

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """w for trades z (laid out like w) and prices (C, T, N) at penalty `weight` (C, N), money per kW^2."""

    def weights(self, weight: FloatArray) -> FloatArray:
        """The penalty laid out like w, shape broadcastable to it."""

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """(C, N): the penalty on a prosumer's net sale."""

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """The network's step."""

    def target(self, v: FloatArray) -> FloatArray:
        """(C, T, N)."""

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:
        """Laid out like w."""

    def sales(self, z: FloatArray) -> FloatArray:
        """(C, T, N) net sales of z."""

    def charge(self, z: FloatArray) -> float:
        """Money that both ends pay for trades z, their preferences included."""

    def concession(self, price_per_kwh: FloatArray) -> float:
        """Money that a bound from these prices must concede to pairs that gain at them; zero at closed prices, unless
        pairs have preferences."""

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Prices near the given ones at which no pair gains by passing on (candidates for the lower bound)."""

    def trades(
        self, z: FloatArray, price_per_kwh: FloatArray, *, min_trade_kw: float, interval: int = 0
    ) -> list[Trades]:
        """The trades of an interval, one per carrier, without those below `min_trade_kw`."""
