"""A looped heat network with three plants in a whole run, and how a scenario names their shares."""

from pathlib import Path

import pytest

from mosaik_p2p.cosim import run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.results.store.parts import read_table

BARRY = ("networks.heat.case=barry32", "time.horizon_steps=3")
SHARES = ("networks.heat.plant_shares.source_31=0.3", "networks.heat.plant_shares.source_32=0.2")
DELIVERY_KW = 0.05


@pytest.mark.slow
def test_a_loop_with_three_plants_runs(tmp_path: Path) -> None:
    """The prosumers of `network2` on Barry Island, whose nodes bear the same numbers."""
    outcome = run("network2", out=tmp_path / "run", steps=2, overrides=[*BARRY, *SHARES], progress=False)
    assert outcome.summary["complete"]
    plants, exchanges = (read_table(tmp_path / "run", name) for name in ("plants", "heat_exchanges"))
    drawn = exchanges.groupby("time")["delivered_kw"].sum()
    by_plant = plants.pivot_table(index="time", columns="plant", values="heat_kw")
    assert list(by_plant.columns) == ["plant", "source_31", "source_32"]
    assert by_plant["source_31"].to_numpy() == pytest.approx(0.3 * drawn.clip(lower=0.0), abs=DELIVERY_KW * 4)
    assert by_plant["source_32"].to_numpy() == pytest.approx(0.2 * drawn.clip(lower=0.0), abs=DELIVERY_KW * 4)
    # A pump that runs lifts the water; at every plant in these hours the network asks for more than nothing.
    assert len(plants) == 2 * 3
    assert plants["mdot_kg_per_s"].min() > 0.0
    assert plants["head_bar"].min() > 0.0
    again = load(tmp_path / "run" / "scenario.toml")
    assert again.heat is not None
    assert {plant.name: plant.share for plant in again.heat.feeding} == {"source_31": 0.3, "source_32": 0.2}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("networks.heat.plant_shares.source_33=0.3", "no plant has this name"),
        ("networks.heat.plant_shares.plant=0.3", "no plant is left that balances"),
        ("networks.heat.plant_shares.source_31=1.3", "plant_shares"),
    ],
)
def test_shares_that_cannot_be_are_faults_of_the_scenario(override: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        load("network2", [*BARRY, override])
    assert caught.value.faults[0].place.startswith("networks.heat.plant_shares")
