"""docs/simulators.md says what the simulators' metadata says, of every parameter and attribute, and nothing else."""

from typing import Any

import pytest

from mosaik_p2p.sims.meanings import ATTRIBUTES, PARAMETERS
from mosaik_p2p.sims.reference import SIMULATORS, metadata, simulators_markdown
from whereabouts import DOCS

MODELS = {(name, model): about for name in SIMULATORS for model, about in metadata(name)["models"].items()}


@pytest.mark.skipif(not DOCS.is_dir(), reason="the tests lie beside no checkout")
def test_the_page_is_what_is_generated() -> None:
    assert (DOCS / "simulators.md").read_text(encoding="utf-8") == simulators_markdown()


def test_nothing_is_told_that_is_not_there() -> None:
    assert set(ATTRIBUTES) == set(MODELS)
    for simulator in SIMULATORS:
        there = {name for model in metadata(simulator)["models"].values() for name in model["params"]}
        assert set(PARAMETERS[simulator]) == there


@pytest.mark.parametrize(
    ("named", "model"), MODELS.items(), ids=lambda value: ".".join(value) if isinstance(value, tuple) else ""
)
def test_what_is_told_of_a_model_is_what_it_has(named: tuple[str, str], model: dict[str, Any]) -> None:
    told = ATTRIBUTES[named]
    assert set(told) == set(model["attrs"])
    assert {name for name in model.get("trigger", ()) if not told[name].takes} == set()
