"""Networks of SimBench by their codes, such as `1-LV-rural1--0-no_sw`, with their year of profiles.

Source: Meinecke et al. 2020, "SimBench - A Benchmark Dataset of Electric Power Systems", Energies 13(12), 3290. The
data lie inside the package simbench, an optional extra; nothing is fetched. Its times are those of German clocks, a
quarter of an hour apart, and its profiles are factors on the powers in the tables. Its storages come at full power
without a word on when: they are taken out of service, since nobody can say what they do.
"""

import importlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.files.electric.unset_shares import with_shares_set
from mosaik_p2p.sections.names import did_you_mean

ZONE = "Europe/Berlin"
_TIMES = "%d.%m.%Y %H:%M"
_ACTIVE = {"load": "{}_pload", "sgen": "{}"}
"""By table of elements: the column of the active power of a profile."""
_PROFILES = {"load": "load", "sgen": "renewables"}
"""By table of elements: the table of profiles."""


@dataclass(frozen=True, eq=False)
class SimbenchData:
    """A network as pandapower has it, and the factors on its loads and static generators."""

    net: pandapowerNet
    times: pd.DatetimeIndex
    """(8784 * 4,) begins, of 2016."""
    factors: dict[str, pd.DataFrame]
    """By table, `load` and `sgen`: (times, elements) factors on the active power, a column per index of the table."""
    storages: int
    """How many storages were taken out of service."""


def simbench_data(code: str) -> SimbenchData:
    """The network of this code. Raises BadInput (place `file`) where there is none, or simbench is not installed."""
    library = _library(code)
    known = library.collect_all_simbench_codes()
    if code not in known:
        remedy = did_you_mean(code, known, what="codes")
        raise BadInput([Fault("file", repr(code), "there is no such SimBench code", remedy)])
    with warnings.catch_warnings():
        # What pandas and pandapower say of the package's own tables is no concern of a user's.
        warnings.simplefilter("ignore")
        net = library.get_simbench_net(code)
    profiles = net.pop("profiles")
    net.pop("loadcases", None)
    clock = pd.DatetimeIndex(pd.to_datetime(profiles["load"]["time"], format=_TIMES))
    times = clock.tz_localize(ZONE, ambiguous="infer")
    factors = {table: _factors(net[table], profiles[_PROFILES[table]], _ACTIVE[table]) for table in _PROFILES}
    storages = int(net["storage"]["in_service"].sum())
    net["storage"]["in_service"] = False
    return SimbenchData(with_shares_set(net).net, times, factors, storages)


def _library(code: str) -> Any:
    try:
        return importlib.import_module("simbench")
    except ImportError as error:
        problem = "is a SimBench code, and the package simbench is not installed"
        remedy = 'Install it (90 MB): pip install "mosaik-p2p[simbench]"; or write the network to a file and name that'
        raise BadInput([Fault("file", repr(code), problem, remedy)]) from error


def _factors(elements: pd.DataFrame, profiles: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """An element without a profile keeps its power."""
    columns = {
        index: profiles[column] if (column := pattern.format(name)) in profiles else 1.0
        for index, name in _named(elements)
    }
    return pd.DataFrame(columns, index=profiles.index)


def _named(elements: pd.DataFrame) -> Iterable[tuple[int, str]]:
    return zip((int(index) for index in elements.index), elements["profile"].astype(str), strict=True)
