"""Limits that the electric network's own file states, where the scenario states none.

They are worked into the scenario, so that the resolved one says by which limits its results were judged.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from mosaik_p2p.errors import Fault
from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.stored_limits import TABLES, stored_limits
from mosaik_p2p.scenario.parts.grids import ElectricitySpec
from mosaik_p2p.scenario.parts.limits import ElectricElementSpec, ElectricLimitsSpec, bands, own_table, table_of_all
from mosaik_p2p.units import ELECTRICITY

Own = Mapping[str, Mapping[str, float]]
"""By key of the limited quantity and name of the element."""


def with_file_limits(spec: ElectricitySpec, network: ElectricNetwork | None) -> ElectricitySpec:
    """The electric network with every limit stated: by the scenario, else by the file, else the usual one."""
    own = _own_limits(network, spec.limits)
    general = {of.key: _general(of, spec.limits.stated(of.all_key), own, network) for of in _of_all()}
    # Not judged again: limits of the file and of the scenario may leave no room together, see `band_faults`.
    limits = ElectricLimitsSpec.model_construct(
        **table_of_all(ElectricLimitsSpec, general), element=(*_elements(own, general), *spec.limits.element)
    )
    return spec.model_copy(update={"limits": limits})


def band_faults(place: str, spec: ElectricitySpec) -> Iterator[Fault]:
    """The general bands that leave no room, once the file's limits are worked in."""
    for low, high in bands(_of_all()):
        least, most = spec.limits.stated(low.all_key), spec.limits.stated(high.all_key)
        if least is not None and most is not None and least >= most:
            problem = f"is not below the largest {low.name}, {most:g}, one of the two being the file's"
            yield Fault(f"{place}.limits.{low.all_key}", f"{least:g}", problem, "State both of them")


def _of_all() -> tuple[LimitedQuantity, ...]:
    """The quantities that can be limited for all elements at once."""
    return tuple(of for of in limited_quantities(ELECTRICITY) if of.all_key)


def _own_limits(network: ElectricNetwork | None, limits: ElectricLimitsSpec) -> dict[str, dict[str, float]]:
    """The limits of the file that no word of the scenario overrides."""
    said = {(of.key, element.name) for element in limits.element for of, _ in element.limits()}
    said_of_all = {of.key for of in _of_all() if limits.stated(of.all_key) is not None}
    found: dict[str, dict[str, float]] = {of.key: {} for of in _of_all()}
    for limit in () if network is None else stored_limits(network.net):
        if limit.key not in said_of_all and (limit.key, limit.name) not in said:
            found[limit.key][limit.name] = limit.value
    return found


def _general(of: LimitedQuantity, stated: float | None, own: Own, network: ElectricNetwork | None) -> float | None:
    """What holds for all elements without a limit of their own; of many alike in the file, that one."""
    if stated is not None:
        return stated
    values = Counter(own[of.key].values())
    if network is None or not values:
        return of.usual
    everyone = len(own[of.key]) == int(network.net[TABLES[of.element]]["in_service"].sum())
    return values.most_common(1)[0][0] if everyone else of.usual


def _elements(own: Own, general: Mapping[str, float | None]) -> Iterator[ElectricElementSpec]:
    """The file's limits that are not those of all; both sides of a band together."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for of in _of_all():
        for name, value in own[of.key].items():
            if value != general[of.key]:
                found.setdefault((of.element, name, of.quantity), {})[of.key] = value
    for (table, name, quantity), values in found.items():
        keys = own_table([of for of in _of_all() if of.quantity == quantity], values)
        yield ElectricElementSpec.model_validate({"table": table, "name": name, **keys})
