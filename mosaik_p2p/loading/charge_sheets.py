"""What a case charges, to look at before it is run: sheets of single intervals."""

import re
from collections.abc import Sequence
from datetime import datetime
from math import floor

import numpy as np

from mosaik_p2p.charges.base import ChargeMechanism, NetworkView
from mosaik_p2p.charges.sheet import ChargeSheet, charge_sheet
from mosaik_p2p.errors import BadInput, Fault, InputWarning
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.posted import Posted, partners_of, posted_charges, view_of
from mosaik_p2p.sections.clock import zone_of
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.units import CARRIERS, SECONDS_PER_HOUR

_CLOCK = re.compile(r"\d\d?:\d\d")
NO_CHARGE = "no charge"


def sheets_at(case: Case, *, carrier: str | None = None, at: str | None = None) -> tuple[ChargeSheet, ...]:
    """The charges of one carrier, or of all that have a network, in one interval: the first, or that of the time `at`
    (`2017-03-28T19:00`, with or without offset, or `19:00` of the first day).

    Raises BadInput for a carrier that has no network here, and a time outside of the run.
    """
    interval = 0 if at is None else _interval(case, at)
    posted = posted_charges(case)
    return tuple(_sheet(case, posted, name, interval) for name in _carriers(case, carrier))


def changing_sheets(case: Case, *, carrier: str | None = None) -> tuple[ChargeSheet, ...]:
    """As `sheets_at`, of every interval of the run whose charges are other ones than in the interval before."""
    posted = posted_charges(case)
    return tuple(
        _sheet(case, posted, name, interval)
        for name in _carriers(case, carrier)
        for interval in _changes(posted, CARRIERS.index(name), case.scenario.time.steps)
    )


def charge_warnings(case: Case) -> tuple[InputWarning, ...]:
    """What the mechanisms of a sound case say of themselves."""
    views = {carrier: view_of(case, carrier) for carrier in _carriers(case, None)}
    return tuple(
        InputWarning(place, mechanism.mechanism, text, "`mosaik-p2p charges` shows what is charged.")
        for carrier, view in views.items()
        for place, mechanism in case.scenario.charges.of(carrier)
        for text in mechanism.remarks(view)
    )


def _carriers(case: Case, carrier: str | None) -> tuple[str, ...]:
    there = tuple(
        name for name, network in zip(CARRIERS, (case.electric, case.heat), strict=True) if network is not None
    )
    if carrier is None:
        return there
    if carrier not in there:
        problem = "has no network in this scenario" if carrier in CARRIERS else "is no carrier"
        raise BadInput([Fault("--carrier", carrier, problem, did_you_mean(carrier, there))])
    return (carrier,)


def _interval(case: Case, at: str) -> int:
    zone, steps = zone_of(case.scenario.time), case.scenario.time.steps
    own = case.times[:steps].tz_convert(zone)
    first, last = own[0].to_pydatetime(), own[-1].to_pydatetime()
    remedy = f"Give a time from {first.isoformat()} to {last.isoformat()}, or a time of day of the first day."
    try:
        wanted = datetime.fromisoformat(f"{first.date().isoformat()}T{at.zfill(5)}" if _CLOCK.fullmatch(at) else at)
    except ValueError:
        raise BadInput([Fault("--at", at, "is no time", remedy)]) from None
    wanted = wanted if wanted.tzinfo is not None else wanted.replace(tzinfo=first.tzinfo)
    found = floor((wanted - first).total_seconds() / (case.dt_h * SECONDS_PER_HOUR))
    if not 0 <= found < steps:
        raise BadInput([Fault("--at", at, "is outside of the run", remedy)])
    return found


def _changes(posted: Posted, c: int, steps: int) -> Sequence[int]:
    pairs = [posted.pairs[c].at(t) for t in range(steps)]
    places = np.zeros((steps, 1)) if posted.place is None else posted.place.total[c, :steps]
    return [t for t in range(steps) if t == 0 or pairs[t] is not pairs[t - 1] or (places[t] != places[t - 1]).any()]


def _sheet(case: Case, posted: Posted, carrier: str, interval: int) -> ChargeSheet:
    view, c = view_of(case, carrier), CARRIERS.index(carrier)
    charges, partners = posted.pairs[c].at(interval), partners_of(case)
    place = np.zeros(len(view.prosumers)) if posted.place is None else posted.place.total[c, interval]
    stated = [mechanism for _, mechanism in case.scenario.charges.of(carrier)]
    return charge_sheet(
        carrier,
        case.times[interval].tz_convert(zone_of(case.scenario.time)).to_pydatetime(),
        case.scenario.currency,
        view.prosumers,
        np.flatnonzero(view.is_connected),
        charges if partners is None else charges.with_partners(partners),
        place,
        mechanisms=tuple(_in_words(mechanism, view, case.scenario.currency) for mechanism in stated) or (NO_CHARGE,),
        remarks=tuple(text for mechanism in stated for text in mechanism.remarks(view)),
    )


def _in_words(mechanism: ChargeMechanism, view: NetworkView, currency: str) -> str:
    """Such as `zonal: 0.01 EUR per kWh and zone on the way, paid by both`."""
    rate, payer = getattr(mechanism, "rate", None), getattr(mechanism, "payer", None)
    applies_to = getattr(mechanism, "applies_to", None)
    parts = [
        f"{rate:g} {currency} per {mechanism.rate_unit(view)}" if isinstance(rate, float) else "",
        "" if payer is None else f"pair charges paid by {payer}",
        "" if applies_to is None else f"place charges on {applies_to}",
        "with factors by time of day" if mechanism.factor else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{mechanism.mechanism}: {said}" if said else mechanism.mechanism
