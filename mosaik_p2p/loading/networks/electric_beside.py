"""What of an electric network's own counts beside the prosumers, or does not count, and may not be meant so."""

from collections.abc import Iterator

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.loading.networks.grids import ELECTRICITY_PLACE, Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.networks.electric.counted import DRAWING, FEEDING, power_mw
from mosaik_p2p.networks.electric.stored_limits import limits_left_out
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import listed
from mosaik_p2p.units import kw


def generators_beside(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Iterator[InputWarning]:
    """Generators of the network's own that feed in, about which the scenario says nothing."""
    spec = scenario.networks.electricity
    if grids.electric is None or spec is None or not any(place.bus is not None for place in places):
        return
    net, replaced = grids.electric.net, {place.generator for place in places}
    if spec.generation is None:
        fed = {
            table: power_mw(net, table).drop([index for of, index in filter(None, replaced) if of == table])
            for table in FEEDING
        }
        count, total_kw = sum(int((mw != 0.0).sum()) for mw in fed.values()), kw(sum(mw.sum() for mw in fed.values()))
        if count:
            problem = f"{count} static generators of the network feed in beside the prosumers, {total_kw:.1f} kW always"
            remedy = 'Say "keep", "drop" or a profile that multiplies them; `replaces_generator` takes out single ones'
            yield InputWarning(f"{ELECTRICITY_PLACE}.generation", "(left out)", problem, remedy)
    fixed = net.gen[net.gen["in_service"].astype(bool) & (net.gen["p_mw"] * net.gen["scaling"] != 0.0)]
    if len(fixed):
        total_kw = kw(float((fixed["p_mw"] * fixed["scaling"]).sum()))
        problem = f"generators that hold a voltage feed in beside the prosumers, {total_kw:.1f} kW always"
        yield InputWarning(ELECTRICITY_PLACE, f"table gen: {len(fixed)}", problem, "Set their p_mw as it is to be")


def limits_left_out_of(grids: Grids) -> Iterator[InputWarning]:
    """Limits in the network's file that are none."""
    left_out = [] if grids.electric is None else limits_left_out(grids.electric.net)
    if left_out:
        problem = "limits of the network's file that are no limits: a band without room, or out of all proportion"
        yield InputWarning(f"{ELECTRICITY_PLACE}.limits", listed(left_out), problem, "State limits in the scenario")


def loads_beside(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> Iterator[InputWarning]:
    """What the network's own elements draw at buses of prosumers, who may be meant to stand for it."""
    spec = scenario.networks.electricity
    if grids.electric is None or spec is None or spec.background is None:
        return
    net = grids.electric.net
    replaced = {place.load for place in places}
    drawing = {table: power_mw(net, table) for table in DRAWING}
    at_bus = {
        int(net[table]["bus"].at[index])
        for table, mw in drawing.items()
        for index in mw.index[mw != 0.0]
        if (table, int(index)) not in replaced
    }
    pairs = zip(scenario.prosumers, places, strict=True)
    beside = [prosumer.name for prosumer, place in pairs if place.load is None and place.bus in at_bus]
    if beside:
        problem = f"loads of the network count beside the prosumers at the same buses: {listed(beside)}"
        remedy = "Where a prosumer stands for a load, give it `replaces_load`"
        yield InputWarning(f"{ELECTRICITY_PLACE}.background", repr(spec.background), problem, remedy)
