"""The result quantities that ship, a file each."""
