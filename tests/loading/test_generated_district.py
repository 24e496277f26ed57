"""The districts that `benchmarks/districts.py` generates are scenarios as any other."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mosaik_p2p
from whereabouts import ROOT

GENERATOR = ROOT / "benchmarks" / "districts.py"
pytestmark = pytest.mark.skipif(not GENERATOR.is_file(), reason="the tests lie beside no checkout")
HOUSES = 12


def _districts() -> ModuleType:
    sys.path.insert(0, str(GENERATOR.parent))
    spec = importlib.util.spec_from_file_location("districts", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its data classes look their module up.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(GENERATOR.parent))
    return module


@pytest.mark.slow
def test_a_district_passes_the_check_and_runs(tmp_path: Path) -> None:
    scenario = _districts().write_district(tmp_path / "district", HOUSES, seed=3)
    outcome = mosaik_p2p.run(scenario, out=tmp_path / "run", steps=2, progress=False, report=False)
    assert not mosaik_p2p.check(scenario)
    assert outcome.summary["verdict_counts"]["feasible"] == 2
    assert outcome.results["clearing"]["form"].unique().tolist() == ["network"]
    assert outcome.results["prosumers"]["prosumer"].nunique() == HOUSES


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    write = _districts().write_district
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        write(tmp_path / name, HOUSES, seed=seed)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "same" / file.name).read_bytes(), file.name
    different = ("houses.csv", "profiles.csv", "grid.json", "pipes.json")
    assert all((tmp_path / "one" / name).read_bytes() != (tmp_path / "other" / name).read_bytes() for name in different)


@pytest.mark.parametrize("houses", [1, 40, 41, 1000])
def test_a_tree_has_every_house_once(houses: int) -> None:
    tree = _districts().layout(houses, seed=1)
    assert len(tree.house_nodes) == houses
    assert tree.behind[0] == houses
    assert (tree.parent[1:] < np.arange(1, len(tree.parent))).all()
    assert tree.away_m[-1] > 0.0
    below = [int(tree.behind[tree.parent == node].sum()) for node in range(len(tree.parent))]
    assert np.array_equal(tree.behind - below, np.isin(np.arange(len(tree.parent)), tree.house_nodes))
