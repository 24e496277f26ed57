"""The result quantities that a scenario names."""

from mosaik_p2p.errors import Fault
from mosaik_p2p.results.quantities.registry import NamedQuantity, find_quantity
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.registry import KindRefused

PLACE = "results.quantities"


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
    return tuple(found.values()), faults
