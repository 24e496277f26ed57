"""The one door: a scenario file in, a checked case out."""

from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.source import shipped_scenarios
from mosaik_p2p.loading.validate import Examination, check, examine, load

__all__ = ["Case", "Examination", "check", "examine", "load", "shipped_scenarios"]
