"""Limited quantities of the heat network: pipes, pressure, what prosumers that draw get, plants; undelivered heat."""

import numpy as np

from mosaik_p2p.limits.base import Columns, LimitedQuantity, Quantity, Shown
from mosaik_p2p.limits.response import HeatSensitivities, Response
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import HEAT, BoolArray, FloatArray, Table

DRAW = "draw"

DELIVERY_TOLERANCE_KW = 0.05
"""To this the mass flows are found; a difference below it says nothing about the network."""

LEAST_PRESSURE_BAR = 0.0
"""Above the atmosphere's: below it a real network draws air or boils, and a computed one is no longer physical."""

MARGIN_SHARE = 0.1
"""Velocity, pressure gradient and the plants' ratings are near their limit from nine tenths of it on."""
MARGIN_BAR = 0.1
MARGIN_K = 2.0

DRAWING = ("mode", "mdot_kg_per_s")
WHO_DRAWS = "Only prosumers that draw heat in the interval."


def _draws(columns: Columns) -> BoolArray:
    """Temperature and pressure are promised to those who draw: a node at rest has the temperature of the ground, which
    is no result."""
    return np.asarray((columns["mode"] == DRAW) & (columns["mdot_kg_per_s"] > 0.0), dtype=np.bool_)


def _size(along: FloatArray) -> FloatArray:
    """In a pipe the direction does not matter."""
    size: FloatArray = np.abs(along)
    return size


def _velocity(flow: HeatSensitivities) -> Response:
    return flow.velocity_m_per_s()


def _gradient(flow: HeatSensitivities) -> Response:
    return flow.pressure_gradient_pa_per_m()


def _pressure(flow: HeatSensitivities) -> Response:
    return flow.pressure_bar()


def _difference(flow: HeatSensitivities) -> Response:
    return flow.differential_pressure_bar()


def _supply(flow: HeatSensitivities) -> Response:
    return flow.t_supply_c()


def _plant(flow: HeatSensitivities) -> Response:
    return flow.plant_heat_kw()


def _head(flow: HeatSensitivities) -> Response:
    return flow.pump_head_bar()


VELOCITY = LimitedQuantity(
    key="velocity",
    quantity="velocity_m_per_s",
    network=HEAT,
    element="pipe",
    name="velocity",
    label="Highest velocity",
    unit="m/s",
    digits=2,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="pipes",
    element_column="pipe",
    columns=("velocity_m_per_s",),
    value=_size,
    all_key="velocity_m_per_s",
    meaning="Largest velocity in pipes, m/s.",
    own_key="velocity_m_per_s",
    own_meaning="Of a pipe: largest velocity, m/s.",
    least=1e-3,
    most=100.0,
    usual=2.0,
    response=_velocity,
    shown=Shown.ALWAYS,
    title="Flow velocity",
    note="In all pipes.",
)
PRESSURE_GRADIENT = LimitedQuantity(
    key="pressure_gradient",
    quantity="pressure_gradient_pa_per_m",
    network=HEAT,
    element="pipe",
    name="pressure gradient",
    label="Highest pressure gradient",
    unit="Pa/m",
    digits=0,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="pipes",
    element_column="pipe",
    columns=("dp_pa_per_m",),
    value=_size,
    all_key="pressure_gradient_pa_per_m",
    meaning="Largest friction in pipes, Pa/m.",
    own_key="pressure_gradient_pa_per_m",
    own_meaning="Of a pipe: largest friction, Pa/m.",
    least=1e-3,
    most=1e6,
    usual=300.0,
    response=_gradient,
    shown=Shown.ALWAYS,
    title="Pressure gradient",
    note="In all pipes.",
)
PRESSURE = LimitedQuantity(
    key="pressure",
    quantity="pressure_bar",
    network=HEAT,
    element="junction",
    name="pressure",
    label="Lowest pressure",
    unit="bar",
    digits=2,
    is_upper=False,
    margin=MARGIN_BAR,
    table="junctions",
    element_column="junction",
    columns=("p_bar",),
    fixed=LEAST_PRESSURE_BAR,
    response=_pressure,
    shown=Shown.WHEN_BROKEN,
)
DIFFERENTIAL_PRESSURE = LimitedQuantity(
    key="differential_pressure",
    quantity="differential_pressure_bar",
    network=HEAT,
    element="prosumer",
    name="differential pressure",
    label="Lowest differential pressure",
    unit="bar",
    digits=2,
    is_upper=False,
    margin=MARGIN_BAR,
    table="heat_exchanges",
    element_column="prosumer",
    columns=("dp_bar",),
    beside=DRAWING,
    counts=_draws,
    all_key="differential_pressure_bar",
    meaning="Least difference of pressure between supply and return where a prosumer draws, bar.",
    own_key="differential_pressure_bar",
    own_meaning="At a prosumer: least difference between supply and return, bar.",
    least=0.0,
    most=1000.0,
    usual=0.5,
    response=_difference,
    shown=Shown.ALWAYS,
    title="Differential pressure",
    note=WHO_DRAWS,
)
T_SUPPLY = LimitedQuantity(
    key="t_supply",
    quantity="t_supply_c",
    network=HEAT,
    element="prosumer",
    name="supply temperature",
    label="Lowest supply temperature",
    unit="degC",
    digits=1,
    is_upper=False,
    margin=MARGIN_K,
    table="heat_exchanges",
    element_column="prosumer",
    columns=("t_supply_c",),
    beside=DRAWING,
    counts=_draws,
    all_key="t_supply_min_c",
    meaning="Least supply temperature where a prosumer draws and water flows, degC.",
    own_key="t_supply_min_c",
    own_meaning="At a prosumer: least supply temperature, degC.",
    least=-60.0,
    most=250.0,
    usual=60.0,
    response=_supply,
    shown=Shown.ALWAYS,
    title="Supply temperature",
    note=WHO_DRAWS,
)
PLANT_HEAT = LimitedQuantity(
    key="plant_heat",
    quantity="plant_heat_kw",
    network=HEAT,
    element="plant",
    name="heat",
    label="Highest heat of a plant",
    unit="kW",
    digits=1,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="plants",
    element_column="plant",
    columns=("heat_kw",),
    all_key="plant_heat_max_kw",
    meaning="Rating of each plant, kW; left out: not checked.",
    own_key="plant_heat_max_kw",
    own_meaning="Of a plant: its rating, kW.",
    least=1e-6,
    most=1e9,
    response=_plant,
    shown=Shown.WHEN_BROKEN,
)
PUMP_HEAD = LimitedQuantity(
    key="pump_head",
    quantity="pump_head_bar",
    network=HEAT,
    element="plant",
    name="pump head",
    label="Highest pump head",
    unit="bar",
    digits=2,
    is_upper=True,
    margin_share=MARGIN_SHARE,
    table="plants",
    element_column="plant",
    columns=("head_bar",),
    all_key="pump_head_max_bar",
    meaning="Largest lift of each plant's pump, bar; left out: not checked.",
    own_key="pump_head_max_bar",
    own_meaning="Of a plant: largest lift of its pump, bar.",
    least=1e-3,
    most=1000.0,
    response=_head,
    shown=Shown.WHEN_BROKEN,
)

HEAT_QUANTITIES = (VELOCITY, PRESSURE_GRADIENT, PRESSURE, DIFFERENTIAL_PRESSURE, T_SUPPLY, PLANT_HEAT, PUMP_HEAD)
"""In the order in which they are checked and told."""

DELIVERED = Quantity(
    key="delivered",
    quantity="delivered_kw",
    network=HEAT,
    element="prosumer",
    name="heat delivered",
    label="Heat delivered of cleared",
    unit="kW",
    digits=2,
)
"""No limit, and a violation all the same: what was cleared is the limit, so that a missing flow cannot hide it."""


def undelivered(heat_exchanges: Table) -> list[Violation]:
    """Prosumers whose exchanged heat is not what they were cleared."""
    columns = (heat_exchanges[name] for name in ("prosumer", "cleared_kw", "delivered_kw"))
    return [
        Violation(name, DELIVERED.quantity, delivered, cleared, DELIVERED.unit, excess=abs(cleared - delivered))
        for name, cleared, delivered in zip(*columns, strict=True)
        if abs(cleared - delivered) > DELIVERY_TOLERANCE_KW
    ]
