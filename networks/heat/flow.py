"""Hydraulic and thermal flow of a heat network, interval after interval.

The market clears heat, the network moves water: a loop over the mass flows makes the heat that arrives equal the heat
that was cleared. It is Newton's method, with the exact answer of all temperatures to all mass flows as slope. It starts
from flows that are near already (`near.start`), or from the interval before where none are found. (Fixed heat and a
mass flow that follows, the reverse, diverges; so does repeated division of heat by spread where little flows.)
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import numpy.typing as npt
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.response import Response
from mosaik_p2p.networks.heat.elements import HeatConnection, HeatElements
from mosaik_p2p.networks.heat.hydraulics.beginning import Beginning
from mosaik_p2p.networks.heat.hydraulics.kept import Guard
from mosaik_p2p.networks.heat.hydraulics.linear import solved_or_nearest
from mosaik_p2p.networks.heat.hydraulics.water import heat_kw, mean_cp_kj_per_kg_k
from mosaik_p2p.networks.heat.limit_sensitivity import Exchange, heat_response
from mosaik_p2p.networks.heat.near.start import Bounds, Found, near_start
from mosaik_p2p.networks.heat.network import HeatNetwork
from mosaik_p2p.networks.heat.tables import HEAT_TABLES, Exchanged, heat_tables
from mosaik_p2p.networks.heat.without_solution import cause_not_delivered, cause_without_heat_flow
from mosaik_p2p.units import FloatArray, Table

__all__ = ["HeatConnection", "HeatFlow", "HeatFlowResult"]

TOLERANCE_KW = 0.05
"""Delivered heat equals cleared heat within this, and less than this counts as nothing."""
RELATIVE_TOLERANCE = 0.1
"""For the smallest draws, of which `TOLERANCE_KW` would be a large part."""
MIN_SPREAD_K = 1.0
"""A prosumer whose water enters less than this beside its outlet temperature exchanges no heat worth the name."""
MAX_PIPEFLOWS = 12
"""Per attempt; two to four are usual."""
LARGEST_STEP, CAUTIOUS_STEP = 4.0, 1.5
"""Factors by which a mass flow may change at a time: usually, and after that has failed."""
LEAST_SLOPE = 0.1
"""Share of the hot water's slope that a slope is at least taken to be."""
USUAL_LOSS = 0.07
"""Share of the spread that is usually lost on the way: for the first guess only."""


@dataclass(frozen=True, kw_only=True)
class HeatFlowResult:
    """One interval's flow. Without a solution (`not_converged`) the tables are empty and the figures None."""

    status: Status
    iterations: int
    """Pipe flows that were solved."""
    cause: str | None = None
    """Why there is no solution, or why somebody is without heat; see `no_heat_flow`."""
    slack_kw: float | None = None
    """Heat that all plants give; negative where they take surplus."""
    loss_kw: float | None = None
    """Heat that the pipes lose."""
    pump_kw: float | None = None
    """Hydraulic power of the plants' pumps."""
    undeliverable: tuple[str, ...] = ()
    """Prosumers, and consumers of a file, without flow because their heat cannot be exchanged; the others are as
    cleared."""
    heat_exchanges: Table = field(default_factory=lambda: _empty("heat_exchanges"))
    """prosumer, mode (draw, feed, idle), cleared_kw, delivered_kw, mdot_kg_per_s (these three + draws, - feeds in),
    t_supply_c, t_return_c, dp_bar, status. Delivered is the enthalpy of water between both temperatures."""
    plants: Table = field(default_factory=lambda: _empty("plants"))
    """plant, heat_kw, mdot_kg_per_s (both + gives, - takes), t_supply_c, t_return_c, head_bar (the pump's lift while it
    runs), pump_kw."""
    junctions: Table = field(default_factory=lambda: _empty("junctions"))
    """junction, side, p_bar, t_c (None where nothing flows), flowing."""
    pipes: Table = field(default_factory=lambda: _empty("pipes"))
    """pipe, mdot_kg_per_s (+ as the pipe is drawn), velocity_m_per_s (magnitude), dp_pa_per_m (friction), t_in_c and
    t_out_c (in the direction of flow, None where nothing flows), loss_kw."""


@dataclass(frozen=True)
class _Attempt:
    """Where the loop ended. Arrays of shape (connections,), magnitudes."""

    mdot: FloatArray
    capped: npt.NDArray[np.bool_]
    """Whose mass flow ran away: the spread between its water and its outlet stays below `MIN_SPREAD_K`."""
    unmet: npt.NDArray[np.bool_]
    """Whose heat is not what was cleared, in the last flow; nobody's where that flow has no solution."""
    converged: bool


NEAR, UNKNOWN, NOT_FOUND = "near", "unknown", "not found"
"""How an attempt began: from the near start; as before, since the net has what that does not know, or since it did not
arrive."""


class HeatFlow:
    """The flow in one network with prosumers at the given places. The network passed in is never changed."""

    def __init__(self, network: HeatNetwork, connections: Sequence[HeatConnection], guard: Guard | None = None) -> None:
        """`guard`: of the run, if flows are made anew in it."""
        self._elements = HeatElements(network, connections, guard)
        self._settings = network.settings
        self._connections = tuple(connections)
        self._shares = np.array([plant.share for plant in network.feeding], dtype=np.float64)
        self._consumers_kw = np.array([consumer.heat_kw for consumer in network.consumers], dtype=np.float64)
        self._names = self._elements.names
        self._last: tuple[FloatArray, FloatArray] | None = None
        self._near = near_start(self._elements)
        self.beginnings: Counter[str] = Counter()
        """How often attempts began in each way: `NEAR`, `UNKNOWN`, `NOT_FOUND`."""
        self._position = {connection.prosumer: row for row, connection in enumerate(connections)}
        self._pipeflows = 0

    def solve(self, draw_kw: FloatArray) -> HeatFlowResult:
        """The state of the network in one interval.

        `draw_kw`: (connections,) cleared heat in kW, + draws, - feeds in. Never raises for what the network cannot do:
        the result's status says it, and the next call starts afresh.
        """
        cleared = np.asarray(draw_kw, dtype=np.float64)
        found = self.tried(cleared)
        if found is not None:
            return found
        self._last = None
        return HeatFlowResult(status=Status.NOT_CONVERGED, iterations=self._pipeflows, cause=self._cause(cleared))

    def forget(self) -> None:
        """Solve next as if nothing had been solved before; set-ups stay, since no digit depends on them."""
        self._last = None
        self._elements.forget()

    def tried(self, cleared: FloatArray) -> HeatFlowResult | None:
        """As `solve`; None without a solution, whose cause nobody looks for."""
        self._pipeflows = 0
        if not np.isfinite(cleared).all():
            return None
        undeliverable, lost = np.zeros(len(self._names), dtype=bool), []
        served = self._served(cleared, undeliverable)
        while True:
            attempt = self._attempt(served)
            if attempt.converged or not attempt.unmet.any():
                break
            more = attempt.capped if attempt.capped.any() else self._nearest_to_running_away(attempt, served)
            lost += self._water_of(more, np.sign(served) * attempt.mdot)
            undeliverable |= more
            served = self._served(cleared, undeliverable)
        if not attempt.converged or not self._elements.settle():
            return None
        self._last = (served, attempt.mdot)
        result = self._result(cleared, np.sign(served) * attempt.mdot, undeliverable)
        named = [water for water in lost if water[0] in result.undeliverable]
        return replace(result, cause=cause_not_delivered(named))

    def _water_of(self, rows: npt.NDArray[np.bool_], mdot: FloatArray) -> list[tuple[str, float, float]]:
        """Names of exchangers, and the temperatures in degC at which their water comes and leaves."""
        t_supply, t_return = self._ends(mdot)
        t_in, t_out = (np.where(mdot > 0.0, *sides) for sides in ((t_supply, t_return), (t_return, t_supply)))
        return [(self._names[row], float(t_in[row]), float(t_out[row])) for row in np.flatnonzero(rows)]

    def _cause(self, cleared: FloatArray) -> str:
        """Why there is no solution; found with a network of its own, as tries leave traces in one."""
        complaint, twin = self._elements.complaint, HeatFlow(self._elements.network, self._connections)

        def solved_at(share: float) -> bool:
            return twin.tried(share * cleared) is not None

        return cause_without_heat_flow(complaint, self._names, cleared, solved_at)

    def _served(self, cleared: FloatArray, undeliverable: npt.NDArray[np.bool_]) -> FloatArray:
        """(exchangers,) heat in kW: of the prosumers, of the plants that feed a share of theirs, of a file's consumers;
        nothing where it is undeliverable."""
        plant_of, plants = self._elements.plant_of, slice(len(cleared), len(cleared) + len(self._shares))
        served = np.concatenate([cleared, np.zeros(len(self._shares)), self._consumers_kw])
        served = np.where(undeliverable | (np.abs(served) < TOLERANCE_KW), 0.0, served)
        net_draw = np.bincount(plant_of, weights=served, minlength=len(served))
        fed = self._shares * np.maximum(net_draw, 0.0)[plant_of[plants]]
        served[plants] = np.where(undeliverable[plants] | (fed < TOLERANCE_KW), 0.0, -fed)
        return served

    def response(self, prosumers: Sequence[str]) -> dict[str, Response]:
        """How the last solution answers to heat that these prosumers feed in; see `heat_response`.

        Raises ValueError without a solution, KeyError for a prosumer without connection.
        """
        if self._last is None:
            raise ValueError("the last heat flow has no solution to linearise")
        served, magnitude = self._last
        mdot = np.sign(served) * magnitude
        t_supply, t_return = self._ends(mdot)
        # Who is at rest would leave the water with the outlet's temperature, if he began to draw.
        t_return = np.where(mdot == 0.0, self._elements.t_draw_c, t_return)
        exchange = Exchange(mdot_kg_per_s=mdot, t_supply_c=t_supply, t_return_c=t_return)
        return heat_response(self._elements, exchange, [self._position[name] for name in prosumers])

    def net_as_solved(self) -> pandapipesNet:
        """A copy of the net of the last solution: plant, prosumers and bypasses are elements of it, by name.

        It holds the options of the pipe flow, and starts from the temperatures found.
        """
        net = deepcopy(self._elements.net)
        if self._last is not None:
            net.junction["tfluid_k"] = net.res_junction["t_k"]
        return net

    def _attempt(self, served: FloatArray) -> _Attempt:
        """From flows that are near; if that leads nowhere, from a network hot throughout, and then in smaller steps."""
        near = self._from_near(served)
        first, beginning = (self._from_last(served), None) if near is None else (near.mdot_kg_per_s, near.beginning)
        for start, largest_step in chain([(first, LARGEST_STEP)], self._hot_starts(served)):
            attempt = self._iterate(served, start, largest_step, beginning)
            beginning = None
            if attempt.converged or attempt.capped.any():
                break
        return attempt

    def _hot_starts(self, served: FloatArray) -> Iterator[tuple[FloatArray, float]]:
        for largest_step in (LARGEST_STEP, CAUTIOUS_STEP):
            yield self._hot_guess(served), largest_step

    def _from_near(self, served: FloatArray) -> Found | None:
        """Flows that exchange the heat already, but for what the pipe flow knows better; None where none are found."""
        if self._near is None:
            self.beginnings[UNKNOWN] += 1
            return None
        least, most = self._bounds(served)
        bounds = Bounds(least=least, most=most, least_slope=LEAST_SLOPE * self._first_slope(served))
        starts = chain([(self._first_guess(served), LARGEST_STEP)], self._hot_starts(served))
        found = self._near.find(served, starts, bounds)
        self.beginnings[NOT_FOUND if found is None else NEAR] += 1
        return found

    def _iterate(
        self, served: FloatArray, start: FloatArray, largest_step: float, beginning: Beginning | None
    ) -> _Attempt:
        """Newton's method on the mass flows, each of them changed by at most the factor `largest_step` at a time.

        `beginning`: of the first pipe flow.
        """
        sign, wanted = np.sign(served), np.abs(served)
        tolerance = np.minimum(TOLERANCE_KW, RELATIVE_TOLERANCE * wanted)
        least, most = self._bounds(served)
        mdot = np.clip(start, least, most)
        capped = unmet = np.zeros(len(mdot), dtype=bool)
        for _ in range(MAX_PIPEFLOWS):
            self._pipeflows += 1
            if not self._elements.solve(sign * mdot, beginning):
                nobody = np.zeros(len(mdot), dtype=bool)
                return _Attempt(mdot, capped=nobody, unmet=nobody, converged=False)
            beginning = None
            missing = wanted - sign * self._delivered(sign * mdot)
            unmet = ~(np.abs(missing) <= tolerance)
            capped = unmet & (mdot >= most) & (missing > 0.0)
            if not (unmet & ~capped).any():
                break
            moved = mdot + self._newton_step(sign * mdot, missing, fixed=capped)
            mdot = np.clip(np.clip(moved, mdot / largest_step, mdot * largest_step), least, most)
        return _Attempt(mdot, capped, unmet, converged=not unmet.any())

    def _newton_step(self, mdot: FloatArray, missing: FloatArray, *, fixed: npt.NDArray[np.bool_]) -> FloatArray:
        """(connections,) change of the magnitudes of `mdot` (+ draws, - feeds in) that brings the missing heat in kW.

        Where more flow brings little or nothing, a bold step is what helps: the water enters too cold to be of use, or
        someone who feeds in gets nothing but the hot water of a bypass until his flow exceeds the bypass's.
        """
        active = (mdot != 0.0) & ~fixed
        t_supply, t_return = self._ends(mdot)
        spread_kj_per_kg = heat_kw(np.ones(len(mdot)), t_supply, t_return)
        answer = self._elements.inlet_sensitivity(mdot)
        cp = mean_cp_kj_per_kg_k(t_supply, t_return)
        slope = (np.abs(mdot) * cp)[:, None] * answer
        slope[np.diag_indices_from(slope)] += spread_kj_per_kg
        least_slope = LEAST_SLOPE * self._first_slope(mdot)
        flat = active & (np.diag(slope) < least_slope)
        slope[flat] = np.diag(least_slope)[flat]
        step = np.zeros(len(mdot))
        step[active] = solved_or_nearest(slope[np.ix_(active, active)], (np.sign(mdot) * missing)[active])
        return np.asarray(np.sign(mdot) * step)

    def _delivered(self, mdot: FloatArray) -> FloatArray:
        """Heat exchanged in kW, + drawn, - fed in."""
        t_supply, t_return = self._ends(mdot)
        return heat_kw(mdot, t_supply, t_return)

    def _ends(self, mdot: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Water temperatures in degC on every prosumer's supply and return side: its outlet's set one, its inlet's
        junction's one."""
        elements = self._elements
        t_supply = np.where(mdot < 0.0, elements.t_feed_c, elements.junction_t_c(elements.supply))
        t_return = np.where(mdot > 0.0, elements.t_draw_c, elements.junction_t_c(elements.return_))
        return t_supply, t_return

    def _first_slope(self, served: FloatArray) -> FloatArray:
        """Heat per mass flow in kJ/kg if no more were lost than is lost already."""
        elements = self._elements
        hot = np.where(served < 0.0, elements.t_feed_c, elements.hottest_c)
        cold = elements.t_draw_c
        return np.asarray(np.maximum(hot - cold, MIN_SPREAD_K) * mean_cp_kj_per_kg_k(hot, cold))

    def _bounds(self, served: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Least mass flow: with the largest spread there can be, by half. Most: with the least that is accepted."""
        settings = self._settings
        hottest = self._elements.hottest_c
        coldest = min(settings.t_ground_c, settings.t_return_c, *self._elements.t_draw_c.tolist())
        cp = mean_cp_kj_per_kg_k(np.array(hottest), np.array(coldest))
        wanted = np.abs(served)
        return 0.5 * wanted / (cp * (hottest - coldest)), wanted / (cp * MIN_SPREAD_K)

    def _first_guess(self, served: FloatArray) -> FloatArray:
        return np.asarray(np.abs(served) / (self._first_slope(served) * (1.0 - USUAL_LOSS)))

    def _hot_guess(self, served: FloatArray) -> FloatArray:
        """More flow to everyone who draws, enough to carry all that the pipes could lose: from there, less flow always
        brings less heat."""
        branches = self._elements.branches
        loss_kw = float(branches.loss_kw_per_k @ (self._elements.hottest_c - branches.t_ground_c))
        drawing = served > 0.0
        extra = loss_kw / max(int(drawing.sum()), 1) / self._first_slope(served)
        return self._first_guess(served) + np.where(drawing, extra, 0.0)

    def _nearest_to_running_away(self, attempt: _Attempt, served: FloatArray) -> npt.NDArray[np.bool_]:
        most = self._bounds(served)[1]
        share = np.divide(attempt.mdot, most, out=np.zeros(len(most)), where=attempt.unmet)
        return np.asarray(np.arange(len(most)) == int(np.argmax(share)), dtype=np.bool_)

    def _from_last(self, served: FloatArray) -> FloatArray:
        """The last mass flows, changed as much as the heat was, where the prosumer still does the same."""
        if self._last is None:
            return self._first_guess(served)
        last_served, last_mdot = self._last
        moved = last_mdot + (np.abs(served) - np.abs(last_served)) / self._first_slope(served)
        usable = (np.sign(served) == np.sign(last_served)) & (moved > 0.0)
        return np.where(usable, moved, self._first_guess(served))

    def _result(self, cleared: FloatArray, mdot: FloatArray, undeliverable: npt.NDArray[np.bool_]) -> HeatFlowResult:
        t_supply, t_return = self._ends(mdot)
        exchanged = Exchanged(
            cleared_kw=cleared,
            mdot_kg_per_s=mdot,
            t_supply_c=t_supply,
            t_return_c=t_return,
            undeliverable=undeliverable,
        )
        tables = heat_tables(self._elements, exchanged)
        # A plant that cannot feed is no more than idle: the one that balances gives its share.
        missing = undeliverable & ~np.isin(np.arange(len(undeliverable)), len(cleared) + np.arange(len(self._shares)))
        names = tuple(name for name, lost in zip(self._names, missing, strict=True) if lost)
        moving = Status.OK if (mdot != 0.0).any() or self._elements.background_moves else Status.IDLE
        return HeatFlowResult(
            status=Status.NOT_DELIVERABLE if names else moving,
            iterations=self._pipeflows,
            slack_kw=sum(tables["plants"]["heat_kw"]),
            loss_kw=sum(tables["pipes"]["loss_kw"]),
            pump_kw=sum(tables["plants"]["pump_kw"]),
            undeliverable=names,
            **tables,
        )


def _empty(name: str) -> Table:
    return {column: [] for column in HEAT_TABLES[name]}
