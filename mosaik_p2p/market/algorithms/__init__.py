"""The clearing algorithms that ship: a file each, which bears the name of its algorithm."""
