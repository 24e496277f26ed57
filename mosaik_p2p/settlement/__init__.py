"""Who pays whom: the settlement of an interval by double entry."""

from mosaik_p2p.settlement.ledger import settle

__all__ = ["settle"]
