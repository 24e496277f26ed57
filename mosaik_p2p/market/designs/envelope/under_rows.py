"""A market that keeps limits in many intervals before any of them is dispatched: clear, ask the networks, linearise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.designs.asking import exchanges_of, planned_exchanges
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.reported import with_reported_limits
from mosaik_p2p.market.negotiation.state import Checked, NegotiationState, NetworkReport
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray

Ask = Callable[[Sequence[Exchange]], Mapping[tuple[int, int], NetworkReport]]
"""What networks say to the exchanges of a look-ahead, by carrier and interval."""


@dataclass(frozen=True)
class UnderRows:
    """Where the rounds ended."""

    state: NegotiationState
    best: Checked
    """The dispatch that breaks the limits least, and of those the cheapest."""
    rounds: int
    """Clearings under rows."""
    iterations: int
    """Of all of them."""

    def exchanges(self, prosumers: Sequence[Prosumer]) -> tuple[Exchange, ...]:
        """Of the best dispatch, by interval of the look-ahead."""
        return exchanges_of(prosumers, self.state.problem, self.best.offer.constrained.clearing.dispatch)


def kept_by_rows(
    prosumers: Sequence[Prosumer],
    state: NegotiationState,
    ask: Ask,
    settings: Settings,
    *,
    rounds: int,
    spare_kw: FloatArray | None = None,
    on_check: Progress | None = None,
) -> UnderRows:
    """Clear under the rows of what `ask` says until no limit is broken that can be kept.

    Where `state` has rows, the market is cleared under them before anybody is asked.
    Rows are tightened by what `spare_kw` (T,) at the prosumer that moves them most makes; where there is to be such
    room, the market is cleared at least once. Raises NotSolved where a programme has no numerical solution.
    """
    iterations = 0
    for number in range(rounds + 1):
        if number > 0 or not state.rows:
            state = with_reported_limits(state, ask(planned_exchanges(prosumers, state)))
            now = state.checked[-1]
            is_kept = now.excess == 0.0 and (now.number > 0 or spare_kw is None or not state.rows)
            if is_kept or number == rounds or not now.is_solved:
                break
        following, offer = priced(replace(state, rows=_tightened(state.rows, spare_kw)), settings, on_check)
        iterations += offer.constrained.clearing.iterations
        state = replace(following, rows=state.rows)
    # The first one was not asked for any room.
    with_room = [one for one in state.checked if one.number > 0 or spare_kw is None]
    return UnderRows(state, min(with_room or state.checked, key=lambda one: one.rank), number, iterations)


def _tightened(rows: Mapping[RowKey, HeldRow], spare_kw: FloatArray | None) -> dict[RowKey, HeldRow]:
    if spare_kw is None:
        return dict(rows)
    nearer = {key: float(spare_kw[row.interval]) * row.size for key, row in rows.items()}
    return {
        key: replace(row, bound=row.bound - nearer[key], margin=row.margin + nearer[key]) for key, row in rows.items()
    }
