"""A feeder asked by a design, and the optimal power flow of pandapower on it: two roads to nodal prices."""

from collections.abc import Container, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandapower

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.limits.response import SLACK
from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.market.designs.operator import BranchLosses, Exchange
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, Role, Variable
from mosaik_p2p.units import ELECTRICITY, FloatArray

LOADING = "line_loading_percent"
BROKEN = 1e-3
"""Per cent above a limit that count as none."""
Agent = tuple[str, float, float, float, float]
"""Bus by name, least and largest injection in kW, a and b of a/2 x^2 + b x."""


@dataclass(frozen=True)
class Feeder:
    """Agents on a feeder whose slack, at 1 p.u., buys and sells at `price` per kWh; unity power factor."""

    network: ElectricNetwork
    agents: Sequence[Agent]
    loading_percent: Mapping[str, float]
    price: float = 0.50

    @cached_property
    def buses(self) -> list[int]:
        """Of the agents."""
        index = dict(zip(self.network.net.bus["name"], self.network.net.bus.index, strict=True))
        return [int(index[agent[0]]) for agent in self.agents]

    @cached_property
    def _flow(self) -> PowerFlow:
        return PowerFlow(self.network, slack_voltage_pu=1.0, prosumer_buses=self.buses)

    # -- asked by a design --------------------------------------------------------------------------------------

    def _solved(self, exchange: Exchange) -> PowerFlow:
        powers = zip(self.buses, exchange.injection_kw[0].tolist(), exchange.reactive_kvar.tolist(), strict=True)
        self._flow.solve({bus: (kw, kvar) for bus, kw, kvar in powers}, background_scaling=1.0)
        return self._flow

    def reports(
        self,
        exchange: Exchange,
        t: int,  # noqa: ARG002
        *,
        kept: Container[LimitKey] = frozenset(),  # noqa: ARG002
    ) -> Mapping[int, NetworkReport]:
        """See Operator; every limited line has a row."""
        flow = self._solved(exchange)
        loading = dict(zip(flow.net.line["name"], flow.net.res_line["loading_percent"], strict=True))
        response = flow.response(self.buses)[LOADING]
        at = {name: n for n, name in enumerate(response.elements)}
        rows = []
        for name, limit in self.loading_percent.items():
            per_kw = dict(zip(self.names, response.per_kw[at[name]].tolist(), strict=True))
            rows.append(LimitRow(name, LOADING, "%", float(loading[name]), limit, True, per_kw))
        broken = frozenset((row.element, row.quantity) for row in rows if row.excess > BROKEN)
        return {0: NetworkReport(True, broken, tuple(rows))}

    def loss(self, exchange: Exchange, t: int) -> FloatArray:  # noqa: ARG002
        """See Operator."""
        return np.array([float(self._solved(exchange).net.res_line["pl_mw"].sum()) * 1e3, 0.0])

    def marginal_loss(self, exchange: Exchange, t: int) -> FloatArray:  # noqa: ARG002
        """See Operator."""
        slope = self._solved(exchange).response(self.buses)[SLACK].per_kw[0]
        return np.stack([1.0 + slope, np.zeros(len(self.agents))])

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:  # noqa: ARG002
        """See Operator."""
        return BranchLosses(*self._solved(exchange).branch_losses(self.buses))

    # -- the market ---------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Of the agents."""
        return [f"at {agent[0]}" for agent in self.agents]

    def market(self) -> MarketProblem:
        """One interval, no charges."""
        count = len(self.agents)
        models = tuple(self._model(name, agent) for name, agent in zip(self.names, self.agents, strict=True))
        return MarketProblem(models, (no_charges(np.zeros(count, dtype=np.int64)), no_charges(np.full(count, -1))), 1.0)

    def _model(self, name: str, agent: Agent) -> ProsumerModel:
        _, least, most, a, b = agent
        way, size = (1.0, most) if most > 0.0 else (-1.0, -least)
        builder = ModelBuilder(name, 1.0, 1, size_kw=size)
        builder.variable(
            Variable("it", "generator", "power"), upper=size, price=way * b, curvature=a, adds={ELECTRICITY: way}
        )
        for role, share in ((Role.IMPORT, 1.0), (Role.EXPORT, -1.0)):
            builder.variable(
                Variable("grid", CONTRACT, role), upper=2000.0, price=share * self.price, adds={ELECTRICITY: share}
            )
        return builder.build(member=(True, False))

    # -- optimal power flow -------------------------------------------------------------------------------------

    def optimum(self) -> tuple[FloatArray, FloatArray]:
        """Injections (n,) kW and nodal prices (n,) per kWh by pandapower's interior-point method."""
        net = deepcopy(self.network.net)
        net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.8, 1.2
        net.bus.loc[net.ext_grid.bus, ["min_vm_pu", "max_vm_pu"]] = 1.0
        net.ext_grid["vm_pu"], net.ext_grid["controllable"], net.line["max_loading_percent"] = 1.0, False, 1e4
        for name, percent in self.loading_percent.items():
            net.line.loc[net.line["name"] == name, "max_loading_percent"] = percent
        pandapower.create_poly_cost(net, net.ext_grid.index[0], "ext_grid", cp1_eur_per_mw=1e3 * self.price)
        for bus, (_, least, most, a, b) in zip(self.buses, self.agents, strict=True):
            limits = {"min_p_mw": least / 1e3, "max_p_mw": most / 1e3, "min_q_mvar": 0.0, "max_q_mvar": 0.0}
            k = pandapower.create_sgen(net, bus, p_mw=(least + most) / 2e3, controllable=True, **limits)
            pandapower.create_poly_cost(net, k, "sgen", cp1_eur_per_mw=1e3 * b, cp2_eur_per_mw2=a / 2 * 1e6)
        tight = dict.fromkeys(("PDIPM_GRADTOL", "PDIPM_COMPTOL", "PDIPM_FEASTOL"), 1e-9)
        pandapower.runopp(net, PDIPM_COSTTOL=1e-10, **tight)
        price = net.res_bus["lam_p"].loc[self.buses].to_numpy() / 1e3
        return net.res_sgen["p_mw"].to_numpy()[-len(self.agents) :] * 1e3, price


def with_ties(network: ElectricNetwork) -> ElectricNetwork:
    """The 33-bus feeder with its five ties closed."""
    net = deepcopy(network.net)
    bus = dict(zip(net.bus["name"], net.bus.index, strict=True))
    for a, b, ohm in (("21", "8", 2.0), ("9", "15", 2.0), ("12", "22", 2.0), ("18", "33", 0.5), ("25", "29", 0.5)):
        pandapower.create_line_from_parameters(net, bus[a], bus[b], 1.0, ohm, ohm, 0.0, 0.2, name=f"tie {a}-{b}")
    return replace(network, net=net)
