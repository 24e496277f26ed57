"""Losses and pump power of both networks by formulas that the package does not use."""

import numpy as np
import pytest

from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.choice import HeatSettings, heat_case
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow

SAME_LOSS = 1e-5
"""Relative: the solver stops at a mismatch of 1e-8 MVA."""
MEAN_CP = 2e-3
"""Relative: the heat capacity along a pipe is taken at both ends by one formula, and exactly by the other."""
DENSITY = 0.01
"""Relative: water has one density here, and its own at each temperature there (between 45 and 75 degC, 1.5 %)."""

RHO_KG_PER_M3 = 983.0
PLACES = {"B": "2", "C": "4", "D": "5", "A": "7", "E": "8"}
T_GROUND_C = 10.0


@pytest.mark.parametrize("case", ["bus15", "bus33"])
def test_line_losses_are_what_the_voltages_drive_through_the_resistances(case: str) -> None:
    """R |V_i - V_j|^2 / |Z|^2 of every line; these feeders have neither capacitances nor transformers."""
    network = electric_case(case)
    injected = {4: (120.0, 10.0), 9: (-60.0, 5.0)}
    result = PowerFlow(network, prosumer_buses=injected).solve(injected, background_scaling=0.8)
    buses, lines = network.net.bus, network.net.line[network.net.line["in_service"]]
    assert not lines["c_nf_per_km"].any()
    angle = np.deg2rad(result.buses["va_degree"])
    kv = dict(zip(buses.index, result.buses["vm_pu"] * np.exp(1j * angle) * buses["vn_kv"].to_numpy(), strict=True))
    drop_kv = np.array([kv[line.from_bus] - kv[line.to_bus] for line in lines.itertuples()])
    per_km = (lines["r_ohm_per_km"] + 1j * lines["x_ohm_per_km"]).to_numpy()
    impedance = per_km * (lines["length_km"] / lines["parallel"]).to_numpy()
    loss_kw = 1000.0 * np.abs(drop_kv) ** 2 * impedance.real / np.abs(impedance) ** 2
    np.testing.assert_allclose(result.lines["loss_kw"], loss_kw, rtol=SAME_LOSS, atol=1e-4)
    assert result.loss_kw == pytest.approx(loss_kw.sum(), rel=SAME_LOSS)


@pytest.fixture(scope="module")
def heat() -> HeatFlow:
    settings = HeatSettings(t_supply_c=75.0, t_return_c=45.0, t_feed_c=75.0, t_ground_c=T_GROUND_C)
    network = heat_case("heat8", settings)
    nodes = network.nodes
    return HeatFlow(
        network,
        [HeatConnection(prosumer=name, supply=nodes[at][0], return_=nodes[at][1]) for name, at in PLACES.items()],
    )


HOURS = [[60.0, 40.0, 30.0, 50.0, 20.0], [60.0, 40.0, -30.0, 50.0, 20.0], [5.0, 4.0, -80.0, 3.0, 60.0]]


@pytest.mark.parametrize("draw_kw", HOURS)
def test_pipes_lose_by_their_logarithmic_mean_temperature(heat: HeatFlow, draw_kw: list[float]) -> None:
    """Conductance times the logarithmic mean of the differences to the ground at both ends."""
    result = heat.solve(np.array(draw_kw))
    pipe = heat.net_as_solved().pipe
    surface_m2 = np.pi * pipe["outer_diameter_mm"] / 1e3 * pipe["length_km"] * 1e3
    kw_per_k = (pipe["u_w_per_m2k"] * surface_m2 / 1e3).to_numpy()
    hot = np.array(result.pipes["t_in_c"], dtype=float) - T_GROUND_C
    cold = np.array(result.pipes["t_out_c"], dtype=float) - T_GROUND_C
    loss_kw = np.nan_to_num(kw_per_k * (hot - cold) / np.log(hot / cold))
    np.testing.assert_allclose(result.pipes["loss_kw"], loss_kw, rtol=MEAN_CP, atol=1e-6)
    assert result.loss_kw == pytest.approx(loss_kw.sum(), rel=MEAN_CP)


@pytest.mark.parametrize("draw_kw", HOURS)
def test_the_pump_brings_what_friction_and_consumers_take(heat: HeatFlow, draw_kw: list[float]) -> None:
    """Flow times pressure: what the pump puts in, and those who feed in, is lost in pipes and in consumers' valves."""
    result = heat.solve(np.array(draw_kw))
    length_m = heat.net_as_solved().pipe["length_km"].to_numpy() * 1e3
    drop_pa = np.array(result.pipes["dp_pa_per_m"]) * length_m
    friction_kw = (np.abs(result.pipes["mdot_kg_per_s"]) * drop_pa).sum() / RHO_KG_PER_M3 / 1e3
    exchanged = np.array(result.heat_exchanges["mdot_kg_per_s"]) * np.array(result.heat_exchanges["dp_bar"])
    throttled_kw = exchanged.sum() * 1e5 / RHO_KG_PER_M3 / 1e3
    assert result.pump_kw == pytest.approx(friction_kw + throttled_kw, rel=DENSITY)
    assert result.plants["head_bar"] == [1.5]
    assert friction_kw > 0.0
