"""What all rows are compared with: the same days on which nobody trades.

Where the scenario keeps its networks within limits by negotiation, nobody trades *within limits*: that is the row of
the design `none`, or the run of that kind which a negotiating row makes beside itself. Costs count before surcharges:
what keeping limits is worth to those who pay it is no cost. Elsewhere it is everybody's life alone, whatever it does to
the networks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.accounts.counterfactuals import SURCHARGE_ITEMS
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS
from mosaik_p2p.settlement.ledger import ALONE, CLOSING_VALUE, IN_MARKET
from mosaik_p2p.studies.compare.outcome import RowOutcome

NOBODY_TRADES = "none"
"""The design."""


@dataclass(frozen=True)
class Baseline:
    """A day without trade; a cost that is not known is None."""

    case: str
    """`alone`, or `alone_within_limits`."""
    source: str
    """Where it was taken from."""
    system_cost: float | None
    closing_value: float | None
    cost: Mapping[str, float | None]
    """By prosumer, before surcharges."""
    closing: Mapping[str, float | None]
    """By prosumer: its closing value."""


def baseline_of(rows: Sequence[RowOutcome], *, within_limits: bool) -> Baseline | None:
    """The best that the complete rows have; None where they have none."""
    complete = [row for row in rows if row.is_complete]
    found = [*_within_limits(complete)] if within_limits else []
    found += [_of_case(row, ALONE) for row in complete if not within_limits or _keeps_limits_alone(row)]
    return next((one for one in found if one.system_cost is not None or _is_known(one.cost)), None)


def _within_limits(rows: Iterable[RowOutcome]) -> list[Baseline]:
    """Those without charges of places first: alone nobody pays them."""
    trading_nobody = [row for row in rows if not row.checked.row.design.kind.has_trades]
    uncharged = [row for row in trading_nobody if not _told(row)["operator"]["place_charges"]]
    beside = [row for row in rows if _told(row)["system_cost"].get(ALONE_WITHIN_LIMITS) is not None]
    charged = [row for row in trading_nobody if row not in uncharged]
    return [
        *map(_of_row, uncharged),
        *(_of_case(row, ALONE_WITHIN_LIMITS) for row in beside),
        *map(_of_row, charged),
    ]


def _keeps_limits_alone(row: RowOutcome) -> bool:
    """Whether no limit is broken alone, so that this is a day within limits as it is."""
    hours = _told(row)["hours_broken"][ALONE]
    return hours is not None and not any(hours.values())


def _of_row(row: RowOutcome) -> Baseline:
    """A run in which nobody trades."""
    told = _told(row)
    return Baseline(
        case=ALONE_WITHIN_LIMITS,
        source=f"row {row.label}",
        system_cost=told["system_cost"]["market"],
        closing_value=told[CLOSING_VALUE].get(IN_MARKET),
        cost=_before_surcharges(row),
        closing=_closing(told, IN_MARKET),
    )


def _of_case(row: RowOutcome, case: str) -> Baseline:
    """A life beside that of a row."""
    told = _told(row)
    return Baseline(
        case=case,
        source=f"{case.replace('_', ' ')}, beside row {row.label}",
        system_cost=told["system_cost"].get(case),
        closing_value=told[CLOSING_VALUE].get(case),
        cost={name: entry.get(case) for name, entry in told["cost"].items()},
        closing=_closing(told, case),
    )


def _closing(told: Mapping[str, Any], case: str) -> dict[str, float | None]:
    return {name: (entry.get(CLOSING_VALUE) or {}).get(case) for name, entry in told["cost"].items()}


def _before_surcharges(row: RowOutcome) -> dict[str, float | None]:
    if row.results is None:
        return {}
    rows = row.results.settled(IN_MARKET)
    rows = rows[~rows["item"].isin((*SURCHARGE_ITEMS, CLOSING_VALUE))]
    received = rows.groupby("party")["money"].sum()
    return {name: 0.0 - float(received[name]) if name in received else None for name in _told(row)["cost"]}


def _is_known(cost: Mapping[str, float | None]) -> bool:
    return bool(cost) and all(money is not None for money in cost.values())


def _told(row: RowOutcome) -> Mapping[str, Any]:
    """The summary of a complete row."""
    if row.summary is None:
        raise ValueError(f"row {row.label} has no summary")
    return row.summary
