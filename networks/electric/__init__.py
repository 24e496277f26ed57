"""Electric networks: what they are, their power flow, and how it answers to injections."""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # Names that stood here once.
    from mosaik_p2p.former_places import names_of

    __getattr__ = names_of(__name__)
