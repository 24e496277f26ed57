"""Limited quantities of the electric network: bus voltages on both sides, loading of lines and transformers, power of
lines."""

from functools import partial

import numpy as np

from mosaik_p2p.limits.base import LimitedQuantity, Shown, Stored
from mosaik_p2p.limits.response import ElectricSensitivities, Response
from mosaik_p2p.units import ELECTRICITY, KW_PER_MW, FloatArray

VOLTAGE_MARGIN_PU = 0.005
"""A voltage is near its limit within this, a twentieth of the usual band from 0.95 to 1.05."""
MARGIN_SHARE = 0.1
"""A loading or power is near its limit from nine tenths of it on."""
RATED = "Loading in percent of the rated current."


def _voltage(flow: ElectricSensitivities) -> Response:
    return flow.voltage_pu()


def _loading(element: str, flow: ElectricSensitivities) -> Response:
    """A loading is proportional to the current at its more loaded end."""
    return flow.relative_current(element).times(flow.values(element, "loading_percent"))


def _power(flow: ElectricSensitivities) -> Response:
    return flow.line_power_kw()


def _larger(start: FloatArray, end: FloatArray) -> FloatArray:
    """The larger active power of both ends: the line has to carry it whichever way it goes."""
    larger: FloatArray = np.maximum(np.abs(start), np.abs(end))
    return larger


VOLTAGE_MIN = LimitedQuantity(
    key="voltage_min",
    quantity="voltage_pu",
    network=ELECTRICITY,
    element="bus",
    name="voltage",
    label="Lowest voltage",
    unit="p.u.",
    digits=4,
    is_upper=False,
    margin=VOLTAGE_MARGIN_PU,
    table="buses",
    element_column="bus",
    columns=("vm_pu",),
    all_key="voltage_pu.min",
    meaning="Least voltage, p.u.; left out: the general limit, else the one in the network's file, else 0.95.",
    own_key="voltage_pu.min",
    least=0.5,
    most=1.5,
    usual=0.95,
    stored=Stored(column="min_vm_pu", least=0.5, most=1.5, none=(0.0,)),
    response=_voltage,
    shown=Shown.ALWAYS,
    title="Bus voltages",
    note="At all buses.",
)
VOLTAGE_MAX = LimitedQuantity(
    key="voltage_max",
    quantity="voltage_pu",
    network=ELECTRICITY,
    element="bus",
    name="voltage",
    label="Highest voltage",
    unit="p.u.",
    digits=4,
    is_upper=True,
    margin=VOLTAGE_MARGIN_PU,
    table="buses",
    element_column="bus",
    columns=("vm_pu",),
    all_key="voltage_pu.max",
    meaning="Largest voltage, p.u.; left out: the general limit, else the one in the network's file, else 1.05.",
    own_key="voltage_pu.max",
    least=0.5,
    most=1.5,
    usual=1.05,
    stored=Stored(column="max_vm_pu", least=0.5, most=1.5, none=(2.0, np.inf)),
    response=_voltage,
    shown=Shown.ALWAYS,
)
LINE_LOADING = LimitedQuantity(
    key="line_loading",
    quantity="line_loading_percent",
    network=ELECTRICITY,
    element="line",
    name="line loading",
    label="Highest line loading",
    unit="%",
    digits=1,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="lines",
    element_column="element",
    columns=("loading_percent",),
    all_key="line_loading_percent",
    meaning="Largest loading of lines, percent of the rated current; left out: what the file says of each, else 100.",
    own_key="loading_percent",
    own_meaning="Of a line or transformer: largest loading in percent of its rating.",
    least=1.0,
    most=1000.0,
    usual=100.0,
    stored=Stored(column="max_loading_percent", least=1.0, most=1000.0, none=(np.inf,)),
    response=partial(_loading, "line"),
    shown=Shown.ALWAYS,
    title="Line loading",
    note=RATED,
)
TRANSFORMER_LOADING = LimitedQuantity(
    key="transformer_loading",
    quantity="transformer_loading_percent",
    network=ELECTRICITY,
    element="transformer",
    name="transformer loading",
    label="Highest transformer loading",
    unit="%",
    digits=1,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="transformers",
    element_column="element",
    columns=("loading_percent",),
    all_key="transformer_loading_percent",
    meaning=(
        "Largest loading of transformers, percent of the rated current; left out: what the file says of each, else 100."
    ),
    own_key="loading_percent",
    least=1.0,
    most=1000.0,
    usual=100.0,
    stored=Stored(column="max_loading_percent", least=1.0, most=1000.0, none=(np.inf,)),
    response=partial(_loading, "transformer"),
    shown=Shown.ALWAYS,
    title="Transformer loading",
    note=RATED,
)
LINE_POWER = LimitedQuantity(
    key="line_power",
    quantity="line_power_kw",
    network=ELECTRICITY,
    element="line",
    name="line power",
    label="Highest power of a line",
    unit="kW",
    digits=1,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="lines",
    element_column="element",
    columns=("p_from_kw", "p_to_kw"),
    value=_larger,
    own_key="max_kw",
    own_meaning="Of a line: largest active power at either end, in either direction, kW.",
    least=1e-6,
    most=1e9,
    stored=Stored(column="max_p_mw", least=1e-6, most=1e5, none=(np.inf,), factor=KW_PER_MW),
    response=_power,
    shown=Shown.WHEN_BROKEN,
)

ELECTRIC_QUANTITIES = (VOLTAGE_MIN, VOLTAGE_MAX, LINE_LOADING, TRANSFORMER_LOADING, LINE_POWER)
"""In the order in which they are checked and told."""
