"""What is drawn from the seed: the same everywhere and whoever else is there, recorded, and refused where senseless."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosaik_p2p import run
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import examine, load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.profiles.span import span_of
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.loading.uncertainty.draw import COLUMNS
from mosaik_p2p.loading.uncertainty.in_scenario import weather_number
from mosaik_p2p.loading.uncertainty.numbers import log_normal, normals, persistent_normals, uniforms, whole_number
from mosaik_p2p.loading.uncertainty.of_devices import drawn_device
from mosaik_p2p.results.report.inputs import input_sheets
from mosaik_p2p.results.store.completeness import inner_gaps
from mosaik_p2p.results.store.parts import read_table, replace_table, to_arrow
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.scenario import resolved_toml
from mosaik_p2p.scenario.parts.uncertainty import SourceUncertainty, Uncertainty
from mosaik_p2p.scenario.write import with_files
from mosaik_p2p.sections.series import Series

SCENARIO = "network1_electric"
SHORT = ("time.start=2017-03-28T10:00:00+01:00", "time.steps=1", "time.horizon_steps=4")
LOAD = "uncertainty.load={scale_spread=0.05,shift_minutes=120,forecast_error=0.05}"
SUN = "uncertainty.generation={forecast_error=0.3,common=0.8}"
OWNERS = "uncertainty.owners={battery=0.5}"
YEARS = "uncertainty.weather=[{region=12},{region=4},{region=7}]"
ALL = (LOAD, SUN, OWNERS, YEARS, "seed=5")
ROUNDING = 1e-12


def case(*overrides: str) -> Case:
    return load(SCENARIO, [*SHORT, *overrides])


def drawn(of: Case) -> dict[tuple[str | None, str | None, str], float]:
    return {(draw.prosumer, draw.device, draw.quantity): draw.value for draw in of.draws}


def series(of: Case, owner: str, device: str) -> Series:
    (found,) = (
        profile.series
        for prosumer in of.prosumers
        for one in prosumer.devices
        for profile in one.profiles()
        if (prosumer.name, one.name) == (owner, device)
    )
    return found


@pytest.fixture(scope="module")
def whole() -> Case:
    return case(*ALL)


@pytest.fixture(scope="module")
def plain() -> Case:
    return case()


def test_numbers_are_the_same_everywhere() -> None:
    """Frozen: any Python and numpy has to find them again."""
    found = [
        *uniforms(1, "a", 3),
        *normals(2**63 - 1, "Straße 7", 3),
        *persistent_normals(1, "a", 4, kept=0.8),
    ]
    frozen = [
        *(0.07336035848496353, 0.13697096936626868, 0.39959669290735117),
        *(-0.6946308525198795, -2.287871145262667, 1.3733337176765965),
        *(-1.4512124290954032, -1.8173877821777102, -1.6065449169789965, -0.04963305335992296),
    ]
    np.testing.assert_allclose(found, frozen, rtol=ROUNDING)
    assert [whole_number(seed, "shift", -2, 2) for seed in range(9)] == WHOLE


WHOLE = [0, -1, 1, -2, -2, -2, 0, -2, 1]


def test_numbers_are_distributed_as_they_should_be() -> None:
    count = 40_000
    z = persistent_normals(7, "errors", count, kept=0.9)
    assert z.std() == pytest.approx(1.0, abs=0.03)
    for lag in (1, 5):
        assert np.corrcoef(z[:-lag], z[lag:])[0, 1] == pytest.approx(0.9**lag, abs=0.02)
    factors = log_normal(normals(7, "factors", count), 0.3)
    assert factors.mean() == pytest.approx(1.0, abs=0.006)
    assert factors.std() == pytest.approx(0.3, abs=0.006)
    numbers = [whole_number(seed, "n", -1, 1) for seed in range(900)]
    assert {number: numbers.count(number) > 250 for number in numbers} == {-1: True, 0: True, 1: True}


def test_a_longer_run_begins_with_the_same_numbers() -> None:
    np.testing.assert_array_equal(
        persistent_normals(3, "p", 50, kept=0.5)[:20], persistent_normals(3, "p", 20, kept=0.5)
    )


def test_the_draws_of_a_scenario_are_frozen(whole: Case) -> None:
    found = drawn(whole)
    assert {key: found[key] for key in FROZEN} == pytest.approx(FROZEN, rel=1e-9)


FROZEN: dict[tuple[str | None, str | None, str], float] = {
    (None, None, "weather"): 3,
    ("A", "battery", "owned"): 0.0,
    ("C", "battery", "owned"): 1.0,
    ("A", "flexible_load", "scale"): 1.0796194562529724,
    ("A", "flexible_load", "shift_minutes"): -120,
    ("D", "flexible_load", "forecast_error"): -0.029528197134741196,
    ("D", "pv", "forecast_error"): 0.16784678920845142,
}


def test_what_turns_out_is_scaled_and_moved_and_what_is_expected_misses_it(whole: Case, plain: Case) -> None:
    draws = drawn(whole)
    before, after = series(plain, "E", "flexible_load"), series(whole, "E", "flexible_load")
    assert draws["E", "flexible_load", "shift_minutes"] == 60
    scaled = before.realised * draws["E", "flexible_load", "scale"]
    np.testing.assert_allclose(after.realised[1:], scaled[:-1], rtol=ROUNDING)
    missed = after.forecast / after.realised
    assert len(set(missed.round(6))) == len(missed)
    assert missed.mean() - 1.0 == pytest.approx(draws["E", "flexible_load", "forecast_error"])


def test_nothing_is_drawn_without_the_table(plain: Case) -> None:
    assert plain.draws == ()
    load_a = series(plain, "A", "flexible_load")
    np.testing.assert_array_equal(load_a.forecast, load_a.realised)


def test_a_prosumer_less_changes_nobody_elses_draws(whole: Case) -> None:
    rest = {key: value for key, value in drawn(whole).items() if key[0] != "A"}
    assert drawn(case(*ALL, "prosumers.A=")) == rest


def test_clouds_are_the_same_for_all_as_far_as_they_are_common() -> None:
    def errors(common: float) -> list[np.ndarray]:
        of = case(f"uncertainty.generation={{forecast_error=0.3,common={common}}}")
        return [series(of, owner, "pv").forecast / series(of, owner, "pv").realised for owner in ("D", "E")]

    one, other = errors(1.0)
    np.testing.assert_allclose(one, other, rtol=ROUNDING)
    one, other = errors(0.0)
    assert np.abs(one - other).max() > 0.01


def test_who_owns_one_at_a_small_share_does_at_a_larger_one() -> None:
    owners = []
    for share in (0.0, 0.4, 0.8):
        found = case(f"uncertainty.owners={{pv={share}}}", "seed=2")
        owners.append({one.name for one in found.prosumers if any(device.name == "pv" for device in one.devices)})
    assert owners[0] == set()
    assert owners[0] < owners[1] < owners[2]


def test_the_scenario_in_a_result_folder_comes_to_the_same(whole: Case, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(resolved_toml(whole.scenario, tmp_path), encoding="utf-8")
    again = load(path)
    kept = {key: value for key, value in drawn(whole).items() if (key[2], value) != ("owned", 0.0)}
    assert drawn(again) == kept
    for one, other in zip(whole.prosumers, again.prosumers, strict=True):
        assert [device.name for device in one.devices] == [device.name for device in other.devices]
    np.testing.assert_array_equal(series(again, "E", "pv").forecast, series(whole, "E", "pv").forecast)


def test_the_weather_is_one_of_those_given_and_each_is_read_whichever_is_drawn(whole: Case) -> None:
    assert whole.scenario.weather == whole.scenario.uncertainty.weather[2]  # type: ignore[union-attr]
    numbers = {weather_number(whole.scenario.model_copy(update={"seed": seed})) for seed in range(20)}
    assert numbers == {0, 1, 2}
    bad = 'uncertainty.weather=[{region=12},{source="epw",file="nowhere.epw"}]'
    for seed in (1, 3):
        with pytest.raises(BadInput) as refused:
            case(bad, f"seed={seed}")
        assert [fault.place for fault in refused.value.faults] == ["uncertainty.weather[1].file"]


def test_every_file_that_may_be_drawn_is_an_input(whole: Case) -> None:
    years = Uncertainty.model_validate({"weather": [{"source": "epw", "file": "y.epw"}]})
    of = replace(whole, scenario=whole.scenario.model_copy(update={"uncertainty": years}))
    assert any(path.name == "y.epw" for path in input_files(of))
    moved = with_files(of.scenario, lambda file: f"elsewhere/{file}").uncertainty
    assert moved is not None
    assert getattr(moved.weather[0], "file", "") == "elsewhere/y.epw"


@pytest.mark.parametrize(
    ("override", "place", "told"),
    [
        ("uncertainty.load={shift_minutes=30}", "uncertainty.load.shift_minutes", "less than an interval"),
        ("uncertainty.generation={shift_minutes=60}", "uncertainty.generation.shift_minutes", "not a known key"),
        ("uncertainty.load={forecast_error=-0.1}", "uncertainty.load.forecast_error", ""),
        ("uncertainty.load={common=0.5}", "uncertainty.load.common", "no forecast_error"),
        ("uncertainty.heat_load={scale_spread=0.1}", "uncertainty.heat_load", "draws nothing"),
        ("uncertainty.owners={flexible_load=0.5}", "uncertainty.owners.flexible_load", "is a load"),
        ("uncertainty.owners={roof=0.5}", "uncertainty.owners.roof", "no type of device"),
        ("uncertainty.owners={pv=1.5}", "uncertainty.owners.pv", ""),
        ("uncertainty.weather=[{region=16}]", "uncertainty.weather[0].region", ""),
        ('uncertainty.load={scale_spread=0.1,forecast_error="much"}', "uncertainty.load.forecast_error", ""),
    ],
)
def test_what_makes_no_sense_is_refused(override: str, place: str, told: str) -> None:
    (fault,) = examine(SCENARIO, [*SHORT, override]).faults
    assert fault.place.endswith(place)
    assert told in fault.problem


def test_a_type_that_nobody_has_is_told() -> None:
    warnings = examine(SCENARIO, [*SHORT, "uncertainty.owners={ev=0.5}"]).warnings
    (warning,) = (found for found in warnings if found.place == "uncertainty.owners.ev")
    assert "nobody has a device of this type" in warning.problem


def test_a_demand_beyond_limits_says_that_it_was_drawn() -> None:
    wide = "uncertainty.load={scale_spread=2.0}"
    faults = [fault for seed in range(4) for fault in examine(SCENARIO, [*SHORT, wide, f"seed={seed}"]).faults]
    assert faults
    assert all("another seed" in fault.remedy for fault in faults)


def test_a_profile_with_a_forecast_of_its_own_is_refused(plain: Case) -> None:
    stated = Uncertainty(generation=SourceUncertainty(forecast_error=0.1))
    span = span_of(plain.scenario.time)
    sun = Pv("pv", Series(np.ones(4), np.full(4, 2.0)), 0.0)
    (fault,) = drawn_device(sun, "A", stated, span, seed=1).faults
    assert "has one of its own" in fault.problem
    scaled = Uncertainty(generation=SourceUncertainty(scale_spread=0.1))
    assert not drawn_device(sun, "A", scaled, span, seed=1).faults


def test_a_kind_that_takes_no_other_series_is_refused(plain: Case) -> None:
    class Silent(Pv):
        stems = ()

    stated = Uncertainty(generation=SourceUncertainty(scale_spread=0.1))
    (fault,) = drawn_device(
        Silent("pv", Series.known(np.ones(4)), 0.0), "A", stated, span_of(plain.scenario.time), seed=1
    ).faults
    assert "nobody else can bring" in fault.problem


HEATED = "uncertainty.owners={heat_pump=0.5}"


def test_nobody_is_left_without_heat() -> None:
    assert not examine("network1", HEATED.split()).faults
    alone = ("prosumers.A.junction=", 'prosumers.A.tariffs=["grid"]')
    faults = examine("network1", [HEATED, *alone]).faults
    assert [fault.place for fault in faults if "draws away" in fault.problem] == ["prosumers.A.heat_pump"]
    assert not any("draws away" in fault.problem for fault in examine("network1", list(alone)).faults)


@pytest.mark.slow
def test_a_run_records_what_was_drawn_and_notices_what_is_missing(tmp_path: Path, whole: Case) -> None:
    outcome = run(SCENARIO, out=tmp_path / "out", overrides=[*SHORT, *ALL], progress=False, report=False)
    rows = read_table(outcome.folder, "draws")
    told = zip(*(rows[name] for name in COLUMNS[:4]), strict=True)
    assert {(prosumer, device, what): value for prosumer, device, what, value in told} == drawn(whole)
    inputs = read_table(outcome.folder, "inputs")
    inputs = inputs.query("prosumer == 'B' and device == 'flexible_load'")
    np.testing.assert_allclose(inputs["forecast"], series(whole, "B", "flexible_load").forecast)
    results = read_results(outcome.folder)
    assert inner_gaps(results, ("electricity",)) == []
    (sheet,) = (one for one in input_sheets(outcome.folder, results.facts) if one.title == "Drawn from the seed")
    assert {row[0] for row in sheet.rows} == {"load", "generation", "weather", "owners"}
    for quantity in rows["quantity"].unique():
        less = to_arrow("draws", rows[rows["quantity"] != quantity].to_dict("list"))
        replace_table(outcome.folder, "draws", less)
        gaps = inner_gaps(read_results(outcome.folder), ("electricity",))
        assert any(quantity in gap for gap in gaps), quantity
