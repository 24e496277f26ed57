"""What elements, quantities and units are called where people read them."""

ELEMENTS_AND_NAMES = {
    "voltage_pu": ("bus", "voltage"),
    "line_loading_percent": ("line", "line loading"),
    "transformer_loading_percent": ("transformer", "transformer loading"),
    "line_power_kw": ("line", "line power"),
    "velocity_m_per_s": ("pipe", "velocity"),
    "pressure_gradient_pa_per_m": ("pipe", "pressure gradient"),
    "differential_pressure_bar": ("prosumer", "differential pressure"),
    "t_supply_c": ("prosumer", "supply temperature"),
    "delivered_kw": ("prosumer", "heat delivered"),
    "pressure_bar": ("junction", "pressure"),
    "plant_heat_kw": ("plant", "heat"),
    "pump_head_bar": ("plant", "pump head"),
}
"""Of the quantities in the table `violations`: the kind of element, and the name."""
UNITS = {"degC": "°C"}


def place(kind: str, element: str) -> str:
    """Like `bus 13`; a name that begins with its kind says it already."""
    return element if not kind or element.lower().startswith(kind) else f"{kind} {element}"


def kind_of(quantity: str) -> str:
    """The kind of element that a quantity belongs to; empty where it is not known."""
    return ELEMENTS_AND_NAMES.get(quantity, ("", ""))[0]


def name_of(quantity: str) -> str:
    """The quantity without its unit."""
    return ELEMENTS_AND_NAMES.get(quantity, ("", quantity.replace("_", " ")))[1]


def unit_of(unit: str | None) -> str:
    """The unit as it is printed."""
    return UNITS.get(unit, unit) if unit else ""
