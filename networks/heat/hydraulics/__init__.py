"""Water in pipes: friction, heat capacity, and flows that fit pressures and temperatures."""
