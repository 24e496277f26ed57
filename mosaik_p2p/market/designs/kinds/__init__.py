"""The designs that ship, one file each."""
