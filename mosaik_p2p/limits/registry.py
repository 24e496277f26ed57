"""All limited quantities: those of the package, then those that others register.

A package of somebody else's adds one by an entry point of the group `mosaik_p2p.limits` that names a LimitedQuantity,
or a tuple of them, both sides of a band for one. What cannot be used is left out and told as a fault of every scenario
that is loaded, so that nobody takes for checked what is not.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from mosaik_p2p.errors import Fault
from mosaik_p2p.limits.base import ELEMENTS, LimitedQuantity, Quantity
from mosaik_p2p.limits.electric import ELECTRIC_QUANTITIES
from mosaik_p2p.limits.heat import DELIVERED, HEAT_QUANTITIES
from mosaik_p2p.sections.entry_points import entry_point_fault, loaded
from mosaik_p2p.units import ELECTRICITY

GROUP = "mosaik_p2p.limits"
OWN = (*ELECTRIC_QUANTITIES, *HEAT_QUANTITIES)
SIDES = ("min", "max")


def limited_quantities(network: str | None = None) -> tuple[LimitedQuantity, ...]:
    """All of them, or those of one network, in the order in which they are checked and told."""
    return tuple(of for of in _registered()[0] if network in (None, of.network))


def by_key() -> dict[str, LimitedQuantity]:
    """All of them by key."""
    return {of.key: of for of in limited_quantities()}


def told_quantities() -> tuple[Quantity, ...]:
    """All that stands in the table `violations`: the limited ones, and heat that is not delivered."""
    return (*limited_quantities(), DELIVERED)


def registration_faults() -> tuple[Fault, ...]:
    """What is wrong with limited quantities that others registered."""
    return _registered()[1]


@cache
def _registered() -> tuple[tuple[LimitedQuantity, ...], tuple[Fault, ...]]:
    found, faults = list(OWN), list[Fault]()
    for point, offered in loaded(GROUP, faults):
        rows = offered if isinstance(offered, tuple) else (offered,)
        if not rows or any(not isinstance(row, LimitedQuantity) for row in rows):
            faults.append(entry_point_fault(point, "is no LimitedQuantity, nor a tuple of them"))
            continue
        for of in rows:
            problems = list(problems_of(of, found))
            faults += [entry_point_fault(point, problem) for problem in problems]
            found += [] if problems else [of]
    return tuple(found), tuple(faults)


def problems_of(of: LimitedQuantity, others: Sequence[LimitedQuantity]) -> Iterator[str]:
    """What keeps a limited quantity from standing beside `others`."""
    if of.element not in ELEMENTS.get(of.network, ()):
        yield f"{of.key}: network {of.network!r} has no element {of.element!r}"
    if not (of.all_key or of.own_key) and of.fixed is None:
        yield f"{of.key}: has neither all_key nor own_key, nor a fixed limit: nobody could set it"
    if len(of.columns) != 1 and of.value is None:
        yield f"{of.key}: has {len(of.columns)} columns, and no value made of them"
    if of.stored is not None and of.network != ELECTRICITY:
        yield f"{of.key}: only files of electric networks hold limits, in {of.stored.column!r} nobody looks"
    yield from _problems_of_keys(of, others)
    yield from _problems_of_meanings(of, others)


def _problems_of_keys(of: LimitedQuantity, others: Sequence[LimitedQuantity]) -> Iterator[str]:
    for path in (of.all_key, of.own_key):
        head, dot, side = path.partition(".")
        if path and not (head.isidentifier() and (not dot or side == SIDES[of.is_upper])):
            yield f"{of.key}: {path!r} is no key, nor KEY.{SIDES[of.is_upper]}"
        if head in ("element", "table", "name"):
            yield f"{of.key}: the key {head!r} is taken"
    for other in others:
        if other.key == of.key:
            yield f"{of.key}: the key is taken"
        if (other.quantity, other.is_upper) == (of.quantity, of.is_upper):
            yield f"{of.key}: the quantity {of.quantity!r} has this side already, {other.key}"
        if other.quantity == of.quantity and _place(other) != _place(of):
            yield f"{of.key}: the quantity {of.quantity!r} is another one's, {other.key}"
    yield from _clashes(of, [other for other in others if other.network == of.network])


def _clashes(of: LimitedQuantity, others: Iterable[LimitedQuantity]) -> Iterator[str]:
    for other in others:
        if of.all_key and (other.all_key == of.all_key or _is_band_and_not(of.all_key, other.all_key)):
            yield f"{of.key}: the key {of.all_key!r} is that of {other.key}"
        if of.own_key and other.own_key == of.own_key:
            if other.element == of.element:
                yield f"{of.key}: the key {of.own_key!r} is that of {other.key}"
            if (other.least, other.most) != (of.least, of.most):
                yield f"{of.key}: the key {of.own_key!r} has another range for {other.key}"
        elif of.own_key and _is_band_and_not(of.own_key, other.own_key):
            yield f"{of.key}: the key {of.own_key!r} is that of {other.key}"


def _place(of: LimitedQuantity) -> tuple[object, ...]:
    """What both sides of a quantity share."""
    return of.network, of.element, of.unit, of.table, of.columns


def _is_band_and_not(one: str, other: str) -> bool:
    """Whether a key would have to be a band and a number."""
    return one.partition(".")[0] == other.partition(".")[0] and ("." in one) != ("." in other)


def _problems_of_meanings(of: LimitedQuantity, others: Sequence[LimitedQuantity]) -> Iterator[str]:
    """A key that the reference could say nothing of."""
    if of.all_key and not of.meaning:
        yield f"{of.key}: the key {of.all_key!r} has no meaning"
    has_one = any(other.own_meaning for other in (of, *others) if other.own_key == of.own_key)
    if of.own_key and of.own_key != of.all_key and not has_one:
        yield f"{of.key}: the key {of.own_key!r} has no own_meaning"
    if (of.all_key or of.own_key) and not of.least < of.most:
        yield f"{of.key}: the range of its limits, {of.least:g} to {of.most:g}, is empty"
    if (of.all_key or of.own_key) and not (abs(of.least) < float("inf") and abs(of.most) < float("inf")):
        yield f"{of.key}: the range of its limits has no ends"
