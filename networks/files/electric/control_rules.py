"""What the values have to be that a controller is made with. Ranges are wide, as everywhere (`columns`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.columns import Range
from mosaik_p2p.networks.files.electric.control_build import area_of
from mosaik_p2p.networks.files.electric.control_objects import AREAS, CLASSES, CURVES, MODELS
from mosaik_p2p.networks.files.shapes import Stored
from mosaik_p2p.units import FloatArray

WITH_MODELS = "mosaik_p2p.networks.electric.network.text_with_models"


@dataclass(frozen=True)
class Rule:
    """What a parameter has to be."""

    fits: Callable[[Any], bool]
    wanted: str


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def values_of(value: Any) -> FloatArray | None:
    """A number or a list of them; None for anything else."""
    if is_number(value):
        return np.array([value], dtype=np.float64)
    if not isinstance(value, list | tuple | np.ndarray) or not len(value) or np.ndim(value) != 1:
        return None
    return np.array(value, dtype=np.float64) if all(map(is_number, value)) else None


def _each(bounds: Range) -> Rule:
    """A number, or one per element."""
    return Rule(lambda value: _all_in(bounds, values_of(value)), f"number {bounds}, or a list of them")


def _all_in(bounds: Range, values: FloatArray | None) -> bool:
    return values is not None and bool(bounds.holds(values).all())


def _one(bounds: Range) -> Rule:
    return Rule(lambda value: is_number(value) and _each(bounds).fits(value), f"number {bounds}")


def _choice(*choices: str) -> Rule:
    return Rule(lambda value: isinstance(value, str) and value in choices, f"text of {' or '.join(map(repr, choices))}")


def _points(bounds: Range) -> Rule:
    return Rule(lambda value: not is_number(value) and _all_in(bounds, values_of(value)), f"list of numbers {bounds}")


def _rising(bounds: Range) -> Rule:
    points = _points(bounds)
    return Rule(
        lambda value: points.fits(value) and not (np.diff(np.asarray(value, dtype=float)) < 0.0).any(),
        f"{points.wanted} of which none is below the one before",
    )


def _object(kinds: Sequence[type], what: str) -> Rule:
    names = {kind.__name__ for kind in kinds}
    return Rule(lambda value: isinstance(value, Stored) and value.kind in names, f"{what}: {', '.join(sorted(names))}")


def _or_none(rule: Rule) -> Rule:
    return Rule(lambda value: value is None or rule.fits(value), f"{rule.wanted}, or none")


def _each_or_nan(bounds: Range) -> Rule:
    def fits(value: Any) -> bool:
        found = values_of(value)
        return found is not None and _all_in(bounds, found[~np.isnan(found)])

    return Rule(fits, f"{_each(bounds).wanted}; not a number where there is none")


_FLAG = Rule(lambda value: isinstance(value, bool | np.bool_), "truth value")
_INDICES = Rule(
    lambda value: (found := values_of(value)) is not None and all(float(one).is_integer() for one in found),
    "index, or a list of them",
)
_WHOLE = Range(1.0, 1e6, "")
_VOLTAGE = Range(0.5, 1.5, "p.u.", above=True)
_ERROR = Range(0.0, 1000.0, "")
_FACTOR = Range(-1.0, 1.0, "")
_Q = Range(-10.0, 10.0, "of sn_mva")
_TAP: Mapping[str, Rule] = {
    "element": _choice("trafo"),
    "element_index": _INDICES,
    "side": _choice("hv", "lv"),
    "tol": _one(Range(0.0, 1.0, "p.u.")),
}
_NOT_ZERO = Rule(lambda value: _one(_FACTOR).fits(value) and value != 0.0, f"number {_FACTOR}, but not 0")
_COSPHI = {"cosphi": _one(_FACTOR)}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "DiscreteTapControl": {
        **_TAP,
        "vm_lower_pu": _each(_VOLTAGE),
        "vm_upper_pu": _each(_VOLTAGE),
        "hunting_limit": _or_none(_one(_WHOLE)),
    },
    "ContinuousTapControl": {**_TAP, "vm_set_pu": _each(_VOLTAGE), "check_tap_bounds": _FLAG},
    "DERController": {
        "element": _choice("sgen"),
        "element_index": _INDICES,
        "q_model": _or_none(_object(MODELS, "model")),
        "pqv_area": _or_none(_object(AREAS, "area")),
        "saturate_sn_mva": _each_or_nan(Range(0.0, 1e5, "MVA", above=True)),
        "q_prio": _FLAG,
        "damping_coef": _one(Range(0.5, 1000.0, "", above=True)),
        "max_p_error": _one(_ERROR),
        "max_q_error": _one(_ERROR),
    },
    "QModelConstQ": {"q_pu": _each(_Q)},
    "QModelCosphiP": _COSPHI,
    "QModelCosphiPQ": {"cosphi": _NOT_ZERO},
    "QModelCosphiSn": _COSPHI,
    "QModelCosphiPCurve": {"cosphi_p_curve": _object(CURVES[2:], "curve")},
    "QModelCosphiVCurve": {"cosphi_v_curve": _object(CURVES[1:2], "curve")},
    "QModelQVCurve": {"qv_curve": _object(CURVES[:1], "curve")},
    "QVCurve": {"vm_points_pu": _rising(Range(0.0, 2.0, "p.u.")), "q_points_pu": _points(_Q)},
    "CosphiVCurve": {"vm_points_pu": _rising(Range(0.0, 2.0, "p.u.")), "cosphi_points": _points(_FACTOR)},
    "CosphiPCurve": {"p_points_pu": _rising(_Q), "cosphi_points": _points(_FACTOR)},
    "PQAreaSTATCOM": {"min_q_pu": _one(_Q), "max_q_pu": _one(_Q)},
}
"""By class and parameter that is used; areas of the standards are compared with the library's own."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "DiscreteTapControl": ("element", "element_index", "side", "vm_lower_pu", "vm_upper_pu"),
    "ContinuousTapControl": ("element", "element_index", "side", "vm_set_pu"),
    "DERController": ("element", "element_index", "q_model"),
    **{kind: tuple(rules) for kind, rules in RULES.items() if not kind.endswith(("Control", "Controller"))},
}
"""What has no default, or none that anybody would mean."""


def value_faults(place: str, stored: Stored) -> list[Fault]:
    """What of the object's values, and of those of the objects in it, is not as it has to be."""
    found = [*_missing(place, stored), *_unfit(place, stored)]
    for name in RULES.get(stored.kind, {}):
        if isinstance(value := stored.state.get(name), Stored):
            found += value_faults(place, value)
    return found or [*_as_a_whole(place, stored)]


def _missing(place: str, stored: Stored) -> Iterator[Fault]:
    for name in NEEDED.get(stored.kind, ()):
        if name not in stored.state:
            yield Fault(f"{place}, {stored.kind}.{name}", "(missing)", "has no value", "Write the net with its library")


def _unfit(place: str, stored: Stored) -> Iterator[Fault]:
    for name, rule in RULES.get(stored.kind, {}).items():
        if name in stored.state and not rule.fits(stored.state[name]):
            value = stored.state[name]
            said = value.kind if isinstance(value, Stored) else shown(value)
            yield Fault(f"{place}, {stored.kind}.{name}", said, *_problem_and_remedy(name, value, rule))


def _problem_and_remedy(name: str, value: Any, rule: Rule) -> tuple[str, str]:
    """The library's writer leaves nothing of a model or an area but the name."""
    if name in ("q_model", "pqv_area") and isinstance(value, str):
        problem = "is only a name: pandapower.to_json writes neither the curve nor the area of a DERController"
        return problem, f"Write the file with {WITH_MODELS}(net), or give the net itself to the simulator"
    return f"is no {rule.wanted}", "Give it such a value, or take the controller out"


def _as_a_whole(place: str, stored: Stored) -> Iterator[Fault]:
    kind = CLASSES[stored.kind]
    if kind in AREAS and area_of(stored) is None:
        problem = f"holds what no {stored.kind} of pandapower does"
        yield Fault(f"{place}, {stored.kind}", "(its values)", problem, "Make it anew with the parameters of its class")
    if kind in CURVES:
        lengths = [len(np.atleast_1d(stored.state[name])) for name in RULES[stored.kind]]
        if len(set(lengths)) > 1:
            problem, remedy = "has lists of unequal length", "Give a value to each point"
            yield Fault(f"{place}, {stored.kind}", " and ".join(map(str, lengths)), problem, remedy)
