"""An electric grid that adds limit rows to its answers, by solving again with every prosumer's bus moved."""

from typing import Any

from mosaik_p2p.errors import Status
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.sims import electric_grid
from mosaik_p2p.sims.grids.rounds import GRID_ID
from mosaik_p2p.sims.shared import LOAD_SCALING, open_case
from mosaik_p2p.units import KW_PER_MW

MOVED = 1.0
"""kW or kvar."""
NEAR_PU = 0.005

Key = tuple[str, str]


class Simulator(electric_grid.Simulator):
    """Voltage rows only, for every bus that is near a limit."""

    def _create_grid(self, params: Any) -> Any:
        self._case: Case = open_case(params["scenario"])
        return super()._create_grid(params)

    def get_data(self, outputs: Any) -> Any:
        data = super().get_data(outputs)
        answer = data.get(GRID_ID, {}).get("violations")
        if answer is not None and answer["status"] == Status.OK.value:
            answer["rows"] = self._rows()
        return data

    def _rows(self) -> list[dict[str, Any]]:
        now = self._voltages({})
        buses = {f"Prosumer-{p.name}": int(p.bus) for p in self._case.prosumers if p.bus is not None}
        moved = {
            (column, eid): self._voltages({bus: (MOVED * (column == "per_kw"), MOVED * (column == "per_kvar"))})
            for column in ("per_kw", "per_kvar")
            for eid, bus in buses.items()
        }
        limits = self._case.electric_limits
        assert limits is not None
        sides = ((limits.of_all.get("voltage_min"), False), (limits.of_all.get("voltage_max"), True))
        return [
            {
                "element": name,
                "quantity": "voltage_pu",
                "unit": "p.u.",
                "value": value,
                "limit": limit,
                "upper": is_upper,
                **{
                    column: {eid: (moved[column, eid][name] - value) / MOVED for eid in buses}
                    for column in ("per_kw", "per_kvar")
                },
            }
            for name, value in now.items()
            for limit, is_upper in sides
            if limit is not None and ((value > limit - NEAR_PU) if is_upper else (value < limit + NEAR_PU))
        ]

    def _voltages(self, more: dict[int, tuple[float, float]]) -> dict[str, float]:
        powers: dict[int, tuple[float, float]] = {}
        for bus in sorted({*self._powers, *more}):
            given, (p_kw, q_kvar) = self._powers.get(bus, {}), more.get(bus, (0.0, 0.0))
            p_mw = given.get("P_gen[MW]", 0.0) - given.get("P_load[MW]", 0.0)
            q_mvar = given.get("Q_gen[MVar]", 0.0) - given.get("Q_load[MVar]", 0.0)
            powers[bus] = (KW_PER_MW * p_mw + p_kw, KW_PER_MW * q_mvar + q_kvar)
        source = self._opened
        flow = PowerFlow(source.network, slack_voltage_pu=source.slack_voltage_pu, prosumer_buses=powers)
        found = flow.solve(
            powers, background_scaling=self._scalings[LOAD_SCALING], replaced_loads=source.replaced_loads
        )
        return dict(zip(found.buses["bus"], found.buses["vm_pu"], strict=True))
