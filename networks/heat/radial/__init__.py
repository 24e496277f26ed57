"""Radial heat networks in closed form."""
