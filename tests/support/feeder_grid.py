"""A grid for tests of the negotiation: AC power flow, and limit rows by solving again with one prosumer moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.market.negotiation.protocol import NetworkReport
from mosaik_p2p.market.over_time.outcome import ProsumerDispatch
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.prosumers.prosumer import Prosumer

MOVED = 1.0
NEAR_PU, NEAR_PERCENT = 0.05, 50.0
"""Rows are reported from here on below a limit."""


@dataclass(frozen=True)
class FeederGrid:
    """Checks dispatches of prosumers against voltage and loading."""

    network: ElectricNetwork
    prosumers: Sequence[Prosumer]
    slack_voltage_pu: float = 1.0
    voltage_pu: tuple[float, float] = (0.95, 1.05)
    loading_percent: float = 1e9
    replaced_loads: frozenset[Element] = frozenset()

    @cached_property
    def _flow(self) -> PowerFlow:
        buses = [prosumer.bus for prosumer in self.prosumers if prosumer.bus is not None]
        return PowerFlow(self.network, slack_voltage_pu=self.slack_voltage_pu, prosumer_buses=buses)

    def solve(
        self, injection_kw: Mapping[str, float], reactive_kvar: Mapping[str, float], *, background: float
    ) -> PowerFlowResult:
        """The state for injections by name of prosumer."""
        at_bus: dict[int, tuple[float, float]] = {}
        for prosumer in self.prosumers:
            assert prosumer.bus is not None
            kw = injection_kw[prosumer.name]
            before = at_bus.get(prosumer.bus, (0.0, 0.0))
            at_bus[prosumer.bus] = before[0] + kw, before[1] + reactive_kvar[prosumer.name]
        return self._flow.solve(at_bus, background_scaling=background, replaced_loads=self.replaced_loads)

    def report(self, dispatch: Sequence[ProsumerDispatch], *, background: float) -> NetworkReport:
        """What is violated, and rows for what is violated or near."""
        injection_kw = {entry.prosumer: entry.injection_kw for entry in dispatch}
        reactive_kvar = {entry.prosumer: entry.q_injection_kvar for entry in dispatch}
        return self.report_of(injection_kw, reactive_kvar, background=background)

    def report_of(
        self, injection_kw: Mapping[str, float], reactive_kvar: Mapping[str, float], *, background: float
    ) -> NetworkReport:
        """The same for injections by name."""
        found = self.solve(injection_kw, reactive_kvar, background=background)
        values = _values(found)
        moved = {
            name: _values(self.solve({**injection_kw, name: kw + MOVED}, reactive_kvar, background=background))
            for name, kw in injection_kw.items()
        }
        turned = {
            name: _values(self.solve(injection_kw, {**reactive_kvar, name: kvar + MOVED}, background=background))
            for name, kvar in reactive_kvar.items()
        }
        rows = []
        for quantity, element in values:
            value = values[quantity, element]
            per_kw, per_kvar = (
                {name: (found[quantity, element] - value) / MOVED for name, found in changed.items()}
                for changed in (moved, turned)
            )
            for limit, is_upper, near in self._limits(quantity):
                if (value > limit - near) if is_upper else (value < limit + near):
                    rows.append(LimitRow(element, quantity, "", value, limit, is_upper, per_kw, per_kvar))
        broken = frozenset((row.element, row.quantity) for row in rows if row.excess > 0)
        return NetworkReport(True, broken, tuple(rows))

    def _limits(self, quantity: str) -> list[tuple[float, bool, float]]:
        if quantity == "voltage_pu":
            return [(self.voltage_pu[0], False, NEAR_PU), (self.voltage_pu[1], True, NEAR_PU)]
        return [(self.loading_percent, True, NEAR_PERCENT)]


def _values(found: PowerFlowResult) -> dict[tuple[str, str], float]:
    voltages = {("voltage_pu", bus): v for bus, v in zip(found.buses["bus"], found.buses["vm_pu"], strict=True)}
    lines = zip(found.lines["element"], found.lines["loading_percent"], strict=True)
    return voltages | {("line_loading_percent", line): v for line, v in lines}
