"""A plain market as arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from mosaik_p2p.single_period.supply import Supply, supply_curves
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class Assets:
    """M assets with cost a/2 p^2 + b p per hour, p in kW, > 0 where they produce."""

    agent: IntArray
    p_min_kw: FloatArray
    p_max_kw: FloatArray
    a: FloatArray
    """Currency per kWh and kW, not negative."""
    b: FloatArray
    """Currency per kWh."""


@dataclass(frozen=True)
class Pairs:
    """E pairs that may trade, sorted; `first` < `second`, and the charge per kWh of each of these ends."""

    first: IntArray
    second: IntArray
    charge_first: FloatArray
    charge_second: FloatArray

    @cached_property
    def charge(self) -> FloatArray:
        """(E,): what both ends pay together."""
        result: FloatArray = self.charge_first + self.charge_second
        return result


@dataclass(frozen=True)
class PlainMarket:
    """N agents, their assets, and the pairs of them that may trade."""

    names: tuple[str, ...]
    assets: Assets
    pairs: Pairs
    price_range: tuple[FloatArray, FloatArray] | None = None
    """(N,) twice: lowest and highest price that leave every limit alone which was brought nearer; see `presolve`."""
    price_shift: FloatArray | None = None
    """(N,): by how much everyone's own price lies above the one that is stated here; see `one_sided`."""
    given_alone: FloatArray | None = None
    """(N,): what alone costs within the limits as given, where some were brought nearer: alone, prices are others."""

    @cached_property
    def supply(self) -> Supply:
        """What every agent sells at which price of its own."""
        assets = self.assets
        return supply_curves(assets.agent, assets.p_min_kw, assets.p_max_kw, assets.a, assets.b, len(self.names))

    @cached_property
    def begin(self) -> IntArray:
        """(N + 1,): pairs of agent i with later ones are `begin[i] : begin[i + 1]`."""
        counts = np.bincount(self.pairs.first, minlength=len(self.names))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def part(self) -> IntArray:
        """(N,): the number of the connected part that each agent is in."""
        ends = (self.pairs.first, self.pairs.second)
        graph = sp.csr_array((np.ones(len(ends[0])), ends), shape=(len(self.names), len(self.names)))
        return connected_components(graph, directed=False)[1].astype(np.int64)
