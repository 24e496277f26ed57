"""The figures of the result quantities that ship, of one run or many."""

from collections.abc import Iterable

from mosaik_p2p.results.figures.runs import Runs, drawn_each
from mosaik_p2p.results.figures.style import Clock, Panel
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.quantities.kinds.storage_levels import StorageLevels
from mosaik_p2p.results.quantities.kinds.verdicts import Verdicts


def verdicts(runs: Runs) -> Panel | None:
    """The verdict on each network, and on the loads, in every interval; runs below each other."""
    return drawn_each(runs, _only, Verdicts())


def storage_levels(runs: Runs) -> Panel | None:
    """The energy in every storage, of many in all together; runs below each other, None where nobody stores."""
    return drawn_each(runs, _only, StorageLevels())


def panels_of(clock: Clock, of: ResultQuantity) -> Iterable[Panel]:
    """The figures of a quantity that ships, whose table may be stored or follows from others."""
    results = clock.results
    return of.panels(clock, results[of.name] if of.name in results.quantities else of.rows(results))


def _only(clock: Clock, of: ResultQuantity) -> Panel | None:
    return next(iter(panels_of(clock, of)), None)
