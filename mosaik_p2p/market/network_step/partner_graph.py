"""Network form on the graph of partners: exact for any table of charges, any partners, and terms of single pairs.

The same flow problem as on a physical network (`tree_form`), with the pairs themselves as edges; docs/forms.md
says why the forms agree.
"""

import numpy as np

from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.network_step.coordinate_descent import closed_prices, flow_tolerance, net_sales, settle_flows
from mosaik_p2p.market.network_step.pair_tables import conceded, pair_tables
from mosaik_p2p.market.network_step.spanning_forest import route
from mosaik_p2p.market.problem import MarketProblem, power_scale
from mosaik_p2p.market.trades import Trades, match_pairs
from mosaik_p2p.units import FloatArray, IntArray


class PartnerForm:
    """Network form on one graph of partners per carrier."""

    name = "partners"

    def __init__(self, problem: MarketProblem) -> None:
        carriers, horizon, count = problem.shape
        tables = pair_tables(problem)
        self.shape, self._tables = problem.shape, tables
        self._problem, self._dt_h = problem, problem.dt_h
        self._graphs = [_Graph(tables.first[at], tables.second[at], count) for at in tables.open]
        # (T or 1, E) by carrier.
        self._charge = [np.ascontiguousarray(total[:, at]) for total, at in zip(tables.total, tables.open, strict=True)]
        self._curvature = [table[at] for table, at in zip(tables.curvature, tables.open, strict=True)]
        self._flow = [np.zeros((horizon, charge.shape[1])) for charge in self._charge]
        self._wish = np.full((carriers, horizon, count), np.nan)
        self._power_kw = float(power_scale(problem).mean())

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form."""
        return self._tables.nearest(offer_per_kwh)

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        result: FloatArray = z - price_per_kwh * self._dt_h / weight[:, None, :]
        return result

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight[:, None, :]

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """Flows of the pairs, from those of the step before; z_i = w_i + price dt / weight_i."""
        price = np.zeros_like(w)
        tolerance_kw = flow_tolerance(float(np.abs(w - self._wish).max()), self._power_kw)
        self._wish = w.copy()
        for c, graph in enumerate(self._graphs):
            price[c] = self._settle(c, graph, w[c], weight[c], tolerance_kw) / self._dt_h
        price *= self._problem.member[:, None, :]
        return Agreement(self._net(), price)

    def _settle(self, c: int, graph: "_Graph", w: FloatArray, weight: FloatArray, tolerance_kw: float) -> FloatArray:
        charge, curvature = self._charge[c] * self._dt_h, self._curvature[c] * self._dt_h
        return settle_flows(
            np.ascontiguousarray(w),
            weight,
            graph.begin,
            graph.second,
            charge,
            curvature,
            self._flow[c],
            tolerance_kw=tolerance_kw,
        )

    def _net(self) -> FloatArray:
        z = np.zeros(self.shape)
        for c, graph in enumerate(self._graphs):
            for t, flow in enumerate(self._flow[c]):
                net_sales(graph.begin, graph.second, flow, z[c, t])
        return z

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (the bilateral form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form."""
        return z

    def charge(self, z: FloatArray) -> float:
        """Money for flows behind z, with both ends' preferences."""
        flows = self._flows(z)
        money = (
            np.sum(np.abs(flow) * charge + flow * flow * curvature)
            for flow, charge, curvature in zip(flows, self._charge, self._curvature, strict=True)
        )
        return float(sum(money)) * self._dt_h

    def concession(self, price_per_kwh: FloatArray) -> float:
        """See Form."""
        pairs = zip(self._graphs, price_per_kwh, self._charge, self._curvature, strict=True)
        return self._dt_h * sum(
            conceded(price[:, graph.first], price[:, graph.second], charge, curvature)
            for graph, price, charge, curvature in pairs
        )

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Lower, upper and middle closure along the cheapest chain of pairs; preferences bind no prices."""
        binding = [np.where(a > 0, np.inf, k) for a, k in zip(self._curvature, self._charge, strict=True)]
        carriers = [
            closed_prices(price, graph.begin, graph.second, charge)
            for graph, price, charge in zip(self._graphs, price_per_kwh, binding, strict=True)
        ]
        return [np.array(candidate) for candidate in zip(*carriers, strict=True)]

    def trades(
        self, z: FloatArray, price_per_kwh: FloatArray, *, min_trade_kw: float, interval: int = 0
    ) -> list[Trades]:
        """The pairs' own flows."""
        held = [charges.at(interval) for charges in self._problem.charges]
        return [
            match_pairs(graph.first, graph.second, flow[interval], price[interval], charges, min_trade_kw=min_trade_kw)
            for graph, flow, price, charges in zip(self._graphs, self._flows(z), price_per_kwh, held, strict=True)
        ]

    def _flows(self, z: FloatArray) -> list[FloatArray]:
        """Pair flows (T, E) per carrier whose net sales are z: those at hand, where they are; elsewhere mended."""
        at_hand = self._net()
        flows = [flow.copy() for flow in self._flow]
        for c, t in np.argwhere((at_hand != z).any(axis=2)):
            rest = z[c, t] - at_hand[c, t]
            if not z[c, t].any():
                flows[c][t] = 0.0
                continue
            charge = self._charge[c][t % len(self._charge[c])]
            order = np.argsort(np.where(flows[c][t] != 0.0, -1.0, charge), kind="stable")
            route(rest, order, self._graphs[c].first, self._graphs[c].second, flows[c][t])
        return flows


class _Graph:
    """Pairs of one carrier in compressed rows, sorted by their earlier prosumer."""

    def __init__(self, first: IntArray, second: IntArray, count: int) -> None:
        self.first, self.second = first, second
        self.begin: IntArray = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=count))]).astype(np.int64)
