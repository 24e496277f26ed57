"""What others tell the market about its prosumers: forecasts and what turns out, from any number of sources.

A source may step more rarely than the market, or speak only when something changes. Its forecast counts from the
interval in which it came; what turned out holds until the source says something else. What nobody says, or says no
longer, is the scenario's own.

The market decides at the begin of an interval, so a value that comes later is no longer part of it: an average over the
interval is not known at its begin. It counts for the next interval, and the first such value is told with a warning.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mosaik_api_v3.types import InputData

from mosaik_p2p.market.over_time.forecasts import Forecasts, forecast_attributes, realised_attributes
from mosaik_p2p.sims.shared import Sources, in_order, same_length
from mosaik_p2p.units import FloatArray

NUMBERS = "biuf"
"""Of numpy's types those that a power may come in."""


class LateValue(UserWarning):
    """A value came after the market had cleared the interval that it is about."""


@dataclass(frozen=True)
class _Said:
    """One source's word: values from interval `begin` on."""

    begin: int
    values: FloatArray

    def from_interval(self, interval: int) -> FloatArray:
        return self.values[interval - self.begin :]


class Expected:
    """The last word of every source, by entity and attribute."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], dict[str, _Said]] = {}
        self._has_warned = False

    def take(self, inputs: InputData, *, interval: int) -> None:
        """Keep what arrived at the begin of an interval. None says that the source has nothing to say any more."""
        for eid, attribute, sources in _given(inputs):
            said = self._said.setdefault((eid, attribute), {})
            for source, value in sources.items():
                if value is None:
                    said.pop(source, None)
                else:
                    said[source] = _Said(interval, _numbers(value))

    def take_late(self, inputs: InputData, *, interval: int, when: str) -> None:
        """Keep what arrived after `interval` was cleared, for the next one; warns of the first that is news.

        `when` says how late, for the message.
        """
        realised = frozenset(realised_attributes())
        for eid, attribute, sources in _given(inputs):
            if attribute in realised:
                self._warn_of_news(eid, attribute, sources, when)
        self.take(inputs, interval=interval + 1)

    def _warn_of_news(self, eid: str, attribute: str, sources: Sources, when: str) -> None:
        known = self._said.get((eid, attribute), {})
        for source in sorted(sources):
            used = known[source].values[0] if source in known else None
            if sources[source] != used and not self._has_warned:
                self._has_warned = True
                before = "without it" if used is None else f"with {used:g}"
                message = (
                    f"{eid}: {attribute} = {sources[source]} of {source} comes {when}: the market has cleared "
                    f"the interval {before}. It counts for the next one, as far as it still holds then. Average "
                    "such a profile over the interval, or choose a shorter time.step_minutes."
                )
                warnings.warn(message, LateValue, stacklevel=2)

    def forecasts(self, interval: int, prosumer_of: Mapping[str, str]) -> Forecasts:
        """What counts at the begin of an interval, by the prosumer's name: the sum over the sources.

        Where sources look ahead by different lengths the sum reaches as far as all of them.
        """
        found: dict[str, dict[str, FloatArray]] = {}
        realised = frozenset(realised_attributes())
        for (eid, attribute), said in self._said.items():
            values = _sum(said, interval, holds=attribute in realised)
            if values.size:
                found.setdefault(prosumer_of[eid], {})[attribute] = values
        return found


def _given(inputs: InputData) -> list[tuple[str, str, Sources]]:
    known = forecast_attributes()
    return [
        (eid, attribute, attributes[attribute])
        for eid, attributes in inputs.items()
        for attribute in known
        if attribute in attributes
    ]


def _numbers(value: Any) -> FloatArray:
    """(n,) what a source has sent, one number or a list. Raises TypeError for anything else."""
    numbers = np.array(value if isinstance(value, list) else [value])
    if numbers.ndim != 1 or numbers.dtype.kind not in NUMBERS:
        raise TypeError(f"{value!r} is no number, nor a list of numbers")
    result: FloatArray = numbers.astype(np.float64, copy=False)
    return result


def _sum(said: Mapping[str, _Said], interval: int, *, holds: bool) -> FloatArray:
    """Sum from the interval on; a last value that `holds` is one for this interval."""
    parts: list[FloatArray] = [word.values[-1:] if holds else word.from_interval(interval) for word in in_order(said)]
    if len(parts) == 1:
        # As a rule: what one source says needs no sum.
        return parts[0]
    length = min(map(len, parts), default=0)
    return np.asarray(same_length([values[:length].tolist() for values in parts]), dtype=np.float64)
