"""The text of a draft: TOML with comments, from the template beside this file.

Names of a user's file stand in quotes wherever they are shown, so that nothing in them ends a comment or a text.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

import jinja2

from mosaik_p2p.drafts.houses import FULL_LOAD_HOURS, House, rounded
from mosaik_p2p.drafts.wishes import CAR, COLLECTOR, HEAT_PUMP, PV, STORAGE
from mosaik_p2p.errors import LONGEST_VALUE

SCENARIO_FILE, SCHEMA_FILE, PROFILES_FILE = "scenario.toml", "scenario.schema.json", "profiles.csv"
WORDS = {
    PV: "PV",
    STORAGE: "a battery",
    HEAT_PUMP: "a heat pump",
    CAR: "electric cars",
    COLLECTOR: "a solar collector",
}
OTHERS, OTHERS_HOUSES, MOST_HOUSES = "others", 100, 10_000
DELETE = "\x7f"


@dataclass(frozen=True, kw_only=True)
class NetworkText:
    """What is said of a network."""

    file: str
    told: str
    mended: tuple[str, ...]
    import_max_kw: float
    background: str | None = None
    generation: str | None = None


@dataclass(frozen=True, kw_only=True)
class DraftText:
    """All that the template shows."""

    name: str
    title: str
    start: str
    seed: int
    region: int
    houses: tuple[House, ...]
    electric: NetworkText | None
    heat: NetworkText | None
    columns: frozenset[str] = field(default_factory=frozenset)
    """Columns of PROFILES_FILE, where the network comes with profiles of its own."""


@dataclass(frozen=True)
class Profile:
    """A table of profiles."""

    name: str
    entries: dict[str, str]
    comment: str = ""


def scenario_text(draft: DraftText) -> str:
    """The scenario file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mosaik_p2p.drafts", "."),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    profiles = list(_profiles(draft))
    shown = environment.get_template("scenario.toml.j2").render(
        **{
            key: getattr(draft, key)
            for key in ("name", "title", "start", "seed", "region", "electric", "heat", "houses")
        },
        schema_file=SCHEMA_FILE,
        file=SCENARIO_FILE,
        profiles=profiles,
        weather=_weather_is_needed(profiles),
        kinds={kind for house in draft.houses for kind in house.owns},
        pv_profile=_column(draft, "pv") or "south",
        of_file=bool(draft.columns),
        paired=draft.electric is not None and draft.heat is not None,
        text=text,
        about=_about,
        contracts=_contracts,
        devices=lambda house: list(_devices(house, draft)),
    )
    return "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"


def text(value: str) -> str:
    """A text of TOML."""
    return json.dumps(value, ensure_ascii=False).replace(DELETE, "\\u007f")


def _short(value: str) -> str:
    return text(value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 3] + "...")


def _about(house: House) -> str:
    """Of whom it stands in for, for a comment."""
    parts = []
    if house.element is not None:
        parts.append(f"load {_short(house.load_name)} at bus {_short(house.bus or '')}, {house.load_kw:g} kW")
    if house.consumer is not None:
        parts.append(f"heat consumer {_short(house.consumer_name)}, {house.heat_kw:g} kW")
    return "; ".join(parts)


def _contracts(house: House) -> str:
    names = [text("electricity")] if house.element is not None else []
    names += [text("heat")] if house.consumer is not None else []
    return f"[{', '.join(names)}]"


def _column(draft: DraftText, column: str) -> str | None:
    """The column as a profile in one line, where the draft has a file with it."""
    return f"{PROFILES_FILE}:{column}" if column in draft.columns else None


def _devices(house: House, draft: DraftText) -> Iterator[str]:
    if house.element is not None:
        profile = _column(draft, house.name) or f"{house.name}_electricity"
        yield f'type = "fixed_load", profile = {text(profile)}'
    if house.annual_heat_kwh is not None:
        yield f'type = "fixed_load", name = "heating", carrier = "heat", profile = {text(house.name + "_heat")}'
    if house.pv_kwp is not None:
        yield f'type = "pv", template = "usual", peak_kw = {house.pv_kwp}'
    if house.storage_kwh is not None:
        half = rounded(house.storage_kwh / 2)
        level = f"{{ max = {house.storage_kwh}, initial = {half} }}"
        yield f'type = "battery", template = "usual", power_kw = {house.storage_kw}, energy_kwh = {level}'
    if house.heat_pump_kw is not None:
        yield f'type = "heat_pump", template = "usual", el_max_kw = {house.heat_pump_kw}'
    if house.cars is not None:
        kwh = house.car_kwh
        levels = f"{{ max = {kwh}, arrival = {rounded(kwh / 2)}, departure = {rounded(0.8 * kwh)} }}"
        yield f'type = "ev", template = "usual", power_kw = {house.car_kw}, energy_kwh = {levels}'
    if house.collector_m2 is not None:
        yield f'type = "solar_collector", template = "usual", area_m2 = {house.collector_m2}'


def _profiles(draft: DraftText) -> Iterator[Profile]:
    if draft.electric is not None and draft.electric.background == OTHERS:
        hours = f"   # ASSUMED: {FULL_LOAD_HOURS:g} hours a year of what a load is rated at"
        yield Profile(OTHERS, _vdi("electricity", FULL_LOAD_HOURS, houses=OTHERS_HOUSES), hours)
    kinds = {kind for house in draft.houses for kind in house.owns}
    if "pv" in kinds and "pv" not in draft.columns:
        yield Profile("south", {"source": text("pvlib"), "tilt_deg": "30.0", "azimuth_deg": "180.0"}, "   # ASSUMED")
    if "collector" in kinds:
        yield Profile("collector", {"source": text("collector")}, "   # ASSUMED")
    for house in draft.houses:
        yield from _own_profiles(house, draft)


def _own_profiles(house: House, draft: DraftText) -> Iterable[Profile]:
    if house.element is not None and house.name not in draft.columns:
        told = f"   # ASSUMED: {FULL_LOAD_HOURS:g} hours a year of {house.load_kw:g} kW"
        yield Profile(f"{house.name}_electricity", _vdi("electricity", house.annual_kwh, houses=house.houses), told)
    if house.annual_heat_kwh is not None:
        yield Profile(f"{house.name}_heat", _vdi("heat", house.annual_heat_kwh, houses=1), "   # ASSUMED")


def _vdi(quantity: str, annual_kwh: float, *, houses: int) -> dict[str, str]:
    """Demand by the guideline; of many houses their mean, which is smoother."""
    entries = {"source": text("vdi4655"), "quantity": text(quantity), "annual_kwh": str(float(annual_kwh))}
    return entries | ({"houses": str(min(houses, MOST_HOUSES))} if houses > 1 else {})


def _weather_is_needed(profiles: Iterable[Profile]) -> bool:
    return any("source" in profile.entries for profile in profiles)


def draft_told(scenario: Path, houses: Sequence[House], mended: Iterable[str]) -> str:
    """What was written, and the next command, for the terminal."""
    count = Counter(kind for house in houses for kind in house.owns)
    owned = ", ".join(f"{number} with {WORDS[kind]}" for kind, number in count.items())
    return "\n".join(
        [
            f"{scenario}: {len(houses)} prosumers{', ' if owned else ''}{owned}",
            *(f"Mended in the copy of the network: {line}" for line in mended),
            "What is marked ASSUMED there is a usual value: put yours in its place.",
            f"Next: mosaik-p2p run {quote(str(scenario))} --steps 2",
        ]
    )
