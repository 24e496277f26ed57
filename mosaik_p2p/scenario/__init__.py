"""The scenario file: its schema, and how it is read, completed and written."""

from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.scenario.write import resolved_toml

__all__ = ["Scenario", "resolved_toml"]
