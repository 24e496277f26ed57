"""Exact sweeps over a tree, compiled, near-linear in the number of its nodes."""
