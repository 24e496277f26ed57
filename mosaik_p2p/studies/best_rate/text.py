"""What a search has found, for a reader at a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from mosaik_p2p.results.labels.quantities import kind_of, name_of, place
from mosaik_p2p.studies.best_rate.summary import CERTIFIED, NO_SUCH_RATE

MOST_LIMITS = 6
SOUGHT = {
    "revenue": "the highest revenue",
    "profit": "the highest profit",
    "recovery": "the smallest that recovers",
    "feasible": "rates that keep all limits",
}


def render(summary: Mapping[str, Any]) -> str:
    """The rate, what it earns, what is certified, and what a full run made of it."""
    heading = f"{summary['scenario']}: {SOUGHT[summary['goal']]}, by {', '.join(summary['keys'])}"
    body = _nothing(summary) if summary["status"] == NO_SUCH_RATE else _rates(summary)
    remarks = [f"  Not certified: {remark}" for remark in summary["remarks"] if summary["status"] != CERTIFIED]
    return "\n".join([heading, *body, *remarks, *_run(summary)])


def _rates(summary: Mapping[str, Any]) -> list[str]:
    found, currency = summary["found"], summary["currency"]
    lines = []
    for key, rate in summary["rates"].items():
        own = summary["own_rates"][key]
        beside = f" ({rate / own:.4g} times the scenario's own {own:g})" if own else " (the scenario's own is 0)"
        lines.append(f"  {key} = {rate:.6g}{beside}")
    lines.append(f"  Revenue {_money(found['revenue'])} {currency} in {summary['hours']:g} h{_profit(found, currency)}")
    return [*lines, *_certificate(summary), *_cliff(summary), *_losses(summary), *_intervals(summary)]


def _profit(found: Mapping[str, Any], currency: str) -> str:
    if found["profit"] is None:
        return ""
    return f", losses cost {_money(found['loss_cost'])}, profit {_money(found['profit'])} {currency}"


def _certificate(summary: Mapping[str, Any]) -> list[str]:
    if summary["status"] != CERTIFIED:
        return [f"  {summary['clearings']} clearings"]
    (key,) = summary["keys"]
    highest, clearings = summary["highest_rates"][key], summary["clearings"]
    if summary["goal"] == "recovery":
        return [f"  Certified: no smaller rate recovers, in {clearings} clearings"]
    if summary["bound"] is None:
        return [f"  {clearings} clearings"]
    what = "leaves" if summary["goal"] == "profit" else "earns"
    reached = summary["found"]["profit" if summary["goal"] == "profit" else "revenue"]
    beyond = 100 * (summary["bound"] / reached - 1) if reached else 0.0
    text = f"no rate up to {highest:.4g} {what} more than {_money(summary['bound'])} ({beyond:+.2f} %)"
    return [f"  Certified: {text}, in {clearings} clearings"]


def _cliff(summary: Mapping[str, Any]) -> list[str]:
    cliff = summary["cliff"]
    if cliff is None:
        return []
    return [f"  A cliff: one per cent more, {cliff['rate']:.6g}, earns {_money(cliff['revenue'])}"]


def _losses(summary: Mapping[str, Any]) -> list[str]:
    losses = summary["losses"]
    if losses is None or summary["goal"] == "feasible":
        return []
    least, most = losses["least_kwh"], losses["most_kwh"]
    cost = f"{_money(losses['least_cost'])} to {_money(losses['most_cost'])} {summary['currency']}"
    return [f"  Losses, which no bound knows, moved between {least:.1f} and {most:.1f} kWh ({cost}) over all rates"]


def _intervals(summary: Mapping[str, Any]) -> list[str]:
    if summary["feasible_rates"] is None:
        return []
    ranges = ", ".join(f"{low:.5g} to {high:.5g}" for low, high in summary["feasible_rates"])
    return [f"  All limits are kept at rates of {ranges}"]


def _nothing(summary: Mapping[str, Any]) -> list[str]:
    if summary["goal"] != "feasible":
        (highest,) = list(summary["highest_rates"].values())[:1]
        proof = " (certified)" if not summary["remarks"] else ""
        what = "recovers" if summary["goal"] == "recovery" else "earns anything"
        return [f"  No rate up to {highest:.4g} {what}{proof}, {summary['clearings']} clearings"]
    (highest,) = summary["highest_rates"].values()
    fewest, alone = summary["fewest_broken"], summary["without_trade"]
    lines = [
        f"  No rate is feasible, of {summary['clearings']} from 0 to {highest:.4g}",
        f"  Fewest at {fewest['rate']:.5g}: limits broken in {_hours(fewest)}: {_limits(fewest['limits'])}",
    ]
    if alone["limits"]:
        return [*lines, f"  Without trade too these are broken, in {_hours(alone)}: {_limits(alone['limits'])}"]
    if alone["unknown_hours"]:
        return [*lines, f"  Without trade no limit is known to be broken; {_hours(alone)}"]
    return [*lines, "  Without trade all limits are kept: it is the trades, and a charge does not end what is free"]


def _hours(day: Mapping[str, Any]) -> str:
    unknown = f", {day['unknown_hours']:g} h without a solution" if day["unknown_hours"] else ""
    return f"{day['broken_hours']:g} h{unknown}"


def _limits(entries: Sequence[Mapping[str, Any]]) -> str:
    named = [
        f"{name_of(entry['quantity'])} at {place(kind_of(entry['quantity']), entry['element'])} ({entry['hours']:g} h)"
        for entry in entries[:MOST_LIMITS]
    ]
    more = len(entries) - len(named)
    return f"{', '.join(named)}{f' and {more} more' if more else ''}"


def _run(summary: Mapping[str, Any]) -> list[str]:
    run = summary["run"]
    if run is None:
        return []
    pairs = [
        f"{carrier} {_money(run['charges'][carrier])} (predicted {_money(predicted)})"
        for carrier, predicted in summary["found"]["charges"].items()
        if carrier in run["charges"]
    ]
    whole = "" if run["complete"] else ", incomplete"
    return [f"  Full run{whole}: charges of {', '.join(pairs)}; verdict {run['verdict']}", f"  {run['folder']}"]


def _money(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"
