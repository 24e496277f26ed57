"""The network form where charges are no lengths of paths on a tree: every pair of members is an edge.

Net sales, as in the form on trees, with the step of each carrier and interval as a programme of its own. It serves the
negotiation on networks with loops.
"""

import numpy as np

from mosaik_p2p.market.forms import Agreement, PairForm
from mosaik_p2p.market.network_step import NetworkStep, flow_graph, no_contracts
from mosaik_p2p.market.problem import MarketProblem, highest_price
from mosaik_p2p.units import FloatArray


class MeshForm:
    """See `forms.Form`."""

    name = "network"

    def __init__(self, problem: MarketProblem, *, power_kw: float) -> None:
        self.shape = problem.shape
        self._dt_h = problem.dt_h
        self._who = [np.flatnonzero(member) for member in problem.member]
        self.distance = PairForm(problem).distance
        scale = highest_price(problem)
        self._steps = [
            [_plain_step(problem, c, power_kw=power_kw, price_per_kwh=scale) for _ in range(self.shape[1])]
            if len(self._who[c])
            else []
            for c in range(self.shape[0])
        ]

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        return z - price_per_kwh * self._dt_h / weight[:, None, :]

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight[:, None, :]

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """See Form."""
        z, price = np.zeros_like(w), np.zeros_like(w)
        for c, who in enumerate(self._who):
            for t, step in enumerate(self._steps[c]):
                answer = step.agree(w[c, t, who], weight[c, who])
                z[c, t, who], price[c, t, who] = answer.injection_kw, answer.node_price_per_kwh
        return Agreement(z, price)

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (another form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form."""
        return z

    def charge(self, z: FloatArray) -> float:
        """The cheapest way to carry net sales z."""
        return sum(
            step.serve(z[c, t, who]).cost
            for c, who in enumerate(self._who)
            for t, step in enumerate(self._steps[c])
            if z[c, t, who].any()
        )

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Lower, upper and middle closure along the cheapest chain of pairs."""
        lower = (price_per_kwh[:, :, None, :] + self.distance[:, None]).min(axis=-1)
        upper = (price_per_kwh[:, :, None, :] - self.distance[:, None]).max(axis=-1)
        return [(lower + upper) / 2, lower, upper]


def _plain_step(problem: MarketProblem, c: int, *, power_kw: float, price_per_kwh: float) -> NetworkStep:
    who = np.flatnonzero(problem.member[c])
    unbounded = np.full(len(who), np.inf)
    return NetworkStep(
        flow_graph(problem.charges[c], who),
        no_contracts(),
        (),
        who,
        reach_kw=(-unbounded, unbounded),
        power_kw=power_kw,
        price_per_kwh=price_per_kwh,
        slack_price_per_kwh=price_per_kwh,
        dt_h=problem.dt_h,
    )
