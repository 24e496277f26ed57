"""The figures of result quantities in a report: what is drawn, what is not and why."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import plotly.graph_objects as go
import plotly.io

from mosaik_p2p.errors import Fault
from mosaik_p2p.results.figures.style import Clock, Panel
from mosaik_p2p.results.quantities.figures import panels_of
from mosaik_p2p.results.quantities.registry import QUANTITIES, NamedQuantity, find_quantity, shipped_quantities
from mosaik_p2p.results.store.quantity_tables import QuantityTable
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.sections.registry import KindRefused

_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass
class Drawings:
    """Figures by the title of their section, and which of them failed."""

    panels: dict[str, list[Panel]] = field(default_factory=dict)
    failures: list[Fault] = field(default_factory=list)

    def of(self, section: str) -> tuple[Panel, ...]:
        """The figures of one section."""
        return tuple(self.panels.get(section, ()))


def usable_quantities(
    words: Sequence[str], known: Sequence[NamedQuantity] = (), *, allow_code: bool = False
) -> tuple[list[NamedQuantity], dict[str, str]]:
    """The quantities of these names that do not ship, and why others of them cannot be used here, by name.

    Those that are `known` are not looked for.
    """
    there, found, refusals = {named.word: named for named in known}, list[NamedQuantity](), dict[str, str]()
    for word in words:
        try:
            found.append(there[word] if word in there else find_quantity(word, allow_code=allow_code))
        except KindRefused as refused:
            refusals[word] = str(refused)
    return [named for named in found if named.word not in QUANTITIES.shipped()], refusals


def unshown(results: Results, refusals: Mapping[str, str]) -> list[str]:
    """What a report says of quantities whose figures it cannot show, for `refusals` as of `usable_quantities`."""
    tables = {of.quantity: of for of in results.quantities.values()}
    texts = [_unshown(word, tables.get(word), refusal) for word, refusal in refusals.items()]
    lacking = [word for word in results.facts.quantities if word not in tables and word not in refusals]
    return [*texts, *(f"The result quantity {word!r} has no table: it was not computed." for word in lacking)]


def _unshown(word: str, table: QuantityTable | None, refusal: str) -> str:
    if table is None:
        return f"The result quantity {word!r} has no table, and cannot be used here: {refusal}"
    return (
        f"The table {table.table} is stored, and its figures are not shown: {table.made_by} made it as the result "
        f"quantity {word!r}, which is not installed or cannot be used here: {refusal}"
    )


def drawings_of(clock: Clock, others: Sequence[NamedQuantity]) -> Drawings:
    """The figures of the shipped quantities, and of the `others` that have a table."""
    drawn, results = Drawings(), clock.results
    for named in shipped_quantities():
        drawn.panels.setdefault(named.of.section, []).extend(panels_of(clock, named.of))
    for named in others:
        table = next((of for of in results.quantities.values() if of.quantity == named.word), None)
        if table is None:
            continue
        problem = _add(drawn, clock, named, table)
        if problem:
            place, remedy = f"figure of result quantity {named.word!r}", f"Mend {named.made_by}"
            drawn.failures.append(Fault(place, table.table, problem, remedy))
    return drawn


def _add(drawn: Drawings, clock: Clock, named: NamedQuantity, table: QuantityTable) -> str:
    """Add the figures of a quantity; what is wrong with them where one cannot be shown, else an empty text."""
    of = named.of
    if not table.schema.equals(of.shape.schema, check_metadata=False) or table.order != of.shape.order:
        return f"the stored table has other columns than {named.made_by} declares"
    try:
        panels = list(of.panels(clock, clock.results[table.table].copy()))
        problem = next(_problems(panels), "")
    except Exception as error:  # noqa: BLE001 (a quantity of somebody else's may raise anything)
        return f"could not be drawn: {type(error).__name__}: {error}"
    if not problem:
        own = [replace(panel, key=f"{of.name}-{panel.key}") for panel in panels]
        drawn.panels.setdefault(of.section, []).extend(own)
    return problem


def _problems(panels: Iterable[object]) -> Iterator[str]:
    keys = set[str]()
    for panel in panels:
        if not (isinstance(panel, Panel) and isinstance(panel.figure, go.Figure)):
            yield f"is {type(panel).__name__} and no Panel with a figure"
            continue
        if not _KEY.fullmatch(panel.key) or panel.key in keys:
            yield f"has the key {panel.key!r}, which is no word, or that of another figure"
        keys.add(panel.key)
        # What cannot stand in the page fails here, and not the page.
        json.dumps(json.loads(plotly.io.to_json(panel.figure, validate=False)), allow_nan=False)
