"""One prosumer of a market, by itself: all that it knows stays with it, and it answers prices by what it would sell.

A price goes out as a *target*: with the penalty it says what the network would take and what that is worth, and the
answer minimises own cost + weight/2 |sale - target|^2 (the prosumer's step of ADMM).
"""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.interval_problem import first_reputation, next_states, stated
from mosaik_p2p.market.over_time.outcome import ProsumerDispatch, dispatch_of
from mosaik_p2p.market.over_time.realisation import Realised, realise
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.subproblem import NEGLIGIBLE
from mosaik_p2p.prosumers.prosumer import initial_state
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.units import CARRIERS, FloatArray


@dataclass(frozen=True)
class Introduction:
    """What a prosumer tells when a look-ahead begins, for a start at the right scale; nothing of it need be exact."""

    size_kw: float
    """Of what flows at it."""
    highest_price_per_kwh: float
    """Of its contracts."""
    member: tuple[bool, ...]
    """Which carriers it may trade."""
    price_per_kwh: FloatArray
    """(C, T): what a kWh more would be worth to it without trade."""
    load_kw: FloatArray
    """(C, T): what flows into its devices without trade."""


def own_part(case: MarketCase, name: str) -> MarketCase:
    """What one prosumer has to know of a market: itself and the times; neither the others nor any charge.

    Raises ValueError where there is no such prosumer, or places are charged or partners known to each other: that would
    have to be told to it.
    """
    if case.place is not None or case.reputation is not None:
        raise ValueError("a prosumer by itself knows neither charges of places nor reputation")
    own = tuple(prosumer for prosumer in case.prosumers if prosumer.name == name)
    if not own:
        raise ValueError(f"there is no prosumer {name!r}")
    nothing = tuple(no_charges(np.zeros(1, dtype=np.int64)) for _ in CARRIERS)
    return replace(case, prosumers=own, charges=nothing)


class ProsumerSide:
    """A prosumer over the intervals of a run; its state moves on with `commit` only."""

    def __init__(self, own: MarketCase) -> None:
        """See `own_part`. Raises ValueError for a market of several prosumers."""
        if len(own.prosumers) != 1:
            raise ValueError(f"one prosumer is asked for, {len(own.prosumers)} are given; see own_part")
        self._case, self._prosumer = own, own.prosumers[0]
        self._state = initial_state(self._prosumer, day=int(own.day[0]))
        self._following: ProsumerState | None = None

    def begin(self, k: int) -> Introduction:
        """Plan from interval `k` on, alone for now. Raises NotSolved where its problem has no numerical solution."""
        window = self._case.window(k)
        raw = stated(self._case, (self._prosumer,), (self._state,), window, first_reputation(self._case))
        # In a market of one it has nobody to trade with; it stays a member, for whom sales are free.
        self._fleet, self._k = Fleet(connected(raw)), k
        model, alone = self._fleet.problem.models[0], self._fleet.alone
        return Introduction(
            size_kw=model.size_kw,
            highest_price_per_kwh=self._fleet.price_scale,
            member=model.member,
            price_per_kwh=alone.price_per_kwh[:, :, 0],
            load_kw=alone.load_kw[:, :, 0],
        )

    def respond(self, target_kw: FloatArray, weight: FloatArray) -> FloatArray:
        """Net sales (C, T) in answer to targets (C, T) at penalties (C,), money per kW^2."""
        self._fleet.set_penalty(weight[:, None])
        return self._fleet.proximal_step(target_kw[:, :, None])[:, :, 0]

    def settle(self, sale_kw: FloatArray) -> FloatArray:
        """Plan with agreed net sales (C, T), and have the first interval happen; (C,) what it cannot keep of the first
        interval's: bought too much where positive, sold where negative.

        May be asked again with other sales: the last ones count.
        """
        dispatch, _ = self._fleet.one_way_dispatch(sale_kw[:, :, None])
        model, done = self._fleet.problem.models[0], dispatch[0]
        self._realised = realise(self._prosumer, model, done, sale_kw[:, 0], interval=self._k)
        self._following = next_states(self._case, (self._state,), (self._realised,), self._k)[0]
        self._cost = done.cost
        surplus = done.imbalance_kw[:, 0]
        result: FloatArray = np.where(np.abs(surplus) > NEGLIGIBLE * float(self._fleet.power_kw[0]), surplus, 0.0)
        return result

    @property
    def realised(self) -> Realised:
        """What happened in the interval that was settled last."""
        return self._realised

    @property
    def dispatch(self) -> ProsumerDispatch:
        """What that puts on the networks."""
        return dispatch_of(self._prosumer, self._realised)

    @property
    def cost(self) -> float:
        """Its own cost over the look-ahead, trades not counted, money."""
        return self._cost

    def commit(self) -> None:
        """Make what was settled the state from which the next interval starts; without it, do nothing."""
        if self._following is not None:
            self._state, self._following = self._following, None
