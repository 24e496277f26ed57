"""How a clearing is iterated, whatever the algorithm: what it sees of a market, and when it ends."""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # Names that stood here once.
    from mosaik_p2p.former_places import names_of

    __getattr__ = names_of(__name__)
