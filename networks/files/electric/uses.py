"""What becomes of every column of every table that pandapower knows; see `column_uses`.

Powers of elements are used with a factor: `networks.electricity.background` for all that draws (without that key it is
dropped), `networks.electricity.generation` for static generators; `counted` says which tables these are.
"""

from collections.abc import Mapping

from mosaik_p2p.networks.files.column_uses import TableUses, irrelevant, overridden, refused, used
from mosaik_p2p.networks.files.electric.columns import COSTS, REFUSED

_LABEL = "a label"
_SHORT_CIRCUIT = "only short circuits depend on it"
_UNBALANCED = "networks are balanced here, all phases carry the same"
_OPTIMISATION = "a bound of optimisations, in which powers are not given"
_TEMPERATURE = "lines are taken at the temperature of their resistance"
_RATING = "nothing is measured against it"
_SLACK_WEIGHT = "there is no distributed slack"

_LIMITS = "networks.electricity.limits"
_OWN, _OWN_LINE, _OWN_TRANSFORMER = (f"{_LIMITS}.element[{table}]" for table in ("bus", "line", "transformer"))
_LABELS = irrelevant(_LABEL, "type", "zone", "std_type")
_IN_SERVICE = used("name", "in_service")
_PHASES = [f"{power}_{phase}_{unit}" for power, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc"]
_POWER_BOUNDS = irrelevant(_OPTIMISATION, "max_p_mw", "min_p_mw", "controllable")
_BOUNDS = _POWER_BOUNDS | irrelevant(_OPTIMISATION, "max_q_mvar", "min_q_mvar")
_SHARES = [f"const_{kind}_{power}_percent" for kind in "zi" for power in "pq"]
_CURVE = refused(
    "asks for a table of reactive power by active power, which is not supported here",
    "Set it to False, and max_q_mvar and min_q_mvar to numbers",
    "reactive_capability_curve",
    harmless=(False,),
) | irrelevant("belongs to reactive_capability_curve", "id_q_capability_characteristic", "curve_style")
_TAP = [
    f"{tap}_{what}"
    for tap in ("tap", "tap2")
    for what in ("side", "neutral", "min", "max", "step_percent", "step_degree", "pos", "changer_type")
]
_WARD = used("bus", "ps_mw", "qs_mvar", "pz_mw", "qz_mvar")

ELECTRIC_USES: Mapping[str, TableUses] = {
    "bus": _IN_SERVICE
    | _LABELS
    | used("vn_kv")
    | overridden(f"{_LIMITS}.voltage_pu.min", "min_vm_pu", also=(f"{_OWN}.voltage_pu.min",))
    | overridden(f"{_LIMITS}.voltage_pu.max", "max_vm_pu", also=(f"{_OWN}.voltage_pu.max",))
    | irrelevant("maps are drawn by what is connected", "geo"),
    "line": _IN_SERVICE
    | _LABELS
    | used("from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "g_us_per_km")
    | used("max_i_ka", "df", "parallel")
    | overridden(f"{_LIMITS}.line_loading_percent", "max_loading_percent", also=(f"{_OWN_LINE}.loading_percent",))
    | overridden(f"{_OWN_LINE}.max_kw", "max_p_mw")
    | irrelevant(_UNBALANCED, "r0_ohm_per_km", "x0_ohm_per_km", "c0_nf_per_km", "g0_us_per_km")
    | irrelevant(_SHORT_CIRCUIT, "endtemp_degree")
    | irrelevant("maps are drawn by what is connected", "geo")
    | irrelevant(_TEMPERATURE, "alpha", "temperature_degree_celsius", "tdpf", "wind_speed_m_per_s")
    | irrelevant(_TEMPERATURE, "wind_angle_degree", "conductor_outer_diameter_m", "air_temperature_degree_celsius")
    | irrelevant(_TEMPERATURE, "reference_temperature_degree_celsius", "solar_radiation_w_per_sq_m")
    | irrelevant(_TEMPERATURE, "solar_absorptivity", "emissivity", "r_theta_kelvin_per_mw", "mc_joule_per_m_k"),
    "trafo": _IN_SERVICE
    | _LABELS
    | used("hv_bus", "lv_bus", "sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent")
    | used("shift_degree", "parallel", "df", *_TAP, "tap_dependency_table", "id_characteristic_table")
    | used("leakage_resistance_ratio_hv", "leakage_reactance_ratio_hv")
    | overridden(
        f"{_LIMITS}.transformer_loading_percent",
        "max_loading_percent",
        also=(f"{_OWN_TRANSFORMER}.loading_percent",),
    )
    | irrelevant(_UNBALANCED, "vk0_percent", "vkr0_percent", "mag0_percent", "mag0_rx", "si0_hv_partial")
    | irrelevant(_UNBALANCED, "vector_group", "xn_ohm")
    | irrelevant(_SHORT_CIRCUIT, "oltc", "power_station_unit", "pt_percent"),
    "load": _IN_SERVICE
    | _LABELS
    | used("bus", "p_mw", "q_mvar", "scaling", *_SHARES)
    | irrelevant(_RATING, "sn_mva")
    | _BOUNDS,
    "sgen": _IN_SERVICE
    | _LABELS
    | used("bus", "p_mw", "q_mvar", "scaling", "sn_mva")
    | _BOUNDS
    | irrelevant(_OPTIMISATION, "reactive_capability_curve", "id_q_capability_characteristic", "curve_style")
    | irrelevant(_SHORT_CIRCUIT, "k", "rx", "current_source", "generator_type", "lrc_pu", "max_ik_ka", "kappa"),
    "gen": _IN_SERVICE
    | _LABELS
    | used("bus", "p_mw", "vm_pu", "scaling", "max_q_mvar", "min_q_mvar")
    | refused(
        "makes a generator the slack, which is not supported here", "Make it an ext_grid", "slack", harmless=(False,)
    )
    | _CURVE
    | _POWER_BOUNDS
    | irrelevant(_OPTIMISATION, "min_vm_pu", "max_vm_pu")
    | irrelevant(_RATING, "sn_mva")
    | irrelevant(_SLACK_WEIGHT, "slack_weight")
    | irrelevant(_SHORT_CIRCUIT, "vn_kv", "xdss_pu", "rdss_ohm", "cos_phi", "power_station_trafo", "pg_percent"),
    "ext_grid": _IN_SERVICE
    | used("bus", "va_degree")
    | overridden("networks.electricity.slack_voltage_pu", "vm_pu")
    | _BOUNDS
    | irrelevant(_SLACK_WEIGHT, "slack_weight")
    | irrelevant(_SHORT_CIRCUIT, "s_sc_max_mva", "s_sc_min_mva", "rx_max", "rx_min", "r0x0_max", "x0x_max"),
    "storage": _IN_SERVICE
    | _LABELS
    | used("bus", "p_mw", "q_mvar", "scaling")
    | irrelevant(_RATING, "sn_mva")
    | irrelevant("its power is what is stated; a battery of a prosumer has keys of its own", "max_e_mwh", "min_e_mwh")
    | irrelevant("only passed on, to whoever asks for it in mosaik", "soc_percent")
    | _BOUNDS,
    "shunt": _IN_SERVICE
    | used("bus", "p_mw", "q_mvar", "vn_kv", "step")
    | irrelevant("step says what is on", "max_step")
    | refused(
        "asks for a table of power by step, which is not supported here",
        "Set it to False, and p_mw and q_mvar to the power of one step",
        "step_dependency_table",
        harmless=(False,),
    )
    | irrelevant("belongs to step_dependency_table", "id_characteristic_table"),
    "ward": _IN_SERVICE | _WARD,
    "xward": _IN_SERVICE | _WARD | used("r_ohm", "x_ohm", "vm_pu") | irrelevant(_SLACK_WEIGHT, "slack_weight"),
    "impedance": _IN_SERVICE
    | used("from_bus", "to_bus", "rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "gf_pu", "bf_pu", "gt_pu", "bt_pu", "sn_mva")
    | irrelevant(_UNBALANCED, "rft0_pu", "xft0_pu", "rtf0_pu", "xtf0_pu", "gf0_pu", "bf0_pu", "gt0_pu", "bt0_pu"),
    "switch": used("bus", "element", "et", "closed", "z_ohm")
    | irrelevant(_LABEL, "name", "type")
    | irrelevant("the loading of switches is not checked", "in_ka"),
    "motor": _IN_SERVICE
    | used("bus", "pn_mech_mw", "cos_phi", "efficiency_percent", "loading_percent", "scaling")
    | irrelevant(_SHORT_CIRCUIT, "cos_phi_n", "efficiency_n_percent", "lrc_pu", "rx", "vn_kv"),
    "controller": _IN_SERVICE
    | used("object", "order", "level")
    | refused(
        "asks for no power flow before controllers move, which is not supported here",
        "Set it to True",
        "initial_run",
        harmless=(True,),
    )
    | irrelevant("only time series of the library's own keep matrices by it", "recycle"),
    "asymmetric_load": _IN_SERVICE
    | used("bus", *_PHASES, "scaling")
    | irrelevant(_UNBALANCED, "type")
    | irrelevant(_RATING, "sn_mva"),
    "asymmetric_sgen": _IN_SERVICE
    | used("bus", *_PHASES, "scaling")
    | irrelevant(_UNBALANCED, "type")
    | irrelevant(_RATING, "sn_mva")
    | irrelevant(_SHORT_CIRCUIT, "current_source"),
}
"""By table and column."""

IRRELEVANT_TABLES: Mapping[str, str] = {
    **dict.fromkeys(COSTS, "prices stand in the scenario"),
    "measurement": "nothing is estimated from measurements",
    "group": "names of sets of elements",
}
"""Tables of which no value could change a figure, and why not."""

RESULTS = ("res_", "_empty_res_")
"""What tables of results begin with: they are of another state, and cleared."""

ENTRIES: TableUses = {
    **used("f_hz", "sn_mva", "user_pf_options"),
    **irrelevant(_LABEL, "name"),
    **irrelevant("the columns of an element hold the values of its type", "std_types"),
    **irrelevant("decides how the file is converted", "version", "format_version"),
    **irrelevant("of the last run of the library", "converged", "OPF_converged"),
}
"""Entries of a net that are no tables; those that begin with an underscore are the library's own."""


def table_use(table: str) -> str | None:
    """What is done with a table: "used", "refused", or why it is irrelevant; None for one that is not known."""
    if table in ELECTRIC_USES:
        return "used"
    if table in REFUSED:
        return "refused"
    return "results of another state" if table.startswith(RESULTS) else IRRELEVANT_TABLES.get(table)
