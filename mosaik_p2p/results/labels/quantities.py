"""What elements, quantities and units are called where people read them."""

from mosaik_p2p.limits.registry import told_quantities

UNITS = {"degC": "°C"}


def place(kind: str, element: str) -> str:
    """Like `bus 13`; a name that begins with its kind says it already."""
    return element if not kind or element.lower().startswith(kind) else f"{kind} {element}"


def kind_of(quantity: str) -> str:
    """The kind of element that a quantity of the table `violations` belongs to; empty where it is not known."""
    return next((of.element for of in told_quantities() if of.quantity == quantity), "")


def name_of(quantity: str) -> str:
    """The quantity without its unit."""
    return next((of.name for of in told_quantities() if of.quantity == quantity), quantity.replace("_", " "))


def unit_of(unit: str | None) -> str:
    """The unit as it is printed."""
    return UNITS.get(unit, unit) if unit else ""
