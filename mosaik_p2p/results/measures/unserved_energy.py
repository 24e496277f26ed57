"""Energy that was wanted and could not be had, neither from devices nor trades nor contracts; and what nobody took."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mosaik_p2p.prosumers.device import Family
from mosaik_p2p.results.labels.numbers import energy
from mosaik_p2p.results.measures.missed_deadlines import NOTICEABLE_KWH
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import CARRIERS

NOTICEABLE_SHORTAGE_KW = 1e-3
"""Less is rounding of the clearing."""

UNSERVED, UNSERVED_ALONE = "unserved_kwh", "unserved_alone_kwh"
"""Keys of the summary, of the run and of each prosumer's cost; values by carrier."""
TABLE_OF = {UNSERVED: "prosumers", UNSERVED_ALONE: "alone"}
SURPLUS = "surplus_kwh"
"""Key of the summary, of the run and of each prosumer's cost: what was produced and nobody took; kWh by carrier."""
NAMED = 3
"""Prosumers that a sentence names before it only counts."""


@dataclass(frozen=True)
class Shortage:
    """What a prosumer lacked of a carrier over the run."""

    prosumer: str
    carrier: str
    market_kwh: float
    alone_kwh: float


def intervals_not_served(results: Results) -> frozenset[Any]:
    """Begins of the intervals in which loads are not served, or at whose end a flexible load is still owed energy.

    A vehicle that leaves with less than it wanted is none of them: its level at departure is a target.
    """
    short = results["prosumers"]["imbalance_kw"] < -NOTICEABLE_SHORTAGE_KW
    devices = results["devices"]
    owed = (devices["family"] == Family.LOAD) & (devices["missed_kwh"] > NOTICEABLE_KWH)
    return frozenset(results["prosumers"].loc[short, "time"]) | frozenset(devices.loc[owed, "time"])


def surplus_by_prosumer(results: Results, dt_h: float) -> dict[str, dict[str, dict[str, float]]]:
    """Prosumer to the key to carrier to kWh; a carrier is named where something was too much."""
    rows = results["prosumers"]
    spilled = rows[rows["imbalance_kw"] > NOTICEABLE_SHORTAGE_KW]
    sums = spilled.groupby(["prosumer", "carrier"])["imbalance_kw"].sum().reset_index()
    found: dict[str, dict[str, dict[str, float]]] = {name: {SURPLUS: {}} for name in results.prosumers}
    for row in sums.to_dict("records"):
        found[str(row["prosumer"])][SURPLUS][str(row["carrier"])] = float(row["imbalance_kw"]) * dt_h
    return found


def surplus_in_all(by_prosumer: Mapping[str, Mapping[str, Any]], carriers: tuple[str, ...]) -> dict[str, Any]:
    """The key to kWh by carrier, over all prosumers."""
    return {SURPLUS: _total([entry[SURPLUS] for entry in by_prosumer.values()], carriers)}


def unserved_by_prosumer(results: Results, dt_h: float) -> dict[str, dict[str, dict[str, float]]]:
    """Prosumer to both keys to carrier to kWh; a carrier is named where something is missing."""
    found = {key: _shortages(results, table, dt_h) for key, table in TABLE_OF.items()}
    return {name: {key: by_name.get(name, {}) for key, by_name in found.items()} for name in results.prosumers}


def _shortages(results: Results, table: str, dt_h: float) -> dict[str, dict[str, float]]:
    rows = results[table]
    short = rows[rows["imbalance_kw"] < -NOTICEABLE_SHORTAGE_KW]
    return {
        str(name): {
            str(carrier): float(-power_kw * dt_h)
            for carrier, power_kw in own.groupby("carrier")["imbalance_kw"].sum().items()
        }
        for name, own in short.groupby("prosumer")
    }


def unserved_in_all(by_prosumer: Mapping[str, Mapping[str, Any]], carriers: tuple[str, ...]) -> dict[str, Any]:
    """Both keys to kWh by carrier, over all prosumers; of other carriers than the given ones only what is missing."""
    return {key: _total([entry[key] for entry in by_prosumer.values()], carriers) for key in TABLE_OF}


def _total(shortages: list[Mapping[str, float]], carriers: tuple[str, ...]) -> dict[str, float]:
    total = {carrier: sum((entry.get(carrier, 0.0) for entry in shortages), 0.0) for carrier in CARRIERS}
    return {carrier: kwh for carrier, kwh in total.items() if carrier in carriers or kwh > 0}


def worst_shortages(results: Results) -> dict[str, dict[str, Any]]:
    """By carrier: the interval and the prosumer with the largest shortage in the market, and its power."""
    rows = results["prosumers"]
    short = rows[rows["imbalance_kw"] < -NOTICEABLE_SHORTAGE_KW]
    worst = short.sort_values("imbalance_kw", kind="stable").groupby("carrier").head(1)
    return {
        str(row["carrier"]): {
            "prosumer": str(row["prosumer"]),
            "time": results.facts.local(row["time"]).isoformat(),
            "power_kw": -float(row["imbalance_kw"]),
        }
        for row in worst.to_dict("records")
    }


def shortages(summary: Mapping[str, Any]) -> list[Shortage]:
    """Who lacked what, in the market or without trade, by carrier and prosumer."""
    rows = [
        Shortage(name, carrier, *(entry[key].get(carrier, 0.0) for key in TABLE_OF))
        for carrier in CARRIERS
        for name, entry in summary["cost"].items()
    ]
    return [row for row in rows if row.market_kwh or row.alone_kwh]


def who_was_not_served(summary: Mapping[str, Any]) -> str:
    """Like `12.3 kWh: A electricity, B heat and 4 more`; empty where nobody lacked anything."""
    rows = [row for row in shortages(summary) if row.market_kwh]
    if not rows:
        return ""
    names = [f"{row.prosumer} {row.carrier}" for row in sorted(rows, key=lambda row: -row.market_kwh)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{energy(sum(row.market_kwh for row in rows))} kWh: {', '.join(names[:NAMED])}{more}"


def surplus_texts(summary: Mapping[str, Any]) -> list[str]:
    """Per carrier, like `12.3 kWh electricity at B`; of older summaries, which do not know it, nothing."""
    texts = []
    for carrier, total in summary.get(SURPLUS, {}).items():
        if total:
            names = [name for name, entry in summary["cost"].items() if entry[SURPLUS].get(carrier)]
            texts.append(f"{energy(total)} kWh {carrier} at {', '.join(names)}")
    return texts


def unserved_texts(summary: Mapping[str, Any]) -> list[str]:
    """Per carrier, like `12.3 kWh electricity at B (18.0 kWh without trade), most at B on Tue 28 Mar 19:00, 5.2 kW`."""
    rows, texts = shortages(summary), []
    for carrier in CARRIERS:
        here = [row for row in rows if row.carrier == carrier]
        if here:
            market, alone = sum(row.market_kwh for row in here), sum(row.alone_kwh for row in here)
            names = ", ".join(row.prosumer for row in here if row.market_kwh or not market)
            at_market, at_alone = (f" at {names}", "") if market else ("", f" at {names}")
            total = f"{energy(market)} kWh {carrier}{at_market} ({energy(alone)} kWh without trade{at_alone})"
            texts.append(total + _most(summary["unserved_worst"].get(carrier)))
    return texts


def _most(worst: Mapping[str, Any] | None) -> str:
    if worst is None:
        return ""
    when = datetime.fromisoformat(worst["time"]).strftime("%a %d %b %H:%M")
    return f", most at {worst['prosumer']} on {when}: {worst['power_kw']:.3g} kW"
