"""Pressures by hand: Darcy and Weisbach with Colebrook's factor, at the temperatures that the water has."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pandapipes as pp
import pytest
from pandapipes.properties.fluids import call_lib

from heat_streets import SETTINGS, at, flow_of, of_house, read, solved, street
from mosaik_p2p.networks.heat.cases.schutterwald import BYPASS_MDOT_KG_PER_S
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case, schutterwald_consumers
from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.networks.heat.hydraulics.friction import (
    FRICTION_MODELS,
    LAMINAR_RE,
    TURBULENT_RE,
    friction_factor,
    friction_slope,
)
from mosaik_p2p.units import kelvin

WATER = call_lib("water")
LAMINAR_BY_HAND = 2300.0
PATH = 0.01
"""Of a pressure by hand: the mean temperature of a pipe is taken for its water."""


def drop_bar(mdot: float, mean_c: float, *, length_m: float, diameter_m: float, k_mm: float) -> float:
    """What is lost along a pipe, with nothing of ours."""
    density, viscosity = (float(f(kelvin(mean_c))) for f in (WATER.get_density, WATER.get_viscosity))
    velocity = mdot / density / (math.pi * diameter_m**2 / 4.0)
    reynolds, factor = density * velocity * diameter_m / viscosity, 0.03
    for _ in range(50):
        inside = k_mm / 1000.0 / (3.71 * diameter_m) + 2.51 / (reynolds * math.sqrt(factor))
        factor = (-2.0 * math.log10(inside)) ** -2
    factor = 64.0 / reynolds if reynolds < LAMINAR_BY_HAND else factor
    return factor * length_m / diameter_m * density * velocity**2 / 2.0 / 1e5


@pytest.mark.parametrize(
    ("friction", "pa_per_m"), [(None, 156.8), ("colebrook", 156.8), ("nikuradse", 110.8), ("swamee-jain", 156.8)]
)
def test_a_plastic_house_connection(friction: str | None, pa_per_m: float, tmp_path: Path) -> None:
    """100 m, 20.4 mm, roughness 0.007 mm, 20 kW at 70/40 degC, mean of both sides (by hand 151.2 and 166.1 Pa/m)."""
    assert gradient(tmp_path, 0.007, friction) == pytest.approx(pa_per_m, rel=0.015)


@pytest.mark.parametrize(("k_mm", "low"), [(0.05, 0.086), (0.1, 0.028)])
def test_nikuradse_is_low_in_rougher_pipes_too(k_mm: float, low: float, tmp_path: Path) -> None:
    share = gradient(tmp_path, k_mm, "nikuradse") / gradient(tmp_path, k_mm, "colebrook")
    assert 1.0 - share == pytest.approx(low, abs=0.004)


def gradient(folder: Path, k_mm: float, friction: str | None) -> float:
    net = street(edges=((0, 1),), t_plant_c=70.0, length_km=0.1, inner_diameter_mm=20.4, k_mm=k_mm, u_w_per_m2k=0.0)
    network = read(net, folder, replace(SETTINGS, t_return_c=40.0, friction=friction))
    supply, return_ = solved(network, {"1": 20.0}).pipes["dp_pa_per_m"]
    return float((supply + return_) / 2.0)


@pytest.mark.parametrize("roughness", [0.0, 1e-4, 1e-2])
def test_the_factor_is_the_law(roughness: float) -> None:
    reynolds = np.array([0.5, 100.0, 1999.0, 2301.0, 1e4, 1e6])
    factor, change = friction_factor(reynolds, np.full(6, roughness))
    laminar, turbulent = reynolds < LAMINAR_RE, reynolds > TURBULENT_RE
    np.testing.assert_allclose(factor[laminar], 64.0 / reynolds[laminar])
    inside = 2.51 / (reynolds * np.sqrt(factor)) + roughness / 3.71
    np.testing.assert_allclose(factor[turbulent] ** -0.5, -2.0 * np.log10(inside[turbulent]), rtol=1e-10)
    step = 1e-5 * reynolds
    ahead, behind = (friction_factor(reynolds + s, np.full(6, roughness))[0] for s in (step, -step))
    np.testing.assert_allclose(change, (ahead - behind) / (2.0 * step), rtol=1e-6)


@pytest.mark.parametrize("friction", FRICTION_MODELS)
def test_the_slope_is_that_of_the_solver(friction: str, tmp_path: Path) -> None:
    """Of the pressure lost over the flow, pipes with a loss of their own among them; without loss of heat."""
    net = street(k_mm=0.02, u_w_per_m2k=0.0)
    net.pipe.loc[0, "loss_coefficient"] = 40.0
    network = read(net, tmp_path, replace(SETTINGS, friction=friction))
    places = [HeatConnection(prosumer=n, supply=at(net, f"S{n}"), return_=at(net, f"R{n}")) for n in "23"]
    elements = HeatElements(network, places)
    flows = np.array([0.25, 0.06])
    lost = []
    for change in (1e-3, -1e-3, 0.0):
        assert elements.solve(flows * (1.0 + change))
        assert elements.settle()
        pipes = elements.net.res_pipe
        lost.append((pipes["dp_friction_loss_bar"].to_numpy(), pipes["mdot_from_kg_per_s"].to_numpy()))
    by_hand = (lost[0][0] - lost[1][0]) / (lost[0][1] - lost[1][1])
    np.testing.assert_allclose(friction_slope(elements.net), by_hand, rtol=2e-3)


@pytest.mark.parametrize(("friction", "right_bar"), [(None, 0.918), ("nikuradse", 0.969)])
def test_pressures_do_not_depend_on_where_the_solver_starts(
    friction: str | None, right_bar: float, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, friction=friction)
    found = [
        of_house(solved(read(street(start_c=start_c), tmp_path, settings), {"2": 40.0, "3": 20.0}), "2")["dp_bar"]
        for start_c in (5.0, 20.0, 65.0)
    ]
    assert found == pytest.approx([right_bar] * 3, abs=0.001)
    assert found == pytest.approx([found[0]] * 3, abs=1e-9)


def test_pressures_do_not_depend_on_the_solvers_start_in_a_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor do the flows: here the start is that of the file, not ours."""
    monkeypatch.setattr(HeatElements, "_start_warm", lambda _: None)
    ring = ((0, 1), (1, 2), (1, 3), (2, 3))
    results = [
        solved(read(street(edges=ring, start_c=start_c), tmp_path), {"2": 40.0, "3": 20.0}) for start_c in (5.0, 95.0)
    ]
    flows = [result.pipes["mdot_kg_per_s"] for result in results]
    assert flows[0] == pytest.approx(flows[1], abs=2e-5)
    pressures = [result.junctions["p_bar"] for result in results]
    assert pressures[0] == pytest.approx(pressures[1], abs=2e-5)


PLASTIC = {"main": (0.06, 40.8), "house": (0.03, 20.4)}
"""Length in km and inner diameter in mm; roughness of both 0.007 mm."""


def plastic_network() -> pp.pandapipesNet:
    """A main with sixteen nodes, a house connection at each of them."""
    main = tuple(pairwise(range(17)))
    houses = tuple((node, node + 100) for node in range(1, 17))
    net = street(edges=main + houses, t_plant_c=70.0, k_mm=0.007, u_w_per_m2k=0.9)
    of_main = net.pipe["name"].isin([f"S{a}-S{b}" for a, b in main] + [f"R{b}-R{a}" for a, b in main])
    for kind, rows in (("main", of_main), ("house", ~of_main)):
        net.pipe.loc[rows, ["length_km", "inner_diameter_mm"]] = PLASTIC[kind]
        net.pipe.loc[rows, "outer_diameter_mm"] = PLASTIC[kind][1]
    return net


def test_paths_in_a_plastic_network_are_those_by_hand(tmp_path: Path) -> None:
    net = plastic_network()
    network = read(net, tmp_path, replace(SETTINGS, t_return_c=40.0))
    draws = {str(node + 100): 2.0 + 0.8 * (node % 5) for node in range(1, 17)}
    result = solved(network, draws)
    pipes = net.pipe.set_index("name")
    lost = {
        name: drop_bar(
            abs(mdot),
            (t_in + t_out) / 2.0,
            length_m=1000.0 * pipes.at[name, "length_km"],
            diameter_m=pipes.at[name, "inner_diameter_mm"] / 1000.0,
            k_mm=0.007,
        )
        for name, mdot, t_in, t_out in zip(
            *(result.pipes[column] for column in ("pipe", "mdot_kg_per_s", "t_in_c", "t_out_c")), strict=True
        )
    }
    for node in range(1, 17):
        path = [(a, a + 1) for a in range(node)] + [(node, node + 100)]
        by_hand = sum(lost[f"S{a}-S{b}"] + lost[f"R{b}-R{a}"] for a, b in path)
        assert 2.0 - of_house(result, str(node + 100))["dp_bar"] == pytest.approx(by_hand, rel=PATH)


def test_plastic_is_broken_where_rough_laws_keep_the_limit(tmp_path: Path) -> None:
    """The gradient of the first pipe: by Nikuradse a quarter too low."""
    draws = {str(node + 100): 3.0 for node in range(1, 17)}
    found = []
    for friction in (None, "nikuradse"):
        network = read(plastic_network(), tmp_path, replace(SETTINGS, t_return_c=40.0, friction=friction))
        found.append(max(solved(network, draws).pipes["dp_pa_per_m"]))
    assert found[1] / found[0] < 0.8


VILLAGE = HeatSettings(
    t_supply_c=75.0,
    t_return_c=45.0,
    t_ground_c=10.0,
    bypass_nodes=(STRAND_ENDS,),
    bypass_mdot_kg_per_s=BYPASS_MDOT_KG_PER_S,
)


@pytest.mark.slow
@pytest.mark.parametrize(("friction", "least_bar"), [(None, 0.873), ("nikuradse", 0.953)])
def test_the_village_at_its_design_draws(friction: str | None, least_bar: float) -> None:
    """6.32 kW in each house, as the source has it; 1.5 bar at the plant."""
    network = heat_case("schutterwald_heat", replace(VILLAGE, friction=friction))
    houses = schutterwald_consumers()
    rows = zip(houses["node"], houses["supply"], houses["return"], strict=True)
    flow = HeatFlow(network, [HeatConnection(prosumer=name, supply=s, return_=r) for name, s, r in rows])
    result = flow.solve(np.full(len(houses), 6.32))
    dp_bar = result.heat_exchanges["dp_bar"]
    assert min(dp_bar) == pytest.approx(least_bar, abs=0.001)
    if friction is None:
        worst = houses.iloc[int(np.argmin(dp_bar))]
        by_hand = sum(village_path_bar(network, result, int(worst[side]), side) for side in ("supply", "return"))
        assert 1.5 - min(dp_bar) == pytest.approx(by_hand, rel=PATH)


def village_path_bar(network: HeatNetwork, result: HeatFlowResult, junction: int, side: str) -> float:
    """Lost between the plant and a junction of one side, pipe by pipe; its open valves lose nothing."""
    of_pipe = {name: row for row, name in enumerate(result.pipes["pipe"])}
    graph = nx.Graph()
    for pipe in network.net.pipe.itertuples():
        row = of_pipe[pipe.name]
        mdot, t_in, t_out = (result.pipes[column][row] for column in ("mdot_kg_per_s", "t_in_c", "t_out_c"))
        lost = drop_bar(
            abs(mdot),
            (t_in + t_out) / 2.0,
            length_m=1000.0 * pipe.length_km,
            diameter_m=pipe.inner_diameter_mm / 1000.0,
            k_mm=pipe.k_mm,
        )
        graph.add_edge(pipe.from_junction, pipe.to_junction, lost=lost)
    for valve in network.net.valve.itertuples():
        graph.add_edge(valve.junction, valve.element, lost=0.0)
    plant = network.plants[0]
    root = plant.supply if side == "supply" else plant.return_
    return float(nx.shortest_path_length(graph, root, junction, weight="lost"))


def test_a_loop_at_rest_has_a_solution(tmp_path: Path) -> None:
    """Colebrook's formula alone loses pressure where nothing flows, and no iteration ends."""
    ring = ((0, 1), (1, 2), (1, 3), (2, 3))
    result = flow_of(read(street(edges=ring), tmp_path), {"2": 0.0, "3": 0.0}).solve(np.zeros(2))
    assert result.status.value == "idle"
    assert result.pipes["mdot_kg_per_s"] == [0.0] * 8
