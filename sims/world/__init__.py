"""A run's world: how it is wired, watched and ended."""
