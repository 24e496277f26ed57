"""What becomes of each table and column of a pandapipes net that a user brings.

`HEAT_USES` lists the columns of the element tables, `HEAT_ENTRIES` the tables and whatever else a net consists of; the
stored options of the pipe flow are in `heat_options`. Tables that are refused are refused from here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.files.column_uses import TableUses, Use, irrelevant, overridden, refused, used
from mosaik_p2p.networks.files.numbers import in_service

_LABEL = "a label: nothing is computed from it"
_START = "where the solver begins: no result depends on it"
_OPEN = "water would leave or enter a closed network", "Use heat consumers between supply and return"

_T_SUPPLY, _SHARES = "networks.heat.t_supply_c", "networks.heat.plant_shares"
_OWN_T_SUPPLY = "networks.heat.plant_t_supply_c"
_ENDS = "from_junction", "to_junction"
_PUMP_ENDS = "return_junction", "flow_junction"

HEAT_USES: Mapping[str, TableUses] = {
    "junction": {
        **used("name", "height_m", "in_service"),
        **irrelevant(_START, "pn_bar", "tfluid_k"),
        **irrelevant(_LABEL, "type"),
    },
    "pipe": {
        **used("name", *_ENDS, "length_km", "inner_diameter_mm", "outer_diameter_mm", "k_mm", "loss_coefficient"),
        **used("u_w_per_m2k", "text_k", "in_service"),
        **irrelevant("the values of the type stand in columns of their own", "std_type"),
        **irrelevant("a pipe is computed as one section, along which the exponential law is exact", "sections"),
        **irrelevant(_LABEL, "type"),
    },
    "valve": {
        **used("junction", "element", "et", "inner_diameter_mm", "opened", "loss_coefficient"),
        **irrelevant(_LABEL, "name", "type"),
    },
    "pump": {**used(*_ENDS, "std_type", "in_service"), **irrelevant(_LABEL, "name", "type")},
    "compressor": {**used(*_ENDS, "pressure_ratio", "in_service"), **irrelevant(_LABEL, "name")},
    "press_control": {
        **used(*_ENDS, "controlled_junction", "controlled_p_bar", "control_active", "loss_coefficient", "in_service"),
        **irrelevant(_LABEL, "name", "type"),
    },
    "flow_control": {
        **used(*_ENDS, "controlled_mdot_kg_per_s", "control_active", "in_service"),
        **irrelevant(_LABEL, "name", "type"),
    },
    "heat_exchanger": {
        **used(*_ENDS, "inner_diameter_mm", "qext_w", "loss_coefficient", "in_service"),
        **irrelevant(_LABEL, "name", "type"),
    },
    "heat_consumer": {
        **used("name", *_ENDS, "qext_w", "controlled_mdot_kg_per_s", "deltat_k", "treturn_k", "in_service"),
        **irrelevant(_LABEL, "type"),
    },
    "circ_pump_pressure": {
        **used("name", *_PUMP_ENDS, "in_service", "type"),
        **overridden(_T_SUPPLY, "t_flow_k", also=(_OWN_T_SUPPLY,)),
        # A plant that feeds a share holds no pressure: the one that balances does.
        **overridden(_SHARES, "p_flow_bar", "plift_bar"),
    },
    "circ_pump_mass": {
        **used("name", *_PUMP_ENDS, "t_flow_k", "mdot_flow_kg_per_s", "in_service", "type"),
        **irrelevant("the plants hold the pressure; a pump that does so as well is refused", "p_flow_bar"),
    },
    "ext_grid": {
        **used("junction", "p_bar", "in_service", "type"),
        **overridden(_T_SUPPLY, "t_k", also=(_OWN_T_SUPPLY,)),
        **irrelevant(_LABEL, "name"),
    },
    **{
        table: refused(*_OPEN, "name", "junction", "mdot_kg_per_s", "scaling", "in_service", "type")
        for table in ("sink", "source")
    },
    "mass_storage": refused(
        *_OPEN,
        *("name", "junction", "mdot_kg_per_s", "scaling", "in_service", "type"),
        *("init_m_stored_kg", "min_m_stored_kg", "max_m_stored_kg"),
    ),
}
"""By table and column. A table that is refused as a whole is refused once, see `refused_tables`."""

_MADE = "made by the library, and made anew here"

HEAT_ENTRIES: TableUses = {
    **used(*(table for table in HEAT_USES if table not in ("sink", "source", "mass_storage", "heat_consumer"))),
    **overridden("prosumers.replaces_consumer", "heat_consumer"),
    **refused(*_OPEN, "sink", "source", "mass_storage"),
    **refused(
        "would act in the library's own runs only", "Remove it; set powers and flows as they are to be", "controller"
    ),
    # Pump types are used; what is no water is refused; a component that is not listed is computed by nobody.
    **used("std_types", "fluid", "component_list", "user_pf_options"),
    **irrelevant("coordinates change no figure", "junction_geodata", "pipe_geodata"),
    **irrelevant("a network is called by its file", "name"),
    **irrelevant(_MADE, "converged", "version", "format_version", "sector"),
}
"""By the entry of a net: its tables, and the rest."""


def refused_tables(path: Path, net: Mapping[str, Any]) -> Iterator[Fault]:
    """One fault for every refused table that has elements in service."""
    for table, use in HEAT_ENTRIES.items():
        elements = net.get(table)
        if use.use is not Use.REFUSED or not isinstance(elements, pd.DataFrame):
            continue
        count = int(in_service(elements).sum())
        if count:
            yield Fault(f"{path}, table {table}", f"{count} elements", use.why, use.remedy)
