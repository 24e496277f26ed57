"""Limits that the electric network's own file states, where the scenario states none.

They are worked into the scenario, so that the resolved one says by which limits its results were judged.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.electric import ElectricNetwork
from mosaik_p2p.networks.stored_limits import stored_limits
from mosaik_p2p.scenario.grids import (
    USUAL_LOADING_PERCENT,
    USUAL_VOLTAGE_PU,
    ElectricElementSpec,
    ElectricitySpec,
    ElectricLimitsSpec,
    VoltageBand,
)

Quantity = tuple[str, str]
"""Table, and quantity as `ElementLimit` calls it."""
USUAL: Mapping[Quantity, float] = {
    ("bus", "voltage_min_pu"): USUAL_VOLTAGE_PU[0],
    ("bus", "voltage_max_pu"): USUAL_VOLTAGE_PU[1],
    ("line", "loading_percent"): USUAL_LOADING_PERCENT,
    ("transformer", "loading_percent"): USUAL_LOADING_PERCENT,
}
_TABLES = {"bus": "bus", "line": "line", "transformer": "trafo"}


def stated_limits(limits: ElectricLimitsSpec) -> dict[Quantity, float | None]:
    """What the scenario says of all elements; None where it leaves that to the file."""
    return {
        ("bus", "voltage_min_pu"): limits.voltage_pu.min,
        ("bus", "voltage_max_pu"): limits.voltage_pu.max,
        ("line", "loading_percent"): limits.line_loading_percent,
        ("transformer", "loading_percent"): limits.transformer_loading_percent,
    }


def with_file_limits(spec: ElectricitySpec, network: ElectricNetwork | None) -> ElectricitySpec:
    """The electric network with every limit stated: by the scenario, else by the file, else the usual one."""
    own = _own_limits(network, spec.limits)
    general = {key: _general(key, value, own, network) for key, value in stated_limits(spec.limits).items()}
    # Not judged again: limits of the file and of the scenario may leave no room together, see `band_faults`.
    limits = ElectricLimitsSpec.model_construct(
        voltage_pu=VoltageBand.model_construct(
            min=general["bus", "voltage_min_pu"], max=general["bus", "voltage_max_pu"]
        ),
        line_loading_percent=general["line", "loading_percent"],
        transformer_loading_percent=general["transformer", "loading_percent"],
        element=(*_elements(own, general), *spec.limits.element),
    )
    return spec.model_copy(update={"limits": limits})


def band_faults(place: str, spec: ElectricitySpec) -> Iterator[Fault]:
    """The general band of voltages that leaves no room, once the file's limits are worked in."""
    least, most = spec.limits.voltage_pu.min, spec.limits.voltage_pu.max
    if least is not None and most is not None and least >= most:
        problem = f"is not below the largest voltage, {most:g}, one of the two being the file's"
        yield Fault(f"{place}.limits.voltage_pu.min", f"{least:g}", problem, "State both of them")


def _own_limits(network: ElectricNetwork | None, limits: ElectricLimitsSpec) -> dict[Quantity, dict[str, float]]:
    """By quantity and element, the limits of the file that no word of the scenario overrides."""
    stated = stated_limits(limits)
    named = {(own.table, own.name) for own in limits.element}
    found: dict[Quantity, dict[str, float]] = {key: {} for key in USUAL}
    for limit in () if network is None else stored_limits(network.net):
        key = (limit.table, limit.quantity)
        if stated[key] is None and not _says(limits, limit.table, limit.name, limit.quantity, named):
            found[key][limit.name] = limit.value
    return found


def _says(limits: ElectricLimitsSpec, table: str, name: str, quantity: str, named: set[tuple[str, str]]) -> bool:
    """Whether the scenario limits this quantity of the one element."""
    if (table, name) not in named:
        return False
    mine = [own for own in limits.element if (own.table, own.name) == (table, name)]
    if table != "bus":
        return any(own.loading_percent is not None for own in mine)
    side = "min" if quantity == "voltage_min_pu" else "max"
    return any(own.voltage_pu is not None and getattr(own.voltage_pu, side) is not None for own in mine)


def _general(
    key: Quantity, stated: float | None, own: Mapping[Quantity, Mapping[str, float]], network: ElectricNetwork | None
) -> float:
    """What holds for all elements without a limit of their own; of many alike in the file, that one."""
    if stated is not None:
        return stated
    values = Counter(own[key].values())
    if network is None or not values:
        return USUAL[key]
    elements = network.net[_TABLES[key[0]]]
    everyone = len(own[key]) == int(elements["in_service"].sum())
    return values.most_common(1)[0][0] if everyone else USUAL[key]


def _elements(
    own: Mapping[Quantity, Mapping[str, float]], general: Mapping[Quantity, float]
) -> Iterator[ElectricElementSpec]:
    """The file's limits that are not those of all."""
    bands: dict[str, dict[str, float]] = {}
    for key, limits in own.items():
        for name, value in limits.items():
            if value == general[key]:
                continue
            if key[0] == "bus":
                bands.setdefault(name, {})["min" if key[1] == "voltage_min_pu" else "max"] = value
            else:
                yield ElectricElementSpec.model_validate({"table": key[0], "name": name, "loading_percent": value})
    for name, band in bands.items():
        yield ElectricElementSpec(table="bus", name=name, voltage_pu=VoltageBand(**band))
