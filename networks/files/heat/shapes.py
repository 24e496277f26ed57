"""The objects of a pandapipes net: fluids, pump types and the list of components, with their attributes by name."""

from collections.abc import Mapping
from typing import Any

from pandapipes import component_models
from pandapipes.properties import fluids
from pandapipes.std_types.std_type_class import PumpStdType

from mosaik_p2p.errors import shown
from mosaik_p2p.networks.files.frames import TABLE_SHAPES
from mosaik_p2p.networks.files.shapes import At, Class, Decoder, Shape, own_keys
from mosaik_p2p.networks.files.strict import Unusable, parsed

_COMPONENTS = {
    "circulation_pump_mass_component": "CirculationPumpMass",
    "circulation_pump_pressure_component": "CirculationPumpPressure",
    "compressor_component": "Compressor",
    "ext_grid_component": "ExtGrid",
    "flow_control_component": "FlowControlComponent",
    "heat_consumer_component": "HeatConsumer",
    "heat_exchanger_component": "HeatExchanger",
    "junction_component": "Junction",
    "mass_storage_component": "MassStorage",
    "pipe_component": "Pipe",
    "pressure_control_component": "PressureControlComponent",
    "pump_component": "Pump",
    "sink_component": "Sink",
    "source_component": "Source",
    "valve_component": "Valve",
}
COMPONENTS: Mapping[Class, Any] = {
    (f"pandapipes.component_models.{module}", name): getattr(component_models, name)
    for module, name in _COMPONENTS.items()
}
"""Components are classes that are never made: the file only lists which of them the net has."""

_ATTRIBUTES: Mapping[str, tuple[Any, frozenset[str], frozenset[str]]] = {
    "Fluid": (fluids.Fluid, frozenset({"name", "fluid_type", "is_gas", "all_properties"}), frozenset()),
    "FluidPropertyConstant": (
        fluids.FluidPropertyConstant,
        frozenset({"value"}),
        frozenset({"warn_dependent_variables"}),
    ),
    "FluidPropertyLinear": (fluids.FluidPropertyLinear, frozenset({"slope", "offset"}), frozenset()),
    "FluidPropertyInterExtra": (
        fluids.FluidPropertyInterExtra,
        frozenset({"x", "y", "_fill_value_orig"}),
        frozenset(),
    ),
    "FluidPropertySutherland": (fluids.FluidPropertySutherland, frozenset({"eta0", "t0", "t_sutherland"}), frozenset()),
    "PumpStdType": (
        PumpStdType,
        frozenset({"name", "reg_par"}),
        frozenset({"component", "type", "sector", "_x_values", "_y_values", "_reg_polynomial_degree"}),
    ),
}
"""Name of a class to the class, the attributes that it has to have, and those that it may have."""


def _component(_: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    if raw["_object"] not in ("{}", {}):
        raise Unusable(f"has a component {raw['_class']} with a content", "Leave the content out")
    return COMPONENTS[raw["_module"], raw["_class"]]


def _with_attributes(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    content = parsed(raw["_object"]) if isinstance(raw["_object"], str) else raw["_object"]
    kind, needed, possible = _ATTRIBUTES[raw["_class"]]
    if not isinstance(content, dict) or not needed <= content.keys() <= needed | possible:
        keys = sorted(content) if isinstance(content, dict) else shown(content)
        problem = f"describes a {raw['_class']} at {shown(at.name)} by {shown(keys)} instead of {sorted(needed)}"
        raise Unusable(problem, "Write the file with pandapipes.to_json")
    attributes = {key: decoder.value(value, at.inner(key)) for key, value in content.items()}
    try:
        return kind.from_dict(attributes)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        problem = f"describes a {raw['_class']} at {shown(at.name)} that is none ({error})"
        raise Unusable(problem, "Write the file with pandapipes.to_json") from error


HEAT_SHAPES: Mapping[Class, Shape] = {
    **TABLE_SHAPES,
    **dict.fromkeys(COMPONENTS, _component),
    **{("pandapipes.properties.fluids", name): _with_attributes for name in _ATTRIBUTES if name.startswith("Fluid")},
    ("pandapipes.std_types.std_type_class", "PumpStdType"): _with_attributes,
    ("pandapipes.std_types.std_types", "PumpStdType"): _with_attributes,
}
