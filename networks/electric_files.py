"""Users' electric networks: pandapower JSON files, checked before and after they are loaded."""

import warnings
from pathlib import Path

import numpy as np
import pandapower
import pandas as pd
from pandapower import pandapowerNet
from pandapower.topology import unsupplied_buses

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.file_values import (
    element_fault,
    general_faults,
    in_service,
    named,
    number_faults,
    numbers,
    some,
)
from mosaik_p2p.networks.json_guard import DATA_CLASSES, foreign_classes
from mosaik_p2p.networks.names import with_unique_names

ALLOWED_CLASSES = DATA_CLASSES | {("pandapower.auxiliary", "pandapowerNet")}

NAMED_TABLES = ("bus", "line", "trafo", "load")

UNCHECKED = {
    "trafo3w": "Replace three-winding by two-winding transformers",
    "dcline": "Replace it by two static generators",
    "tcsc": "Leave it out",
    "vsc": "Leave it out",
    "ssc": "Leave it out",
    "svc": "Leave it out",
}
"""Elements that pandapower computes but whose results no table of ours carries: they would go unchecked."""

RATINGS = {"line": "max_i_ka", "trafo": "sn_mva"}
"""What the loading of an element is measured against; without it no loading breaks a limit."""

POSITIVE = {
    "bus": ("vn_kv",),
    "line": ("length_km",),
    "trafo": ("vn_hv_kv", "vn_lv_kv", "vk_percent"),
    "ext_grid": ("vm_pu",),
    "gen": ("vm_pu",),
}
FINITE = {
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("vkr_percent", "pfe_kw", "i0_percent"),
    "load": ("p_mw", "q_mvar", "scaling"),
    "sgen": ("p_mw", "q_mvar", "scaling"),
    "gen": ("p_mw", "scaling"),
    "storage": ("p_mw", "q_mvar", "scaling"),
    "shunt": ("p_mw", "q_mvar"),
}
GENERAL = ("f_hz", "sn_mva")
"""Frequency of the net, and the power that its per-unit values refer to."""

_LOADING_ERRORS = (ValueError, KeyError, TypeError, AttributeError, IndexError, ImportError, UserWarning)
"""What pandapower raises, as far as is known, at files that are JSON but no sound net."""

_WRITE = "Write the file with pandapower.to_json"


def read_net(path: Path) -> pandapowerNet:
    """The net in this file, with unique names. Raises BadInput with every fault that it has."""
    text = _safe_text(path)
    try:
        net = _load(text)
        faults = _faults(path, net)
    except _LOADING_ERRORS as error:
        problem = f"is JSON, but no net that pandapower can load ({type(error).__name__}: {error})"
        raise BadInput([Fault("file", str(path), problem, _WRITE)]) from error
    if faults:
        raise BadInput(faults)
    for table in NAMED_TABLES:
        net[table] = with_unique_names(net[table])
    return net


def _safe_text(path: Path) -> str:
    """The file's text, once it names nothing that loading would call beyond plain data."""
    if path.exists() and not path.is_file():
        raise BadInput([Fault("file", str(path), "is no regular file", _WRITE)])
    try:
        text = path.read_text(encoding="utf-8")
        foreign = foreign_classes(text, allowed=ALLOWED_CLASSES)
    except OSError as error:
        raise BadInput([Fault("file", str(path), f"cannot be read ({error.strerror})", "Check the path")]) from error
    except (ValueError, RecursionError) as error:
        raise BadInput([Fault("file", str(path), "is not JSON", _WRITE)]) from error
    if foreign:
        problem = f"would have classes called on loading that are no network data: {some(foreign)}"
        remedy = "Remove controllers and other objects from the net before writing it"
        raise BadInput([Fault("file", str(path), problem, remedy)])
    return text


def _load(text: str) -> pandapowerNet:
    with warnings.catch_warnings():
        # Files of other versions make the reader warn about conversions; whether the net is sound is checked after it.
        warnings.simplefilter("ignore")
        return pandapower.from_json_string(text, convert=True)


def _faults(path: Path, net: pandapowerNet) -> list[Fault]:
    faults = [
        Fault(f"{path}, table {table}", f"{len(net[table])} elements", "cannot be checked here", remedy)
        for table, remedy in UNCHECKED.items()
        if table in net and len(net[table])
    ]
    if len(net.gen) and net.gen["slack"].any():
        remedy = "Make it an ext_grid"
        faults.append(Fault(f"{path}, table gen", "slack = True", "a generator cannot be the slack here", remedy))
    faults += [fault for table, rating in RATINGS.items() for fault in _unrated(path, net[table], table, rating)]
    faults += general_faults(path, net, GENERAL)
    faults += number_faults(path, net, POSITIVE, positive=True) + number_faults(path, net, FINITE, positive=False)
    faults += _without_impedance(path, net.line)
    if not net.ext_grid["in_service"].any():
        remedy = "Add an ext_grid at the bus that connects to the network above"
        faults.append(Fault(f"{path}, table ext_grid", "empty", "there is no slack in service", remedy))
        return faults
    unsupplied = unsupplied_buses(net)
    if unsupplied:
        names = some(named(net.bus.loc[sorted(unsupplied)]))
        remedy = "Close a switch, add a line, or set the buses out of service"
        faults.append(Fault(f"{path}, table bus", names, "no path leads from there to an ext_grid", remedy))
    return faults


def _unrated(path: Path, elements: pd.DataFrame, table: str, rating: str) -> list[Fault]:
    """Elements in service whose loading would come out as nothing, zero or negative, and so keep every limit."""
    capacity = np.ones(len(elements))
    for column, absent in ((rating, np.nan), ("df", 1.0), ("parallel", 1.0)):
        values = elements[column] if column in elements else pd.Series(absent, index=elements.index)
        capacity = capacity * numbers(values)
    rated = np.isfinite(capacity) & (capacity > 0.0)
    wrong = elements[in_service(elements) & ~rated]
    if wrong.empty:
        return []
    problem = f"{len(wrong)} in service without a finite positive rating: their loading cannot be checked"
    remedy = f"Set {rating} (and df and parallel, where the table has them) to what each of them can carry"
    return [element_fault(path, table, wrong, problem, remedy)]


def _without_impedance(path: Path, lines: pd.DataFrame) -> list[Fault]:
    none = (numbers(lines["r_ohm_per_km"]) == 0.0) & (numbers(lines["x_ohm_per_km"]) == 0.0)
    wrong = lines[none & in_service(lines)]
    if wrong.empty:
        return []
    remedy = "Give each of them a resistance or a reactance, or join its buses by a switch"
    return [element_fault(path, "line", wrong, "r_ohm_per_km and x_ohm_per_km are both 0", remedy)]
