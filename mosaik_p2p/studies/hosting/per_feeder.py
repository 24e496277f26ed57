"""What grows on one feeder at a time."""

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.loading.case import Case
from mosaik_p2p.studies.hosting.feeders import feeders_of
from mosaik_p2p.studies.hosting.growth import GROW, KINDS, PART, Growth, on_feeder

PER, FEEDER = "--per", "feeder"


def per_faults(what: str, per: str | None) -> list[Fault]:
    """Of what `--per` says."""
    if per is None:
        return []
    if per != FEEDER:
        return [
            Fault(PER, shown(per), "is nothing that a network can be divided by", f"Give {FEEDER}, or leave it out.")
        ]
    if what not in KINDS:
        remedy = f"Name what grows ({', '.join(KINDS)}), or grow keys of prosumers."
        return [Fault(GROW, shown(what), "is a key, which grows everywhere", remedy)]
    return []


def growth_by_feeder(whole: Growth, case: Case) -> tuple[tuple[Growth, ...], list[Fault]]:
    """The same on each of the feeders that have any of it; the faults of a scenario of which that cannot be told."""
    if case.electric is None:
        remedy = "Leave it out, or give the scenario [networks.electricity]."
        return (), [Fault(PER, FEEDER, "the scenario has no electric network", remedy)]
    if case.scenario.scale.part is not None:
        remedy = "Take it out: what grows on a feeder is scaled by it."
        return (), [Fault(PER, FEEDER, f"the scenario has a {PART} of its own", remedy)]
    on_bus = {prosumer.name: prosumer.bus for prosumer in case.prosumers}
    grown = [
        on_feeder(whole, case.scenario, feeder.name, feeder.busbars, _on(feeder.buses, on_bus))
        for feeder in feeders_of(case.electric.net)
    ]
    found = tuple(growth for growth in grown if growth.prosumers)
    if found:
        return found, []
    problem = f"nobody on a feeder has {whole.called}"
    return (), [Fault(PER, FEEDER, problem, "Give a bus to prosumers that have some.")]


def _on(buses: frozenset[int], on_bus: dict[str, int | None]) -> frozenset[str]:
    return frozenset(name for name, bus in on_bus.items() if bus in buses)
