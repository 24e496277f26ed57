"""Kinds of somebody else, a file each, as docs/extending.md shows them."""
