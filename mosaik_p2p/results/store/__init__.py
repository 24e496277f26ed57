"""The result folder: its tables, its mark, and whether it is whole.."""
