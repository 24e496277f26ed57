"""Figures of the networks: against their limits, on the map, along the way, over the year."""
