"""Nobody trades: what the market is compared with."""

from typing import ClassVar

from mosaik_p2p.market.designs.base import Cleared, Design, Task


class NoTrade(Design):
    """Nobody trades; with negotiation everyone keeps the networks' limits without trade."""

    negotiates: ClassVar[bool] = True
    has_trades: ClassVar[bool] = False
    reveals: ClassVar[str] = (
        "Nothing; under negotiated limits in every exchange what it injects, for each carrier and interval of the "
        "look-ahead."
    )

    def clear(self, task: Task) -> Cleared:
        """See Design: a market in which nobody has a partner."""
        return Cleared(task.clear(task.problem, task.start), task.raw, task.problem)
