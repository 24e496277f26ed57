"""The profiles that a network of SimBench comes with, as the columns of a draft's file.

Each house has its load in kW. What nobody stands for shares a factor, and so do the static generators: the mean of
their own ones, weighted by power, so that the sum over the network is the source's. `pv` is that mean of the plants of
type PV, in kW per kWp.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.drafts.houses import KW_PER_MW, House
from mosaik_p2p.networks.electric.simbench import SimbenchData
from mosaik_p2p.units import FloatArray

DIGITS = 4
OTHERS, GENERATION, PV = "others", "generation", "pv"


def own_profiles(data: SimbenchData, houses: Collection[House]) -> pd.DataFrame:
    """The file's columns, `time` first; a column for which the network has nothing is absent."""
    loads, sgens, factors = data.net["load"], data.net["sgen"], data.factors
    taken = {house.element for house in houses}
    columns: dict[str, Any] = {
        house.name: factors["load"][house.element].to_numpy() * _kw(loads.loc[[house.element]])[0]
        for house in houses
        if house.element is not None
    }
    groups = {
        OTHERS: (factors["load"], loads[[index not in taken for index in loads.index]]),
        GENERATION: (factors["sgen"], sgens),
        PV: (factors["sgen"], sgens[sgens["type"].astype(str).str.upper().str.startswith("PV")]),
    }
    means = {name: _mean(*group) for name, group in groups.items()}
    columns |= {name: values for name, values in means.items() if values is not None}
    times = [stamp.isoformat() for stamp in data.times]
    return pd.DataFrame({"time": times, **{name: np.round(values, DIGITS) for name, values in columns.items()}})


def _mean(factors: pd.DataFrame, elements: pd.DataFrame) -> FloatArray | None:
    """(times,) mean of the factors of what is in service, weighted by power; None where that has none."""
    elements = elements[elements["in_service"].astype(bool)]
    kw = _kw(elements)
    if not kw.sum() > 0.0:
        return None
    return np.asarray(factors[list(elements.index)].to_numpy() @ kw / kw.sum(), dtype=np.float64)


def _kw(elements: pd.DataFrame) -> FloatArray:
    return np.asarray(elements["p_mw"] * elements["scaling"] * KW_PER_MW, dtype=np.float64)
