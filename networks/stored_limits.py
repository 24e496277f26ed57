"""Limits that a pandapower net carries itself: bands of voltage at buses, loadings of lines and transformers."""

from collections.abc import Iterator

import numpy as np
from pandapower import pandapowerNet

from mosaik_p2p.feasibility.electric import POWER
from mosaik_p2p.feasibility.limits import ElementLimit
from mosaik_p2p.networks.file_values import named, numbers
from mosaik_p2p.units import BoolArray, FloatArray, kw

LOADING = "max_loading_percent"
RATING_MW = "max_p_mw"
BAND = ("min_vm_pu", "max_vm_pu")
_TABLES = {"line": "line", "trafo": "transformer"}
_QUANTITIES = {"min_vm_pu": "voltage_min_pu", "max_vm_pu": "voltage_max_pu"}
USABLE = {"min_vm_pu": (0.5, 1.5), "max_vm_pu": (0.5, 1.5), LOADING: (1.0, 1000.0), RATING_MW: (1e-6, 1e5)}
"""Least and largest value that is taken for a limit."""
NONE = {"min_vm_pu": (0.0,), "max_vm_pu": (2.0, np.inf), LOADING: (np.inf,), RATING_MW: (np.inf,)}
"""Values by which the library says that there is none."""


def stored_limits(net: pandapowerNet) -> tuple[ElementLimit, ...]:
    """The limits of the elements in service, by their names; see `limits_left_out` for what is none."""
    return (*_voltages(net), *_loadings(net))


def limits_left_out(net: pandapowerNet) -> list[str]:
    """Elements in service with values that are no limits: bands without room (so optimisations fix a voltage; none
    is held to it), and voltages or loadings out of all proportion."""
    told = [f"bus {name}" for name in named(net.bus[_active(net, "bus") & ~_has_room(net)])]
    for table, columns in (("bus", BAND), *((table, (LOADING,)) for table in _TABLES), ("line", (RATING_MW,))):
        for column in columns:
            wrong = _active(net, table) & _is_unusable(net, table, column)
            told += [f"{table} {name}: {column}" for name in named(net[table][wrong])]
    return told


def _voltages(net: pandapowerNet) -> Iterator[ElementLimit]:
    kept = _active(net, "bus") & _has_room(net)
    for column in BAND:
        values = _values(net, "bus", column)
        for name, value in zip(net.bus["name"][kept], values[kept], strict=True):
            if np.isfinite(value):
                yield ElementLimit("bus", str(name), _QUANTITIES[column], float(value))


def _loadings(net: pandapowerNet) -> Iterator[ElementLimit]:
    for table, kind in _TABLES.items():
        values = _values(net, table, LOADING)
        kept = _active(net, table) & np.isfinite(values)
        for name, value in zip(net[table]["name"][kept], values[kept], strict=True):
            yield ElementLimit(kind, str(name), "loading_percent", float(value))


def line_ratings(net: pandapowerNet) -> Iterator[ElementLimit]:
    """The ratings in kW of the lines in service that have one, `max_p_mw`: a column that the library does not know."""
    values = _values(net, "line", RATING_MW)
    kept = _active(net, "line") & np.isfinite(values)
    for name, value in zip(net.line["name"][kept], values[kept], strict=True):
        yield ElementLimit("line", str(name), POWER, kw(float(value)))


def _has_room(net: pandapowerNet) -> BoolArray:
    """Buses whose least voltage is below their largest, where they have both."""
    least, most = (_values(net, "bus", column) for column in BAND)
    return np.asarray(~(least >= most), dtype=np.bool_)


def _values(net: pandapowerNet, table: str, column: str) -> FloatArray:
    """The limits of a table, NaN for none."""
    values = _stated(net, table, column)
    least, most = USABLE[column]
    return np.where((values >= least) & (values <= most), values, np.nan)


def _is_unusable(net: pandapowerNet, table: str, column: str) -> BoolArray:
    stated = _stated(net, table, column)
    says_none = np.isnan(stated) | np.isin(stated, NONE[column])
    return np.asarray(~says_none & np.isnan(_values(net, table, column)), dtype=np.bool_)


def _stated(net: pandapowerNet, table: str, column: str) -> FloatArray:
    return numbers(net[table][column]) if column in net[table] else np.full(len(net[table]), np.nan)


def _active(net: pandapowerNet, table: str) -> BoolArray:
    return np.asarray(net[table]["in_service"], dtype=np.bool_)
