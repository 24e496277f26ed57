"""Chains of trades: who buys from one prosumer to sell to the next may undercut the pair that would trade directly."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.units import BoolArray, FloatArray

ROUNDING = 1e-9
"""Part of a charge by which a chain has to be cheaper to count."""


def cheapest_chains(charge: FloatArray, may_trade: BoolArray) -> FloatArray:
    """(N, N) least charge per kWh from one to the other over pairs that `may_trade`; infinite where there is no way."""
    # Sparse: a dense graph would drop pairs that pay nothing.
    rows, columns = np.nonzero(may_trade & ~np.eye(len(charge), dtype=np.bool_))
    graph = sp.csr_array((charge[rows, columns], (rows, columns)), shape=charge.shape)
    result: FloatArray = shortest_path(graph, method="D", directed=False)
    return result


def undercut(charge: FloatArray, chain: FloatArray, may_trade: BoolArray) -> BoolArray:
    """(N, N) the pairs that may trade and pay more than a chain of others does."""
    dearer = may_trade & (chain < charge * (1.0 - ROUNDING))
    return np.asarray(dearer & ~np.eye(len(charge), dtype=np.bool_), dtype=np.bool_)
