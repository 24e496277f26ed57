"""The money of a run, and of the same days in other cases."""
