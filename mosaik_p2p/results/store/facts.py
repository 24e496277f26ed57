"""What a result folder's scenario file says about titles, time, limits and tariffs.

The resolved scenario is read as plain TOML, so that a report can be built from a folder alone and by a later version.
A fact that is absent is None: the report then shows the quantity without its limit.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.results.store.folder import SCENARIO_FILE, SUMMARY_FILE
from mosaik_p2p.results.tables.thinning import thinned_tables
from mosaik_p2p.units import CARRIERS


@dataclass(frozen=True)
class Facts:
    """The scenario's facts that its results are judged and labelled by."""

    name: str
    title: str
    currency: str
    seed: int | None
    start: datetime | None
    zone_name: str | None
    steps: int | None
    dt_h: float
    limits: Mapping[str, float]
    """Of all elements, by the key of the limited quantity."""
    element_limits: tuple[Mapping[str, Any], ...]
    tariff_carriers: Mapping[str, str]
    """Carrier by the name of the tariff."""
    networks: tuple[str, ...]
    relative_gap: float | None
    """The gap at which a clearing is good enough."""
    clearing: str
    """`rolling` or `day_ahead`."""
    has_reputation: bool
    """Whether a trade with a known partner was worth more than another."""
    losses: str
    """Which losses the operator pays: `caused` by the prosumers, or of the `whole` network."""
    loss_price_per_kwh: float | None
    loss_allocation: str
    """The rule by which electric losses belong to prosumers, `none` where they were not allocated."""
    fixed_cost_per_day: Mapping[str, float]
    """By network: what it costs the operator whatever flows in it."""
    returns_surcharges: bool
    """Whether the surcharges go back at the end of the run."""
    holds_limits_ahead: bool
    """Whether negotiations of a rolling market held limits of their look-aheads, too."""
    quantities: tuple[str, ...] = ()
    """The result quantities that are computed after the run, as the scenario names them."""
    uncertainty: Mapping[str, Any] = field(default_factory=dict)
    """What was to be drawn, as the scenario states it; empty: nothing."""
    thinned: Mapping[str, int] = field(default_factory=dict)
    """The tables that are kept in part, see `thinned_tables`."""

    @property
    def zone(self) -> tzinfo:
        """The scenario's zone, or else the offset of its start; UTC where it is not known."""
        if self.zone_name is not None:
            return ZoneInfo(self.zone_name)
        return UTC if self.start is None else timezone(self.start.utcoffset() or timedelta(0))

    @property
    def axis_zone(self) -> tzinfo:
        """The offset at the start, for axes of time: on the zone's own clock an hour may come twice, or never."""
        return UTC if self.start is None else timezone(self.local(self.start).utcoffset() or timedelta(0))

    @property
    def axis_label(self) -> str:
        """That offset as it is printed, like `UTC+01:00`."""
        return "UTC" + datetime(2000, 1, 1, tzinfo=self.axis_zone).isoformat()[-len("+00:00") :]

    def local(self, moment: datetime) -> datetime:
        """A moment on the scenario's clock."""
        return moment.astimezone(self.zone)


def read_facts(folder: Path) -> Facts:
    """The facts of the scenario file in the folder; ValueError where the file is not a scenario."""
    path = folder / SCENARIO_FILE
    try:
        return _facts(folder, stored_scenario(folder))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ValueError(f"{path} is no scenario: {error}") from error


def stored_scenario(folder: Path) -> Mapping[str, Any]:
    """The tables of the scenario file in the folder, to be read only; none where there is no file. Raises ValueError
    where it is no TOML."""
    path = folder / SCENARIO_FILE
    return _tables_of(path.read_text(encoding="utf-8")) if path.exists() else {}


@lru_cache(maxsize=4)
def _tables_of(text: str) -> Mapping[str, Any]:
    """That of a large district takes a second to parse, and every figure and table asks for it. The key is the text
    itself: another one is read anew."""
    return tomllib.loads(text)


def _facts(folder: Path, scenario: Mapping[str, Any]) -> Facts:
    time = scenario.get("time", {})
    elsewhere = _networks_elsewhere(folder)
    networks = {name: table for name, table in scenario.get("networks", {}).items() if table and name not in elsewhere}
    return Facts(
        name=scenario.get("name", folder.name),
        title=scenario.get("title") or scenario.get("name", folder.name),
        currency=scenario.get("currency", "money"),
        seed=scenario.get("seed"),
        start=_moment(time.get("start")),
        zone_name=_zone_name(time.get("zone")),
        steps=time.get("steps"),
        dt_h=time.get("step_minutes", 60) / 60,
        limits=_limits(networks),
        element_limits=tuple(
            element for network in networks.values() for element in network.get("limits", {}).get("element", [])
        ),
        tariff_carriers={name: tariff.get("carrier", "") for name, tariff in scenario.get("tariffs", {}).items()},
        networks=tuple(sorted(networks)),
        relative_gap=stated_limit(scenario, "market.relative_gap"),
        clearing=time.get("clearing", "rolling"),
        has_reputation=bool(stated_limit(scenario, "market.reputation.benefit_per_kwh")),
        # Before it could be stated, the whole network's counted.
        losses=scenario.get("settlement", {}).get("losses", "whole"),
        loss_price_per_kwh=stated_limit(scenario, "settlement.loss_price_per_kwh"),
        loss_allocation=scenario.get("settlement", {}).get("loss_allocation", "none"),
        fixed_cost_per_day=_fixed_costs(scenario),
        returns_surcharges=scenario.get("negotiation", {}).get("revenue") == "returned",
        holds_limits_ahead=scenario.get("negotiation", {}).get("limits_ahead") is True,
        quantities=tuple(str(word) for word in scenario.get("results", {}).get("quantities", ())),
        uncertainty=scenario.get("uncertainty", {}),
        thinned=_thinned(scenario.get("results", {})),
    )


def _thinned(stated: Mapping[str, Any]) -> dict[str, int]:
    return thinned_tables(stated.get("tables"), int(stated.get("every", 1)))


def _fixed_costs(scenario: Mapping[str, Any]) -> dict[str, float]:
    """Those that are not zero."""
    stated = {network: stated_limit(scenario, f"settlement.fixed_cost_per_day.{network}") for network in CARRIERS}
    return {network: cost for network, cost in stated.items() if cost}


def _networks_elsewhere(folder: Path) -> frozenset[str]:
    """Networks of the scenario that somebody else has solved, as the summary says; none where there is no summary."""
    path = folder / SUMMARY_FILE
    if not path.exists():
        return frozenset()
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(summary.get("networks_elsewhere", ()))
    except (ValueError, TypeError, AttributeError):
        # Whoever reads the summary itself says what is wrong with it.
        return frozenset()


def read_prosumers(folder: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The prosumers of the scenario file in the folder, by name, each with its table."""
    return [(str(table.get("name")), table) for table in stored_scenario(folder).get("prosumers", [])]


def _moment(value: datetime | str | None) -> datetime | None:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment is not None and moment.tzinfo is not None else None


def _zone_name(value: str | None) -> str | None:
    """The name of a zone; ValueError where there is no such zone."""
    if value is not None:
        ZoneInfo(value)
    return value


def stated_limit(table: Mapping[str, Any], key: str) -> float | None:
    """The number under a key such as `voltage_pu.min`; None where nothing stands there."""
    found: Any = table
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return None if found is None else float(found)


def _limits(networks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    limits = {
        of.key: stated_limit(networks.get(of.network, {}).get("limits", {}), of.all_key) for of in limited_quantities()
    }
    return {key: limit for key, limit in limits.items() if limit is not None}
