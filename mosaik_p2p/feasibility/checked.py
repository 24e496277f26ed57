"""A quantity of many elements beside its limits: what breaks them, and what is close to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mosaik_p2p.feasibility.violation import Violation, above, below


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Values and limits of one quantity, element by element, all limits on one side. None: no value, or no limit."""

    quantity: str
    unit: str
    upper: bool
    """Whether the limits are largest values."""
    names: Sequence[str]
    values: Sequence[float | None]
    limits: Sequence[float | None]
    margin: float
    """A value is near its limit within this, in `unit`, plus `margin_share` of the limit's size."""
    margin_share: float = 0.0


def violations(checks: Iterable[Checked]) -> list[Violation]:
    """Every broken limit, in the order of the checks and their elements."""
    return [violation for check in checks for violation in _broken(check)]


def _broken(check: Checked) -> list[Violation]:
    side = above if check.upper else below
    return side(check.names, check.values, check.limits, quantity=check.quantity, unit=check.unit)


def near(check: Checked) -> list[int]:
    """Positions of the elements that break their limit or are near it."""
    return [
        position
        for position, (value, limit) in enumerate(zip(check.values, check.limits, strict=True))
        if value is not None
        and limit is not None
        and (limit - value if check.upper else value - limit) <= check.margin + check.margin_share * abs(limit)
    ]
