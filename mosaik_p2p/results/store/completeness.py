"""Whether every table has the intervals that it should have.

`trades`, `violations`, `negotiation`, `charges` and `settlement` may well have no row in an interval: that none of
their rows is lost is known from the folder's mark, which lists what was stored (see `results.integrity`).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pandas as pd

from mosaik_p2p.errors import Status
from mosaik_p2p.results.store.due import due_keys, key_gaps, lacking_draws
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.thinning import ELEMENT_TABLES, THINNED
from mosaik_p2p.units import ELECTRICITY, HEAT

ALWAYS_THERE = {ELECTRICITY: "buses", HEAT: "pipes"}
"""The elements without which there is no network; of the others it may have none."""
OF_THE_MARKET = ("prosumers", "devices", "alone")
"""With the same rows in every interval."""


def gaps(results: Results, networks: Sequence[str], steps: int) -> list[str]:
    """Where intervals are missing in the tables of a run over `steps` intervals, in words; empty: nowhere."""
    binding = results.binding
    found = [] if len(binding) == steps else [f"only {len(binding)} of {steps} intervals are in the tables"]
    if not binding["time"].is_unique:
        found.append("table clearing: an interval has more than one clearing that binds")
    absent = [f"the table of result quantity {word!r} is not there" for word in uncomputed(results)]
    return [*found, *absent, *inner_gaps(results, networks)]


def uncomputed(results: Results) -> list[str]:
    """The result quantities that the scenario names and that have no table."""
    there = {of.quantity for of in results.quantities.values()}
    return [word for word in results.facts.quantities if word not in there]


def inner_gaps(results: Results, networks: Sequence[str]) -> list[str]:
    """The same for the intervals that were computed, whatever their number."""
    flows, times = results.of_binding_round("flows"), results.binding["time"]
    found = list(_of_market(results, times))
    for network in networks:
        own = flows[flows["network"] == network]
        if len(own) != len(times) or not own["time"].is_unique:
            found.append(f"table flows: {len(own)} rows of {network} in the binding rounds of {len(times)} intervals")
        found += _of_network(results, network, own)
    return [*found, *_of_thinned(results), *_of_quantities(results), *lacking_draws(results)]


def _of_market(results: Results, times: pd.Series) -> Iterator[str]:
    for name in OF_THE_MARKET:
        # Not every district has devices, and not every market says what its members would do alone.
        if len(results[name]) or name == "prosumers":
            yield from _uneven(results.rows_by_time(name), name, times)
    planned = results["inputs"]["time"]
    if len(planned):
        yield from _missing("inputs", times, planned)


def _of_quantities(results: Results) -> Iterator[str]:
    for name, of in results.quantities.items():
        due = due_keys(results, of.source, of.order)
        yield from (f"table {name}: {gap}" for gap in key_gaps(results[name], due, f"table {of.source}"))


def _of_network(results: Results, network: str, flows: pd.DataFrame) -> Iterator[str]:
    solved = flows.loc[flows["status"] == Status.OK.value, "time"]
    unsolved = flows.loc[flows["status"] == Status.NOT_CONVERGED.value, "time"]
    for name in ELEMENT_TABLES.get(network, ()):
        counts = results.rows_by_time(name)
        if len(counts) or (name == ALWAYS_THERE[network] and len(solved)):
            yield from _uneven(counts, name, solved)
        if counts.index.isin(unsolved).any():
            yield f"table {name}: rows in intervals in which {network} was not solved"


def _of_thinned(results: Results) -> Iterator[str]:
    """Tables that are kept in part do not hold what table `thinned` says, or that is not what was to be kept."""
    start = results.facts.start
    for name, every in results.facts.thinned.items():
        counted = results[THINNED][results[THINNED]["table"] == name]
        is_stored = counted["stored"].astype(bool)
        said = counted[is_stored].groupby("time")["rows"].sum()
        wrong = int(said.sub(results[name]["time"].value_counts(), fill_value=0).astype(bool).sum())
        if wrong:
            yield f"table {name}: other rows than table {THINNED} says in {wrong} intervals"
        if every and start is not None:
            number = (counted["time"] - pd.Timestamp(start)) / timedelta(hours=results.facts.dt_h)
            missing = int((~is_stored & (number.round() % every == 0)).sum())
            if missing:
                yield f"table {name}: {missing} intervals that were to be kept are not stored"


def _uneven(counts: pd.Series, name: str, times: pd.Series) -> Iterator[str]:
    """Intervals that lack rows which others have; `counts` are numbers of rows by time."""
    yield from _missing(name, times, counts.index)
    counts = counts[counts.index.isin(times)]
    if counts.nunique() > 1:
        yield f"table {name}: {counts.min()} rows in some intervals, {counts.max()} in others"


def _missing(name: str, times: pd.Series, present: pd.Series | pd.Index) -> Iterator[str]:
    missing = ~times.isin(present)
    if missing.any():
        yield f"table {name}: {missing.sum()} of {len(times)} intervals are missing"
