"""Analytical target cascading: the two levels, and how they come to agree."""
