"""The charge mechanisms that ship: a file each, which bears the name of its mechanism."""
