"""The scenario's profiles as a mosaik simulator: what each prosumer expects, what turns out, and the background load.

Any other source of these attributes can take its place (a weather or household simulator): the market uses what is
connected and takes the rest from the scenario.
"""

from functools import cache
from typing import Any

from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.devices.registry import stems
from mosaik_p2p.market.over_time.forecasts import SERIES, attribute_of, forecast_attributes, own_series
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.series import Series
from mosaik_p2p.sims.shared import (
    API_VERSION,
    GENERATION_SCALING,
    LOAD_SCALING,
    ScenarioSimulator,
    ScenarioSource,
    interval_steps,
    open_case,
    serve,
)
from mosaik_p2p.units import FloatArray

BACKGROUND_ID = "Background"


def meta() -> Meta:
    """What the simulator offers; its attributes are those of all kinds of devices."""
    return {
        "api_version": API_VERSION,
        "type": "hybrid",
        "models": {
            "Profiles": {"public": True, "params": ["scenario", "first_interval"], "attrs": [], "any_inputs": False},
            "Prosumer": {"public": False, "params": [], "attrs": [*forecast_attributes()], "any_inputs": False},
            "Background": {
                "public": False,
                "params": [],
                "attrs": [LOAD_SCALING, GENERATION_SCALING],
                "any_inputs": False,
            },
        },
    }


class Simulator(ScenarioSimulator):
    """Plays the scenario's profiles, one interval after the other."""

    def __init__(self) -> None:
        super().__init__(meta())
        self._series: dict[str, dict[str, list[Series]]] = {}
        self._interval = self._first = 0

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one set of profiles: a child per prosumer and one for the background."""
        if model != "Profiles" or num != 1 or self._series:
            raise ValueError(f"there is exactly one Profiles in this simulator, asked for {num} {model}")
        self._open(**model_params)
        background: CreateResult = {"eid": BACKGROUND_ID, "type": "Background", "rel": []}
        children = [_child(eid, by_kind) for eid, by_kind in self._series.items()]
        return [{"eid": "Profiles", "type": "Profiles", "rel": [], "children": [*children, background]}]

    def _open(self, scenario: ScenarioSource, first_interval: int = 0) -> None:
        self._case, self._first = open_case(scenario), first_interval
        self._steps_per_interval = interval_steps(self._case, self._time_resolution)
        self._series = {f"Prosumer-{prosumer.name}": series_by_kind(prosumer) for prosumer in self._case.prosumers}

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Move on to the interval that contains `time`."""
        following = time // self._steps_per_interval + 1
        self._interval = self._first + following - 1
        is_last = self._interval + 1 >= self._case.scenario.time.steps
        return None if is_last else following * self._steps_per_interval

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Forecasts are lists over the horizon, realised values and the load scaling single numbers."""
        return {
            eid: {attribute: self._value(eid, attribute) for attribute in attributes}
            for eid, attributes in outputs.items()
        }

    def _value(self, eid: str, attribute: str) -> list[float] | float | None:
        if eid == BACKGROUND_ID:
            scaling = self._case.load_scaling if attribute == LOAD_SCALING else self._case.generation_scaling
            return scaling(self._interval)
        kind, when = _parts_of(attribute)
        series = self._series[eid].get(kind, [])
        if not series:
            return None
        begin = self._interval
        if when == "realised":
            return float(sum(one.realised[begin] for one in series))
        end = begin + self._case.scenario.time.horizon_steps
        ahead: FloatArray = sum((one.forecast[begin:end] for one in series[1:]), series[0].forecast[begin:end])
        values: list[float] = ahead.tolist()
        return values


@cache
def _parts_of(attribute: str) -> tuple[str, str]:
    """Stem and sort of series; asked for by every prosumer in every interval."""
    kind, _, when = attribute.removesuffix("[kW]").rpartition("_")
    return kind, when


def series_by_kind(prosumer: Prosumer) -> dict[str, list[Series]]:
    """The profiles of a prosumer's devices by the kind of attribute that sums them up; only kinds that it has."""
    found = {stem: list(own_series(prosumer, stem).values()) for stem in stems()}
    return {stem: series for stem, series in found.items() if series}


def _child(eid: str, by_kind: dict[str, list[Series]]) -> CreateResult:
    own = [attribute_of(stem, which) for stem in by_kind for which in SERIES]
    return {"eid": eid, "type": "Prosumer", "rel": [], "extra_info": {"attributes": own}}


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.profiles HOST:PORT`."""
    return serve(Simulator(), "Profiles of a scenario")


if __name__ == "__main__":
    raise SystemExit(main())
