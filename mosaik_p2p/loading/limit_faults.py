"""What keeps limits from being checked, or negotiated: faults of limited quantities that others registered."""

from collections.abc import Iterator

from mosaik_p2p.errors import Fault
from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.results.tables import TABLES


def limit_faults(limits: NetworkLimits | None, network: str, *, negotiates: bool) -> Iterator[Fault]:
    """The faults of one network's limits: measured where nothing stands, or negotiated without a response."""
    for of in limited_quantities(network):
        yield from _unmeasured(of)
        if negotiates and limits is not None and limits.has(of) and of.response is None:
            yield _unanswered(of, limits)


def _unmeasured(of: LimitedQuantity) -> Iterator[Fault]:
    known = TABLES[of.table].schema.names if of.table in TABLES else ()
    for column in (of.element_column, *of.columns, *of.beside):
        if column not in known:
            problem = f"is measured in {of.table}.{column}, which no result table has"
            yield Fault("limited quantity", repr(of.key), problem, "Mend the package that registers it.")


def _unanswered(of: LimitedQuantity, limits: NetworkLimits) -> Fault:
    own = next((limit for limit in limits.elements if limit.key == of.key), None)
    general = limits.general(of)
    is_general = general is not None and own is None
    key = of.all_key if is_general and of.all_key else of.own_key
    value = general if own is None else own.value
    return Fault(
        f"networks.{of.network}.limits.{key}" if is_general else f"networks.{of.network}.limits.element[].{key}",
        f"{value:g}",
        f"cannot be negotiated: nothing says how {of.quantity} answers to injections",
        f"Give {of.key} a response, leave the limit out, or say negotiation.enabled = false.",
    )
