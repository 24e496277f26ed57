"""Users' electric networks: pandapower JSON files, checked before and after they are loaded."""

import warnings
from pathlib import Path

import numpy as np
import pandapower
import pandas as pd
from pandapower import pandapowerNet
from pandapower.topology import unsupplied_buses

from mosaik_p2p.errors import BadInput, Fault
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

_LOADING_ERRORS = (ValueError, KeyError, TypeError, AttributeError, IndexError, ImportError, UserWarning)
"""What pandapower raises, as far as is known, at files that are JSON but no sound net."""

_SHOWN = 5
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
    try:
        text = path.read_text(encoding="utf-8")
        foreign = foreign_classes(text, allowed=ALLOWED_CLASSES)
    except OSError as error:
        raise BadInput([Fault("file", str(path), f"cannot be read ({error.strerror})", "Check the path")]) from error
    except (ValueError, RecursionError) as error:
        raise BadInput([Fault("file", str(path), "is not JSON", _WRITE)]) from error
    if foreign:
        problem = f"would have classes called on loading that are no network data: {_some(foreign)}"
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
    if not net.ext_grid["in_service"].any():
        remedy = "Add an ext_grid at the bus that connects to the network above"
        faults.append(Fault(f"{path}, table ext_grid", "empty", "there is no slack in service", remedy))
        return faults
    unsupplied = unsupplied_buses(net)
    if unsupplied:
        names = _some(_named(net.bus.loc[sorted(unsupplied)]))
        remedy = "Close a switch, add a line, or set the buses out of service"
        faults.append(Fault(f"{path}, table bus", names, "no path leads from there to an ext_grid", remedy))
    return faults


def _unrated(path: Path, elements: pd.DataFrame, table: str, rating: str) -> list[Fault]:
    """Elements in service whose loading would come out as nothing, zero or negative, and so keep every limit."""
    capacity = np.ones(len(elements))
    for column, absent in ((rating, np.nan), ("df", 1.0), ("parallel", 1.0)):
        values = elements[column] if column in elements else pd.Series(absent, index=elements.index)
        capacity = capacity * pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    rated = np.isfinite(capacity) & (capacity > 0.0)
    wrong = elements[elements["in_service"].to_numpy(dtype=bool) & ~rated]
    if wrong.empty:
        return []
    problem = f"{len(wrong)} in service without a finite positive rating: their loading cannot be checked"
    remedy = f"Set {rating} (and df and parallel, where the table has them) to what each of them can carry"
    return [Fault(f"{path}, table {table}", _some(_named(wrong)), problem, remedy)]


def _named(elements: pd.DataFrame) -> list[str]:
    names = elements["name"] if "name" in elements else [None] * len(elements)
    return [f"{name} (index {index})" for name, index in zip(names, elements.index, strict=True)]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
