"""Energy that missed its deadline: of vehicles at their departure, of storages at the end of the run, and of flexible
loads at the end of their day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.labels.numbers import energy
from mosaik_p2p.results.store.reading import Results

NOTICEABLE_KWH = 1e-3
"""Less is rounding of the clearing."""

MISSED, MISSED_ALONE = "missed_kwh", "missed_alone_kwh"
"""Keys of the summary, of the run (kWh) and of each prosumer's cost (by device, and without trade the sum)."""


@dataclass(frozen=True)
class Miss:
    """What a device of a prosumer lacked at its deadlines over the run, in the market."""

    prosumer: str
    device: str
    energy_kwh: float


def missed_by_prosumer(results: Results) -> dict[str, dict[str, Any]]:
    """Prosumer to what its devices missed: in the market by device, without trade in all; kWh."""
    rows = results["devices"]
    late = rows[rows["missed_kwh"] > NOTICEABLE_KWH]
    by_owner = {str(name): rows.groupby("device")["missed_kwh"].sum() for name, rows in late.groupby("prosumer")}
    alone = results["alone"]
    late_alone = alone[alone["missed_kwh"] > NOTICEABLE_KWH].groupby("prosumer")["missed_kwh"].sum()
    return {
        name: {
            MISSED: {str(device): float(kwh) for device, kwh in by_owner[name].items()} if name in by_owner else {},
            MISSED_ALONE: float(late_alone.get(name, 0.0)),
        }
        for name in results.prosumers
    }


def missed_in_all(by_prosumer: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Both keys to kWh over all prosumers."""
    entries = by_prosumer.values()
    return {
        MISSED: sum((sum(entry[MISSED].values()) for entry in entries), 0.0),
        MISSED_ALONE: sum((entry[MISSED_ALONE] for entry in entries), 0.0),
    }


def misses(summary: Mapping[str, Any]) -> list[Miss]:
    """What each device missed in the market."""
    return [
        Miss(name, device, kwh)
        for name, entry in summary["cost"].items()
        for device, kwh in entry.get(MISSED, {}).items()
    ]


def missed_text(summary: Mapping[str, Any]) -> str:
    """Like `3.2 kWh at A (ev), B (load) (4.0 kWh without trade)`; empty where no deadline was missed."""
    rows, alone = misses(summary), summary.get(MISSED_ALONE, 0.0)
    if not rows and not alone:
        return ""
    total = energy(sum(row.energy_kwh for row in rows))
    at = f" at {', '.join(f'{row.prosumer} ({row.device})' for row in rows)}" if rows else ""
    return f"{total} kWh{at} ({energy(alone)} kWh without trade)"
