"""The one door: a scenario file in, a checked case out."""

from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.door import check, load
from mosaik_p2p.loading.source import shipped_scenarios

__all__ = ["Case", "check", "load", "shipped_scenarios"]
