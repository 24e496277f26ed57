"""Users' electric networks: pandapower files, decoded as plain data and judged table by table."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.topology import unsupplied_buses

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.electric.options import option_faults
from mosaik_p2p.networks.files.column_uses import refused_faults
from mosaik_p2p.networks.files.columns import table_faults, with_kinds
from mosaik_p2p.networks.files.electric.columns import COMPUTED, REFUSED, electric_kinds, electric_tables
from mosaik_p2p.networks.files.electric.control_build import with_controllers
from mosaik_p2p.networks.files.electric.control_sense import control_faults
from mosaik_p2p.networks.files.electric.excel import electric_net_of_sheets
from mosaik_p2p.networks.files.electric.from_json import converted, electric_net
from mosaik_p2p.networks.files.electric.sense import sense_faults
from mosaik_p2p.networks.files.electric.taps import with_types_of_taps
from mosaik_p2p.networks.files.electric.uses import ELECTRIC_USES
from mosaik_p2p.networks.files.names import with_unique_names
from mosaik_p2p.networks.files.nets import loading
from mosaik_p2p.networks.files.numbers import element_fault, general_faults, in_service, named, numbers, some
from mosaik_p2p.networks.files.strict import Unusable, file_bytes, text_of

NAMED_TABLES = ("bus", "line", "trafo", "load")

RATINGS = {"line": "max_i_ka", "trafo": "sn_mva"}
"""What the loading of an element is measured against; without it no loading breaks a limit."""

LARGEST_RATING = 1e6
"""In kA or MVA; published cases write 99999 for "none"."""

GENERAL = ("f_hz", "sn_mva")
"""Frequency of the net, and the power that its per-unit values refer to."""


WORKBOOKS = (".xlsx", ".xlsm")
"""Endings of Excel files; every other file is taken for JSON."""


def is_workbook(path: Path) -> bool:
    """Whether the name is that of an Excel file."""
    return path.suffix.lower() in WORKBOOKS


def read_net(path: Path) -> pandapowerNet:
    """The net in this JSON file, with unique names. Raises BadInput with every fault that it has."""
    content = file_bytes(path, "file", "pandapower.to_json")
    return _read(path, lambda: electric_net(text_of(content), str(path)))


def read_sheets(path: Path) -> pandapowerNet:
    """The net in this Excel file, with unique names. Raises BadInput with every fault that it has."""
    content = file_bytes(path, "file", "pandapower.to_excel")
    return _read(path, lambda: electric_net_of_sheets(content, str(path)))


def given_net(net: pandapowerNet, name: str) -> pandapowerNet:
    """A copy of a net that somebody built, with unique names. Raises BadInput with every fault that it has."""
    return _read(Path(name), lambda: (converted(deepcopy(net)), []))


def as_meant(net: pandapowerNet) -> pandapowerNet:
    """The net itself, sound, with unique names in the tables that are named, a column of names in all others, a type
    for every tap changer, and controllers that know it as it is."""
    for table, kinds in electric_kinds().items():
        if "name" in kinds and "name" not in net[table]:
            net[table] = net[table].assign(name=None)
    for table in NAMED_TABLES:
        net[table] = with_unique_names(net[table])
    return with_controllers(with_types_of_taps(net))


def with_types(net: pandapowerNet) -> pandapowerNet:
    """The net itself, sound by its rules, with numbers of the types that pandapower computes with."""
    for table, kinds in electric_kinds().items():
        net[table] = with_kinds(net[table], kinds)
    return net


def structure_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    """What would make pandapower stumble: tables, indices, columns, kinds, references, implausible numbers."""
    faults = [
        Fault(f"{path}, table {table}", "(missing)", "the net has no such table", "Write it with pandapower.to_json")
        for table in COMPUTED
        if not isinstance(net.get(table), pd.DataFrame)
    ]
    if not faults and net.bus.empty:
        faults.append(Fault(f"{path}, table bus", "(empty)", "the net has no bus", "Add buses and an ext_grid"))
    faults += table_faults(path, net, electric_tables())
    return faults or [*sense_faults(path, net), *control_faults(path, net)]


def _read(path: Path, net_of: Callable[[], tuple[pandapowerNet | None, list[Fault]]]) -> pandapowerNet:
    try:
        net, faults = net_of()
        if net is not None:
            with loading("pandapower"):
                faults = _faults(path, net)
    except Unusable as error:
        raise BadInput([Fault("file", str(path), error.problem, error.remedy)]) from error
    if faults or net is None:
        raise BadInput(faults)
    return as_meant(net)


def _faults(path: Path, net: pandapowerNet) -> list[Fault]:
    faults = [
        Fault(f"{path}, table {table}", f"{len(net[table])} elements", "cannot be checked here", remedy)
        for table, remedy in REFUSED.items()
        if _has_rows(net, table)
    ]
    faults += general_faults(path, net, GENERAL)
    faults += option_faults(path, net)
    faults += refused_faults(path, net, ELECTRIC_USES)
    structure = structure_faults(path, net)
    faults += structure
    if any(not isinstance(net.get(table), pd.DataFrame) for table in COMPUTED):
        return faults
    faults += [fault for table, rating in RATINGS.items() for fault in _unrated(path, net[table], table, rating)]
    return faults + (_slack_faults(path, with_types(net)) if not structure else [])


def _slack_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    faults = []
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


def _has_rows(net: pandapowerNet, table: str) -> bool:
    return isinstance(net.get(table), pd.DataFrame) and len(net[table]) > 0


def _unrated(path: Path, elements: pd.DataFrame, table: str, rating: str) -> list[Fault]:
    """Elements in service whose loading would come out as nothing, zero or negative, and so keep every limit."""
    capacity: Any = np.ones(len(elements))
    for column, absent in ((rating, np.nan), ("df", 1.0), ("parallel", 1.0)):
        values = elements[column] if column in elements else pd.Series(absent, index=elements.index)
        capacity = capacity * numbers(values)
    rated = (capacity > 0.0) & (capacity <= LARGEST_RATING)
    wrong = elements[in_service(elements) & ~rated]
    if wrong.empty:
        return []
    problem = f"{len(wrong)} in service without a finite positive rating: their loading cannot be checked"
    remedy = f"Set {rating} (and df and parallel, where the table has them) to what each of them can carry"
    return [element_fault(path, table, wrong, problem, remedy)]
