"""What the networks said, of the market and of the days without it: the part of the summary that is theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.results.accounts.losses import caused_loss, energy_kwh, whole_losses
from mosaik_p2p.results.labels.quantities import kind_of, place
from mosaik_p2p.results.measures.market_effect import by_limit, hours_by_network, market_effect, violations_alone
from mosaik_p2p.results.measures.negotiation import negotiation_summary
from mosaik_p2p.results.measures.worst_values import worst_values
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, WITHOUT_CHARGES, WITHOUT_NEGOTIATION
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET


def of_networks(
    results: Results, others: Mapping[str, Results], networks: Sequence[str], dt_h: float
) -> dict[str, Any]:
    """Effect of the market, violated limits, worst values, losses, ready for JSON; an interval is `dt_h` hours long."""
    effect = market_effect(results, networks)
    return {
        "market_effect": effect.pop("effect"),
        "market_effect_details": effect,
        "hours_broken": _hours_broken(results, others, networks, dt_h),
        "without_peers": _without_peers(results, others, networks, dt_h),
        "violations": _violations(results, others, networks, dt_h),
        "negotiation": negotiation_summary(results),
        "worst": worst_values(results, networks),
        "loss_kwh": {network: energy_kwh(whole_losses(results, IN_MARKET), network, results) for network in networks},
        **_caused(results, networks),
    }


def _without_peers(
    results: Results, others: Mapping[str, Results], networks: Sequence[str], dt_h: float
) -> dict[str, Any]:
    """Violated limits as in `_violations` on the days without trade; None where they are not known."""
    alone, within = violations_alone(results, networks), others.get(ALONE_WITHIN_LIMITS)
    return {
        ALONE: None if alone is None else _broken(results, alone, networks, dt_h),
        ALONE_WITHIN_LIMITS: None if within is None else _still_broken(within, networks, dt_h),
    }


def _still_broken(within: Results, networks: Sequence[str], dt_h: float) -> dict[str, Any]:
    """As `_broken`, with every limit that stays violated and its hours."""
    rows = within.of_binding_round("violations")
    return {**_broken(within, rows, networks, dt_h), "limits": by_limit(rows, dt_h)}


def _hours_broken(
    results: Results, others: Mapping[str, Results], networks: Sequence[str], dt_h: float
) -> dict[str, dict[str, float] | None]:
    """Hours with violated limits by case and network; None where they are not known."""
    found = {
        case: broken and broken["hours_by_network"]
        for case, broken in _without_peers(results, others, networks, dt_h).items()
    }
    in_market = results.of_binding_round("violations")
    known = len(results.binding) > 0
    return {**found, "market": hours_by_network(in_market, networks, dt_h) if known else None}


def _violations(
    results: Results, others: Mapping[str, Results], networks: Sequence[str], dt_h: float
) -> dict[str, Any]:
    """Violated limits of the binding rounds of each case.

    With charges and without negotiation counts a run of its own, if there is one; else the first round of each interval
    does, though what was negotiated before has already changed the levels of the storages.
    """
    every = results["violations"]
    negotiated = bool((results.binding["round"] > 0).any())
    free, posted = (others.get(case) for case in (WITHOUT_CHARGES, WITHOUT_NEGOTIATION))
    first = _broken(results, every[every["round"] == 0], networks, dt_h) if len(results.binding) else None
    return {
        "without_charges": None if free is None else _broken(free, free.of_binding_round("violations"), networks, dt_h),
        "with_charges": first
        if posted is None
        else _broken(posted, posted.of_binding_round("violations"), networks, dt_h),
        "negotiated": _broken(results, results.of_binding_round("violations"), networks, dt_h) if negotiated else None,
    }


def _broken(results: Results, rows: pd.DataFrame, networks: Sequence[str], dt_h: float) -> dict[str, Any]:
    worst_rows = rows.sort_values("excess", kind="stable", na_position="first").groupby("quantity").tail(1)
    return {
        "hours": float(rows["time"].nunique() * dt_h),
        "hours_by_network": hours_by_network(rows, networks, dt_h),
        "worst": {
            row["quantity"]: {
                "network": row["network"],
                "element": row["element"],
                "where": place(kind_of(row["quantity"]), row["element"]),
                "time": results.facts.local(row["time"]).isoformat(),
                "unit": row["unit"],
                **{name: _known(row[name]) for name in ("value", "limit", "excess")},
            }
            for row in worst_rows.sort_values("quantity").to_dict("records")
        },
    }


def _caused(results: Results, networks: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Losses that the prosumers cause, without trade too, and those without them; kWh by network, None: not known."""
    found = {network: caused_loss(results, network) for network in networks}
    return {
        "caused_loss_kwh": {network: loss.market_kwh for network, loss in found.items()},
        "caused_loss_alone_kwh": {network: loss.alone_kwh for network, loss in found.items()},
        "loss_nobody_kwh": {network: loss.nobody_kwh for network, loss in found.items()},
        "at_rest_with_nobody_h": {network: loss.at_rest_h for network, loss in found.items()},
    }


def _known(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def rows_of(results: Results, network: str) -> pd.DataFrame:
    """What one network said in the round of each interval that binds."""
    flows = results.of_binding_round("flows")
    return flows[flows["network"] == network]
