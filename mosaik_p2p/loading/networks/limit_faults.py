"""What keeps limits from being checked, or negotiated: faults of limited quantities that others registered."""

from collections.abc import Iterator

from mosaik_p2p.errors import Fault
from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.results.tables.schema import TABLES


def limit_faults(limits: NetworkLimits | None, network: str, *, keeps_limits: bool) -> Iterator[Fault]:
    """The faults of one network's limits: measured where nothing stands, or kept by the market without a response."""
    for of in limited_quantities(network):
        yield from _unmeasured(of)
        if keeps_limits and limits is not None and limits.has(of) and of.response is None:
            yield _unanswered(of, limits)


def _unmeasured(of: LimitedQuantity) -> Iterator[Fault]:
    known = TABLES[of.table].schema.names if of.table in TABLES else ()
    for column in (of.element_column, *of.columns, *of.beside):
        if column not in known:
            problem = f"is measured in {of.table}.{column}, which no result table has"
            yield Fault("limited quantity", repr(of.key), problem, "Mend the package that registers it.")


def _unanswered(of: LimitedQuantity, limits: NetworkLimits) -> Fault:
    place, value = _stated_at(of, limits)
    return Fault(
        place,
        f"{value:g}",
        f"cannot be negotiated, nor kept by a design: nothing says how {of.quantity} answers to injections",
        f"Give {of.key} a response, leave the limit out, or use negotiation.enabled = false and a design that asks no "
        "network.",
    )


def _stated_at(of: LimitedQuantity, limits: NetworkLimits) -> tuple[str, float]:
    """Where one of the quantity's limits stands, and what it is."""
    stated = limits.of_all.get(of.key)
    if stated is not None:
        return f"networks.{of.network}.limits.{of.all_key}", stated
    for own in limits.elements:
        if own.key == of.key:
            return f"networks.{of.network}.limits.element[].{of.own_key} ({of.element} {own.name!r})", own.value
    assert of.fixed is not None
    return f"limited quantity {of.key!r}", of.fixed
