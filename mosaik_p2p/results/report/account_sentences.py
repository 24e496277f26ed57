"""The accounts in words, the same for terminal and report: operator, suppliers, the system as a whole, the district."""

from collections.abc import Iterator, Mapping
from typing import Any

from mosaik_p2p.results.accounts.losses import NOT_KNOWN, NOT_PRICED, PARTLY_KNOWN
from mosaik_p2p.results.labels.numbers import NOTICEABLE_KWH, energy, plain, signed
from mosaik_p2p.results.measures.district import MARKET
from mosaik_p2p.results.report.operator_sentences import allocation_lines, heat_loss_lines, recovery_lines
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS
from mosaik_p2p.settlement.ledger import ALONE, HEAT_SUPPLIER, IN_MARKET, OPERATOR, UTILITY

NAMES = {
    UTILITY: "utility",
    HEAT_SUPPLIER: "heat supplier",
    ALONE: "without trade",
    ALONE_WITHIN_LIMITS: "without trade but within limits",
}
LEAST_MONEY = 0.005


def account_lines(summary: Mapping[str, Any]) -> list[str]:
    """Operator, losses, suppliers and the system's cost, a sentence each."""
    return [
        _operator(summary),
        *recovery_lines(summary),
        *_losses(summary),
        *allocation_lines(summary),
        *heat_loss_lines(summary),
        *_suppliers(summary),
        *_system(summary),
    ]


def district_lines(summary: Mapping[str, Any]) -> list[str]:
    """Curtailment, self-consumption, self-sufficiency and peaks of each carrier."""
    return [*_curtailed(summary), *_served(summary)]


def _operator(summary: Mapping[str, Any]) -> str:
    account, currency = summary["operator"], summary["currency"]
    returned = account["surcharges_returned"]
    back = "" if not returned else f", surcharges returned {plain(returned)} {currency}"
    money = plain(charges_and_surcharges(account))
    taken = f"Operator: charges and surcharges {money} {currency}{_places(summary)}{back}"
    if account["balance"] is None:
        return f"{taken}, losses {_unpriced(account['losses'])}"
    balance = f"balance {signed(account['balance'])} {currency}{_against_alone(summary['parties'][OPERATOR])}"
    return f"{taken}, {_paid_for_losses(account, currency)}{_paid_for_networks(account, currency)}, {balance}"


def _paid_for_losses(account: Mapping[str, Any], currency: str) -> str:
    if account["cost_of_losses"] is None:
        return f"losses {_unpriced(account['losses'])}"
    known = f" ({PARTLY_KNOWN})" if PARTLY_KNOWN in account["losses"].values() else ""
    return f"losses cost {plain(account['cost_of_losses'])} {currency}{known}"


def _paid_for_networks(account: Mapping[str, Any], currency: str) -> str:
    return f", networks {plain(account['fixed_cost'])} {currency}" if account["fixed_cost"] else ""


def charges_and_surcharges(account: Mapping[str, Any]) -> float:
    """What the operator takes on trades and places, surcharges that go back not counted against it."""
    return float(account["charges"] + account["place_charges"] + account["surcharges"])


def _places(summary: Mapping[str, Any]) -> str:
    """How much of it is a charge of places, where there is one."""
    taken = summary["operator"]["place_charges"]
    return f" ({signed(taken)} of it on places)" if abs(taken) >= LEAST_MONEY else ""


def _against_alone(found: Mapping[str, float | None]) -> str:
    return "" if found["change"] is None else f" ({signed(found['change'])} against no trade)"


def _unpriced(by_network: Mapping[str, str]) -> str:
    return NOT_KNOWN if NOT_KNOWN in by_network.values() else NOT_PRICED


def _losses(summary: Mapping[str, Any]) -> Iterator[str]:
    """How much of what the networks lose the prosumers cause."""
    texts = [_lost(summary, network, whole) for network, whole in summary["loss_kwh"].items() if whole is not None]
    if texts:
        yield f"Losses that the prosumers cause: {', '.join(texts)}"
    for network, hours in summary["at_rest_with_nobody_h"].items():
        if hours:
            yield f"Without the prosumers nothing flows in the {network} network in {hours:g} h: all it loses is theirs"


def _lost(summary: Mapping[str, Any], network: str, whole: float) -> str:
    """Like `electricity 63.7 kWh (62.2 without trade, whole network 647.3)`."""
    caused, alone = summary["caused_loss_kwh"][network], summary["caused_loss_alone_kwh"][network]
    told = "not known" if caused is None else f"{energy(caused)} kWh"
    price = summary["operator"]["losses"].get(network)
    notes = [
        *([] if alone is None else [f"{energy(alone)} without trade"]),
        f"whole network {energy(whole)}",
        *([price] if price in (NOT_PRICED, PARTLY_KNOWN) else []),
    ]
    return f"{network} {told} ({', '.join(notes)})"


def _suppliers(summary: Mapping[str, Any]) -> Iterator[str]:
    texts = [
        f"{NAMES[party]} {plain(found['in_market'])} {summary['currency']}{_against_alone(found)}"
        for party, found in summary["parties"].items()
        if party in NAMES and found["in_market"] is not None
        if max(abs(found["alone"] or 0.0), abs(found["in_market"])) >= LEAST_MONEY
    ]
    if texts:
        yield f"Receives: {', '.join(texts)}"


def _system(summary: Mapping[str, Any]) -> Iterator[str]:
    cost, gain, currency = summary["system_cost"], summary["welfare_gain"], summary["currency"]
    if gain is None:
        yield f"System cost: {_why_unknown(summary)}"
        return
    losses = summary["system_cost_parts"][MARKET]["losses"]
    without = "" if losses is not None else ", losses not priced"
    against = summary["welfare_gain_against"]
    base = NAMES.get(against, against)
    yield (
        f"System cost (no transfers{without}): {base} {plain(cost[against])} {currency}, market "
        f"{plain(cost[MARKET])} {currency}, welfare gain {signed(gain)} {currency}{_after_closing(summary)}"
    )


def _after_closing(summary: Mapping[str, Any]) -> str:
    """What the gain is once the levels at the end are put on one footing."""
    gain = summary["welfare_gain_after_closing_value"]
    if gain is None:
        return " (closing value not known)"
    base, own = (summary["closing_value"][case] for case in (summary["welfare_gain_against"], IN_MARKET))
    return f" (closing value {signed(base)} and {signed(own)}: {signed(gain)} after it)"


def _why_unknown(summary: Mapping[str, Any]) -> str:
    for network, known in summary["operator"]["losses"].items():
        if known in (NOT_KNOWN, PARTLY_KNOWN):
            return f"not known, since the losses of {network} are {known}"
    return "not known"


def _curtailed(summary: Mapping[str, Any]) -> Iterator[str]:
    found = summary["district"].get(MARKET, {})
    alone = summary["district"].get(ALONE, {})
    for carrier, figures in found.items():
        here, there = figures["curtailed_kwh"], alone.get(carrier, {}).get("curtailed_kwh")
        if max(here, there or 0.0) > NOTICEABLE_KWH:
            beside = "" if there is None else f", {energy(there)} kWh without trade"
            yield f"{carrier.capitalize()} curtailed: {energy(here)} kWh{beside}"


def _served(summary: Mapping[str, Any]) -> Iterator[str]:
    """Like `Heat: self-consumption 95 % (without trade 95 %), import peak 9 kW (without trade 8 kW)`."""
    for carrier, figures in summary["district"].get(MARKET, {}).items():
        alone = summary["district"].get(ALONE, {}).get(carrier, {})
        shares = [
            f"{label} {_percent(figures[key])} (without trade {_percent(alone.get(key))})"
            for key, label in (("self_consumption", "self-consumption"), ("self_sufficiency", "self-sufficiency"))
            if figures[key] is not None
        ]
        side = "import" if figures["peak_import_kw"] >= figures["peak_export_kw"] else "export"
        here, there = (found.get(f"peak_{side}_kw") for found in (figures, alone))
        if shares:
            beside = "-" if there is None else f"{there:.1f}"
            told = ", ".join([*shares, f"{side} peak {here:.1f} kW (without trade {beside})"])
            yield f"{carrier.capitalize()}: {told}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
