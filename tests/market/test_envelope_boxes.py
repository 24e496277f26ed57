"""Boxes of which every corner keeps the limits: feeders with known answers, and what fails."""

import itertools
import os

import numpy as np
import pytest
from pandapower.topology import connected_component, create_nxgraph

from feeder_limits import FeederLimits
from mosaik_p2p.market.designs.envelope.boxes import Ask, Boxes, Rows, Told, boxes_around, common_share
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.units import FloatArray

LONG = bool(os.environ.get("MOSAIK_P2P_LONG"))
"""Whether everything is enumerated, or only a sample."""
SAME_SHARE = 1e-3
SAME_KW = 0.5
EXCESS_PU = 1e-6
SAMPLE = 12
POINTS = 1000
ROOM = 1e-5
EIGHT = ("18", "22", "25", "33", "14", "30", "8", "20")
NINE = ("27", "35", "46", "50", "65", "69", "61", "21", "12")
WANTED = (-300.0, 600.0)


def found(feeder: FeederLimits, wanted: tuple[float, float]) -> Boxes:
    least, most = (np.full(feeder.count, end) for end in wanted)
    boxes = boxes_around(np.zeros(feeder.count), least, most, feeder.told)
    assert boxes is not None
    assert (boxes.low >= least).all()
    assert (boxes.high <= most).all()
    # Everybody has the common share at the least.
    assert (boxes.high >= boxes.share * most - 1e-6).all()
    assert (boxes.low <= boxes.share * least + 1e-6).all()
    return boxes


def worst_corner(feeder: FeederLimits, boxes: Boxes) -> float:
    """The largest excess of all corners, or of a sample of them."""
    corners = np.array(list(itertools.product((0, 1), repeat=feeder.count)))
    if not LONG:
        corners = np.random.default_rng(0).permutation(corners)[:SAMPLE]
    return max(feeder.excess(np.where(corner, boxes.high, boxes.low)) for corner in corners)


def worst_point(feeder: FeederLimits, boxes: Boxes) -> float:
    """The largest excess of random points inside, of which half are corners."""
    rng, worst = np.random.default_rng(1), -np.inf
    for number in range(POINTS if LONG else SAMPLE):
        at = rng.random(feeder.count) if number % 2 else rng.integers(0, 2, feeder.count)
        worst = max(worst, feeder.excess(boxes.low + at * (boxes.high - boxes.low)))
    return worst


def test_eight_places_of_the_33_bus_feeder() -> None:
    feeder = FeederLimits(electric_case("bus33"), EIGHT, slack_pu=1.03, background=0.6)
    boxes = found(feeder, WANTED)
    assert boxes.share == pytest.approx(0.5678, abs=SAME_SHARE)
    expected = [340.7, 600.0, 600.0, 340.7, 340.7, 452.6, 340.7, 600.0]
    assert boxes.high == pytest.approx(expected, abs=SAME_KW)
    assert boxes.low == pytest.approx(np.full(8, -170.3), abs=SAME_KW)
    # It is no smaller than it has to be: with everybody at the lower end a limit is reached.
    assert -1e-4 < worst_corner(feeder, boxes) <= EXCESS_PU
    assert feeder.excess(boxes.low) == pytest.approx(0.0, abs=2e-6)
    assert worst_point(feeder, boxes) <= EXCESS_PU


def test_reactive_power_goes_along() -> None:
    feeder = FeederLimits(electric_case("bus33"), EIGHT, slack_pu=1.03, background=0.6, tan=0.33)
    boxes = found(feeder, WANTED)
    assert boxes.share == pytest.approx(0.457, abs=SAME_SHARE)
    assert worst_corner(feeder, boxes) <= EXCESS_PU


def test_nine_places_of_the_69_bus_feeder() -> None:
    feeder = FeederLimits(electric_case("bus69"), NINE, slack_pu=1.03, background=0.6)
    boxes = found(feeder, WANTED)
    assert boxes.share == pytest.approx(0.4465, abs=SAME_SHARE)
    assert worst_corner(feeder, boxes) <= EXCESS_PU
    assert worst_point(feeder, boxes) <= EXCESS_PU


@pytest.mark.parametrize(("name", "share"), [("bus33", 0.4174), ("bus69", 0.2694)])
def test_a_prosumer_at_every_bus(name: str, share: float) -> None:
    network = electric_case(name)
    buses = [bus for bus in network.net.bus["name"] if bus != "1"]
    feeder = FeederLimits(network, buses, slack_pu=1.02, background=0.5)
    boxes = found(feeder, (-100.0, 200.0))
    assert boxes.share == pytest.approx(share, abs=SAME_SHARE)
    assert worst_point(feeder, boxes) <= EXCESS_PU


def test_a_low_voltage_grid_of_a_village() -> None:
    """Everybody at the first transformer of the six who has a load: 400 V, and more resistance than reactance."""
    network = electric_case("schutterwald")
    net = network.net
    slack = int(net.ext_grid["bus"].iat[0])
    inside = connected_component(create_nxgraph(net), slack)
    buses = net.bus["name"].loc[sorted(set(net.load["bus"]) & set(inside))].tolist()
    assert len(buses) > 30
    feeder = FeederLimits(network, buses, slack_pu=1.025, background=0.5)
    boxes = found(feeder, (-10.0, 15.0))
    assert 0.0 < boxes.share < 1.0
    assert worst_point(feeder, boxes) <= EXCESS_PU


# -- without a network -----------------------------------------------------------------------------------------------

TWO = Rows(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([6.0, 4.0]))


def told_by(rows: Rows) -> Ask:
    def ask(x: FloatArray) -> Told:
        return Told(float((rows.slope @ x - rows.bound).max()), rows)

    return ask


def test_a_common_share_before_width() -> None:
    assert common_share(TWO, np.zeros(2), np.full(2, -1.0), np.full(2, 10.0)) == pytest.approx(0.3)
    boxes = boxes_around(np.zeros(2), np.array([-1.0, -1.0]), np.array([10.0, 3.0]), told_by(TWO))
    assert boxes is not None
    # 6 / 13 of 10 and of 3 are 6 kW together; below nothing binds.
    assert boxes.share == pytest.approx(6 / 13)
    assert boxes.high == pytest.approx([60 / 13, 18 / 13])
    assert boxes.low == pytest.approx([-1.0, -1.0])


def test_who_relieves_the_others_is_not_counted_on() -> None:
    rows = Rows(np.array([[1.0, -1.0]]), np.array([5.0]))
    boxes = boxes_around(np.array([2.0, 1.0]), np.array([0.0, 0.0]), np.array([10.0, 10.0]), told_by(rows))
    assert boxes is not None
    # Worst is the first at his upper end and the second at his lower one: 2 + 8 a - (1 - a) <= 5.
    assert boxes.share == pytest.approx(4 / 9)
    assert boxes.high[0] - boxes.low[1] == pytest.approx(5.0)
    assert boxes.high[1] == pytest.approx(10.0)


def test_a_base_that_breaks_a_limit_has_no_box() -> None:
    assert boxes_around(np.array([4.0, 4.0]), np.zeros(2), np.full(2, 9.0), told_by(TWO)) is None


def test_what_no_row_tells_shrinks_the_boxes() -> None:
    """As heat that cannot be delivered at some corner: nothing says who moves it how far."""

    def ask(x: FloatArray) -> Told:
        return Told(np.inf if x.sum() > 2.0 else 0.0, Rows(np.zeros((0, 2)), np.zeros(0)))

    boxes = boxes_around(np.zeros(2), np.zeros(2), np.full(2, 2.0), ask)
    assert boxes is not None
    assert 1.6 < boxes.high.sum() <= 2.0
    assert boxes.share == pytest.approx(boxes.high[0] / 2.0)

    def never(x: FloatArray) -> Told:
        return Told(np.inf if x.any() else 0.0, Rows(np.zeros((0, 2)), np.zeros(0)))

    only_base = boxes_around(np.zeros(2), np.zeros(2), np.full(2, 2.0), never)
    assert only_base is not None
    assert (only_base.share, only_base.high.tolist()) == (0.0, [0.0, 0.0])


def test_a_curved_limit_is_linearised_where_it_is_broken() -> None:
    """x + x^2 / 8 <= 4, whose tangent at the base promises too much; with a little room for the solver."""

    def ask(x: FloatArray) -> Told:
        value, slope = float(x[0] + x[0] ** 2 / 8), 1.0 + x[0] / 4
        rows = Rows(np.array([[slope]]), np.array([4.0 - ROOM - value + slope * x[0]]))
        return Told(value - 4.0, rows)

    boxes = boxes_around(np.zeros(1), np.zeros(1), np.full(1, 8.0), ask)
    assert boxes is not None
    assert boxes.rounds > 1
    assert boxes.high[0] == pytest.approx(-4.0 + np.sqrt(48.0), abs=2 * ROOM)
