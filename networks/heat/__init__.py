"""Heat networks: what they are, their flow, and how it answers to heat fed in."""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # Names that stood here once.
    from mosaik_p2p.former_places import names_of

    __getattr__ = names_of(__name__)
