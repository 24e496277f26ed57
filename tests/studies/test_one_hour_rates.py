"""The best rate of markets of one hour: small ones by hand, and pandapower's case39 with agents by a formula."""

import warnings
from dataclasses import dataclass
from functools import cache

import networkx as nx
import numpy as np
import pandapower
import pandapower.networks
import pandas as pd
import pytest
from pandapower.pypower.makePTDF import makePTDF

from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.single_period.clearing import PlainClearing, clear_plain
from mosaik_p2p.studies.best_rate.feasible import Checked, feasible_rates
from mosaik_p2p.studies.best_rate.one_hour import one_hour_market
from mosaik_p2p.studies.best_rate.one_rate import best_rate
from mosaik_p2p.units import FloatArray
from plain_markets import agents, pairs

pytestmark = pytest.mark.once

TOLERANCE = 1e-3
TIGHT = 1e-9


def test_two_maxima() -> None:
    sellers_and_buyers = agents(
        ("S1", 0.0, 1000.0, 0.01, 0.0),
        ("B1", -1000.0, 0.0, 0.01, 0.9),
        ("S2", 0.0, 1000.0, 0.005, 0.0),
        ("B2", -1000.0, 0.0, 0.005, 0.5),
    )
    distances = pairs(("S1", "B1", 0.25, 0.75), ("S2", "B2", 2.0, 2.0))
    clear = one_hour_market(sellers_and_buyers, distances)
    found = best_rate(clear, 1.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.best.rate == pytest.approx(0.45, rel=0.05)
    assert found.best.revenue == pytest.approx(10.125, rel=TOLERANCE)
    other = 0.0742424
    assert other * clear(other).charged == pytest.approx(9.0947, rel=TOLERANCE)


def test_a_cliff() -> None:
    offers = agents(("S", 0.0, 10.0, 0.0, 0.1), ("B", -10.0, 0.0, 0.0, 0.5))
    found = best_rate(one_hour_market(offers, pairs(("S", "B", 1.0, 0.0))), 1.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.is_cliff
    assert found.best.rate == pytest.approx(0.4, rel=2 * TOLERANCE)
    assert found.best.revenue == pytest.approx(4.0, rel=2 * TOLERANCE)


def test_the_largest_feasible_rate() -> None:
    """A has 10 kW of sun and may export 6 kW at 0.08; B beside it values d kW at 0.25 - 0.01 d, or imports at 0.30.

    So B buys 17 - 100 u kW, and 4 kW have to stay.
    """
    offers = agents(
        ("A", 10.0, 10.0, 0.0, 0.0),
        ("B", -100.0, 0.0, 0.01, 0.25),
        ("export", -100.0, 0.0, 0.0, 0.08),
        ("import", 0.0, 100.0, 0.0, 0.30),
    )

    def check(rate: float) -> Checked:
        priced = pairs(("A", "B", rate, 0.0), ("A", "export", 0.0, 0.0), ("B", "import", 0.0, 0.0))
        cleared = clear_plain(offers, priced, gap=TIGHT)
        exported = sum(trade.power_kw for trade in cleared.trades if (trade.seller, trade.buyer) == ("A", "export"))
        return Checked(float(exported > 6.0 + 1e-3), 0.0, max(exported / 6.0 - 1.0, 0.0))

    found = feasible_rates(check, np.linspace(0.0, 0.3, 13).tolist(), tolerance=TOLERANCE)
    ((smallest, largest),) = found.intervals
    assert smallest == 0.0
    assert largest == pytest.approx(0.13, rel=2 * TOLERANCE)


def test_tables_that_are_no_market_are_refused() -> None:
    offers = agents(("S", 0.0, 10.0, 0.0, 0.1), ("B", -10.0, 0.0, 0.0, 0.5))
    with pytest.raises(BadInput, match="no agent"):
        one_hour_market(offers, pairs(("S", "X", 1.0, 0.0)))
    with pytest.raises(BadInput, match="below 0"):
        one_hour_market(offers, pairs(("S", "B", -1.0, 0.0)))
    short = agents(("S", 5.0, 10.0, 0.0, 0.1), ("B", -1.0, 0.0, 0.0, 0.5))
    with pytest.raises(RunFailed, match=r"no solution at a rate of 0\.1"):
        one_hour_market(short, pairs(("S", "B", 1.0, 0.0)))(0.1)


@dataclass(frozen=True)
class Case39:
    """Agents at the buses of case39, and how its lines and transformers lie between them."""

    offers: pd.DataFrame
    buses: list[int]
    distances: dict[str, FloatArray]
    line_8: FloatArray
    """(N,) flow from bus 5 to bus 4 per kW that each agent injects."""
    is_seller: list[bool]

    @property
    def ends(self) -> list[tuple[int, int]]:
        sells = self.is_seller
        return [(i, j) for i in range(len(sells)) if sells[i] for j in range(len(sells)) if not sells[j]]

    def pairs(self, distance: FloatArray) -> pd.DataFrame:
        return pairs(*((f"N{i}", f"N{j}", distance[i, j] / 2, distance[i, j] / 2) for i, j in self.ends))


@cache
def case39() -> Case39:
    net = pandapower.networks.case39()
    makers = sorted({*net.gen["bus"], *net.ext_grid["bus"]})
    users = sorted(set(net.load["bus"]) - set(makers))
    buses = [*makers, *users]
    rows = [
        *((0.0, 900.0, 0.02 + 0.002 * k, 10.0 + 2.0 * k) for k in range(len(makers))),
        *((-300.0, 0.0, 0.15, 70.0 - k) for k in range(len(users))),
    ]
    with warnings.catch_warnings():
        # The case is older than the columns that concern tap changers.
        warnings.simplefilter("ignore", DeprecationWarning)
        pandapower.rundcpp(net)
    bus, branch = net._ppc["bus"], net._ppc["branch"]
    at = net._pd2ppc_lookups["bus"][buses]
    flows = np.real(makePTDF(net._ppc["baseMVA"], bus, branch))[:, at]
    first, second = branch[:, 0].real.astype(int), branch[:, 1].real.astype(int)
    base_ohm = float(net.bus["vn_kv"].min()) ** 2 / float(net.sn_mva)
    z = (branch[:, 2] + 1j * branch[:, 3]) * base_ohm
    zone = dict(zip(net._pd2ppc_lookups["bus"][net.bus.index].tolist(), net.bus["zone"], strict=True))
    graph = nx.Graph()
    for a, b, ohm in sorted(
        zip(first.tolist(), second.tolist(), abs(z).tolist(), strict=True), key=lambda edge: -edge[2]
    ):
        graph.add_edge(a, b, ohm=ohm)
    ways = {a: nx.single_source_dijkstra(graph, a, weight="ohm") for a in at.tolist()}
    return Case39(
        offers=agents(*((f"N{n}", *row) for n, row in enumerate(rows))),
        buses=buses,
        distances={
            "uniform": np.ones((len(buses), len(buses))),
            "power transfer": np.abs(flows[:, :, None] - flows[:, None, :]).sum(axis=0),
            "zonal": np.array(
                [[len({zone[v] for v in ways[a][1][b]}) for b in at.tolist()] for a in at.tolist()], float
            ),
            "Thevenin": thevenin(first, second, z, len(bus))[np.ix_(at, at)],
            "sum of |z|": np.array([[ways[a][0][b] for b in at.tolist()] for a in at.tolist()]),
        },
        line_8=-flows[8],
        is_seller=[n < len(makers) for n in range(len(buses))],
    )


def thevenin(first: np.ndarray, second: np.ndarray, z: np.ndarray, count: int) -> FloatArray:
    """|Z_ii + Z_jj - Z_ij - Z_ji| of the network of series impedances, by the pseudoinverse of its Laplacian."""
    laplacian = np.zeros((count, count), dtype=complex)
    for a, b, y in zip(first, second, 1.0 / z, strict=True):
        laplacian[[a, b], [a, b]] += y
        laplacian[[a, b], [b, a]] -= y
    inverse = np.linalg.pinv(laplacian, rcond=1e-12)
    own = np.diag(inverse)
    result: FloatArray = np.abs(own[:, None] + own[None, :] - inverse - inverse.T)
    return result


ROWS = [
    ("uniform", 60.0, 22.82, 45_179.8, 11.824, 88_645.2),
    ("power transfer", 30.0, 7.35, 39_736.1, 0.9230, 94_061.1),
    ("zonal", 60.0, 22.69, 44_477.8, 3.4877, 93_819.9),
    ("Thevenin", 2.0, 0.559, 41_274.7, 0.1258, 92_532.8),
    ("sum of |z|", 2.0, 0.463, 38_539.5, 0.1090, 92_282.2),
]


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(("name", "highest", "rate", "revenue", "keeps", "welfare"), ROWS)
def test_case39(name: str, highest: float, rate: float, revenue: float, keeps: float, welfare: float) -> None:
    case = case39()
    distance = case.distances[name]
    found = best_rate(one_hour_market(case.offers, case.pairs(distance)), highest, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.best.revenue == pytest.approx(revenue, rel=TOLERANCE)
    assert found.best.rate == pytest.approx(rate, rel=0.02)
    feasible = feasible_rates(
        lambda u: _line_8(case, u * distance)[0], np.linspace(0.0, 2.1 * keeps, 8).tolist(), tolerance=1e-4
    )
    assert feasible.smallest == pytest.approx(keeps, rel=TOLERANCE)
    assert len(feasible.intervals) == 1
    cleared = _line_8(case, feasible.smallest * distance)[1]
    assert cleared.welfare is not None
    assert cleared.charges is not None
    assert cleared.welfare + cleared.charges == pytest.approx(welfare, rel=1e-5)


def _line_8(case: Case39, charge: FloatArray) -> tuple[Checked, PlainClearing]:
    cleared = clear_plain(case.offers, case.pairs(charge), gap=TIGHT)
    flow = float(case.line_8 @ [agent.net_kw for agent in cleared.agents])
    return Checked(float(flow > 400.0), 0.0, max(flow / 400.0 - 1.0, 0.0)), cleared


def test_case39_without_charges() -> None:
    """The market by itself, by which the distances and the flow are told to be those of the known case."""
    case = case39()
    checked, cleared = _line_8(case, np.zeros((len(case.buses), len(case.buses))))
    assert cleared.welfare == pytest.approx(95_032.42, rel=1e-6)
    assert 400.0 * (1.0 + checked.worst_excess) == pytest.approx(499.24, abs=0.05)
    at = [case.buses.index(bus) for bus in (29, 32)]
    assert case.distances["power transfer"].max() == pytest.approx(11.401270, abs=1e-5)
    assert case.distances["power transfer"][at[0], at[1]] == pytest.approx(8.254717, abs=1e-5)
