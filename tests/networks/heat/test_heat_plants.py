"""Several plants in one heat network: shares of the heat, a file's steady pumps, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pytest

from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case, heat_file
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult
from mosaik_p2p.units import kelvin

FloatArray = npt.NDArray[np.float64]

SETTINGS = HeatSettings(
    t_supply_c=75.0,
    t_return_c=45.0,
    t_feed_c=65.0,
    t_ground_c=10.0,
    bypass_nodes=(STRAND_ENDS,),
    bypass_mdot_kg_per_s=0.05,
)
"""Prosumers feed in colder water than the plants."""
SHARES = {"source_31": 0.3, "source_32": 0.2}
NODES = ("3", "7", "11", "16", "22", "28", "31")
DELIVERY_KW = 0.05
BALANCE = 1e-3
SAME = 1e-6
"""Relative; the same equations solved from another start."""


def flow_of(network: HeatNetwork, nodes: tuple[str, ...] = NODES) -> HeatFlow:
    at = [(node, *network.nodes[node]) for node in nodes]
    return HeatFlow(network, [HeatConnection(prosumer=node, supply=s, return_=r) for node, s, r in at])


def plant_rows(result: HeatFlowResult) -> dict[str, dict[str, float]]:
    table = result.plants
    return {name: {column: table[column][row] for column in table} for row, name in enumerate(table["plant"])}


def check_sound(result: HeatFlowResult, draw_kw: FloatArray) -> None:
    exchanged = np.array(result.heat_exchanges["delivered_kw"])
    assert result.status in (Status.OK, Status.IDLE)
    assert np.abs(exchanged - draw_kw).max() <= DELIVERY_KW
    given = np.array(result.plants["heat_kw"])
    assert result.slack_kw == pytest.approx(given.sum())
    assert result.loss_kw is not None
    throughput = np.abs(exchanged).sum() + np.abs(given).sum()
    assert abs(given.sum() - exchanged.sum() - result.loss_kw) <= BALANCE * throughput


@pytest.fixture(scope="module")
def three_sources() -> HeatFlow:
    return flow_of(heat_case("barry32", replace(SETTINGS, plant_shares=SHARES)))


@pytest.mark.parametrize(
    "draw_kw",
    [
        pytest.param([100.0, 80.0, 60.0, 120.0, 40.0, 90.0, 0.0], id="all draw"),
        pytest.param([100.0, -60.0, 60.0, 120.0, -40.0, 90.0, -30.0], id="some feed in, one of them beside a source"),
        pytest.param([50.0, -50.0, 30.0, -30.0, 20.0, -20.0, 0.0], id="heat sold equals heat bought"),
        pytest.param([0.0, -50.0, 10.0, -30.0, 0.0, -20.0, -15.0], id="export"),
        pytest.param([0.6, 0.0, 0.5, -0.4, 0.0, 0.7, 0.0], id="small hour"),
        pytest.param([0.0] * 7, id="nobody"),
    ],
)
def test_sources_feed_their_shares_of_the_net_draw(three_sources: HeatFlow, draw_kw: list[float]) -> None:
    result = three_sources.solve(np.array(draw_kw))
    check_sound(result, np.array(draw_kw))
    rows, net_draw = plant_rows(result), max(sum(draw_kw), 0.0)
    assert list(rows) == ["plant", "source_31", "source_32"]
    for name, share in SHARES.items():
        assert rows[name]["heat_kw"] == pytest.approx(share * net_draw, abs=DELIVERY_KW)
        assert rows[name]["t_supply_c"] == (75.0 if rows[name]["mdot_kg_per_s"] else None)
        assert (rows[name]["pump_kw"] > 0.0) == (rows[name]["mdot_kg_per_s"] > 0.0)
    assert (rows["plant"]["heat_kw"] < 0.0) == (sum(draw_kw) < -60.0)


def test_a_share_of_nothing_changes_nothing() -> None:
    draw_kw = np.array([100.0, 80.0, 60.0, -120.0, 40.0, 90.0, 10.0])
    network = heat_case("barry32", SETTINGS)
    alone = replace(network, plants=network.balancing)
    first, second = flow_of(network).solve(draw_kw), flow_of(alone).solve(draw_kw)
    assert first.pipes["mdot_kg_per_s"] == pytest.approx(second.pipes["mdot_kg_per_s"], rel=SAME, abs=1e-9)
    assert first.plants["heat_kw"] == [pytest.approx(second.slack_kw, rel=SAME), 0.0, 0.0]


def test_a_source_feeds_at_the_temperature_of_the_plant(three_sources: HeatFlow) -> None:
    """Prosumers feed in at 65 degC: at node 31 both mix, at node 32 there is the source alone."""
    result = three_sources.solve(np.array([300.0, 0.0, 0.0, 0.0, 0.0, 0.0, -60.0]))
    t_c = dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))
    assert t_c["S32"] == pytest.approx(75.0, abs=0.01)
    assert 65.0 < t_c["S31"] < 74.0


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"source_33": 0.3}, "no plant has this name"),
        ({"plant": 0.3}, "no plant is left"),
        ({"source_31": 0.7, "source_32": 0.4}, "add up to 1.1"),
        ({"source_31": -0.1}, "negative"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        heat_case("barry32", replace(SETTINGS, plant_shares=shares))


def as_file(network: HeatNetwork, path: Path, *, sources: tuple[str, ...] = ()) -> Path:
    """A shipped case as a user would have it: pumps of constant pressure, and bypasses as flow controls."""
    net = network.net.deepcopy()
    for plant in network.plants:
        if plant.name in ("plant", *sources):
            pressure_bar, lift_bar = plant.p_supply_bar or 7.0, plant.lift_bar or 4.0
            pp.create_circ_pump_const_pressure(
                net, plant.return_, plant.supply, pressure_bar, lift_bar, kelvin(75.0), name=plant.name
            )
    for supply, return_ in network.bypasses:
        pp.create_flow_control(net, supply, return_, network.settings.bypass_mdot_kg_per_s)
    pp.to_json(net, str(path))
    return path


FILE_SETTINGS = replace(SETTINGS, bypass_nodes=(), bypass_mdot_kg_per_s=0.0)


@pytest.mark.parametrize("case", ["heat8", "heat23", "barry32"])
def test_a_shipped_case_written_and_read_gives_the_same_results(case: str, tmp_path: Path) -> None:
    network = heat_case(case, SETTINGS)
    nodes = ("3", "6", "7")
    draw_kw = np.array([40.0, 25.0, 30.0])
    read = replace(heat_file(as_file(network, tmp_path / "net.json"), FILE_SETTINGS), nodes=network.nodes)
    ours, theirs = flow_of(network, nodes).solve(draw_kw), flow_of(read, nodes).solve(draw_kw)
    assert theirs.status is Status.OK
    for column in ("mdot_kg_per_s", "velocity_m_per_s", "dp_pa_per_m"):
        assert theirs.pipes[column] == pytest.approx(ours.pipes[column], rel=SAME, abs=1e-9)
    assert theirs.junctions["t_c"] == pytest.approx(ours.junctions["t_c"], rel=SAME)
    assert theirs.heat_exchanges["delivered_kw"] == pytest.approx(ours.heat_exchanges["delivered_kw"], rel=SAME)
    assert theirs.slack_kw == pytest.approx(ours.slack_kw, rel=SAME)


def test_a_file_with_several_pressure_pumps_needs_shares(tmp_path: Path) -> None:
    network = heat_case("barry32", SETTINGS)
    path = as_file(network, tmp_path / "net.json", sources=("source_31", "source_32"))
    with pytest.raises(BadInput, match="several plants would balance") as caught:
        heat_file(path, FILE_SETTINGS)
    assert "plant, source_31, source_32" in str(caught.value)
    read = replace(heat_file(path, replace(FILE_SETTINGS, plant_shares=SHARES)), nodes=network.nodes)
    case = heat_case("barry32", replace(SETTINGS, plant_shares=SHARES))
    draw_kw = np.array([100.0, 80.0, 60.0, 120.0, 40.0, 90.0, 0.0])
    result = flow_of(read).solve(draw_kw)
    check_sound(result, draw_kw)
    # The case closes the bypass beside a source that feeds; the file has its own, which the source feeds in vain.
    expected = plant_rows(flow_of(case).solve(draw_kw))
    for name, row in plant_rows(result).items():
        assert row["heat_kw"] == pytest.approx(expected[name]["heat_kw"], abs=2.0), name


def test_another_plant_can_balance(tmp_path: Path) -> None:
    network = heat_case("barry32", SETTINGS)
    path = as_file(network, tmp_path / "net.json", sources=("source_31", "source_32"))
    shares = {"plant": 0.5, "source_32": 0.1}
    read = replace(heat_file(path, replace(FILE_SETTINGS, plant_shares=shares)), nodes=network.nodes)
    assert [plant.name for plant in read.balancing] == ["source_31"]
    draw_kw = np.array([100.0, 80.0, 60.0, 120.0, 40.0, 90.0, 0.0])
    result = flow_of(read).solve(draw_kw)
    check_sound(result, draw_kw)
    assert plant_rows(result)["plant"]["heat_kw"] == pytest.approx(0.5 * draw_kw.sum(), abs=DELIVERY_KW)


def test_a_steady_pump_of_a_file_is_listed_with_the_plants(tmp_path: Path) -> None:
    network = heat_case("heat8", SETTINGS)
    path = as_file(network, tmp_path / "net.json")
    net = pp.from_json(str(path))
    supply, return_ = network.nodes["5"]
    pp.create_circ_pump_const_mass_flow(net, return_, supply, None, 0.2, kelvin(70.0), type="t", name="solar field")
    supply, return_ = network.nodes["8"]
    pp.create_circ_pump_const_mass_flow(net, supply, return_, None, 0.1, kelvin(45.0), type="t", name="swimming pool")
    pp.to_json(net, str(path))
    read = replace(heat_file(path, FILE_SETTINGS), nodes=network.nodes)
    result = flow_of(read, ("3", "6", "7")).solve(np.array([40.0, 25.0, 30.0]))
    rows = plant_rows(result)
    assert list(rows) == ["plant", "solar field"]
    assert (rows["solar field"]["mdot_kg_per_s"], rows["solar field"]["t_supply_c"]) == pytest.approx((0.2, 70.0))
    assert rows["solar field"]["heat_kw"] == pytest.approx(
        0.2 * 4.185 * (70.0 - rows["solar field"]["t_return_c"]), rel=2e-3
    )
    assert result.slack_kw is not None
    assert result.loss_kw is not None
    pool = 0.1 * 4.185 * (dict(zip(result.junctions["junction"], result.junctions["t_c"], strict=True))["S8"] - 45.0)
    assert result.slack_kw == pytest.approx(95.0 + pool + result.loss_kw, rel=2e-3)


def test_two_networks_in_one_file_are_balanced_each_by_its_plant(tmp_path: Path) -> None:
    """Among pipes, a valve, and an exchanger of a given flow (flow control and heat exchanger in series)."""
    net = pp.create_empty_network(fluid="water")
    places: list[tuple[int, int]] = []
    for part in ("north", "south"):
        hot = [int(pp.create_junction(net, 6.0, 340.0, name=f"{part} hot {n}")) for n in range(4)]
        cold = [int(pp.create_junction(net, 4.0, 320.0, name=f"{part} cold {n}")) for n in range(4)]
        for junctions in (hot, cold):
            for start, end in ((0, 1), (1, 2)):
                pp.create_pipe_from_parameters(
                    net, junctions[start], junctions[end], 0.2, 80.0, k_mm=0.1, u_w_per_m2k=1.0, text_k=281.0
                )
        pp.create_valve(net, hot[2], hot[3], "ju", 80.0, opened=True)
        pp.create_flow_control(net, hot[3], cold[3], 0.1)
        pp.create_heat_exchanger(net, cold[3], cold[2], qext_w=5_000.0, inner_diameter_mm=80.0)
        pp.create_circ_pump_const_pressure(net, cold[0], hot[0], 6.0, 2.0, kelvin(75.0), name=f"{part} works")
        places.append((hot[2], cold[2]))
    pp.to_json(net, str(tmp_path / "net.json"))
    network = heat_file(tmp_path / "net.json", FILE_SETTINGS)
    at = [HeatConnection(prosumer=str(n), supply=s, return_=r) for n, (s, r) in enumerate(places)]
    result = HeatFlow(network, at).solve(np.array([20.0, -15.0]))
    assert result.heat_exchanges["delivered_kw"] == pytest.approx([20.0, -15.0], abs=DELIVERY_KW)
    rows = plant_rows(result)
    loss = dict(zip(result.pipes["pipe"], result.pipes["loss_kw"], strict=True))
    half = len(loss) // 2
    lost = sum(list(loss.values())[:half]), sum(list(loss.values())[half:])
    assert rows["north works"]["heat_kw"] == pytest.approx(20.0 + 5.0 + lost[0], abs=0.1)
    assert rows["south works"]["heat_kw"] == pytest.approx(-15.0 + 5.0 + lost[1], abs=0.1)
