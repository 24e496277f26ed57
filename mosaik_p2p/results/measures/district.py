"""The district as a whole, in the market and without trade: what it curtails, how far it serves itself, and its peak.

    curtailed            what plants of sun or wind could have given and did not
    self-consumption     of what its devices generated, the share that was not exported in the same interval
    self-sufficiency     1 - import / what its loads took

Import and export are those of all prosumers together, interval by interval: what one takes while another gives is used
in the district, whoever is paid for it. Generation is that of all devices but storages and vehicles: what these give
was generated, or imported, before; what they are charged with counts as used. So self-consumption lies between 0 and 1.
Both shares are None where there is nothing to divide by.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.prosumers.device import AVAILABLE, Family
from mosaik_p2p.results.labels.numbers import NOTICEABLE_KWH, energy
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE
from mosaik_p2p.units import CARRIERS, ELECTRICITY

MARKET = "market"
DEVICES = {MARKET: "devices", ALONE: "alone_devices"}
EXCHANGES = {MARKET: "prosumers", ALONE: "alone"}
COLUMN = {carrier: "el_kw" if carrier == ELECTRICITY else "heat_kw" for carrier in CARRIERS}
MUCH = 0.05
"""Curtailment of this share of what there was is much."""


def curtailed_by_prosumer(results: Results) -> dict[str, dict[str, float]]:
    """By case and prosumer: kWh that its plants of sun or wind could have given and did not, if it has any."""
    dt_h = results.facts.dt_h
    return {
        case: {
            str(name): float(kw) * dt_h
            for name, kw in _curtailed(results, case).groupby("prosumer")["kw"].sum().items()
        }
        for case in DEVICES
        if len(results[EXCHANGES[case]])
    }


def district(results: Results, carriers: Sequence[str]) -> dict[str, dict[str, dict[str, float | None]]]:
    """For `summary.json`: by case and carrier the figures above, kWh and kW."""
    return {
        case: {carrier: _figures(results, case, carrier) for carrier in carriers}
        for case in DEVICES
        if len(results[EXCHANGES[case]])
    }


def _available(results: Results) -> pd.DataFrame:
    """Columns time, prosumer, device, available_kw: what turned out to be there."""
    rows = results["inputs"]
    rows = rows[(rows["quantity"] == AVAILABLE) & rows["time"].isin(results.binding["time"])]
    return rows.rename(columns={"realised": AVAILABLE})[["time", "prosumer", "device", "available_kw"]]


def _curtailed(results: Results, case: str) -> pd.DataFrame:
    """Columns of both tables, and kw (curtailed): one row per plant of sun or wind and interval."""
    joined = _available(results).merge(results[DEVICES[case]], on=["time", "prosumer", "device"])
    produced = joined["el_kw"] + joined["heat_kw"]
    return joined.assign(kw=(joined["available_kw"] - produced).clip(lower=0.0))


def _figures(results: Results, case: str, carrier: str) -> dict[str, float | None]:
    dt_h, column = results.facts.dt_h, COLUMN[carrier]
    rows = results[EXCHANGES[case]]
    net = rows[rows["carrier"] == carrier].groupby("time")["injection_kw"].sum()
    imported, exported = (-net).clip(lower=0.0), net.clip(lower=0.0)
    sources = _curtailed(results, case)
    curtailed = sources[sources["carrier"] == carrier]
    devices = results[DEVICES[case]]
    # What storages take and give is neither load nor generation; of what vehicles take, most is driven.
    power = devices.loc[devices["family"] != Family.STORAGE, ["family", column]]
    is_vehicle = power["family"] == Family.VEHICLE
    load = -float(power.loc[~is_vehicle, column].clip(upper=0.0).sum()) - float(power.loc[is_vehicle, column].sum())
    could = float(curtailed["available_kw"].sum())
    generated = devices.loc[power.index[~is_vehicle], column].clip(lower=0.0).groupby(devices["time"]).sum()
    given_away = exported.reindex(generated.index, fill_value=0.0).clip(upper=generated)
    return {
        "available_kwh": could * dt_h,
        "curtailed_kwh": float(curtailed["kw"].sum()) * dt_h,
        "load_kwh": load * dt_h,
        "import_kwh": float(imported.sum()) * dt_h,
        "export_kwh": float(exported.sum()) * dt_h,
        "peak_import_kw": float(imported.max()) if len(net) else 0.0,
        "peak_export_kw": float(exported.max()) if len(net) else 0.0,
        "generated_kwh": float(generated.sum()) * dt_h,
        "self_consumption": _one_less(float(given_away.sum()), float(generated.sum())),
        "self_sufficiency": _one_less(float(imported.sum()), load),
    }


def _one_less(part: float, whole: float) -> float | None:
    return 1.0 - part / whole if whole > 0.0 else None


def curtailment_text(summary: Mapping[str, Any]) -> str:
    """Like `12.3 kWh of heat are curtailed (57 % of what there was, without trade 0.2 kWh)`; empty where little is."""
    parts = []
    for carrier, found in (summary.get("district") or {}).get(MARKET, {}).items():
        curtailed, possible = found["curtailed_kwh"], found["available_kwh"]
        if curtailed > max(NOTICEABLE_KWH, MUCH * possible):
            alone = summary["district"].get(ALONE, {}).get(carrier)
            beside = "" if alone is None else f", without trade {energy(alone['curtailed_kwh'])} kWh"
            share = f"{100 * curtailed / possible:.0f} %"
            parts.append(f"{energy(curtailed)} kWh of {carrier} are curtailed ({share} of what there was{beside})")
    return " and ".join(parts)
