"""The result quantities and result tables that a scenario names."""

from collections.abc import Iterable, Iterator

from mosaik_p2p.errors import Fault
from mosaik_p2p.results.quantities.registry import NamedQuantity, find_quantity
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.results.tables.thinning import NETWORK_OF, thinned_tables
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.registry import KindRefused

PLACE, TABLES_PLACE = "results.quantities", "results.tables"


def quantities_of(scenario: Scenario, *, allow_code: bool) -> tuple[tuple[NamedQuantity, ...], list[Fault]]:
    """The quantities, and a fault for each that cannot be used, or whose table another one has already."""
    found, faults = dict[str, NamedQuantity](), list[Fault]()
    for word in scenario.results.quantities:
        try:
            named = find_quantity(word, allow_code=allow_code)
        except KindRefused as refused:
            faults.append(Fault(PLACE, repr(word), refused.problem, refused.remedy))
            continue
        if named.of.name in found:
            other = found[named.of.name].word
            faults.append(Fault(PLACE, repr(word), f"has the table {named.of.name} of {other!r}", "Name it once."))
        found.setdefault(named.of.name, named)
    return tuple(found.values()), [*faults, *_table_faults(scenario), *_thinned_sources(scenario, found.values())]


def _table_faults(scenario: Scenario) -> Iterator[Fault]:
    """Tables that there are not."""
    # First those of which it makes a difference.
    known = list(dict.fromkeys((*NETWORK_OF, *TABLES)))
    for name in scenario.results.tables or ():
        if name not in known:
            yield Fault(TABLES_PLACE, repr(name), "is no result table", did_you_mean(name, known, what="tables"))


def _thinned_sources(scenario: Scenario, quantities: Iterable[NamedQuantity]) -> Iterator[Fault]:
    """A quantity would be that of the intervals alone that are kept."""
    thinned = thinned_tables(scenario.results.tables, scenario.results.every)
    for named in quantities:
        if named.of.source in thinned:
            problem = f"follows from table {named.of.source}, of which not every interval is kept"
            yield Fault(PLACE, repr(named.word), problem, "Leave it out, or results.every and results.tables.")
