"""The operator's account in words: what it recovers, to whom losses belong, and what trade does to losses of heat."""

from collections.abc import Iterator, Mapping
from typing import Any

from mosaik_p2p.results.accounts.loss_shares import RULE_NAMES
from mosaik_p2p.results.labels.numbers import NOTICEABLE_KWH, energy, plain, signed
from mosaik_p2p.units import HEAT

FEW_PROSUMERS = 6
"""Up to so many are all named; of more, those with the largest and smallest losses."""
NAMED_AT_EACH_END = 2


def recovery_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Like `Operator recovers 188 % of its cost, in 9 of 24 h all of it (electricity 150 %, heat costs nothing)`."""
    found = summary["recovery"]
    if found["ratio"] is None:
        return
    each = [f"{network} {_percent(own['ratio'])}" for network, own in found["by_network"].items() if _is_known(own)]
    parts = f" ({', '.join(each)})" if len(found["by_network"]) > 1 and each else ""
    hours = f"in {found['recovered_hours']:g} of {found['hours']:g} h all of it"
    yield f"Operator recovers {_percent(found['ratio'])} of its cost, {hours}{parts}"


def _is_known(own: Mapping[str, float | None]) -> bool:
    return own["cost_of_losses"] is not None


def _percent(ratio: float | None) -> str:
    return "costs nothing" if ratio is None else f"{plain(100 * ratio, 0)} %"


def allocation_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Whose the electric losses are, and what trades lose of them."""
    found = summary["loss_allocation"]
    if found is None:
        return
    hours = "" if found["hours"] == summary["steps_computed"] * summary["dt_h"] else f" in {found['hours']:g} h"
    left = found["left_kwh"]
    open_ = f", {energy(left)} kWh of the {energy(found['caused_kwh'])} caused to nobody" if _shows(left) else ""
    yield (
        f"Electric losses by prosumer ({RULE_NAMES[found['rule']]}{hours}): {_by_prosumer(found['by_prosumer'])}; "
        f"of this trades {energy(found['of_trades_kwh'])} kWh{open_}"
    )


def _shows(kwh: float) -> bool:
    return abs(kwh) >= NOTICEABLE_KWH


def _by_prosumer(found: Mapping[str, Mapping[str, float]]) -> str:
    ranked = sorted(found, key=lambda name: -found[name]["loss_kwh"])
    if len(ranked) <= FEW_PROSUMERS:
        return _named(found, list(found)) + " kWh"
    first, last = ranked[:NAMED_AT_EACH_END], ranked[-NAMED_AT_EACH_END:]
    return f"from {_named(found, first)} to {_named(found, last)} kWh"


def _named(found: Mapping[str, Mapping[str, float]], names: list[str]) -> str:
    return ", ".join(f"{name} {energy(found[name]['loss_kwh'])}" for name in names)


def heat_loss_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """How much losses of heat have to do with trade, in the figures of the run."""
    nobody, market, alone = (
        summary[key].get(HEAT) for key in ("loss_nobody_kwh", "caused_loss_kwh", "caused_loss_alone_kwh")
    )
    if None in (nobody, market, alone):
        return
    traded = summary["traded_kwh"].get(HEAT, 0.0)
    change = f", {signed(100 * (market - alone) / (nobody + alone), 1)} %" if nobody + alone > 0.0 else ""
    yield (
        f"Heat lost: {energy(nobody)} kWh without the prosumers, {energy(nobody + alone)} without trade, "
        f"{energy(nobody + market)} in the market ({signed(market - alone, 1)} kWh against no trade{change}, with "
        f"{energy(traded)} kWh traded)"
    )
