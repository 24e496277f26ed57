"""Every two members may trade with each other, and the networks judge afterwards."""

from typing import ClassVar

from mosaik_p2p.market.designs.base import Cleared, Design, Task


class PeerToPeer(Design):
    """Bilateral trades of electricity and heat, cleared over the look-ahead."""

    negotiates: ClassVar[bool] = True

    def clear(self, task: Task) -> Cleared:
        """See Design."""
        return Cleared(task.clear(task.problem, task.start), task.raw, task.problem)
