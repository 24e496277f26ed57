"""What the simulators take and show, out of their metadata: for docs/simulators.md."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from mosaik_p2p.sims.meanings import ATTRIBUTES, PARAMETERS, Meaning

SIMULATORS = ("market", "electric_grid", "heat_grid", "profiles", "recorder", "limit_check")
INTRODUCTION = """\
# The simulators

Parameters and attributes of every simulator, generated from its metadata. They start by
`{"python": "mosaik_p2p.sims.market:Simulator"}`, by `cmd` (`python -m mosaik_p2p.sims.market %(addr)s`) or `connect`.
The unit stands in the name of an attribute; `1` is that of factors, counts and positions. *Takes*: others may bring it;
*shows*: others may read it. A *trigger* steps the simulator when it comes. An *event* counts in its instant only; what
is none is remembered until it changes. *Sign* says what a positive value means. Several sources of one power add up,
each with what it said last. Attributes of all installed kinds of devices stand with the prosumers.

`scenarios/examples` has scripts that run: `own_world.py` ends with a report, `usual_grid.py` uses mosaik-pandapower-2.
"""
HEADING = "| attribute | unit | takes or shows | trigger | event | sign | meaning |\n|---|---|---|---|---|---|---|"


def simulators_markdown() -> str:
    """The whole page. Raises KeyError for a parameter or an attribute of which nothing is said."""
    return "\n".join([INTRODUCTION, *(_simulator(name) for name in SIMULATORS)])


def metadata(simulator: str) -> Mapping[str, Any]:
    """What a simulator tells mosaik of itself."""
    found: Mapping[str, Any] = importlib.import_module(f"mosaik_p2p.sims.{simulator}").Simulator().meta
    return found


def _simulator(name: str) -> str:
    meta = metadata(name)
    methods = ", ".join(f"`{method}`" for method in meta.get("extra_methods", ()))
    lines = [f"## `{name}`", "", *([f"Extra methods: {methods}.", ""] if methods else [])]
    return "\n".join([*lines, *(line for model in meta["models"].items() for line in _model(name, *model))])


def _model(simulator: str, name: str, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{name}`{'' if model['public'] else ' (comes with the first model)'}"
    yield ""
    for parameter in model["params"]:
        yield f"- `{parameter}`: {PARAMETERS[simulator][parameter]}"
    if model["params"]:
        yield ""
    if model["attrs"]:
        meanings = ATTRIBUTES[simulator, name]
        yield HEADING
        yield from (_row(attribute, meanings[attribute], model) for attribute in model["attrs"])
        yield ""


def _row(attribute: str, meaning: Meaning, model: Mapping[str, Any]) -> str:
    unit = attribute.partition("[")[2].rstrip("]")
    marks = ("yes" if attribute in model.get(key, ()) else "" for key in ("trigger", "non-persistent"))
    cells = (f"`{attribute}`", unit, "takes" if meaning.takes else "shows", *marks, meaning.sign, meaning.text)
    return f"| {' | '.join(cells)} |"
