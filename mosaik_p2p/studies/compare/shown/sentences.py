"""What a comparison comes to, in sentences: for page and terminal."""

from collections.abc import Mapping
from typing import Any

from mosaik_p2p.results.labels.numbers import plain, signed
from mosaik_p2p.sections.names import listed
from mosaik_p2p.settlement.ledger import ALONE

WORDS = {ALONE: "without trade", "alone_within_limits": "without trade but within the limits"}


def baseline_words(summary: Mapping[str, Any]) -> str:
    """Like `without trade but within the limits`."""
    baseline = summary["baseline"]
    return "without trade (not known)" if baseline is None else WORDS[baseline["case"]]


def sentences_of(summary: Mapping[str, Any]) -> list[str]:
    """The verdict first."""
    return [_verdict(summary), *_of_baseline(summary), *_winners(summary)]


def _verdict(summary: Mapping[str, Any]) -> str:
    best, count = summary["best"], len(summary["rows"])
    if best is None:
        return "No run is complete."
    hours = f"{summary['hours']:g} h"
    if not best["kept"]:
        fewest = f"{best['label']} breaks them in the fewest hours, {best['hours']:g} of {hours}"
        return f"No design keeps all limits; {fewest}."
    cost = f"{plain(best['system_cost'])} {summary['currency']}"
    closed = ", closing value in" if best["closing_value_in"] else ""
    if best["of"] == 1:
        return f"Only {best['label']} keeps all limits in all {hours}, at a system cost of {cost}{closed}."
    least = f"{best['label']} at the least system cost: {cost}{closed}"
    return f"{best['of']} of {count} keep all limits in all {hours}, {least}."


def _of_baseline(summary: Mapping[str, Any]) -> list[str]:
    baseline = summary["baseline"]
    if baseline is None:
        return ["What a day without trade costs is not known, so that nothing is compared with it."]
    if baseline["system_cost"] is None:
        return []
    cost = f"{plain(baseline['system_cost'])} {summary['currency']}"
    after = baseline["closing_value"]
    closing = "" if after is None else f" (closing value {signed(after)})"
    return [f"Gains and savings are against {cost}{closing} {baseline_words(summary)} ({baseline['source']})."]


def _winners(summary: Mapping[str, Any]) -> list[str]:
    """Under which designs nobody loses, as paid, and after the surplus of surcharges has gone back."""
    known = [row for row in summary["rows"] if row["worse_off"] is not None]
    if not known:
        return []
    paid = [row["label"] for row in known if not row["worse_off"]]
    back = [row["label"] for row in known if row["worse_off_returned"] == 0 and row["label"] not in paid]
    told = f"Nobody is worse off under {listed(paid)}" if paid else "Somebody is worse off under every design"
    more = f"; nor, once surcharges are handed back, under {listed(back)}" if back else ""
    return [f"{told}{more}."]
