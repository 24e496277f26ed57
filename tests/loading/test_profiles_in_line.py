"""Profiles without a table of their own: a column of a file in one line, and all columns of a file at once."""

from pathlib import Path

import numpy as np
import pytest

from made_scenario import device, series, write
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.scenario.write import resolved_toml


def _used(name: str, folder: Path, **more: object) -> Path:
    def edit(scenario: dict) -> None:
        device(scenario, "B", "fixed_load")["profile"] = name
        scenario.update(more)

    return write(folder, edit)


@pytest.mark.parametrize(
    ("name", "more"), [("series.csv:load_a_kw", {}), ("load_a_kw", {"profiles_file": "series.csv"})]
)
def test_a_column_is_a_profile(name: str, more: dict, tmp_path: Path) -> None:
    case = load(_used(name, tmp_path, **more))
    (owner,) = (prosumer for prosumer in case.prosumers if prosumer.name == "B")
    (house,) = (own for own in owner.devices if own.name == "fixed_load")
    scale = case.scenario.scale.load
    np.testing.assert_allclose(house.demand.realised[:4], scale * series()["load_a_kw"].to_numpy()[:4])
    # The resolved scenario says in full where it comes from, and is one itself.
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "again.toml").write_text(resolved_toml(case.scenario, tmp_path / "deep"), encoding="utf-8")
    assert load(tmp_path / "deep" / "again.toml").scenario.profiles[name] == case.scenario.profiles[name]


def test_a_table_of_the_same_name_goes_first(tmp_path: Path) -> None:
    constant = {"source": "constant", "value": 7.0}

    def edit(scenario: dict) -> None:
        device(scenario, "B", "fixed_load")["profile"] = "load_a_kw"
        scenario["profiles"]["load_a_kw"] = constant
        scenario["profiles_file"] = "series.csv"

    assert load(write(tmp_path, edit)).scenario.profiles["load_a_kw"].value == 7.0


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("series.csv:load_b_kw", {}, "the file has no such column"),
        ("serie.csv:load_a_kw", {}, "cannot be read"),
        ("load_aa_kw", {"profiles_file": "series.csv"}, "Did you mean 'load_a_kw'"),
        ("load_a_kw", {"profiles_file": "serie.csv"}, "cannot be read"),
    ],
)
def test_what_is_not_there_is_one_fault(name: str, more: dict, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        load(_used(name, tmp_path, **more))
    assert len(refused.value.faults) == 1
    assert told in str(refused.value)
