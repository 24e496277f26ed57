"""What `compare` is asked for, before anything runs: rows as overrides of a run, charges as they are written."""

from pathlib import Path

import pytest

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.studies.compare.command import compare
from mosaik_p2p.studies.compare.runs.charges import OWN_CHARGES, Posted, parsed_charges
from mosaik_p2p.studies.compare.runs.designs import NamedDesign, named_designs
from mosaik_p2p.studies.compare.runs.rows import rows_of

SCENARIO = "network1_electric"


def test_all_faults_of_all_rows_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        compare(
            SCENARIO,
            ["p2p", "peer", "p2p"],
            charges=["uniform:cheap", "zonal:0.1", "uniform:1e9"],
            overrides=["market.design=none", "time.stepps=3"],
            out=tmp_path / "out",
            jobs=0,
        )
    told = {(fault.place, fault.value) for fault in refused.value.faults}
    assert {
        ("--designs", "'peer'"),
        ("--designs", "'p2p'"),
        ("--charges", "'uniform:cheap'"),
        ("--set", "'market.design=none'"),
        ("--jobs", "0"),
        ("time.stepps", "3"),
    } <= told
    rate = next(fault for fault in refused.value.faults if fault.place == "charges.electricity.rate")
    assert "(row p2p-uniform-1e9)" in rate.problem
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "posted"),
    [
        ("own", {}),
        ("none", {"electricity": Posted("none"), "heat": Posted("none")}),
        ("uniform:0.02", {"electricity": Posted("uniform", 0.02), "heat": Posted("uniform", 0.02)}),
        ("electrical_distance:1e-3", {"electricity": Posted("electrical_distance", 1e-3)}),
        ("heat=uniform:0.1,electricity=own", {"heat": Posted("uniform", 0.1)}),
        ("table", {"electricity": Posted("table"), "heat": Posted("table")}),
    ],
)
def test_charges_as_they_are_written(text: str, posted: dict[str, Posted]) -> None:
    change, faults = parsed_charges(text, allow_code=False)
    assert faults == []
    assert change.posted == posted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no charge"),
        ("uniform:", "is no rate"),
        ("uniform:-1", "is not 0 or more"),
        ("uniform:nan", "is not 0 or more"),
        ("table:0.1", "has no rate"),
        ("none:0.1", "has no rate"),
        ("unifrom:0.1", "there is no charge mechanism"),
        ("gas=uniform:0.1", "is no carrier"),
        ("heat=electrical_distance:0.1", "is no mechanism of heat"),
        ("uniform:0.1,heat=none", "says twice"),
        ("a.b:c", "names code to import"),
    ],
)
def test_charges_that_are_written_wrong(text: str, problem: str) -> None:
    _, (fault,) = parsed_charges(text, allow_code=False)
    assert problem in fault.problem
    assert fault.place == "--charges"


def test_every_design_under_every_charge_is_a_row() -> None:
    """Without heat network, what is said of both carriers is said of electricity."""
    designs, _ = named_designs(["p2p", "none"], allow_code=False)
    texts = ("own", "uniform:0.2", "electrical_distance:0.03", "none", "heat=uniform:0.1")
    changes = [parsed_charges(text, allow_code=False)[0] for text in texts]
    rows = rows_of(designs, changes, ["scale.pv=2"], load(SCENARIO))
    assert [row.label for row in rows[:3]] == ["p2p-own", "p2p-uniform-0.2", "p2p-electrical_distance-0.03"]
    design, of_nobody = 'market.design="p2p"', ('market.design="none"', 'market.form="auto"')
    assert [row.overrides for row in rows[:5]] == [
        ("scale.pv=2", design),
        ("scale.pv=2", design, 'charges.electricity={ mechanism = "uniform", rate = 0.2 }'),
        # A mechanism that the scenario has keeps its other keys.
        ("scale.pv=2", design, "charges.electricity.rate=0.03"),
        ("scale.pv=2", design, "charges.electricity={}"),
        ("scale.pv=2", design, 'charges.heat={ mechanism = "uniform", rate = 0.1 }'),
    ]
    assert rows[5].overrides == ("scale.pv=2", *of_nobody)
    assert len({row.label.lower() for row in rows}) == len(rows) == 10


def test_designs_that_hold_limits_themselves_run_without_negotiation() -> None:
    class Holding(Design):
        """Keeps limits by itself."""

        def clear(self, task: Task) -> Cleared:
            raise NotImplementedError

    (row,) = rows_of([NamedDesign("some.module:Holding", Holding)], [OWN_CHARGES], [], None)
    assert row.overrides == ('market.design="some.module:Holding"', "negotiation.enabled=false")
    assert row.label == "some.module-Holding"
