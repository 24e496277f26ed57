"""A market that answers the first check of every interval by halving what it has cleared."""

from collections.abc import Mapping
from dataclasses import replace

from mosaik_p2p.market.over_time.outcome import IntervalOutcome, ProsumerDispatch
from mosaik_p2p.sims import market
from mosaik_p2p.units import Table

HALVED = {
    "trades": {"power_kw"},
    "prosumers": {"net_sale_kw", "import_kw", "export_kw", "injection_kw", "q_injection_kvar"},
}


class Simulator(market.Simulator):
    """Emits two rounds per interval, the second with half of everything."""

    def respond(self, violations: Mapping[str, market.Violations]) -> IntervalOutcome | None:
        networks = {"electricity": self.case.electric, "heat": self.case.heat}
        expected = {name for name, network in networks.items() if network is not None}
        assert set(violations) == expected, "all grids answer in one step of the market"
        if self.round > 0 or self.outcome is None:
            return None
        tables = {name: _halved(rows, HALVED.get(name, set())) for name, rows in self.outcome.tables.items()}
        dispatch = tuple(_half(entry) for entry in self.outcome.dispatch)
        return replace(self.outcome, dispatch=dispatch, tables=tables)


def _half(entry: ProsumerDispatch) -> ProsumerDispatch:
    return replace(
        entry,
        injection_kw=entry.injection_kw / 2,
        q_injection_kvar=entry.q_injection_kvar / 2,
        heat_draw_kw=entry.heat_draw_kw / 2,
    )


def _halved(rows: Table, columns: set[str]) -> Table:
    return {
        name: [None if value is None else value / 2 for value in values] if name in columns else values
        for name, values in rows.items()
    }


class HalvesElectricity(market.Simulator):
    """Emits two rounds per interval, the second with half of the electricity and all of the heat."""

    def respond(self, violations: Mapping[str, market.Violations]) -> IntervalOutcome | None:  # noqa: ARG002
        if self.round > 0 or self.outcome is None:
            return None
        halved = tuple(replace(_half(entry), heat_draw_kw=entry.heat_draw_kw) for entry in self.outcome.dispatch)
        return replace(self.outcome, dispatch=halved)


TOO_MUCH_KW = 1e12


class AsksTooMuch(market.Simulator):
    """In the second interval its last round asks for what no network can give."""

    def respond(self, violations: Mapping[str, market.Violations]) -> IntervalOutcome | None:  # noqa: ARG002
        if self.round > 0 or self.outcome is None or self._interval != 1:
            return None
        asked = tuple(
            replace(entry, injection_kw=-TOO_MUCH_KW, heat_draw_kw=TOO_MUCH_KW) for entry in self.outcome.dispatch
        )
        return replace(self.outcome, dispatch=asked)
