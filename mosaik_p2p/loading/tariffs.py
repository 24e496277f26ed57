"""Prices of the contracts on the intervals of the span."""

from collections.abc import Mapping

import numpy as np

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.loading.clock import minutes_within
from mosaik_p2p.loading.series import Span
from mosaik_p2p.prosumers.devices import Contract, Series
from mosaik_p2p.scenario.tariffs import MINUTES_PER_DAY, Price, PriceStep, Tariff, minute_of_day
from mosaik_p2p.units import FloatArray


def contract(
    name: str, tariff: Tariff, profiles: Mapping[str, Series], span: Span
) -> tuple[Contract | None, list[InputWarning]]:
    """The contract of a tariff, None where one of its prices is a profile that could not be read.

    A warning where exporting earns as much as importing costs. No meter counts both ways at once, but what one member
    imports another may then export at a gain.
    """
    bought = price_per_kwh(tariff.import_per_kwh, profiles, span)
    sold = None if tariff.export_per_kwh is None else price_per_kwh(tariff.export_per_kwh, profiles, span)
    if bought is None or (sold is None and tariff.export_per_kwh is not None):
        return None, []
    warnings = [] if sold is None else _arbitrage(name, bought, sold, span)
    offer = Contract(
        name=name,
        carrier=tariff.carrier,
        import_price_per_kwh=bought,
        export_price_per_kwh=sold,
        import_max_kw=tariff.import_max_kw,
        export_max_kw=tariff.export_limit_kw,
    )
    return offer, warnings


def price_per_kwh(price: Price, profiles: Mapping[str, Series], span: Span) -> FloatArray | None:
    """The price on the intervals, shape (span,); None where it is a profile that could not be read.

    A price that changes within an interval counts by the share of its minutes. Of a profile, the realisation counts.
    """
    if isinstance(price, str):
        return profiles[price].realised if price in profiles else None
    if not isinstance(price, tuple):
        return np.full(len(span.times), float(price))
    by_minute = _by_minute(price)
    return np.asarray(_mean(by_minute[minutes_within(span.own_times, span.step_minutes)]), dtype=np.float64)


def _by_minute(steps: tuple[PriceStep, ...]) -> FloatArray:
    by_minute = np.empty(MINUTES_PER_DAY)
    for step in steps:
        by_minute[minute_of_day(step.begin) : minute_of_day(step.end)] = step.price
    return by_minute


def _mean(by_interval: FloatArray) -> FloatArray:
    """Mean along the last axis; a price that does not change within an interval comes back bit for bit."""
    first = by_interval[:, 0]
    same = (by_interval == first[:, None]).all(axis=1)
    return np.where(same, first, by_interval.mean(axis=1))


def _arbitrage(name: str, bought: FloatArray, sold: FloatArray, span: Span) -> list[InputWarning]:
    wrong = sold >= bought
    if not wrong.any():
        return []
    worst = int(np.argmax(sold - bought))
    problem = (
        f"is not below the import price {bought[worst]:g} at {span.own_times[worst].isoformat()} "
        f"({int(wrong.sum())} of {len(wrong)} intervals)"
    )
    remedy = "Members may then import for others to export; keep it below the import price where that is not meant"
    return [InputWarning(f"tariffs.{name}.export_per_kwh", f"{sold[worst]:g}", problem, remedy)]
