"""Numbers as people read them: no minus before a zero, no share of a cost that is none."""

from collections.abc import Mapping
from statistics import median
from typing import Any

LEAST_COMPARED_COST = 0.01
"""The smallest coin: a change as a share of less, or of an income, says nothing."""
LEAST_COMPARED_SHARE = 0.05
"""Of the median of everyone's cost without trade: a change as a share of less says nothing either."""
NOTICEABLE_KWH = 0.05
"""What one digit after the point would show as zero."""


def plain(value: float, digits: int = 2) -> str:
    """The number with so many digits and thousands apart; `-0.00` is 0.00."""
    return f"{_rounded(value, digits):,.{digits}f}"


def signed(value: float, digits: int = 2) -> str:
    """As `plain`, with its sign unless it shows as zero."""
    rounded = _rounded(value, digits)
    return f"{rounded:{'+' if rounded else ''},.{digits}f}"


def _rounded(value: float, digits: int) -> float:
    # Adding zero turns the negative zero into the positive one.
    return round(value, digits) + 0.0


def least_compared(cost: Mapping[str, Mapping[str, Any]]) -> float:
    """The least cost without trade of which a change is worth printing as a share, by the entries of the summary."""
    known = [abs(entry["alone"]) for entry in cost.values() if entry["alone"] is not None]
    return max(LEAST_COMPARED_COST, LEAST_COMPARED_SHARE * median(known) if known else 0.0)


def share_of_change(alone: float | None, market: float | None, least: float) -> str:
    """The change against no trade in percent, like `+1.5 %`; empty where the cost without trade is below `least` (see
    `least_compared`) or an income."""
    if alone is None or market is None or alone < least:
        return ""
    return f"{signed(100 * (market - alone) / alone, 1)} %"


def energy(kwh: float) -> str:
    """Energy in kWh with one digit, small amounts with three significant ones."""
    return plain(kwh, 1) if kwh == 0 or abs(kwh) >= 2 * NOTICEABLE_KWH else f"{kwh:.3g}"


def stored_beside(entry: Mapping[str, Any]) -> str:
    """How much more or less than without trade a prosumer has stored at the end; empty where that is nothing."""
    market, alone = entry["stored_end_kwh"], entry["stored_end_alone_kwh"]
    if market is None or alone is None or abs(market - alone) < NOTICEABLE_KWH:
        return ""
    return f"{abs(market - alone):,.1f} kWh {'more' if market > alone else 'less'} stored at the end"
