"""Prices of the contracts on the intervals of the span."""

from collections.abc import Mapping

import numpy as np

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.prosumers.prosumer import Contract
from mosaik_p2p.scenario.parts.tariffs import Tariff
from mosaik_p2p.sections.prices import price_per_kwh
from mosaik_p2p.sections.series import Series, Span
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
