"""What becomes of everything that a controller can hold, by its class; see `column_uses`.

A parameter of a class that is not listed is a fault of ours, which a test finds; one that only a file has is refused.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.column_uses import TableUses, Use, irrelevant, refused, used
from mosaik_p2p.networks.files.shapes import Stored

_OF_TABLE = "stands in the table of controllers"
_COMPUTED = "is computed anew from the network's tables"
_MADE = "matters only while a controller is being made"
_PROFILE = "belongs to profiles of the library's own time series"
_NEVER = "nothing in the library reads it"
_DERIVED = "is computed from the others, and has to fit them"
_FIRST_RUN = refused(
    "asks for no power flow before controllers move, which is not supported here",
    "Set it to True",
    "initial_run",
    "initial_powerflow",
    harmless=(True,),
)
_ANY = (
    irrelevant(_OF_TABLE, "in_service", "order", "level", "recycle", "name", "index")
    | irrelevant(_MADE, "drop_same_existing_ctrl", "matching_params", "overwrite")
    | _FIRST_RUN
)
_TAP = (
    _ANY
    | used("element", "element_index", "side", "tol")
    | irrelevant(_COMPUTED, "tap_min", "tap_max", "tap_neutral", "tap_step_percent", "tap_step_degree", "tap_pos")
    | irrelevant(_COMPUTED, "tap_sign", "tap_side_coeff", "trafobus", "controlled", "_read_write_flag")
)
_SERIES = refused(
    "is of a time series of the library, which pandapower takes in place of the power in the table",
    "Write the net before the series, or give the powers by networks.electricity.generation",
    *("data_source", "p_profile", "q_profile", "profile_name", "profile_from_name", "values"),
    *("p_series_mw", "q_series_mvar", "q_series_mw"),
    harmless=(False,),
)
_MODEL = irrelevant(_DERIVED, "q_setpoint_pu", "cosphi_pos")

CONTROL_USES: Mapping[str, TableUses] = {
    "DiscreteTapControl": _TAP
    | used("vm_lower_pu", "vm_upper_pu", "hunting_limit")
    | irrelevant("the band around it is stored with it", "vm_set_pu", "_vm_set_pu", "vm_delta_pu")
    | irrelevant(_COMPUTED, "_hunting_taps"),
    "ContinuousTapControl": _TAP | used("vm_set_pu", "check_tap_bounds") | irrelevant(_COMPUTED, "t_nom"),
    "DERController": _ANY
    | used("element", "element_index", "q_model", "pqv_area", "saturate_sn_mva", "q_prio", "damping_coef")
    | used("max_p_error", "max_q_error", "bus", "sn_mva")
    | _SERIES
    | irrelevant(_PROFILE, "pq_simultaneity_factor", "profile_scale", "ts_absolute", "scale_factor")
    | irrelevant(_NEVER, "f_sizing", "converter_sizing_pu", "sign", "gen_type", "element_names", "element_in_service")
    | irrelevant(_NEVER, "saturate_sn_mva_activated", "applied", "write_flag", "variable")
    | irrelevant(_COMPUTED, "p_mw", "q_mvar", "target_p_mw", "target_q_mvar", "p_curtailment"),
    "QModelConstQ": used("q_pu"),
    **{f"QModelCosphi{kind}": used("cosphi") | _MODEL for kind in ("P", "PQ", "Sn")},
    "QModelCosphiPCurve": used("cosphi_p_curve"),
    "QModelCosphiVCurve": used("cosphi_v_curve"),
    "QModelQVCurve": used("qv_curve"),
    "QVCurve": used("vm_points_pu", "q_points_pu"),
    "CosphiVCurve": used("vm_points_pu", "cosphi_points") | _MODEL,
    "CosphiPCurve": used("p_points_pu", "cosphi_points") | _MODEL,
    "PQAreaSTATCOM": used("min_q_pu", "max_q_pu"),
    "PQVArea4105": used("variant", "raise_merge_overlap", "pq_area", "qv_area"),
    "PQVArea4110": used("raise_merge_overlap", "pq_area", "qv_area"),
    **{f"PQVArea4120V{n}": used("version", "raise_merge_overlap", "pq_area", "qv_area") for n in (1, 2, 3)},
    **{f"PQVArea4130V{n}": used("vn_kv", "raise_merge_overlap", "pq_area", "qv_area") for n in (1, 3)},
}
"""By class and parameter, or attribute of the finished object. Areas have to be one of those that the library makes, in
whatever they hold."""


def control_use_faults(place: Path | str, stored: Stored) -> list[Fault]:
    """What the controller holds that is refused, or that its class does not know; parts of areas are judged whole."""
    found = [*_faults(place, stored)]
    for value in stored.state.values():
        if isinstance(value, Stored) and value.kind in CONTROL_USES:
            found += control_use_faults(place, value)
    return found


def _faults(place: Path | str, stored: Stored) -> Iterable[Fault]:
    uses = CONTROL_USES[stored.kind]
    for name, value in stored.state.items():
        use = uses.get(name)
        at = f"{place}, {stored.kind}.{name}"
        if use is None:
            yield Fault(at, shown(value), f"no {stored.kind} of pandapower has it", "Remove it")
        elif use.use is Use.REFUSED and not _is_silent(value, use.harmless):
            yield Fault(at, shown(value), use.why, use.remedy)


def _is_silent(value: object, harmless: tuple[object, ...]) -> bool:
    """Whether the value says the same as none."""
    return value is None or (isinstance(value, bool | np.bool_) and bool(value) in harmless)
