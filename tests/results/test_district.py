"""The district's own shares by hand, where generators export what no plant of sun ever gave."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mosaik_p2p.results.measures.district import district
from mosaik_p2p.results.store.facts import read_facts
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.schema import TABLES

FAMILIES = {"pv": "source", "generator": "source", "battery": "storage", "fixed_load": "load"}
TIMES = list(pd.date_range("2024-06-01T10:00:00Z", periods=2, freq="h"))


def results(devices: list[tuple[int, str, float]], injected_kw: tuple[float, float], could_kw: float) -> Results:
    """`devices`: interval, type, power; one prosumer."""
    rows = [
        {"time": TIMES[k], "prosumer": "A", "device": kind, "type": kind, "el_kw": kw, "heat_kw": 0.0}
        | {"family": FAMILIES[kind], "carrier": "electricity"}
        for k, kind, kw in devices
    ]
    carried = pd.DataFrame({"time": TIMES, "prosumer": "A", "carrier": "electricity", "injection_kw": injected_kw})
    sun = pd.DataFrame(
        {"time": TIMES, "prosumer": "A", "device": "pv", "quantity": "available_kw", "realised": could_kw}
    )
    frames = {
        **{name: pd.DataFrame(columns=shape.schema.names) for name, shape in TABLES.items()},
        "clearing": pd.DataFrame({"time": TIMES, "round": 0, "binding": True, "since_clearing": 0}),
        "flows": pd.DataFrame({"time": TIMES, "round": 0, "network": "electricity", "status": "ok"}),
        "prosumers": carried,
        "devices": pd.DataFrame(rows),
        "inputs": sun,
    }
    facts = replace(read_facts(Path("no such folder")), networks=("electricity",), dt_h=0.5)
    return Results(Path(), facts, frames)


def test_a_generator_that_exports_uses_none_of_it_and_no_less() -> None:
    """20 kW of a generator and 2 of the sun; 12 are used: 12 of 44 kW, half hours. 1 - export / sun would be -7."""
    found = district(
        results(
            [(k, kind, kw) for k in (0, 1) for kind, kw in (("generator", 20.0), ("pv", 2.0), ("fixed_load", -6.0))],
            (16.0, 16.0),
            could_kw=2.0,
        ),
        ["electricity"],
    )["market"]["electricity"]
    assert found["self_consumption"] == pytest.approx(12.0 / 44.0)
    assert found["generated_kwh"] == pytest.approx(22.0)
    assert found["self_sufficiency"] == 1.0


def test_curtailed_sun_is_not_self_consumed_and_what_is_stored_is() -> None:
    """10 kW could be given; 4 are, all charged. In the second hour the battery exports them: nothing is generated."""
    found = district(
        results([(0, "pv", 4.0), (0, "battery", -4.0), (1, "pv", 0.0), (1, "battery", 4.0)], (0.0, 4.0), could_kw=10.0),
        ["electricity"],
    )["market"]["electricity"]
    assert found["self_consumption"] == 1.0
    assert found["generated_kwh"] == 2.0
    assert found["curtailed_kwh"] == 8.0


def test_where_nothing_is_generated_there_is_no_share() -> None:
    found = district(results([(0, "fixed_load", -1.0), (1, "fixed_load", -1.0)], (-1.0, -1.0), 0.0), ["electricity"])
    assert found["market"]["electricity"]["self_consumption"] is None
    assert found["market"]["electricity"]["self_sufficiency"] == 0.0
